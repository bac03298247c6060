// saccade convert: what a person types and sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "model_copy.h"
#include "process.h"

namespace saccade::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::size_t things_in(const TemporaryDirectory& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
}

TEST(Convert, PrintsWhatItWroteAndTheModelAnswers) {
  const TemporaryDirectory folder;
  const std::string to = folder.file("glance-4bit");
  const Outcome outcome = run_program({"convert", "glance", to, "--quantize", "4", "--mixed"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, to + "\n");
  EXPECT_EQ(outcome.err, "");
  const Outcome answer = run_program({"run", to, "What is this?", "--max-tokens", "4"});
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_NE(answer.out, "\n");
}

TEST(Convert, GgufWithItsTowerBeside) {
  const TemporaryDirectory folder;
  const std::string to = folder.file("glance.gguf");
  const Outcome outcome = run_program({"convert", "glance", to, "--quantize", "q8_0"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, to + "\n" + folder.file("mmproj-glance.gguf") + "\n");
  const std::vector<std::string> question = {"What is this?", "--image", golden_image(),
                                             "--max-tokens", "4"};
  const auto answer = [&](const std::string& model) {
    std::vector<std::string> line = {"run", model};
    line.insert(line.end(), question.begin(), question.end());
    return run_program(line);
  };
  EXPECT_EQ(answer(to).status, 0) << answer(to).err;
}

TEST(Convert, RefusalsLeaveNothing) {
  const TemporaryDirectory folder;
  const std::string to = folder.file("out");
  expect_refused(run_program({"convert", "glance", to, "--quantize", "7"}), 2, "--quantize");
  expect_refused(run_program({"convert", "glance", to, "--quantize", "q4_k"}), 2, ".gguf");
  expect_refused(run_program({"convert", "glance", to + ".gguf", "--quantize", "4"}), 2, "q4_k");
  expect_refused(run_program({"convert", "glance", to, "--group-size", "64"}), 2, "--quantize");
  expect_refused(run_program({"convert", "glance", to, "--dtype", "f8"}), 2, "bf16");
  expect_refused(run_program({"convert", "/no/such/model", to}), 1, "/no/such/model");
  expect_refused(run_program({"convert", "glance", folder.file("no/such/place")}), 1, "no/such");
  EXPECT_EQ(things_in(folder), 0u);
  expect_refused(run_program({"convert", "glance", folder.file("")}), 1, "is there already");
}

TEST(Convert, AFullDiskIsOneLine) {
  const TemporaryDirectory folder;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 1'000'000;
  setrlimit(RLIMIT_FSIZE, &small);
  const Outcome directory = run_program({"convert", "glance", folder.file("out")});
  const Outcome gguf = run_program({"convert", "glance", folder.file("out.gguf")});
  setrlimit(RLIMIT_FSIZE, &before);
  expect_refused(directory, 1, "no room");
  expect_refused(gguf, 1, "no room");
  EXPECT_EQ(things_in(folder), 0u);
}

TEST(Convert, InterruptedLeavesNothing) {
  const TemporaryDirectory folder;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // IQ4_XS searches long enough to be caught at it.
    become_program({"convert", "glance", folder.file("out.gguf"), "--quantize", "iq4_xs",
                    "--quantize-towers", "--threads", "1"});
  }
  while (things_in(folder) == 0) usleep(1000);
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  if (shell_status(status) != 0) {
    EXPECT_EQ(shell_status(status), 130);
    EXPECT_EQ(things_in(folder), 0u);
  }
}

}  // namespace
}  // namespace saccade::cli
