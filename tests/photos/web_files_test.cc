// The page of the photo library, as it is in the program.
#include "photos/web/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "base/checksum.h"
#include "base/json.h"

namespace saccade::photos {
namespace {

using testing::IsSupersetOf;

std::string text_of(const WebFile& file) {
  return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
}

std::set<std::string> paths() {
  std::set<std::string> result;
  for (const WebFile& file : web_files()) result.emplace(file.path);
  return result;
}

std::string source_path(const WebFile& file) {
  namespace fs = std::filesystem;
  return (fs::path(SACCADE_SOURCE_DIR) / "src" / "photos" / "web" / file.path).string();
}

TEST(WebFiles, AreTheFilesOfTheSources) {
  namespace fs = std::filesystem;
  std::size_t sources = 0;
  for (const auto& entry : fs::directory_iterator(source_path({}))) {
    sources += entry.path().extension() != ".h" ? 1 : 0;
  }
  EXPECT_EQ(web_files().size(), sources);
  for (const WebFile& file : web_files()) {
    EXPECT_EQ(text_of(file), read_text_file(source_path(file))) << file.path;
  }
}

TEST(WebFiles, HaveTheirDigests) {
  for (const WebFile& file : web_files()) {
    EXPECT_EQ(file.digest, Checksum().add(std::as_bytes(file.bytes)).hex()) << file.path;
  }
}

TEST(WebFiles, HaveTypesThatBrowsersTake) {
  for (const WebFile& file : web_files()) {
    const std::string ending = std::filesystem::path(file.path).extension();
    const std::string_view wanted = ending == ".html"  ? "text/html; charset=utf-8"
                                    : ending == ".css" ? "text/css; charset=utf-8"
                                    : ending == ".js"  ? "text/javascript; charset=utf-8"
                                                       : "image/svg+xml";
    EXPECT_EQ(file.content_type, wanted) << file.path;
  }
}

TEST(WebFiles, AreOrderedByPath) {
  EXPECT_TRUE(std::ranges::is_sorted(web_files(), {}, &WebFile::path));
  EXPECT_TRUE(paths().contains("index.html"));
}

// What a file asks for is there, and nothing stands on another host.
TEST(WebFiles, AskForNothingElse) {
  const std::regex asset(R"(/assets/([\w.]+))");
  const std::regex import(R"(from '\./([\w.]+)')");
  std::set<std::string> wanted;
  for (const WebFile& file : web_files()) {
    const std::string text = text_of(file);
    for (const std::regex& pattern : {asset, import}) {
      for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end;
           ++match) {
        wanted.insert((*match)[1]);
      }
    }
    const std::regex elsewhere(R"((https?:)?//(?!www\.w3\.org/)[a-z]+\.[a-z]+)");
    EXPECT_FALSE(std::regex_search(text, elsewhere)) << file.path;
  }
  EXPECT_THAT(paths(), IsSupersetOf(wanted));
}

// A module that is not preloaded is found late, when the one that imports it was read.
TEST(WebFiles, AllModulesArePreloaded) {
  const auto page = std::ranges::find(web_files(), "index.html", &WebFile::path);
  ASSERT_NE(page, web_files().end());
  for (const WebFile& file : web_files()) {
    if (!file.path.ends_with(".js")) continue;
    const std::string quoted = "\"/assets/" + std::string(file.path) + "\"";
    EXPECT_NE(text_of(*page).find(quoted), std::string::npos) << file.path;
  }
}

}  // namespace
}  // namespace saccade::photos
