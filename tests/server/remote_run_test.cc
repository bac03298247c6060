// `saccade run`, `saccade chat` and `saccade bench-serve` with --server: a server's answers.
#include <gmock/gmock.h>

#include "base/json.h"
#include "cli/process.h"
#include "cli/terminal.h"
#include "server/chat_requests.h"
#include "server/running_server.h"

namespace saccade::server {
namespace {

namespace json = boost::json;
using cli::Outcome;
using cli::run_program;
using testing::HasSubstr;

const std::string kQuestion = "Describe this image in detail.";

std::string url_of(const RunningServer& server) {
  return "http://127.0.0.1:" + std::to_string(server.port());
}

TEST(RemoteRun, SaysWhatTheModelSaysHere) {
  const RunningServer server;
  const std::vector<std::string> asked = {"run", "glance", kQuestion, "--image",
                                          picture_path("beach.jpg")};
  const Outcome here = run_program(asked);
  // As clients of OpenAI write it.
  for (const std::string end : {"", "/v1", "/v1/"}) {
    std::vector<std::string> remotely = asked;
    remotely.insert(remotely.end(), {"--server", url_of(server) + end});
    const Outcome there = run_program(remotely);
    EXPECT_EQ(there.status, 0) << there.err;
    EXPECT_EQ(there.out, here.out);
  }
}

TEST(RemoteRun, PrintsInJsonWhatServersTell) {
  const RunningServer server;
  const std::vector<std::string> asked = {
      "run",    "glance",   kQuestion,      "--image", picture_path("beach.jpg"),
      "--json", "--server", url_of(server), "--regex", "[a-z]{3} [0-9]"};
  (void)run_program(asked);
  const Outcome outcome = run_program(asked);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const json::object said = parse_json(outcome.out, "output").as_object();
  EXPECT_THAT(std::string(said.at("text").as_string()), testing::MatchesRegex("[a-z]{3} [0-9]"));
  EXPECT_EQ(said.at("finish_reason"), "stop");
  const json::object& usage = said.at("usage").as_object();
  EXPECT_GT(usage.at("prompt_tokens").as_int64(), 100);
  EXPECT_EQ(usage.at("cached_tokens").as_int64(), usage.at("prompt_tokens").as_int64() - 1);
  EXPECT_GT(usage.at("completion_tokens").as_int64(), 1);
  EXPECT_GT(said.at("timings").at("ttft_ms").to_number<double>(), 0.0);
  // What no server tells is not there, rather than nought.
  EXPECT_FALSE(said.contains("token_ids"));
  EXPECT_FALSE(usage.contains("image_tokens"));
}

TEST(RemoteRun, SendsTheKeyAndSaysWhatTheServerSays) {
  const RunningServer server({"--api-key", "sesame"});
  const auto ask = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", "glance", "Hello", "--server", url_of(server)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  cli::expect_refused(ask({}), 1, "an API key is needed");
  cli::expect_refused(ask({"--api-key", "other"}), 1, "is not one of this server's");
  EXPECT_EQ(ask({"--api-key", "sesame"}).status, 0);
  cli::expect_refused(
      run_program({"run", "other", "Hello", "--server", url_of(server), "--api-key", "sesame"}), 1,
      "there is no model \"other\" here");
  cli::expect_refused(ask({"--api-key", "sesame", "--json", "--logprobs", "1"}), 2, "--logprobs");
}

TEST(RemoteRun, SaysWhichServerIsNotThere) {
  cli::expect_refused(run_program({"run", "glance", "Hello", "--server", "http://127.0.0.1:1"}), 1,
                      "http://127.0.0.1:1");
  cli::expect_refused(run_program({"run", "glance", "Hello", "--server", "127.0.0.1:1"}), 2,
                      "wanted a URL");
}

TEST(RemoteChat, KeepsItsPictureForTheSecondTurn) {
  const RunningServer server;
  cli::Terminal terminal({"chat", "glance", "--server", url_of(server), "--image",
                          picture_path("beach.jpg"), "--max-tokens", "40"});
  terminal.wait_for("> ");
  terminal.type(kQuestion + "\n");
  terminal.wait_for("\r\n");  // the terminal's echo
  EXPECT_THAT(terminal.wait_for("> "), HasSubstr("palm tree"));
  terminal.type("Describe it as JSON.\n");
  terminal.wait_for("\r\n");
  terminal.wait_for("> ");
  terminal.type("\x04");
  EXPECT_EQ(terminal.wait_for_end(), 0);
  EXPECT_TRUE(server.logs("cached_images=1")) << server.log();
}

TEST(RemoteBenchmark, MeasuresAServerThatRuns) {
  const RunningServer server;
  const Outcome outcome = run_program({"bench-serve", "--server", url_of(server), "--picture",
                                       "56x56", "--streams", "2", "--repeat", "1",
                                       "--answer-tokens", "8", "--system-tokens", "200", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const json::object report = parse_json(outcome.out, "output").as_object();
  EXPECT_EQ(report.at("different"), 0);
  EXPECT_GT(report.at("compared").as_int64(), 2);
  std::vector<std::string> measured;
  for (const json::value& row : report.at("rows").as_array()) {
    measured.emplace_back(row.at("what").as_string());
    EXPECT_GT(row.at("p99").to_number<double>(), 0.0) << measured.back();
  }
  EXPECT_THAT(measured, testing::IsSupersetOf({"new picture", "same request again", "second turn",
                                               "gap between tokens, idle", "2 streams"}));
}

}  // namespace
}  // namespace saccade::server
