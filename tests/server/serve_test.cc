// The server as its users have it: `saccade serve glance` and a client.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>

#include "base/json.h"
#include "patience.h"
#include "server/chat_requests.h"
#include "server/http_client.h"
#include "server/running_server.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::AnyOf;
using testing::HasSubstr;

/// One that is answered for a long time.
json::object endless() {
  return {{"messages", json::array{json::object{{"role", "user"}, {"content", "Describe."}}}},
          {"ignore_eos", true},
          {"stream", true},
          {"max_tokens", 3500}};
}

/// Asks for the status until `done` likes it.
template <typename Done>
bool wait_for_status(const RunningServer& server, Done done) {
  return eventually([&] { return done(status_of(server)); });
}

/// Has the server work on an endless answer.
void begin_endless(const RunningServer& server, TestClient& client) {
  client.request("POST", "/v1/chat/completions", json::serialize(endless()));
  EXPECT_TRUE(wait_for_status(
      server, [](const json::value& status) { return status.at("requests").at("running") == 1; }));
}

bool is_waiting(const json::value& status) {
  return status.at("requests").at("running") == 1 && status.at("requests").at("waiting") == 1;
}

bool is_idle(const json::value& status) {
  return status.at("requests").at("running") == 0 && status.at("requests").at("waiting") == 0;
}

TEST(Serve, AnswersAsTheEngineAloneDoes) {
  const RunningServer server;
  const std::string text = "Describe this image in detail.";
  for (const char* picture : {"beach.jpg", "breakfast.jpg", "beach.jpg"}) {
    const json::value answer = chat(server, question(picture, text));
    EXPECT_EQ(content_of(answer), lone_answer(picture, text));
    EXPECT_EQ(answer.at("choices").at(0).at("finish_reason"), "stop");
    EXPECT_GT(answer.at("usage").at("prompt_tokens").as_int64(), 50);
  }
}

TEST(Serve, StreamsTheSameAnswer) {
  const RunningServer server;
  json::object request = question("beach.jpg", "Describe this image in detail.");
  request["logprobs"] = true;
  request["top_logprobs"] = 2;
  const json::value whole = chat(server, request);
  request["stream"] = true;
  request["stream_options"] = json::object{{"include_usage", true}};
  const TestResponse response =
      server.ask("POST", "/v1/chat/completions", json::serialize(request));
  EXPECT_EQ(response.headers.at("content-type"), "text/event-stream");
  std::vector<std::string> data = event_data(response.body);
  ASSERT_GE(data.size(), 5u);
  EXPECT_EQ(data.back(), "[DONE]");
  data.pop_back();
  EXPECT_EQ(json::parse(data.back()).at("usage").at("completion_tokens"),
            whole.at("usage").at("completion_tokens"));
  data.pop_back();
  std::string text;
  json::array logprobs;
  for (const std::string& event : data) {
    const json::value chunk = json::parse(event);
    EXPECT_TRUE(chunk.at("usage").is_null());
    const json::value& choice = chunk.at("choices").at(0);
    if (const auto* piece = choice.at("delta").as_object().if_contains("content")) {
      text += piece->as_string();
    }
    if (choice.at("logprobs").is_object()) {
      const json::array& tokens = choice.at("logprobs").at("content").as_array();
      logprobs.insert(logprobs.end(), tokens.begin(), tokens.end());
    }
  }
  EXPECT_EQ(text, content_of(whole));
  EXPECT_EQ(json::parse(data.front()).at("choices").at(0).at("delta").at("role"), "assistant");
  EXPECT_EQ(json::parse(data.back()).at("choices").at(0).at("finish_reason"), "stop");
  EXPECT_EQ(json::value(logprobs), whole.at("choices").at(0).at("logprobs").at("content"));
}

TEST(Serve, GivesSeveralChoices) {
  const RunningServer server;
  json::object request = question("beach.jpg", "Describe this image in detail.");
  request["n"] = 3;
  request["temperature"] = 1.5;
  request["seed"] = 5;
  const json::value first = chat(server, request);
  ASSERT_EQ(first.at("choices").as_array().size(), 3u);
  EXPECT_NE(content_of(first, 0), content_of(first, 1));
  EXPECT_EQ(first.at("choices"), chat(server, request).at("choices"));
}

