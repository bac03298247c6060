// Ctrl-C while an answer is on its way.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "model_copy.h"
#include "process.h"
#include "terminal.h"

namespace saccade::cli {
namespace {

/// An answer that goes on until the context is full: what is sampled this hot hardly ever ends. The
/// tiny models' contexts are too short for that, so the copy claims a long one.
std::vector<std::string> endless(const ModelCopy& model) {
  model.replace("config.json", "\"max_position_embeddings\": 2048",
                "\"max_position_embeddings\": 1000000");
  return {"run", model.path(), "Hi", "--temperature", "100",    "--top-k",   "0", "--top-p",
          "1",   "--seed",     "1",  "--max-tokens",  "900000", "--threads", "1"};
}

/// An end token would end it by chance, so the copy names one that there is not.
void never_end(const ModelCopy& model) {
  model.replace("generation_config.json", "306,\n    304", "999,\n    999");
}

TEST(Interrupt, EndsAStreamCleanly) {
  const ModelCopy model;
  never_end(model);
  Terminal terminal(endless(model));
  terminal.wait_for(")\r\n");  // the start line
  terminal.wait_for_bytes(500);
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait_for_end(), 130);
  EXPECT_TRUE(terminal.screen().ends_with("\r\n")) << terminal.screen();
  EXPECT_EQ(terminal.screen().find("saccade: "), std::string::npos) << "no error message";
}

TEST(Interrupt, LeavesNothingHalfWrittenInJson) {
  const ModelCopy model;
  never_end(model);
  std::vector<std::string> arguments = endless(model);
  arguments.emplace_back("--json");
  int out[2];
  ASSERT_EQ(pipe(out), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    std::signal(SIGINT, SIG_DFL);
    become_program(arguments);
  }
  close(out[1]);
  sleep(2);
  kill(child, SIGINT);
  char byte = 0;
  EXPECT_EQ(read(out[0], &byte, 1), 0) << "nothing on standard output";
  int wait_status = 0;
  waitpid(child, &wait_status, 0);
  EXPECT_EQ(shell_status(wait_status), 130);
}

/// A benchmark that has come to what it measures with several clients at once.
Terminal& wait_for_gaps(Terminal& terminal) {
  terminal.wait_for("gaps between tokens");
  return terminal;
}
std::vector<std::string> bench_serve() {
  return {"bench-serve", "glance", "--picture", "56x56", "--repeat", "1", "--streams", "2"};
}

TEST(Interrupt, EndsAServersBenchmarkWithItsServer) {
  Terminal terminal(bench_serve());
  wait_for_gaps(terminal).type("\x03");
  EXPECT_EQ(terminal.wait_for_end(), 130);
  EXPECT_EQ(terminal.screen().find("saccade: "), std::string::npos) << "no error message";
  EXPECT_EQ(terminal.screen().find("p50"), std::string::npos) << "no figures";
}

TEST(Interrupt, BySigtermSaysSo) {
  Terminal terminal(bench_serve());
  wait_for_gaps(terminal).send_signal(SIGTERM);
  EXPECT_EQ(terminal.wait_for_end(), 143);
  EXPECT_TRUE(terminal.screen().ends_with("saccade: ended by a signal: Terminated\r\n"))
      << terminal.screen();
}

}  // namespace
}  // namespace saccade::cli
