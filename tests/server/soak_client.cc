#include "server/soak_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "patience.h"

namespace saccade::server {
namespace {

namespace json = boost::json;

constexpr const char* kChat = "/v1/chat/completions";
// Answers wait for those of all other clients, on a machine that may be busy with other tests.
constexpr std::chrono::seconds kPatience = patience(std::chrono::seconds(120));

/// A request that must be refused.
struct Wrong {
  int status;
  std::string method;
  std::string path;
  std::string body;
  std::vector<std::string> headers = {};
};

std::string picture_of(const std::string& url) {
  const json::object part = {{"type", "image_url"}, {"image_url", json::object{{"url", url}}}};
  const json::object message = {{"role", "user"}, {"content", json::array{part}}};
  return json::serialize(json::object{{"messages", json::array{message}}});
}

std::string asking_with(const std::string& fields) {
  return R"({"messages": [{"role": "user", "content": "Hello"}], )" + fields + "}";
}

const std::vector<Wrong>& wrong_requests() {
  static const std::vector<Wrong> requests = {
      {400, "POST", kChat, "{\"messages\": ["},
      {400, "POST", kChat, std::string(20000, '[')},
      {400, "POST", kChat, std::string("\0\xff\xfe", 3)},
      {400, "POST", kChat, asking_with(R"("warmth": 3)")},
      {400, "POST", kChat, asking_with(R"("max_tokens": -1)")},
      {400, "POST", kChat, asking_with(R"("temperature": "hot")")},
      {400, "POST", kChat, asking_with(R"("response_format": {"type": "regex", "regex": "("})")},
      {400, "POST", kChat, picture_of("https://example.org/cat.jpg")},
      {400, "POST", kChat, picture_of("file:///etc/passwd")},
      {400, "POST", kChat, picture_of("data:image/png;base64,!!!")},
      {422, "POST", kChat, picture_of("data:image/png;base64,Zm9v")},
      {422, "POST", kChat, picture_of("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAF")},
      {413, "POST", kChat, std::string((std::size_t{1} << 20) + 1, ' ')},
      {415, "POST", kChat, "{}", {"Content-Type: text/plain"}},
      {431, "GET", "/health", "", {"X-Long: " + std::string(100'000, 'x')}},
      {405, "GET", kChat, ""},
      {404, "GET", "/v1/nothing", ""},
      {404, "GET", "/v1/models/another", ""},
      {400, "GE T", "/health", ""},
  };
  return requests;
}

}  // namespace

void SoakClient::act() {
  const unsigned what = random_() % 100;
  if (what < 40) return ask_whole();
  if (what < 68) return ask_streaming();
  if (what < 80) return leave();
  if (what < 84) return stall();
  if (what < 95) return send_what_is_wrong();
  if (what < 98) return break_off();
  clear_caches();
}

bool SoakClient::taken(const TestResponse& response) {
  if (response.status == 429) {
    EXPECT_TRUE(response.headers.contains("retry-after"));
    ++counts_.busy;
    return false;
  }
  EXPECT_EQ(response.status, 200) << response.body;
  return response.status == 200;
}

void SoakClient::ask_whole() {
  TestClient client(port_);
  // A second one on the same connection, sometimes.
  for (int left = 1 + static_cast<int>(random_() % 2); left > 0; --left) {
    const SoakQuestion& question = some_question();
    client.request("POST", question.path, json::serialize(question.body));
    const auto response = client.read(kPatience);
    ASSERT_TRUE(response) << "no answer";
    if (!taken(*response)) continue;
    EXPECT_EQ(answer_in(question.path, json::parse(response->body)), question.answer);
    ++counts_.answers;
  }
}

void SoakClient::ask_streaming() {
  const SoakQuestion& question = some_question();
  json::object body = question.body;
  body["stream"] = true;
  TestClient client(port_);
  client.request("POST", question.path, json::serialize(body));
  const auto response = client.read(kPatience);
  ASSERT_TRUE(response) << "the stream did not end";
  if (!taken(*response)) return;
  std::string text;
  for (const std::string& data : event_data(response->body)) {
    if (data != "[DONE]") text += piece_in(question.path, json::parse(data));
  }
  EXPECT_EQ(text, question.answer);
  ++counts_.answers;
  ++counts_.streams;
}

/// Goes before the answer has ended: at once, or after some while of its stream.
void SoakClient::leave() {
  const SoakQuestion& question = some_question();
  json::object body = question.body;
  body["stream"] = random_() % 4 != 0;
  TestClient client(port_);
  client.request("POST", question.path, json::serialize(body));
  std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 150));
  if (random_() % 2 == 0) {
    client.reset();
  } else {
    client.close();
  }
  ++counts_.left;
}

/// Does not read what comes, and goes.
void SoakClient::stall() {
  json::object body = questions_.back().body;
  body["stream"] = true;
  body["logprobs"] = true;
  body["top_logprobs"] = 20;
  TestClient client(port_, 4096);
  client.request("POST", questions_.back().path, json::serialize(body));
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  client.reset();
  ++counts_.stalled;
}

void SoakClient::send_what_is_wrong() {
  const Wrong& wrong = wrong_requests()[random_() % wrong_requests().size()];
  TestClient client(port_);
  client.request(wrong.method, wrong.path, wrong.body, wrong.headers);
  const auto response = client.read(kPatience);
  ASSERT_TRUE(response) << wrong.body.substr(0, 200);
  // What is wrong with a picture or a grammar shows when it is read, if there is a place for it.
  if (response->status == 429) return;
  EXPECT_EQ(response->status, wrong.status) << wrong.body.substr(0, 200) << response->body;
  ++counts_.bad;
}

/// Sends the beginning of a request.
void SoakClient::break_off() {
  const SoakQuestion& question = some_question();
  const std::string body = json::serialize(question.body);
  TestClient client(port_);
  client.send("POST " + question.path + " HTTP/1.1\r\nHost: localhost\r\n");
  if (random_() % 2 == 0) {
    client.send("Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body.substr(0, random_() % body.size()));
  }
  client.reset();
  ++counts_.unfinished;
}

void SoakClient::clear_caches() {
  EXPECT_EQ(ask(port_, "DELETE", "/v1/admin/cache").status, 200);
  ++counts_.cleared;
}

}  // namespace saccade::server
