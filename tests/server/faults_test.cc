// What goes wrong around the server: it is killed, files are torn, and many ask at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <csignal>
#include <random>
#include <set>
#include <thread>

#include "base/json.h"
#include "guarded.h"
#include "saccade/bench.h"
#include "saccade/engine.h"
#include "server/chat_requests.h"
#include "server/running_server.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

TEST(Faults, AServerThatWasKilledStartsAgainOnItsPort) {
  RunningServer server;
  const json::object request = question("beach.jpg", "Describe it.");
  const std::string answer = content_of(chat(server, request));
  json::object endless = request;
  endless["ignore_eos"] = true;
  endless["stream"] = true;
  endless["max_tokens"] = 3000;
  TestClient streaming(server.port());
  streaming.request("POST", "/v1/chat/completions", json::serialize(endless));
  ASSERT_TRUE(streaming.read_until("content"));
  server.send_signal(SIGKILL);
  EXPECT_EQ(server.wait(), 128 + SIGKILL);
  EXPECT_TRUE(streaming.closed_by_server());
  const RunningServer again({"--port", std::to_string(server.port())});
  EXPECT_EQ(again.port(), server.port());
  EXPECT_EQ(content_of(chat(again, request)), answer);
}

/// A file that is still being written, or was cut off, is an error; once it is whole, it is read.
TEST(Faults, ATornPictureIsAnErrorUntilItIsWhole) {
  const TemporaryDirectory directory;
  const RunningServer server({"--media-root", directory.path().string()});
  const std::string text = "Describe this image in detail.";
  const std::string whole = read_text_file(picture_path("beach.jpg"));
  const std::string file = directory.file("beach.jpg");
  const json::object image = {{"type", "image_url"},
                              {"image_url", json::object{{"url", "file://" + file}}}};
  const json::object request = {{"messages", json::array{user_message({image, text_part(text)})}}};
  for (const double part : {0.0, 0.001, 0.3, 0.9}) {
    directory.write("beach.jpg", std::string_view(whole).substr(
                                     0, static_cast<std::size_t>(part * double(whole.size()))));
    const TestResponse response =
        server.ask("POST", "/v1/chat/completions", json::serialize(request));
    EXPECT_EQ(response.status, 422) << part << response.body;
    EXPECT_THAT(response.body, HasSubstr("messages[0].content[0]"));
  }
  directory.write("beach.jpg", whole);
  EXPECT_EQ(content_of(chat(server, request)), lone_answer("beach.jpg", text));
}

/// 67 pictures of one size under one prompt, all at once and again in another order: servers that
/// know pictures by their placeholders answer all of them about the first.
TEST(Faults, PicturesAreNeverMixedUp) {
  constexpr int kPictures = 67;
  const std::string text = "What is in this picture?";
  Engine alone = Engine::load("glance", {.device = "cpu", .prefix_cache = false});
  std::vector<std::string> requests;
  std::vector<double> wanted;  // the log-probability of the first token, which tells them apart
  for (std::uint32_t i = 0; i < kPictures; ++i) {
    const ImageBytes image = bench_photo({160, 120}, 100 + i);
    const std::string_view jpeg(reinterpret_cast<const char*>(image.bytes.data()),
                                image.bytes.size());
    requests.push_back(json::serialize(
        json::object{{"messages", json::array{user_message({picture_part(jpeg), text_part(text)})}},
                     {"max_tokens", 4},
                     {"temperature", 0},
                     {"logprobs", true}}));
    Request request;
    request.messages = {{"user", {image, text}}};
    request.max_tokens = 4;
    request.logprobs = 0;
    request.sampling.temperature = 0.0;
    wanted.push_back(alone.generate(request).logprobs.at(0).token.logprob);
  }
  ASSERT_EQ(std::set(wanted.begin(), wanted.end()).size(), kPictures);
  // Room for the embeddings of a few only: some are encoded anew.
  const RunningServer server({"--vision-cache", "1M"});
  std::vector<int> order(2 * kPictures);
  for (int i = 0; i < 2 * kPictures; ++i) order[i] = i % kPictures;
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::vector<std::jthread> clients;
  for (const int index : order) {
    clients.emplace_back([&, index] {
      guarded([&] {
        const TestResponse response = server.ask("POST", "/v1/chat/completions", requests[index]);
        ASSERT_EQ(response.status, 200) << response.body;
        const json::value answer = json::parse(response.body);
        const json::value& first = answer.at("choices").at(0).at("logprobs").at("content").at(0);
        // Numbers lose the last bit on their way through JSON.
        EXPECT_DOUBLE_EQ(first.at("logprob").to_number<double>(), wanted[index]);
      });
    });
  }
}

}  // namespace
}  // namespace saccade::server
