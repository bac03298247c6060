// saccade compare, from its files to what it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>

#include "base/json.h"
#include "model_copy.h"
#include "process.h"
#include "terminal.h"

namespace saccade::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

std::string golden(const std::string& name) {
  return std::string(SACCADE_SOURCE_DIR) + "/tests/goldens/" + name;
}

class Compare : public testing::Test {
 protected:
  Compare() {
    folder_.write("prompts.txt", "# two\nWhat is it?\n\nWhere is it?\n");
    std::filesystem::create_directory(folder_.file("pictures"));
    for (const char* name : {"odd_61x97.png", "even_112x84.png"}) {
      std::filesystem::copy_file(golden_image(name), folder_.file("pictures/") + name);
    }
  }

  std::vector<std::string> line(const std::string& a, const std::string& b,
                                const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "compare", a, b, "--prompts", folder_.file("prompts.txt"), "--max-tokens", "5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  TemporaryDirectory folder_;
  const std::string model_ = golden_model();
};

TEST_F(Compare, AModelWithItself) {
  const Outcome outcome = run_program(line(model_, model_, {"--images", folder_.file("pictures")}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  for (const char* text :
       {"A  ", "B\n", "100.0 % of A", "image encoding", "prefill", "decode", "in 4 answers of A",
        "KL(A||B) mean        0 nats", "100.00 % of positions", "100.00 % of answers"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
}

TEST_F(Compare, ActivationsAsJson) {
  const std::string quantized = golden("gguf/llama_quantized.gguf");
  const Outcome outcome =
      run_program(line(quantized, quantized, {"--activations-a", "f32", "--json"}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const json::object report = parse_json(outcome.out, "output").as_object();
  EXPECT_EQ(report.at("questions"), 2);
  EXPECT_EQ(report.at("a").at("bytes"), report.at("b").at("bytes"));
  EXPECT_GT(report.at("kl_divergence").at("mean").to_number<double>(), 0.0);
  EXPECT_LT(report.at("kl_divergence").at("mean").to_number<double>(), 0.05);
  EXPECT_GT(report.at("b").at("decode_tokens_per_second").to_number<double>(), 0.0);
}

TEST_F(Compare, MistakesAreOneLine) {
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& text) {
    expect_refused(run_program(arguments), 1, text);
  };
  refused(line("/no/such/model", model_), "/no/such/model");
  refused(line(model_, "/no/such/model"), "/no/such/model");
  refused({"compare", model_, model_, "--prompts", "/no/prompts"}, "/no/prompts: cannot be opened");
  refused({"compare", model_, model_, "--prompts", folder_.file("pictures")}, "found a directory");
  refused({"compare", model_, model_, "--prompts", folder_.write("empty", "# nothing\n")},
          "no prompts");
  refused(line(model_, model_, {"--images", "/no/pictures"}), "/no/pictures: wanted a directory");
  refused(line(model_, model_, {"--images", folder_.file("prompts.txt")}), "wanted a directory");
  std::filesystem::create_directory(folder_.file("bare"));
  refused(line(model_, model_, {"--images", folder_.file("bare")}), "bare: no pictures");
  folder_.write("pictures/fake.jpg", "no picture");
  refused(line(model_, model_, {"--images", folder_.file("pictures")}), "fake.jpg");
}

TEST_F(Compare, DifferentTokenizersAreOneLine) {
  expect_refused(run_program(line(model_, golden("llama/saved_f32"))), 1,
                 "read the same prompt as different tokens");
}

TEST_F(Compare, TemporaryFilesThatCannotBeAreOneLine) {
  expect_refused(run_program(Invocation{line(model_, model_), "", {"TMPDIR=/no/place"}, {}, ""}), 1,
                 "/no/place: cannot make a temporary file");
}

TEST_F(Compare, WrongUsage) {
  expect_refused(run_program({"compare", model_, model_}), 2, "--prompts");
  expect_refused(run_program({"compare", model_, "--prompts", "x"}), 2, "B");
  expect_refused(run_program(line(model_, model_, {"--activations-b", "f16"})), 2,
                 "--activations-b: wanted int8 or f32");
  expect_refused(run_program(line(model_, model_, {"--max-pixels", "0"})), 2, "--max-pixels");
}

TEST_F(Compare, CtrlCEndsIt) {
  std::string prompts;
  for (int i = 0; i < 20'000; ++i) prompts += "What is it?\n";
  folder_.write("prompts.txt", prompts);
  Terminal terminal(line(model_, model_, {"--threads", "1"}));
  terminal.wait_for("question");
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait_for_end(), 130);
  EXPECT_EQ(terminal.screen().find("saccade: "), std::string::npos) << "no error message";
  EXPECT_EQ(terminal.screen().find("KL("), std::string::npos) << "no report";
}

}  // namespace
}  // namespace saccade::cli
