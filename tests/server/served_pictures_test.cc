// The server with pictures that requests name by URL.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "server/picture_site.h"
#include "server/running_server.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

std::string message_of(const TestResponse& response) {
  return std::string(json::parse(response.body).at("error").at("message").as_string());
}

class ServedRemotePictures : public testing::Test {
 protected:
  ServedRemotePictures() {
    const std::string pictures = std::string(SACCADE_SOURCE_DIR) + "/assets/pictures/";
    site_.add("/beach.jpg", read_text_file(pictures + "beach.jpg"));
    site_.add("/words", "these are no pixels");
    site_.redirect("/moved", "/beach.jpg");
  }

  static json::array chat_messages(const std::string& url) {
    const json::array content = {
        json::object{{"type", "image_url"}, {"image_url", json::object{{"url", url}}}},
        json::object{{"type", "text"}, {"text", "Describe this image in detail."}}};
    return {json::object{{"role", "user"}, {"content", content}}};
  }
  TestResponse chat(const std::string& url) const {
    return server_.ask(
        "POST", "/v1/chat/completions",
        json::serialize(json::object{{"messages", chat_messages(url)}, {"temperature", 0}}));
  }
  static std::string answer_of(const TestResponse& response) {
    if (response.status != 200) return response.body;
    return std::string(
        json::parse(response.body).at("choices").at(0).at("message").at("content").as_string());
  }

  PictureSite site_;
  const RunningServer server_{{"--allow-remote-images", site_.host(), "--max-body", "1M"}};
};

TEST_F(ServedRemotePictures, AreSeenThroughEveryApi) {
  const std::string answer = answer_of(chat(site_.url("/beach.jpg")));
  EXPECT_THAT(answer, HasSubstr("The picture shows"));
  EXPECT_EQ(answer_of(chat(site_.url("/moved"))), answer);

  const json::object source = {{"type", "url"}, {"url", site_.url("/beach.jpg")}};
  const json::array blocks = {
      json::object{{"type", "image"}, {"source", source}},
      json::object{{"type", "text"}, {"text", "Describe this image in detail."}}};
  json::object body = {
      {"model", "glance"},
      {"max_tokens", 300},
      {"temperature", 0},
      {"messages", json::array{json::object{{"role", "user"}, {"content", blocks}}}}};
  const TestResponse message = server_.ask("POST", "/v1/messages", json::serialize(body));
  ASSERT_EQ(message.status, 200) << message.body;
  EXPECT_EQ(json::parse(message.body).at("content").at(0).at("text").as_string(), answer);
  body.erase("max_tokens");
  body.erase("temperature");
  const TestResponse counted =
      server_.ask("POST", "/v1/messages/count_tokens", json::serialize(body));
  EXPECT_EQ(counted.status, 200) << counted.body;
  const TestResponse tokens =
      server_.ask("POST", "/tokenize",
                  json::serialize(json::object{{"messages", chat_messages(site_.url("/moved"))}}));
  EXPECT_GT(json::parse(tokens.body).at("image_tokens").as_int64(), 0);

  const json::object url = {{"url", site_.url("/beach.jpg")}};
  const json::array input = {json::object{{"type", "image_url"}, {"image_url", url}}, "a beach"};
  const TestResponse embeddings =
      server_.ask("POST", "/v1/embeddings", json::serialize(json::object{{"input", input}}));
  EXPECT_EQ(json::parse(embeddings.body).at("data").as_array().size(), 2u) << embeddings.body;
}

TEST_F(ServedRemotePictures, AreRefusedWithTheFieldAndTheReason) {
  const TestResponse other = chat("http://127.0.0.1:1/beach.jpg");
  EXPECT_EQ(other.status, 403);
  EXPECT_THAT(message_of(other), HasSubstr("messages[0].content[0].image_url.url: "
                                           "http://127.0.0.1:1/beach.jpg is of a host"));
  const TestResponse missing = chat(site_.url("/missing.jpg"));
  EXPECT_EQ(missing.status, 422);
  EXPECT_THAT(message_of(missing), HasSubstr("was answered with status 404"));
  const TestResponse words = chat(site_.url("/words"));
  EXPECT_EQ(words.status, 422);
  EXPECT_THAT(message_of(words), HasSubstr("messages[0].content[0].image_url.url"));
  site_.add("/large", std::string((1 << 20) + 1, 'x'));
  const TestResponse large = chat(site_.url("/large"));
  EXPECT_EQ(large.status, 413);
  // Nothing of it stays behind.
  EXPECT_THAT(answer_of(chat(site_.url("/beach.jpg"))), HasSubstr("The picture shows"));
}

TEST_F(ServedRemotePictures, AreNotFetchedForClientsThatLeft) {
  {
    TestClient client(server_.port());
    client.request("POST", "/v1/chat/completions",
                   json::serialize(json::object{{"messages", chat_messages(site_.url("/slow"))}}));
    EXPECT_TRUE(site_.was_asked());
    // Others are answered meanwhile.
    EXPECT_THAT(answer_of(chat(site_.url("/beach.jpg"))), HasSubstr("The picture shows"));
  }
  EXPECT_TRUE(site_.saw_client_go());
}

}  // namespace
}  // namespace saccade::server
