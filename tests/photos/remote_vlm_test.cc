// Models behind a URL: what they are asked, and what becomes of every way in which they fail.
#include "photos/vlm/remote_vlm.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <thread>

#include "media/image.h"
#include "photos/fault_server.h"
#include "photos/vlm/local_models.h"
#include "server/base64.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kSchema =
    R"({"type": "object", "properties": {"entities": {"type": "array", "items": {"type": "string"}}},
        "required": ["entities"], "additionalProperties": false})";
constexpr const char* kDog = R"({"entities": ["dog"]})";

class RemoteVlmTest : public testing::Test {
 protected:
  std::shared_ptr<Vlm> vlm(std::int64_t timeout_ms = 60'000, const std::string& key = {}) {
    return make_vlm({.model = "qwen",
                     .url = server_.url() + "/v1/",
                     .key_variable = key,
                     .timeout_ms = timeout_ms,
                     .engine = {}},
                    models_);
  }
  static VlmQuestion question() {
    return {.prompt = "What is there?",
            .schema = kSchema,
            .picture = read_image(SACCADE_SOURCE_DIR "/assets/pictures/beach.jpg"),
            .max_pixels = 10'000,
            .max_tokens = 100,
            .priority = 0};
  }
  VlmAnswer ask(std::int64_t timeout_ms = 60'000) {
    return vlm(timeout_ms)->ask(question(), never_);
  }
  /// "error: ..." or "unavailable: ..."
  std::string failure(std::int64_t timeout_ms = 60'000) {
    try {
      return "answered: " + ask(timeout_ms).text;
    } catch (const VlmUnavailable& error) {
      return std::string("unavailable: ") + error.what();
    } catch (const Error& error) {
      return std::string("error: ") + error.what();
    }
  }

  FaultServer server_;
  LocalModels models_;
  const std::atomic<bool> never_ = false;
};

TEST_F(RemoteVlmTest, SendsThePromptThePictureAndTheSchema) {
  server_.then_answer(kDog);
  const VlmAnswer answer = ask();
  EXPECT_EQ(answer.text, kDog);
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.usage.prompt_tokens, 12);
  EXPECT_EQ(answer.usage.completion_tokens, 3);
  EXPECT_EQ(answer.usage.cached_tokens, 5);
  EXPECT_GT(answer.total_ms, 0.0);

  const json::value body = server_.asked().at(0);
  EXPECT_EQ(body.at("model").as_string(), "qwen");
  EXPECT_EQ(body.at("max_tokens").as_int64(), 100);
  EXPECT_EQ(body.at("temperature").to_number<double>(), 0.0);
  EXPECT_EQ(body.at("messages").as_array().size(), 1u);
  EXPECT_EQ(body.at_pointer("/messages/0/role").as_string(), "user");
  EXPECT_EQ(body.at_pointer("/messages/0/content/0/type").as_string(), "text");
  EXPECT_EQ(prompt_of(body), "What is there?");
  EXPECT_EQ(body.at_pointer("/messages/0/content/1/type").as_string(), "image_url");
  EXPECT_EQ(body.at_pointer("/response_format/type").as_string(), "json_schema");
  EXPECT_TRUE(body.at_pointer("/response_format/json_schema/strict").as_bool());
  EXPECT_EQ(body.at_pointer("/response_format/json_schema/schema"), json::parse(kSchema));
}

