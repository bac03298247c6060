// Several models in one server.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <thread>

#include "goldens.h"
#include "guarded.h"
#include "patience.h"
#include "server/running_server.h"

namespace saccade::server {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;

const std::string kOther = goldens::root() / "qwen3" / "saved_f32";

// Room for one of the two: weights are small, but a step needs 64 MiB beside them.
const std::vector<std::string> kRoomForOne = {"--memory-budget", "150M", "--kv-memory", "16M",
                                              "--vision-cache",  "16M"};

/// glance, and another model under the name "other".
std::vector<std::string> with_other(std::vector<std::string> options = {}) {
  options.insert(options.begin(), {kOther + "=other", "--device", "cpu"});
  return options;
}

json::object completion(const std::string& model, int tokens = 24) {
  return {{"model", model},     {"prompt", "one two three"}, {"max_tokens", tokens},
          {"ignore_eos", true}, {"temperature", 1.0},        {"seed", 7}};
}

std::string answer(const RunningServer& server, const std::string& model) {
  const TestResponse response =
      server.ask("POST", "/v1/completions", json::serialize(completion(model)));
  EXPECT_EQ(response.status, 200) << response.body;
  const json::value body = json::parse(response.body);
  EXPECT_EQ(body.at("model").as_string(), model.c_str());
  return std::string(body.at("choices").at(0).at("text").as_string());
}

/// What a model answers that has a server of its own.
const std::string& lone_answer(const std::string& model) {
  static const std::string kGlance = answer(RunningServer({"--device", "cpu"}), "glance");
  static const std::string kOtherAnswer =
      answer(RunningServer({"--device", "cpu", "--name", "other"}, true, kOther), "other");
  return model == "glance" ? kGlance : kOtherAnswer;
}

std::string state_of(const RunningServer& server, const std::string& model) {
  const json::value body = json::parse(server.ask("GET", "/v1/models/" + model).body);
  return std::string(body.at("state").as_string());
}

TestResponse admin(const RunningServer& server, const std::string& what, const std::string& model) {
  return server.ask("POST", "/v1/admin/models/" + what,
                    json::serialize(json::object{{"model", model}}));
}

bool wait_for_state(const RunningServer& server, const std::string& model,
                    const std::string& state) {
  return eventually([&] { return state_of(server, model) == state; });
}

TEST(Models, AnswerByTheirNames) {
  const RunningServer server(with_other());
  EXPECT_THAT(server.first_line(), HasSubstr("Saccade serves glance, other at http://"));
  ASSERT_TRUE(wait_for_state(server, "other", "loaded"));
  for (const char* model : {"glance", "other", "glance"}) {
    EXPECT_EQ(answer(server, model), lone_answer(model));
  }
  // The first one answers who names none.
  json::object request = completion("");
  request.erase("model");
  const TestResponse first = server.ask("POST", "/v1/completions", json::serialize(request));
  EXPECT_EQ(json::parse(first.body).at("model"), "glance");

  const json::value list = json::parse(server.ask("GET", "/v1/models").body);
  ASSERT_EQ(list.at("data").as_array().size(), 2u);
  EXPECT_EQ(list.at("data").at(1).at("id"), "other");
  const json::value status = json::parse(server.ask("GET", "/v1/admin/status").body);
  EXPECT_EQ(status.at("requests").at("finished"), 4);
  EXPECT_EQ(status.at("models").at(0).at("requests").at("finished"), 3);
  EXPECT_EQ(status.at("models").at(1).at("tokens").at("completion"), 24);
  const std::string metrics = server.ask("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("saccade_requests_finished_total{model=\"glance\"} 3"));
  EXPECT_THAT(metrics, HasSubstr("saccade_time_to_first_token_seconds_count{model=\"other\"} 1"));
  EXPECT_TRUE(server.logs("model=\"other\"")) << server.log();
}

TEST(Models, AreNamedWhereOneIsNotThere) {
  const RunningServer server(with_other());
  const std::string body = json::serialize(completion("third"));
  const TestResponse openai = server.ask("POST", "/v1/completions", body);
  EXPECT_EQ(openai.status, 404);
  EXPECT_EQ(json::parse(openai.body).at("error").at("code"), "model_not_found");
  EXPECT_THAT(openai.body, HasSubstr("this server has glance, other"));
  const TestResponse anthropic = server.ask("POST", "/v1/messages", body);
  EXPECT_EQ(anthropic.status, 404);
  EXPECT_EQ(json::parse(anthropic.body).at("error").at("type"), "not_found_error");
  EXPECT_THAT(anthropic.body, HasSubstr("this server has glance, other"));
  EXPECT_EQ(admin(server, "load", "third").status, 404);
}

TEST(Models, TakeTurnsWithinABudget) {
  const RunningServer server(with_other(kRoomForOne));
  EXPECT_EQ(state_of(server, "glance"), "loaded");
  EXPECT_EQ(state_of(server, "other"), "unloaded");
  for (int round = 0; round < 3; ++round) {
    for (const char* model : {"other", "glance"}) {
      EXPECT_EQ(answer(server, model), lone_answer(model));
      EXPECT_EQ(state_of(server, model), "loaded");
    }
    EXPECT_EQ(state_of(server, "other"), "unloaded");
  }
  EXPECT_EQ(json::parse(server.ask("GET", "/health").body).at("status"), "ready");
  EXPECT_TRUE(server.logs("event=unload model=\"glance\"")) << server.log();

  std::vector<std::jthread> clients;
  for (int client = 0; client < 6; ++client) {
    clients.emplace_back([&server, client] {
      guarded([&] {
        for (int i = 0; i < 4; ++i) {
          const char* model = (client + i) % 2 == 0 ? "glance" : "other";
          EXPECT_EQ(answer(server, model), lone_answer(model));
        }
      });
    });
  }
}

/// Unloads a model once its requests have ended: a client has its answer before the server has put
/// the request away. Returns the model's state then.
std::string unload_once_idle(const RunningServer& server, const std::string& name) {
  TestResponse unloaded;
  eventually([&] {
    unloaded = admin(server, "unload", name);
    return unloaded.status == 200;
  });
  return std::string(json::parse(unloaded.body).at("state").as_string());
}

TEST(Models, AreUnloadedAndLoadedOnDemandAlsoWhenSealed) {
  const RunningServer server(with_other({"--sealed"}));
  ASSERT_TRUE(wait_for_state(server, "other", "loaded"));
  const std::string before = answer(server, "other");
  TestClient client(server.port());
  json::object endless = completion("other", 100000);
  endless["stream"] = true;
  client.request("POST", "/v1/completions", json::serialize(endless));
  ASSERT_TRUE(client.read_until("text"));
  const TestResponse busy = admin(server, "unload", "other");
  EXPECT_EQ(busy.status, 409);
  EXPECT_EQ(json::parse(busy.body).at("error").at("code"), "model_in_use");
  client.close();
  EXPECT_EQ(unload_once_idle(server, "other"), "unloaded");
  EXPECT_EQ(state_of(server, "glance"), "loaded");
  EXPECT_EQ(answer(server, "other"), before);
  EXPECT_EQ(unload_once_idle(server, "other"), "unloaded");
  const TestResponse loaded = admin(server, "load", "other");
  EXPECT_EQ(loaded.status, 200);
  EXPECT_EQ(json::parse(loaded.body).at("state"), "loaded");
  EXPECT_EQ(answer(server, "other"), before);
}

TEST(Models, AreTriedAgainWhenTheirFilesWereRepaired) {
  const TemporaryDirectory directory;
  fs::copy(kOther, directory.path());
  fs::remove(directory.path() / "tokenizer.json");
  const RunningServer server({directory.path().string() + "=other", "--device", "cpu"});
  ASSERT_TRUE(wait_for_state(server, "other", "failed"));
  // The other one answers all the same, and why this one does not is told to whoever looks.
  EXPECT_EQ(answer(server, "glance"), lone_answer("glance"));
  const json::value health = json::parse(server.ask("GET", "/health").body);
  EXPECT_EQ(health.at("status"), "ready");
  EXPECT_THAT(std::string(health.at("reason").as_string()), HasSubstr("other: "));
  const std::string request = json::serialize(completion("other"));
  const TestResponse refused = server.ask("POST", "/v1/completions", request);
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("the model could not be loaded"));
  EXPECT_EQ(admin(server, "load", "other").status, 503);
  fs::copy(fs::path(kOther) / "tokenizer.json", directory.path());
  EXPECT_EQ(admin(server, "load", "other").status, 200);
  EXPECT_EQ(answer(server, "other"), lone_answer("other"));
}

