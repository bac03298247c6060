#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/output.h"

namespace saccade::cli {
namespace {

std::string stderr_of(const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

int run_line(std::vector<const char*> arguments) {
  return run_cli(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ErrorLine, IsOneLineWithTheProgramsName) {
  EXPECT_EQ(stderr_of([] { write_error_line("config.json:\nnot JSON"); }),
            "saccade: config.json: not JSON\n");
}

TEST(ErrorLine, UsageErrorsPointToTheHelp) {
  EXPECT_EQ(stderr_of([] {
              EXPECT_EQ(run_line({"saccade", "inspect"}), kUsageError);
            }),
            "saccade: MODEL is required; see saccade inspect --help\n");
}

TEST(ErrorLine, MissingModelsAreFailures) {
  const std::string text = stderr_of([] {
    EXPECT_EQ(run_line({"saccade", "inspect", "/no/such/model"}), kFailure);
  });
  EXPECT_TRUE(text.starts_with("saccade: /no/such/model: ")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

}  // namespace
}  // namespace saccade::cli
