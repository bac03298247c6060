#include "server/pictures.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "server/api_error.h"
#include "server/base64.h"
#include "temporary_directory.h"

namespace saccade::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string decoded(std::string_view text) {
  const auto bytes = decode_base64(text);
  if (!bytes) return "(none)";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

TEST(Base64, DecodesWhatRfc4648Shows) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("Zg=="), "f");
  EXPECT_EQ(decoded("Zm8="), "fo");
  EXPECT_EQ(decoded("Zm9v"), "foo");
  EXPECT_EQ(decoded("Zm9vYg=="), "foob");
  EXPECT_EQ(decoded("Zm9vYmE="), "fooba");
  EXPECT_EQ(decoded("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decoded("Zm9v\r\nYmFy"), "foobar");
  EXPECT_EQ(decoded("Zm9vYg"), "foob");
  EXPECT_EQ(decoded("+/+/"), "\xfb\xff\xbf");
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text :
       {"Z", "Zg=", "Zg===", "Zm9v=", "Zm9vYg==Zm9v", "Zm9-", "Zm\x80v", "Zh==", "Zm9="}) {
    EXPECT_EQ(decoded(text), "(none)") << text;
  }
}

std::string error_of(const std::string& url, const ServeOptions& options) {
  try {
    picture_from_url(url, "messages[0].content[1].image_url.url", options);
  } catch (const ApiError& error) {
    EXPECT_EQ(error.param(), "messages[0].content[1].image_url.url");
    return fmt::format("{} {}", error.status(), error.what());
  }
  return "no error";
}

TEST(Pictures, ComeAsData) {
  const ImageBytes image = picture_from_url("data:image/png;base64,Zm9v", "here", {});
  EXPECT_EQ(image.bytes.size(), 3u);
  EXPECT_EQ(image.name, "here");
  const ServeOptions options;
  EXPECT_THAT(error_of("data:image/png;base64,!", options), HasSubstr("not valid base64"));
  EXPECT_THAT(error_of("data:image/png;base64,", options), HasSubstr("not valid base64"));
  EXPECT_THAT(error_of("data:image/png,abc", options), HasSubstr("wanted data:image/TYPE;base64"));
  EXPECT_THAT(error_of("data:", options), HasSubstr("wanted data:image/TYPE;base64"));
}

TEST(Pictures, AreNotFetchedFromOtherMachines) {
  const ServeOptions options;
  EXPECT_THAT(error_of("http://169.254.169.254/latest", options), HasSubstr("400"));
  EXPECT_THAT(error_of("https://example.org/a.png", options), HasSubstr("fetches nothing"));
  EXPECT_THAT(error_of("ftp://example.org/a.png", options), HasSubstr("wanted data:"));
  EXPECT_THAT(error_of("/etc/passwd", options), HasSubstr("wanted data:"));
  EXPECT_THAT(error_of("file:///etc/passwd", options), HasSubstr("reads no files"));
}

class MediaRoot : public testing::Test {
 protected:
  MediaRoot() {
    fs::create_directories(root_ / "sub dir");
    std::ofstream(root_ / "sub dir" / "a.png") << "picture";
    std::ofstream(directory_.path() / "secret") << "secret";
    fs::create_directories(directory_.path() / "root-beside");
    std::ofstream(directory_.path() / "root-beside" / "b.png") << "secret";
    fs::create_symlink(directory_.path() / "secret", root_ / "link");
    fs::create_directory_symlink(directory_.path(), root_ / "up");
    fs::create_symlink("sub dir/a.png", root_ / "inner");
    mkfifo((root_ / "pipe").c_str(), 0600);
    options_.media_root = root_;
  }
  std::string url(const std::string& path) const { return "file://" + root_.string() + path; }

  const TemporaryDirectory directory_;
  const fs::path root_ = directory_.path() / "root";
  ServeOptions options_;
};

TEST_F(MediaRoot, GivesFilesBelowIt) {
  EXPECT_EQ(picture_from_url(url("/sub%20dir/a.png"), "x", options_).bytes.size(), 7u);
  EXPECT_EQ(picture_from_url(url("/inner"), "x", options_).bytes.size(), 7u);
  EXPECT_EQ(picture_from_url(url("/sub%20dir/../inner"), "x", options_).bytes.size(), 7u);
}

TEST_F(MediaRoot, GivesNothingElse) {
  for (const char* path : {"/../secret", "/sub%20dir/../../secret", "/%2e%2e/secret", "/link",
                           "/up/secret", "/../root-beside/b.png", "/missing"}) {
    EXPECT_THAT(error_of(url(path), options_), HasSubstr("no such file below")) << path;
  }
  EXPECT_THAT(error_of("file:///etc/passwd", options_), HasSubstr("no such file below"));
  EXPECT_THAT(error_of("file://elsewhere/etc/passwd", options_), HasSubstr("wanted file:///PATH"));
  EXPECT_THAT(error_of(url("/pipe"), options_), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of(url("/sub%20dir"), options_), HasSubstr("cannot be read"));
  options_.http.max_body_bytes = 6;
  EXPECT_THAT(error_of(url("/inner"), options_), HasSubstr("413"));
}

}  // namespace
}  // namespace saccade::server