TEST(Serve, StopsBeforeAStopText) {
  const RunningServer server;
  json::object request = question("beach.jpg", "Describe this image in detail.");
  const std::string whole = content_of(chat(server, request));
  const std::size_t palm = whole.find("palm");
  ASSERT_NE(palm, std::string::npos);
  request["stop"] = "palm";
  EXPECT_EQ(content_of(chat(server, request)), whole.substr(0, palm));
  request["max_tokens"] = 2;
  EXPECT_EQ(chat(server, request).at("choices").at(0).at("finish_reason"), "length");
}

TEST(Serve, CompletesPlainText) {
  const RunningServer server;
  const TestResponse response = server.ask(
      "POST", "/v1/completions", R"({"prompt": ["The picture", "A red"], "max_tokens": 4})");
  ASSERT_EQ(response.status, 200) << response.body;
  const json::value answer = json::parse(response.body);
  ASSERT_EQ(answer.at("choices").as_array().size(), 2u);
  EXPECT_EQ(answer.at("choices").at(1).at("index"), 1);
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 8);
}

TEST(Serve, RefusesInWordsAndNumbers) {
  const RunningServer server;
  const auto expect = [&](int status, const TestResponse& response, const std::string& text) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_THAT(std::string(json::parse(response.body).at("error").at("message").as_string()),
                HasSubstr(text));
    EXPECT_TRUE(response.headers.contains("x-request-id"));
  };
  const std::string chat_path = "/v1/chat/completions";
  expect(404, server.ask("GET", "/nothing"), "there is nothing at");
  const TestResponse wrong_method = server.ask("GET", chat_path);
  expect(405, wrong_method, "takes POST");
  EXPECT_EQ(wrong_method.headers.at("allow"), "POST");
  expect(415, server.ask("POST", chat_path, "{}", {"Content-Type: text/plain"}),
         "wanted Content-Type: application/json");
  expect(400, server.ask("POST", chat_path, "{\"messages\": ["), "not valid JSON at line 1");
  expect(400, server.ask("POST", chat_path, "[]"), "wanted a JSON object");
  expect(400, server.ask("POST", chat_path, std::string(5000, '[')), "not valid JSON");
  expect(400, server.ask("POST", chat_path, R"({"messages": [], "hot": 1})"), "messages");
  expect(404, server.ask("GET", "/v1/models/gpt-4"), "glance");
  json::object broken = question("beach.jpg", "What?");
  broken["messages"].at(0).at("content").at(0).at("image_url").as_object()["url"] =
      "data:image/jpeg;base64,Zm9v";
  expect(422, server.ask("POST", chat_path, json::serialize(broken)), "messages[0].content[0]");
  // Also when a stream was asked for: nothing has been sent yet.
  broken["stream"] = true;
  expect(422, server.ask("POST", chat_path, json::serialize(broken)), "messages[0].content[0]");
}

TEST(Serve, ListsItsModel) {
  const RunningServer server({"--name", "org/eyes"});
  const json::value list = json::parse(server.ask("GET", "/v1/models").body);
  EXPECT_EQ(list.at("data").at(0).at("id"), "org/eyes");
  const TestResponse one = server.ask("GET", "/v1/models/org%2Feyes");
  EXPECT_EQ(one.status, 200) << one.body;
  EXPECT_GT(json::parse(one.body).at("max_model_len").as_int64(), 0);
}

TEST(Serve, TurnsTextIntoTokensAndBack) {
  const RunningServer server;
  const std::string text = "A crab and \u20AC 5.";
  const json::value tokens = json::parse(
      server.ask("POST", "/tokenize", json::serialize(json::object{{"prompt", text}})).body);
  EXPECT_EQ(tokens.at("count").to_number<std::size_t>(), tokens.at("tokens").as_array().size());
  const json::object back = {{"tokens", tokens.at("tokens")}};
  EXPECT_EQ(json::parse(server.ask("POST", "/detokenize", json::serialize(back)).body).at("prompt"),
            json::value(text));
  EXPECT_EQ(server.ask("POST", "/detokenize", R"({"tokens": [99999999]})").status, 400);
  const json::object request = question("beach.jpg", "Describe it.");
  const json::value counted =
      json::parse(server.ask("POST", "/tokenize", json::serialize(request)).body);
  EXPECT_EQ(counted.at("count").to_number<std::int64_t>(),
            chat(server, request).at("usage").at("prompt_tokens").to_number<std::int64_t>());
}

