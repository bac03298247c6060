// saccade bench, and --device on every command that computes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "model_copy.h"
#include "process.h"

namespace saccade::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

json::object bench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "--device", "cpu", "--repeat", "1", "--json"});
  const Outcome outcome = run_program(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return parse_json(outcome.out, "output").as_object();
}

std::vector<std::string> names_of(const json::object& report) {
  std::vector<std::string> names;
  for (const json::value& row : report.at("rows").as_array()) {
    names.emplace_back(row.at("what").as_string());
  }
  return names;
}

TEST(BenchCommand, MeasuresWhatIsAskedFor) {
  const json::object report =
      bench({"--random", "tiny", "--weights", "mlx4", "--prompt-tokens", "10,20", "--gen-tokens",
             "3", "--batch", "1,2", "--context", "9", "--image", "56x56,84x56"});
  EXPECT_THAT(names_of(report),
              testing::ElementsAre("load", "first_token", "media", "vision", "media", "vision",
                                   "prefill", "prefill", "decode", "decode", "memory"));
  EXPECT_EQ(report.at("machine").at("name"), "cpu");
  EXPECT_FALSE(report.at("machine").as_object().contains("rooflines"));
  const json::object& decode = report.at("rows").at(9).as_object();
  EXPECT_EQ(decode.at("batch"), 2);
  EXPECT_EQ(decode.at("context"), 9);
  EXPECT_EQ(decode.at("tokens"), 3);
  EXPECT_GT(decode.at("median").to_number<double>(), 0.0);
  EXPECT_FALSE(decode.contains("share"));
}

TEST(BenchCommand, ComparesWithTheDevicesLimits) {
  const json::object report = bench({golden_model(), "--prefill", "16", "--roofline"});
  const json::object& limits = report.at("machine").at("rooflines").at(0).as_object();
  for (const char* peak :
       {"bytes_per_second", "int8_operations_per_second", "f32_operations_per_second"}) {
    EXPECT_GT(limits.at(peak).to_number<double>(), 0.0);
  }
  const json::object& row = report.at("rows").at(2).as_object();
  EXPECT_EQ(row.at("what"), "prefill");
  const double share = row.at("share").to_number<double>();
  EXPECT_GT(share, 0.0);
  EXPECT_NEAR(share, row.at("median").to_number<double>() / row.at("limit").to_number<double>(),
              1e-4 * share);
}

TEST(BenchCommand, MeasuresWithEachNumberOfThreads) {
  const json::object report =
      bench({"--random", "tiny", "--prefill", "16", "--threads", "2,1", "--roofline"});
  EXPECT_THAT(names_of(report), testing::ElementsAre("load", "first_token", "prefill", "memory",
                                                     "load", "first_token", "prefill", "memory"));
  EXPECT_EQ(report.at("rows").at(2).at("threads"), 2);
  EXPECT_EQ(report.at("rows").at(6).at("threads"), 1);
  EXPECT_EQ(report.at("machine").at("rooflines").at(0).at("threads"), 2);
  EXPECT_EQ(report.at("machine").at("rooflines").at(1).at("threads"), 1);
}

TEST(BenchCommand, HasAMeasurementOfEachKindWithoutOptions) {
  const Outcome outcome = run_program({"bench", "--random", "tiny", "--repeat", "1"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  for (const char* word : {"first_token", "media", "vision", "640x480", "prefill", "512 tokens",
                           "decode", "memory", "keys and values", "energy: "}) {
    EXPECT_THAT(outcome.out, HasSubstr(word));
  }
}

TEST(BenchCommand, MistakesAreUsageErrors) {
  expect_refused(run_program({"bench"}), 2, "MODEL or --random");
  expect_refused(run_program({"bench", golden_model(), "--random", "tiny"}), 2, "both");
  expect_refused(run_program({"bench", "--random", "huge"}), 2, "qwen2.5-vl-7b");
  expect_refused(run_program({"bench", "--random", "tiny", "--weights", "q3"}), 2, "mlx4");
  expect_refused(run_program({"bench", "--random", "tiny", "--image", "big"}), 2, "WxH");
  expect_refused(run_program({"bench", "--random", "tiny", "--image", "0x5"}), 2, "--image");
  expect_refused(run_program({"bench", "--random", "tiny", "--threads", "1,0"}), 2, "--threads");
  expect_refused(run_program({"bench", "--random", "tiny", "--prefill", "5,"}), 2, "--prefill");
  expect_refused(run_program({"bench", "--random", "tiny", "--batch", "300", "--decode", "2"}), 2,
                 "256");
  expect_refused(run_program({"bench", "--random", "tiny", "--repeat", "0"}), 2, "--repeat");
  expect_refused(run_program({"bench", "--random", "tiny", "--prefill", "200000"}), 2, "prefill");
}

TEST(Device, ThatHasNoSuchNameIsAUsageError) {
  const std::string model = golden_model();
  const std::vector<std::vector<std::string>> commands = {
      {"run", model, "Hi"},
      {"tokens", model, "Hi"},
      {"inspect", model},
      {"bench", "--random", "tiny"},
      {"compare", model, model, "--prompts", std::string(SACCADE_SOURCE_DIR) + "/README.md"}};
  for (std::vector<std::string> line : commands) {
    line.insert(line.end(), {"--device", "gpu"});
    expect_refused(run_program(line), 2, "wanted auto, cpu, cuda or cuda:N, found \"gpu\"");
  }
}

TEST(Device, IsTheProcessorWhenThatIsNamed) {
  const Outcome named = run_program(
      {"run", golden_model(), "Hi", "--max-tokens", "3", "--device", "cpu", "--batch-invariant"});
  EXPECT_EQ(named.status, 0) << named.err;
  const Outcome threads =
      run_program({"run", golden_model(), "Hi", "--max-tokens", "3", "--threads", "1"});
  EXPECT_EQ(threads.out, named.out);
}

}  // namespace
}  // namespace saccade::cli