TEST_F(RemoteVlmTest, SendsThePictureWithinItsBudget) {
  server_.then_answer(kDog);
  ask();
  const json::value body = server_.asked().at(0);
  const std::string url(body.at_pointer("/messages/0/content/1/image_url/url").as_string());
  constexpr std::string_view kHead = "data:image/jpeg;base64,";
  ASSERT_THAT(url, StartsWith(std::string(kHead)));
  const auto bytes = server::decode_base64(std::string_view(url).substr(kHead.size()));
  const media::Image sent = media::decode_image(bytes.value(), "sent");
  EXPECT_LE(sent.width * sent.height, 10'000);
  EXPECT_GT(sent.width * sent.height, 9'000);
}

TEST_F(RemoteVlmTest, IsCalledByItsModelAndServer) {
  EXPECT_EQ(vlm()->name(), "qwen at " + server_.url());
  EXPECT_FALSE(vlm()->embed(question().picture, {}).has_value());
  EXPECT_FALSE(vlm()->memory_bytes().has_value());
}

TEST_F(RemoteVlmTest, TakesJsonOutOfWhatStandsAroundIt) {
  server_.then_answer(std::string("Sure!\n```json\n") + kDog + "\n```");
  EXPECT_EQ(ask().text, kDog);
}

TEST_F(RemoteVlmTest, GivesTextAsItIsWithoutASchema) {
  server_.then_answer("A dog.");
  VlmQuestion free = question();
  free.schema = "";
  EXPECT_EQ(vlm()->ask(free, never_).text, "A dog.");
  EXPECT_FALSE(server_.asked().at(0).as_object().contains("response_format"));
}

TEST_F(RemoteVlmTest, TellsThatAnAnswerWasCutOff) {
  server_.then_answer(R"({"entities": ["do)", "length");
  const VlmAnswer answer = ask();
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.text, R"({"entities": ["do)");
}

TEST_F(RemoteVlmTest, MayBeAskedAgainWhatAServerCouldNotAnswer) {
  server_.then_send(500, R"({"error": {"message": "out of\nmemory"}})");
  server_.then_send(503, "<html>busy</html>");
  EXPECT_THAT(failure(),
              AllOf(StartsWith("unavailable: qwen at "), HasSubstr("out of memory (500)")));
  EXPECT_THAT(failure(), AllOf(StartsWith("unavailable: "), HasSubstr("busy")));
  server_.then_send(429, R"({"error": {"message": "slowly"}})", {{"Retry-After", "7"}});
  try {
    ask();
    FAIL();
  } catch (const VlmUnavailable& error) {
    EXPECT_THAT(error.what(), HasSubstr("slowly (429)"));
    EXPECT_EQ(error.retry_in(), std::chrono::seconds(7));
  }
}

TEST_F(RemoteVlmTest, IsNotAskedAgainWhatAServerRefuses) {
  server_.then_send(400, R"({"error": {"message": "no such\nmodel"}})");
  server_.then_send(401, R"({"error": "who are you?"})");
  server_.then_send(302, "", {{"Location", "http://127.0.0.1:1/"}});
  EXPECT_THAT(failure(), AllOf(StartsWith("error: qwen at "), HasSubstr("no such model (400)")));
  EXPECT_THAT(failure(), AllOf(StartsWith("error: "), HasSubstr("who are you? (401)")));
  EXPECT_THAT(failure(), AllOf(StartsWith("error: "), HasSubstr("redirects")));
}

TEST_F(RemoteVlmTest, IsUnavailableWhereConnectionsBreakOff) {
  server_.then_cut();
  EXPECT_THAT(failure(), StartsWith("unavailable: "));
  auto gone = vlm();
  {
    FaultServer other;
    gone = make_vlm({.model = "m", .url = other.url(), .key_variable = "", .engine = {}}, models_);
  }
  EXPECT_THROW(gone->ask(question(), never_), VlmUnavailable);
}

TEST_F(RemoteVlmTest, DoesNotWaitForever) {
  server_.then_hang();
  server_.then_drip();
  EXPECT_THAT(failure(200), AllOf(StartsWith("unavailable: "), HasSubstr("within 200 ms")));
  EXPECT_THAT(failure(200), AllOf(StartsWith("unavailable: "), HasSubstr("within 200 ms")));
}

TEST_F(RemoteVlmTest, IsLeftWhenNobodyWantsTheAnswer) {
  for (const bool drips : {false, true}) {
    drips ? server_.then_drip() : server_.then_hang();
    std::atomic<bool> cancelled = false;
    const std::size_t before = server_.asked().size();
    std::jthread canceller([&] {
      server_.was_asked(before + 1);
      cancelled = true;
    });
    try {
      vlm()->ask(question(), cancelled);
      FAIL();
    } catch (const VlmUnavailable& error) {
      EXPECT_THAT(error.what(), HasSubstr("cancelled"));
    }
  }
  std::atomic<bool> before = true;
  EXPECT_THROW(vlm()->ask(question(), before), VlmUnavailable);
  EXPECT_EQ(server_.asked().size(), 2u);
}

TEST_F(RemoteVlmTest, SaysWhatIsWrongWithAnAnswer) {
  const std::vector<std::pair<std::string, std::string>> answers = {
      {"", "not valid JSON"},
      {"<html>", "not valid JSON"},
      {"[]", "wanted a JSON object"},
      {R"({"choices": 3})", "wanted a list of choices"},
      {R"({"choices": []})", "wanted a list of choices"},
      {R"({"choices": [{"text": "dog"}]})", "\"message\" is missing"},
      {R"({"choices": [{"message": {"content": 3}}]})", "\"content\" must be a string"},
      {R"({"choices": [{"message": {"content": null, "refusal": "I won't"}}]})",
       "refused: I won't"},
      {std::string(5 << 20, '['), "more than 4194304 bytes"},
      {completion("A dog.").body, "wanted an answer in JSON, found \"A dog.\""},
      {completion(R"({"entities": "dog"})").body, "leaves its schema at line 1, column 14"},
  };
  for (const auto& [body, expected] : answers) {
    server_.then_send(200, body);
    EXPECT_THAT(failure(),
                AllOf(StartsWith("error: qwen at "), HasSubstr(expected), Not(HasSubstr("\n"))));
  }
}

TEST_F(RemoteVlmTest, SendsAKeyFromTheEnvironment) {
  ::setenv("PHOTOS_TEST_KEY", "sesame", 1);
  server_.then_answer(kDog);
  vlm(60'000, "PHOTOS_TEST_KEY")->ask(question(), never_);
  EXPECT_EQ(server_.last_authorization(), "Bearer sesame");
  ::setenv("PHOTOS_TEST_KEY", "a\r\nX-Other: b", 1);
  EXPECT_THROW(vlm(60'000, "PHOTOS_TEST_KEY"), Error);
  ::unsetenv("PHOTOS_TEST_KEY");
  EXPECT_THROW(vlm(60'000, "PHOTOS_TEST_KEY"), Error);
}

TEST_F(RemoteVlmTest, GoesPastTheProxyOfTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  server_.then_answer(kDog);
  EXPECT_EQ(failure(), std::string("answered: ") + kDog);
  ::unsetenv("http_proxy");
}

}  // namespace
}  // namespace saccade::photos
