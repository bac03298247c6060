#include "server/access.h"

#include <gmock/gmock.h>

#include <fstream>

#include "temporary_directory.h"

namespace saccade::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

HttpRequest from_here() {
  HttpRequest request;
  request.from_loopback = true;
  request.host = "127.0.0.1:8080";
  return request;
}

int status_of(const HttpRequest& request, Access access, const ServeOptions& options) {
  const auto error = access_error(request, access, options);
  return error ? error->status() : 200;
}

TEST(Access, ComparesWholeTexts) {
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secre", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secretsecret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("Secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("", "secret"));
  EXPECT_FALSE(equal_in_constant_time("x", ""));
}

TEST(Access, AsksForAKeyWhereThereIsOne) {
  ServeOptions options;
  options.api_keys = {"one", "two"};
  HttpRequest request = from_here();
  EXPECT_EQ(status_of(request, Access::kKey, options), 401);
  EXPECT_EQ(status_of(request, Access::kOpen, options), 200);
  request.authorization = "Bearer three";
  EXPECT_EQ(status_of(request, Access::kKey, options), 401);
  request.authorization = "two";
  EXPECT_EQ(status_of(request, Access::kKey, options), 401);
  request.authorization = "bearer two";
  EXPECT_EQ(status_of(request, Access::kKey, options), 200);
  request.authorization.clear();
  request.api_key = "one";
  EXPECT_EQ(status_of(request, Access::kKey, options), 200);
}

TEST(Access, KeepsAdminRoutesApart) {
  ServeOptions options;
  options.api_keys = {"user"};
  HttpRequest request = from_here();
  EXPECT_EQ(status_of(request, Access::kAdmin, options), 200);
  request.from_loopback = false;
  request.api_key = "user";
  EXPECT_EQ(status_of(request, Access::kAdmin, options), 403);
  options.admin_keys = {"boss"};
  EXPECT_EQ(status_of(request, Access::kAdmin, options), 401);
  request.api_key = "boss";
  EXPECT_EQ(status_of(request, Access::kAdmin, options), 200);
  EXPECT_EQ(status_of(request, Access::kKey, options), 401);
}

TEST(Access, RefusesForeignNamesOfThisMachineWithoutAKey) {
  ServeOptions options;
  HttpRequest request = from_here();
  for (const char* host :
       {"localhost", "localhost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", ""}) {
    request.host = host;
    EXPECT_EQ(status_of(request, Access::kKey, options), 200) << host;
  }
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "[::2]"}) {
    request.host = host;
    EXPECT_EQ(status_of(request, Access::kKey, options), 403) << host;
    EXPECT_EQ(status_of(request, Access::kAdmin, options), 403) << host;
    EXPECT_EQ(status_of(request, Access::kOpen, options), 200) << host;
  }
  options.api_keys = {"key"};
  request.api_key = "key";
  EXPECT_EQ(status_of(request, Access::kKey, options), 200);
}

TEST(Access, LetsBrowsersInFromNamedOriginsAlone) {
  ServeOptions options;
  HttpRequest request;
  request.origin = "https://a.example";
  EXPECT_THAT(cors_headers(request, options), IsEmpty());
  options.cors_origins = {"https://b.example"};
  EXPECT_THAT(cors_headers(request, options), IsEmpty());
  options.cors_origins.push_back("https://a.example");
  EXPECT_EQ(cors_headers(request, options).front(),
            std::pair(std::string("Access-Control-Allow-Origin"), request.origin));
  options.cors_origins = {"*"};
  EXPECT_EQ(cors_headers(request, options).front().second, request.origin);
  request.origin.clear();
  EXPECT_THAT(cors_headers(request, options), IsEmpty());
}

TEST(Access, ReadsKeysFromAFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() / "keys";
  std::ofstream(path) << "# ours\nfirst\r\n\n  \nsecond \n";
  EXPECT_THAT(read_keys(path), ElementsAre("first", "second"));
  std::ofstream(path) << "# none\n\n";
  EXPECT_THROW(read_keys(path), Error);
  EXPECT_THROW(read_keys(path + "-missing"), Error);
}

TEST(Options, RefuseANetworkWithoutAKey) {
  ServeOptions options;
  for (const char* host : {"127.0.0.1", "localhost", "::1"}) {
    options.http.host = host;
    EXPECT_NO_THROW(check_options(options)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "192.168.1.5", "127.evil"}) {
    options.http.host = host;
    options.api_keys.clear();
    EXPECT_THROW(check_options(options), Error) << host;
    options.api_keys = {"key"};
    EXPECT_NO_THROW(check_options(options)) << host;
  }
  options.api_keys = {""};
  EXPECT_THROW(check_options(options), Error);
}

TEST(Options, NameTheModelByTheLastPartOfAPath) {
  EXPECT_EQ(served_name({"Qwen/Qwen2.5-VL-3B-Instruct", ""}), "Qwen/Qwen2.5-VL-3B-Instruct");
  EXPECT_EQ(served_name({SACCADE_SOURCE_DIR "/assets/glance", ""}), "glance");
  EXPECT_EQ(served_name({SACCADE_SOURCE_DIR "/assets/glance/", ""}), "glance");
  EXPECT_EQ(served_name({SACCADE_SOURCE_DIR "/assets/glance/", "eyes"}), "eyes");
}

TEST(Options, ReadNamesBehindModels) {
  const auto read = [](const std::string& text) {
    const ServedModel model = parse_served_model(text);
    return model.model + "|" + model.name;
  };
  EXPECT_EQ(read("org/model"), "org/model|");
  EXPECT_EQ(read("org/model=eyes"), "org/model|eyes");
  EXPECT_EQ(read("a=b/model"), "a=b/model|");
  EXPECT_EQ(read("a=b/model=eyes"), "a=b/model|eyes");
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "x=1.gguf") << "there";
  EXPECT_EQ(read(directory.path() / "x=1.gguf"), directory.file("x=1.gguf") + "|");
  EXPECT_EQ(read(directory.path() / "x=1.gguf=eyes"), directory.file("x=1.gguf") + "|eyes");
  EXPECT_THROW(parse_served_model("model="), Error);
  EXPECT_THROW(parse_served_model("=eyes"), Error);
}

TEST(Options, RefuseTwoModelsOfOneName) {
  ServeOptions options;
  options.models = {{"org/a", ""}, {"org/b", ""}};
  EXPECT_NO_THROW(check_options(options));
  EXPECT_EQ(served_names(options), "org/a, org/b");
  options.models = {{"org/a", "eyes"}, {"org/b", "eyes"}};
  EXPECT_THROW(check_options(options), Error);
}

}  // namespace
}  // namespace saccade::server