TEST(Serve, AnswersInAnthropicsShape) {
  const RunningServer server;
  const json::object source = {{"type", "base64"},
                               {"media_type", "image/jpeg"},
                               {"data", base64(read_text_file(picture_path("beach.jpg")))}};
  const json::array content = {json::object{{"type", "image"}, {"source", source}},
                               text_part("Describe this image in detail.")};
  json::object request = {
      {"model", "glance"},
      {"messages", json::array{json::object{{"role", "user"}, {"content", content}}}}};
  const TestResponse count =
      server.ask("POST", "/v1/messages/count_tokens", json::serialize(request));
  ASSERT_EQ(count.status, 200) << count.body;
  request["max_tokens"] = 500;
  const TestResponse response = server.ask("POST", "/v1/messages", json::serialize(request));
  ASSERT_EQ(response.status, 200) << response.body;
  const json::value message = json::parse(response.body);
  EXPECT_EQ(message.at("content").at(0).at("text").as_string(),
            lone_answer("beach.jpg", "Describe this image in detail."));
  EXPECT_EQ(message.at("stop_reason"), "end_turn");
  EXPECT_EQ(message.at("usage").at("input_tokens").as_int64() +
                message.at("usage").at("cache_read_input_tokens").as_int64(),
            json::parse(count.body).at("input_tokens").as_int64());
  request["temperature"] = "hot";
  const TestResponse error = server.ask("POST", "/v1/messages", json::serialize(request));
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(json::parse(error.body).at("error").at("type"), "invalid_request_error");
}

TEST(Serve, AsksForKeys) {
  const TemporaryDirectory directory;
  const std::string keys = directory.write("keys", "first\nsecond\n");
  const RunningServer server({"--api-key-file", keys, "--admin-key", "boss"});
  const TestResponse refused = server.ask("GET", "/v1/models");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.at("www-authenticate"), "Bearer");
  EXPECT_EQ(server.ask("GET", "/v1/models", "", {"Authorization: Bearer second"}).status, 200);
  EXPECT_EQ(server.ask("GET", "/v1/models", "", {"Authorization: Bearer third"}).status, 401);
  EXPECT_EQ(server.ask("GET", "/metrics").status, 401);
  EXPECT_EQ(server.ask("GET", "/livez").status, 200);
  EXPECT_EQ(server.ask("GET", "/v1/admin/status", "", {"x-api-key: first"}).status, 401);
  EXPECT_EQ(server.ask("GET", "/v1/admin/status", "", {"x-api-key: boss"}).status, 200);
}

TEST(Serve, SaysWhenItsQueueIsFull) {
  const RunningServer server({"--max-running", "1", "--max-waiting", "1"});
  TestClient running(server.port());
  begin_endless(server, running);
  TestClient waiting(server.port());
  waiting.request("POST", "/v1/chat/completions", json::serialize(endless()));
  ASSERT_TRUE(wait_for_status(server, is_waiting));
  EXPECT_EQ(status_of(server).at("status"), "busy");
  const TestResponse third = server.ask("POST", "/v1/chat/completions", json::serialize(endless()));
  EXPECT_EQ(third.status, 429);
  EXPECT_EQ(third.headers.at("retry-after"), "1");
  EXPECT_EQ(server.ask("GET", "/readyz").status, 200);  // busy is not down
}

TEST(Serve, EndsTheRequestOfAClientThatLeaves) {
  const RunningServer server({"--max-running", "1"});
  json::object silent = endless();
  silent.erase("stream");
  TestClient streaming(server.port());
  begin_endless(server, streaming);
  TestClient waiting(server.port());
  waiting.request("POST", "/v1/chat/completions", json::serialize(silent));
  ASSERT_TRUE(wait_for_status(server, is_waiting));
  waiting.close();  // while it waits: its place is free at once
  EXPECT_TRUE(wait_for_status(server, [](const json::value& status) {
    return status.at("requests").at("running") == 1 && status.at("requests").at("waiting") == 0;
  }));
  streaming.close();  // in the middle of its stream
  EXPECT_TRUE(wait_for_status(server, is_idle));
  TestClient answering(server.port());
  answering.request("POST", "/v1/chat/completions", json::serialize(silent));
  ASSERT_TRUE(wait_for_status(
      server, [](const json::value& status) { return status.at("requests").at("running") == 1; }));
  answering.close();  // while it is answered without a stream
  EXPECT_TRUE(wait_for_status(server, is_idle));
  EXPECT_EQ(status_of(server).at("requests").at("cancelled"), 3);
  EXPECT_TRUE(server.logs("outcome=client_gone")) << server.log();
}

