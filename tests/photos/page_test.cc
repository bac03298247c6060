// The review page in a browser: runs the scripts of tests/photos/browser.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "node_packages.h"
#include "temporary_directory.h"

namespace saccade::photos {
namespace {

namespace fs = std::filesystem;

/// Runs all cases of a script and expects that they end well; what they measured is printed.
/// Skips the test where node, the browser or Playwright is not there.
void run_cases(const std::string& script) {
  const fs::path source = SACCADE_SOURCE_DIR;
  if (std::system("command -v chromium > /dev/null") != 0) {
    GTEST_SKIP() << "chromium is not installed";
  }
  if (const std::string missing = missing_for_node("playwright-core"); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const TemporaryDirectory directory;
  const std::string output = directory.file("output");
  const fs::path folder = source / "tests" / "photos" / "browser";
  const int status =
      std::system(fmt::format("SACCADE_PROGRAM='{}' node '{}' '{}' > '{}' 2>&1", SACCADE_PROGRAM,
                              (folder / "run.mjs").string(), script, output)
                      .c_str());
  EXPECT_EQ(status, 0);
  fmt::print("{}", read_text_file(output));
}

TEST(Page, ShowsTheDeck) {
  run_cases("deck.mjs");
}

TEST(Page, IsReviewedByKeys) {
  run_cases("review.mjs");
}

TEST(Page, IsLive) {
  run_cases("live.mjs");
}

TEST(Page, WorksWithTheProgram) {
  run_cases("served.mjs");
}

TEST(Page, IsAccessible) {
  run_cases("accessibility.mjs");
}

}  // namespace
}  // namespace saccade::photos