TEST(Models, ThatCanNeverBeLoadedAreRefusedAtOnce) {
  const auto start = [](const std::vector<std::string>& options) -> std::string {
    try {
      const RunningServer server(options);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "it started";
  };
  EXPECT_THAT(start(with_other({"--memory-budget", "100M"})),
              HasSubstr("--memory-budget: glance needs "));
  EXPECT_THAT(start({"glance"}), HasSubstr("are both called \"glance\""));
  EXPECT_THAT(start(with_other({"--name", "x"})), HasSubstr("--name"));
  EXPECT_THAT(start(with_other({"--mmproj", "x.gguf"})), HasSubstr("--mmproj"));
}

TEST(Models, AllFinishWhatRunsWhenTheServerIsStopped) {
  RunningServer server(with_other());
  TestClient clients[2] = {TestClient(server.port()), TestClient(server.port())};
  for (const auto& [client, model] :
       {std::pair(&clients[0], "glance"), std::pair(&clients[1], "other")}) {
    json::object request = completion(model, 300);
    request["stream"] = true;
    client->request("POST", "/v1/completions", json::serialize(request));
    ASSERT_TRUE(client->read_until("text"));
  }
  server.send_signal(SIGTERM);
  for (TestClient& client : clients) {
    const auto response = client.read();
    ASSERT_TRUE(response);
    EXPECT_THAT(response->body, HasSubstr("\"finish_reason\":\"length\""));
    EXPECT_THAT(response->body, testing::EndsWith("data: [DONE]\n\n"));
  }
  EXPECT_EQ(server.wait(), 0);
}

}  // namespace
}  // namespace saccade::server
