// Standard streams that are closed, full or go away.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "model_copy.h"
#include "process.h"

namespace saccade::cli {
namespace {

std::vector<std::string> question() {
  return {"run", golden_model(), "Hi", "--image", golden_image(), "--max-tokens", "4"};
}

TEST(Streams, ClosedStandardInputIsNotNeededForAnArgument) {
  const Outcome outcome = run_program(Invocation{question(), "", {}, {0}, ""});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
}

TEST(Streams, ClosedStandardInputCannotBeThePromptOrAPicture) {
  expect_refused(run_program(Invocation{{"run", golden_model()}, "", {}, {0}, ""}), 2, "PROMPT");
  expect_refused(
      run_program(Invocation{{"run", golden_model(), "Hi", "--image", "-"}, "", {}, {0}, ""}), 1,
      "standard input");
}

TEST(Streams, ClosedStandardOutputIsAnError) {
  expect_refused(run_program(Invocation{question(), "", {}, {1}, ""}), 1, "standard output");
}

TEST(Streams, AllClosedIsNoCrash) {
  const Outcome outcome = run_program(Invocation{question(), "", {}, {0, 1, 2}, ""});
  EXPECT_EQ(outcome.status, 1);
}

TEST(Streams, AFullDiskIsAnError) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  for (const std::vector<std::string>& line :
       {question(), std::vector<std::string>{"devices"}, std::vector<std::string>{"--help"},
        std::vector<std::string>{"inspect", golden_model(), "--json"}}) {
    expect_refused(run_program(Invocation{line, "", {}, {}, "/dev/full"}), 1, "standard output");
  }
}

TEST(Streams, AReaderThatGoesAwayEndsTheProgramQuietly) {
  int out[2];
  int err[2];
  ASSERT_EQ(pipe(out) + pipe(err), 0);
  close(out[0]);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    become_program(question());
  }
  close(out[1]);
  close(err[1]);
  char byte = 0;
  EXPECT_EQ(read(err[0], &byte, 1), 0) << "nothing on standard error";
  int wait_status = 0;
  waitpid(child, &wait_status, 0);
  EXPECT_EQ(shell_status(wait_status), 1);
}

}  // namespace
}  // namespace saccade::cli
