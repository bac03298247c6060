// saccade serve --trace: what the file says of requests.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <csignal>
#include <map>

#include "base/json.h"
#include "patience.h"
#include "server/base64.h"
#include "server/running_server.h"

namespace saccade::server {
namespace {

namespace json = boost::json;

struct Span {
  double begin, end;
  json::value arguments;
};

/// The spans of one request, by their names.
using Spans = std::multimap<std::string, Span>;

std::map<std::int64_t, Spans> read_trace(const std::string& path) {
  std::map<std::int64_t, Spans> requests;
  const json::value events = json::parse(read_text_file(path));
  for (const json::value& event : events.as_array()) {
    if (event.at("ph").as_string() != "X") continue;
    const double begin = event.at("ts").to_number<double>();
    requests[event.at("tid").as_int64()].insert(
        {std::string(event.at("name").as_string()),
         {begin, begin + event.at("dur").to_number<double>(), event.at("args")}});
  }
  return requests;
}

/// Times are written to the nanosecond.
constexpr double kRounding = 0.002;

/// The stages of an answer lie one after the other within the request.
void expect_order(const Spans& spans) {
  ASSERT_EQ(spans.count("request"), 1u);
  const Span& whole = spans.find("request")->second;
  double reached = whole.begin;
  for (const char* stage : {"waiting", "preparing", "queued"}) {
    ASSERT_EQ(spans.count(stage), 1u) << stage;
    const Span& span = spans.find(stage)->second;
    EXPECT_NEAR(span.begin, reached, kRounding) << stage;
    EXPECT_GE(span.end, span.begin);
    reached = span.end;
  }
  ASSERT_EQ(spans.count("decode"), 1u);
  const Span& decode = spans.find("decode")->second;
  EXPECT_GE(spans.count("prefill"), 1u);
  for (const char* stage : {"vision", "prefill"}) {
    for (auto [span, last] = spans.equal_range(stage); span != last; ++span) {
      EXPECT_GE(span->second.begin, reached - kRounding) << stage;
      EXPECT_LE(span->second.end, decode.begin + kRounding) << stage;
    }
  }
  EXPECT_LE(decode.end, whole.end + kRounding);
}

std::string chat(const std::string& picture) {
  const std::string bytes =
      read_text_file(std::string(SACCADE_SOURCE_DIR) + "/assets/pictures/" + picture);
  const std::string data = encode_base64(std::as_bytes(std::span(bytes)));
  const json::array content = {
      json::object{{"type", "image_url"},
                   {"image_url", json::object{{"url", "data:;base64," + data}}}},
      json::object{{"type", "text"}, {"text", "Describe this image in detail."}}};
  const json::array messages = {json::object{{"role", "user"}, {"content", content}}};
  return json::serialize(json::object{{"messages", messages}});
}

TEST(ServedTrace, HasTheStagesOfEveryRequest) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("trace.json");
  RunningServer server({"--trace", path});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(server.ask("POST", "/v1/chat/completions", chat("beach.jpg")).status, 200);
  }
  EXPECT_EQ(server.ask("POST", "/v1/completions", R"({"prompt": "a", "ignore_eos": true})").status,
            200);
  EXPECT_EQ(server
                .ask("POST", "/v1/chat/completions",
                     R"({"messages": [{"role": "user", "content": [{"type": "image_url",
                           "image_url": {"url": "data:;base64,Zm9v"}}]}]})")
                .status,
            422);
  EXPECT_EQ(server.ask("POST", "/v1/embeddings", R"({"input": "a"})").status, 200);
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);

  const std::map<std::int64_t, Spans> requests = read_trace(path);
  ASSERT_EQ(requests.size(), 5u);
  for (const std::int64_t answered : {1, 2, 3}) expect_order(requests.at(answered));
  const auto argument = [&](std::int64_t request, const char* name) {
    return requests.at(request).find("request")->second.arguments.at(name);
  };
  EXPECT_GE(requests.at(1).count("vision"), 1u);
  EXPECT_EQ(argument(1, "cached_images"), 0);
  EXPECT_GT(argument(1, "image_tokens").as_int64(), 0);
  EXPECT_EQ(argument(1, "outcome"), "stop");
  // The same again is in the caches.
  EXPECT_EQ(requests.at(2).count("vision"), 0u);
  EXPECT_EQ(argument(2, "cached_images"), 1);
  EXPECT_GT(argument(2, "cached_tokens").as_int64(), 0);
  EXPECT_EQ(argument(3, "outcome"), "length");
  EXPECT_EQ(argument(4, "outcome"), "failed");
  EXPECT_EQ(requests.at(5).count("decode"), 0u);
  EXPECT_EQ(argument(5, "outcome"), "stop");
}

TEST(ServedTrace, IsThereAfterAKill) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("trace.json");
  RunningServer server({"--trace", path});
  EXPECT_EQ(server.ask("POST", "/v1/completions", R"({"prompt": "a"})").status, 200);
  EXPECT_TRUE(
      eventually([&] { return read_text_file(path).find("\"outcome\"") != std::string::npos; }));
  server.send_signal(SIGKILL);
  server.wait();
  EXPECT_GT(json::parse(read_text_file(path) + "]").as_array().size(), 4u);
}

}  // namespace
}  // namespace saccade::server