TEST(Serve, GoesOnWhenAClientDoesNotReadItsStream) {
  const RunningServer server;
  json::object request = endless();
  request["logprobs"] = true;
  request["top_logprobs"] = 20;  // much to send for each token
  TestClient stalled(server.port(), 4096);
  stalled.request("POST", "/v1/chat/completions", json::serialize(request));
  EXPECT_TRUE(wait_for_status(server, [](const json::value& status) {
    return status.at("requests").at("cancelled") == 1;
  }));
  EXPECT_TRUE(stalled.closed_by_server());
  EXPECT_TRUE(server.logs("outcome=client_stalled")) << server.log();
  EXPECT_FALSE(content_of(chat(server, question("beach.jpg", "Describe it."))).empty());
}

TEST(Serve, FindsItsCachesAgainAfterItWasKilled) {
  const TemporaryDirectory directory;
  const std::vector<std::string> options = {"--cache-dir", directory.file("cache")};
  const json::object request = question("beach.jpg", "Describe it.");
  std::string before;
  {
    RunningServer server(options);
    before = content_of(chat(server, request));
    // The picture and a page of the prompt.
    EXPECT_TRUE(wait_for_status(server, [](const json::value& status) {
      return status.at("cache").at("disk").at("writes").as_int64() >= 2;
    }));
    server.send_signal(SIGKILL);
    EXPECT_EQ(server.wait(), 128 + SIGKILL);
  }
  const RunningServer server(options);
  const json::value answer = chat(server, request);
  EXPECT_EQ(content_of(answer), before);
  EXPECT_GE(answer.at("usage").at("prompt_tokens_details").at("cached_tokens").as_int64(), 64);
  EXPECT_TRUE(server.logs("cached_images=1")) << server.log();
}

TEST(Serve, FinishesWhatRunsWhenItIsStopped) {
  RunningServer server;
  json::object request = endless();
  request["max_tokens"] = 400;
  TestClient client(server.port());
  client.request("POST", "/v1/chat/completions", json::serialize(request));
  ASSERT_TRUE(client.read_until("content"));
  server.send_signal(SIGTERM);
  const auto response = client.read();
  ASSERT_TRUE(response);
  EXPECT_THAT(response->body, HasSubstr("\"finish_reason\":\"length\""));
  EXPECT_THAT(response->body, testing::EndsWith("data: [DONE]\n\n"));
  EXPECT_EQ(server.wait(), 0);
}

TEST(Serve, SaysThatItIsBeingStopped) {
  RunningServer server;
  TestClient client(server.port());
  begin_endless(server, client);
  server.send_signal(SIGTERM);
  ASSERT_TRUE(server.wait_for("draining"));
  EXPECT_EQ(server.ask("GET", "/readyz").status, 503);
  EXPECT_EQ(server.ask("GET", "/livez").status, 200);
  EXPECT_EQ(server.ask("POST", "/v1/chat/completions", json::serialize(endless())).status, 503);
  client.close();
  EXPECT_EQ(server.wait(), 0);
}

TEST(Serve, CutsOffWhatTakesTooLongToDrain) {
  RunningServer server({"--drain-seconds", "0"});
  TestClient client(server.port());
  begin_endless(server, client);
  server.send_signal(SIGINT);
  const auto response = client.read();
  ASSERT_TRUE(response);
  EXPECT_THAT(response->body, HasSubstr("the server is stopping"));
  EXPECT_EQ(server.wait(), 0);
}

TEST(Serve, EndsAtOnceAtASecondSignal) {
  RunningServer server;
  TestClient client(server.port());
  begin_endless(server, client);
  server.send_signal(SIGTERM);
  ASSERT_TRUE(server.wait_for("draining"));
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 128 + SIGTERM);
}

