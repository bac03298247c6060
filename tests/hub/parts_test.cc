// The small parts of the hub client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/hub_cache.h"
#include "hub/answer.h"
#include "hub/checksum.h"
#include "hub/headers.h"
#include "hub/names.h"
#include "hub/ranges.h"
#include "hub/selection.h"
#include "hub/settings.h"
#include "temporary_directory.h"

namespace saccade::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

TEST(ByteRanges, JoinAndLeaveGaps) {
  ByteRanges ranges;
  EXPECT_THAT(ranges.missing(10), ElementsAre(ByteRange{0, 10}));
  ranges.add({2, 4});
  ranges.add({6, 8});
  ranges.add({9, 9});
  EXPECT_THAT(ranges.missing(10), ElementsAre(ByteRange{0, 2}, ByteRange{4, 6}, ByteRange{8, 10}));
  ranges.add({4, 6});
  EXPECT_THAT(ranges.ranges(), ElementsAre(ByteRange{2, 8}));
  ranges.add({3, 5});
  ranges.add({0, 20});
  EXPECT_THAT(ranges.ranges(), ElementsAre(ByteRange{0, 20}));
  EXPECT_EQ(ranges.size(), 20);
  EXPECT_THAT(ranges.missing(20), IsEmpty());
}

TEST(ByteRanges, AgreeWithASetOfBytes) {
  ByteRanges ranges;
  std::vector<bool> bytes(200);
  std::uint32_t state = 7;
  for (int step = 0; step < 60; ++step) {
    state = state * 1664525U + 1013904223U;
    const std::int64_t begin = (state >> 8) % 190;
    const std::int64_t end = begin + (state >> 24) % 10;
    ranges.add({begin, end});
    for (std::int64_t i = begin; i < end; ++i) bytes[static_cast<std::size_t>(i)] = true;
    ASSERT_EQ(ranges.size(), std::count(bytes.begin(), bytes.end(), true));
    for (const ByteRange& gap : ranges.missing(200)) {
      for (std::int64_t i = gap.begin; i < gap.end; ++i) {
        ASSERT_FALSE(bytes[static_cast<std::size_t>(i)]);
      }
    }
  }
}

// The digests are those of sha256sum and git hash-object.
TEST(Checksum, IsWhatTheHubNamesFilesBy) {
  const TemporaryDirectory directory;
  const auto path = directory.write("file", "hello\n");
  EXPECT_EQ(file_checksum(path, std::string(64, '0'), false),
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_EQ(file_checksum(path, std::string(40, '0'), false),
            "ce013625030ba8dba906f756967f9e9ca394464a");
  EXPECT_EQ(file_checksum(path, std::string(40, '0'), true), "");
  EXPECT_THROW(file_checksum(directory.path() / "none", std::string(40, '0'), false), Error);
}

TEST(Names, Blobs) {
  EXPECT_EQ(blob_name("\"abc\""), "abc");
  EXPECT_EQ(blob_name("W/\"abc-1.2\""), "abc-1.2");
  EXPECT_EQ(blob_name("abc"), "abc");
  for (const char* bad : {"", "\"\"", "\"../x\"", "a/b", "\".x\"", "\"a b\"", "\"a"}) {
    EXPECT_EQ(blob_name(bad), "") << bad;
  }
  EXPECT_EQ(blob_name(std::string(200, 'a')), "");
}

TEST(Names, Paths) {
  EXPECT_TRUE(is_safe_path("a/b c/\xC3\xA9.json"));
  for (const char* bad : {"", "/a", "a/", "a//b", "..", "a/..", ".", "a\\b", "a\tb", "\x7f"}) {
    EXPECT_FALSE(is_safe_path(bad)) << bad;
  }
  EXPECT_FALSE(is_safe_path(std::string(256, 'a')));
  EXPECT_EQ(percent_encoded("a b/\xC3\xA9?#%", true), "a%20b/%C3%A9%3F%23%25");
  EXPECT_EQ(percent_encoded("refs/pr/1", false), "refs%2Fpr%2F1");
}

TEST(Headers, AreReadWithoutTrust) {
  ResponseHead head;
  read_header_line("HTTP/1.1 302 Found\r\n", head);
  EXPECT_EQ(head.status, 302);
  read_header_line("x-LINKED-etag:  \"abc\" \r\n", head);
  read_header_line("X-Linked-Size: 12\r\n", head);
  read_header_line("ETag: \"first\"\r\n", head);
  read_header_line("HTTP/2 206\r\n", head);
  EXPECT_EQ(head.status, 206);
  EXPECT_EQ(head.linked_etag, "\"abc\"");
  EXPECT_EQ(head.linked_bytes, 12);
  EXPECT_EQ(head.etag, "") << "of the response before";
  read_header_line("Content-Range: bytes 5-9/100\r\n", head);
  ASSERT_TRUE(head.content_range);
  EXPECT_EQ(head.content_range->range, (ByteRange{5, 10}));
  EXPECT_EQ(head.content_range->total, 100);
  read_header_line("Content-Range: bytes 5-9/*\r\n", head);
  EXPECT_EQ(head.content_range->total, -1);
  for (const char* bad : {"bytes 9-5/100", "bytes */100", "bytes 5-9", "bytes -5-9/10", "5-9/10",
                          "bytes 0-9223372036854775807/1", "bytes 5-9/1x", ""}) {
    read_header_line(std::string("Content-Range: ") + bad + "\r\n", head);
    EXPECT_FALSE(head.content_range) << bad;
  }
  read_header_line("Content-Length: 99999999999999999999\r\n", head);
  EXPECT_FALSE(head.content_length);
  read_header_line("HTTP/1.1 what\r\n", head);
  read_header_line("no colon\r\n", head);
  EXPECT_EQ(head.status, 0);
}

TEST(Retries, AreBoundedAndPolite) {
  const Tuning tuning;
  HttpOutcome outcome;
  outcome.cut = true;
  EXPECT_EQ(wait_before_retry(outcome, 1, tuning), tuning.first_retry);
  EXPECT_EQ(wait_before_retry(outcome, 3, tuning), tuning.first_retry * 4);
  EXPECT_EQ(wait_before_retry(outcome, tuning.max_attempts, tuning), std::nullopt);
  outcome.head.status = 429;
  outcome.retry_after = std::chrono::seconds(17);
  EXPECT_EQ(wait_before_retry(outcome, 1, tuning), std::chrono::seconds(17));
  outcome.head.status = 404;
  EXPECT_EQ(wait_before_retry(outcome, 1, tuning), std::nullopt);
  HttpOutcome untrusted;
  untrusted.cut = untrusted.hopeless = true;
  EXPECT_EQ(wait_before_retry(untrusted, 1, tuning), std::nullopt);
}

std::vector<std::string> chosen(const std::vector<std::string>& names,
                                const std::vector<std::string>& include = {}) {
  std::vector<RemoteFile> files;
  for (const std::string& name : names) files.push_back({name, 1, std::string(40, 'a')});
  PullListener listener;
  std::vector<std::string> result;
  for (const RemoteFile& file : select_files({"org/name", "main", include}, files, listener)) {
    result.push_back(file.name);
  }
  return result;
}

TEST(Selection, TakesWhatSaccadeReads) {
  EXPECT_THAT(
      chosen({".gitattributes", "README.md", "config.json", "chat_template.jinja", "merges.txt",
              "tokenizer.model", "model-00001-of-00002.safetensors",
              "model-00002-of-00002.safetensors", "model.safetensors.index.json",
              "consolidated.safetensors", "pytorch_model.bin", "model.gguf", "onnx/model.onnx",
              "onnx/config.json", "modeling.py", "additional_chat_templates/rag.jinja"}),
      ElementsAre("config.json", "chat_template.jinja", "merges.txt", "tokenizer.model",
                  "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                  "model.safetensors.index.json", "additional_chat_templates/rag.jinja"));
  EXPECT_THAT(chosen({"consolidated.safetensors", "params.json"}),
              ElementsAre("consolidated.safetensors", "params.json"))
      << "when there is nothing else";
}

TEST(Selection, FollowsPatterns) {
  const std::vector<std::string> names = {"a.json", "b/c.json", "b/d.gguf", "e[1].txt"};
  EXPECT_THAT(chosen(names, {"*.json"}), ElementsAre("a.json", "b/c.json"));
  EXPECT_THAT(chosen(names, {"b/"}), ElementsAre("b/c.json", "b/d.gguf"));
  EXPECT_THAT(chosen(names, {"?.json", "*.gguf"}), ElementsAre("a.json", "b/d.gguf"));
  EXPECT_THAT(chosen(names, {"[!a]*"}), ElementsAre("b/c.json", "b/d.gguf", "e[1].txt"));
}

TEST(Selection, SaysWhatIsMissing) {
  EXPECT_THAT([] { chosen({"pytorch_model.bin"}); }, ThrowsMessage<Error>(HasSubstr("--include")));
  EXPECT_THAT([] { chosen({}); }, ThrowsMessage<Error>(HasSubstr("0 files")));
}

using Variables = std::map<std::string, std::string>;

/// The environment with these variables of the Hub and no others, until the end of its scope.
class Environment {
 public:
  explicit Environment(const Variables& values) : home_(environment_variable("HOME")) {
    clear();
    setenv("HOME", "/home/somebody", 1);
    for (const auto& [name, value] : values) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    clear();
    setenv("HOME", home_.c_str(), 1);
  }

 private:
  static void clear() {
    for (const char* name : {"HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH",
                             "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "SSL_CERT_FILE",
                             "REQUESTS_CA_BUNDLE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}) {
      unsetenv(name);
    }
  }

  std::string home_;
};

TEST(Settings, ComeFromTheEnvironment) {
  {
    const Environment none(Variables{});
    const Settings settings = settings_from_environment();
    EXPECT_EQ(settings.endpoint, "https://huggingface.co");
    EXPECT_EQ(settings.token, "");
    EXPECT_EQ(settings.cache, "/home/somebody/.cache/huggingface/hub");
    EXPECT_FALSE(settings.offline);
  }
  const TemporaryDirectory home;
  home.write("token", "hf_file\n");
  home.write("other", " hf_other ");
  {
    const Environment some(Variables{{"HF_HOME", home.path()},
                                     {"HF_ENDPOINT", "http://127.0.0.1:9/"},
                                     {"HF_HUB_OFFLINE", "yes"}});
    const Settings settings = settings_from_environment();
    EXPECT_EQ(settings.endpoint, "http://127.0.0.1:9");
    EXPECT_EQ(settings.token, "hf_file");
    EXPECT_EQ(settings.cache, home.path() / "hub");
    EXPECT_TRUE(settings.offline);
  }
  {
    const Environment path(
        Variables{{"HF_TOKEN_PATH", home.file("other")}, {"HF_HUB_CACHE", "~/hub"}});
    EXPECT_EQ(settings_from_environment().token, "hf_other");
    EXPECT_EQ(settings_from_environment().cache, "/home/somebody/hub");
  }
  const Environment token(Variables{{"HF_HOME", home.path()}, {"HF_TOKEN", "hf_given"}});
  EXPECT_EQ(settings_from_environment().token, "hf_given");
}

TEST(Settings, RefuseWhatCannotBe) {
  {
    const Environment endpoint(Variables{{"HF_ENDPOINT", "ftp://example.org"}});
    EXPECT_THAT([] { settings_from_environment(); },
                ThrowsMessage<Error>(HasSubstr("HF_ENDPOINT")));
  }
  const Environment token(Variables{{"HF_TOKEN", "hf_a\r\nX-Evil: 1"}});
  EXPECT_THAT([] { settings_from_environment(); }, ThrowsMessage<Error>(HasSubstr("HF_TOKEN")));
}

TEST(HubCache, Folders) {
  const Environment xdg(Variables{{"XDG_CACHE_HOME", "/var/cache"}});
  EXPECT_EQ(hub_cache(), "/var/cache/huggingface/hub");
  EXPECT_EQ(hub_model_folder("org/name"), "models--org--name");
}

}  // namespace
}  // namespace saccade::hub