TEST(Serve, SaysWhyItsModelCannotBeLoaded) {
  // Its weights are there to be seen, its tokenizer is not.
  const TemporaryDirectory directory;
  std::filesystem::copy(std::string(SACCADE_SOURCE_DIR) + "/assets/glance", directory.path());
  std::filesystem::remove(directory.path() / "tokenizer.json");
  RunningServer server({}, false, directory.path());
  ASSERT_TRUE(server.wait_for("failed"));
  const TestResponse health = server.ask("GET", "/health");
  EXPECT_EQ(health.status, 503);
  EXPECT_FALSE(json::parse(health.body).at("reason").as_string().empty());
  EXPECT_EQ(server.ask("GET", "/readyz").status, 503);
  EXPECT_EQ(server.ask("GET", "/livez").status, 200);
  EXPECT_EQ(server.ask("POST", "/v1/chat/completions", json::serialize(endless())).status, 503);
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 1);
}

TEST(Serve, RunsSealed) {
  const RunningServer server({"--sealed"});
  EXPECT_THAT(server.first_line(), HasSubstr("sealed: the kernel refuses outgoing connections"));
  const std::string status =
      read_text_file("/proc/" + std::to_string(server.process()) + "/status");
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_FALSE(content_of(chat(server, question("beach.jpg", "Describe it."))).empty());
}

TEST(Serve, ReadsFilesBelowItsMediaRootAlone) {
  const RunningServer server(
      {"--media-root", std::string(SACCADE_SOURCE_DIR) + "/assets/pictures"});
  json::object request = question("beach.jpg", "Describe this image in detail.");
  auto& url = request["messages"].at(0).at("content").at(0).at("image_url").as_object()["url"];
  url = "file://" + picture_path("beach.jpg");
  EXPECT_EQ(content_of(chat(server, request)),
            lone_answer("beach.jpg", "Describe this image in detail."));
  url = "file://" + picture_path("../glance/config.json");
  EXPECT_EQ(server.ask("POST", "/v1/chat/completions", json::serialize(request)).status, 400);
}

TEST(Serve, LetsBrowsersInFromNamedOrigins) {
  const RunningServer server({"--cors-origin", "https://a.example"});
  const std::vector<std::string> asked = {"Origin: https://a.example",
                                          "Access-Control-Request-Method: POST"};
  const TestResponse before = server.ask("OPTIONS", "/v1/chat/completions", "", asked);
  EXPECT_EQ(before.status, 204);
  EXPECT_EQ(before.headers.at("access-control-allow-origin"), "https://a.example");
  const TestResponse foreign = server.ask("GET", "/v1/models", "", {"Origin: https://b.example"});
  EXPECT_FALSE(foreign.headers.contains("access-control-allow-origin"));
  EXPECT_EQ(server.ask("OPTIONS", "/v1/models").status, 405);
}

TEST(Serve, MeasuresItself) {
  const RunningServer server;
  chat(server, question("beach.jpg", "Describe it."));
  // The answer ends before its request is counted, which is before that is logged.
  EXPECT_TRUE(server.logs("path=\"/v1/chat/completions\" status=200")) << server.log();
  const TestResponse response = server.ask("GET", "/metrics");
  EXPECT_EQ(response.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"saccade_requests_finished_total{model=\"glance\"} 1", "saccade_ready 1",
        "saccade_time_to_first_token_seconds_count{model=\"glance\"} 1",
        "saccade_http_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1",
        "saccade_stage_seconds_count{model=\"glance\",stage=\"vision\"} 1",
        "saccade_cache_bytes{model=\"glance\",cache=\"vision\"}"}) {
    EXPECT_THAT(response.body, HasSubstr(line));
  }
  EXPECT_TRUE(server.logs("prompt_tokens=")) << server.log();
}

TEST(Serve, ForgetsItsCachesWhenTold) {
  const RunningServer server;
  chat(server, question("beach.jpg", "Describe it."));
  const json::value before = json::parse(server.ask("GET", "/v1/admin/cache").body);
  EXPECT_GT(before.at("vision").at("bytes").as_int64(), 0);
  const TestResponse after = server.ask("DELETE", "/v1/admin/cache");
  EXPECT_EQ(json::parse(after.body).at("vision").at("bytes"), 0);
}

}  // namespace
}  // namespace saccade::server
