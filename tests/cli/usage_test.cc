// Help, versions and command lines that make no sense.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model_copy.h"
#include "process.h"

namespace saccade::cli {
namespace {

using testing::HasSubstr;

TEST(Help, IsThereForTheProgramAndEachCommand) {
  const Outcome all = run_program({"--help"});
  EXPECT_EQ(all.status, 0);
  EXPECT_EQ(all.err, "");
  for (const char* command :
       {"run", "chat", "serve", "bench-serve", "photos", "tokens", "tokenize", "inspect", "compare",
        "bench", "devices", "families", "formats", "template", "grammar", "convert", "pull"}) {
    EXPECT_THAT(all.out, HasSubstr(std::string("\n  ") + command));
    const Outcome one = run_program({command, "--help"});
    EXPECT_EQ(one.status, 0);
    EXPECT_EQ(one.err, "");
    EXPECT_THAT(one.out, HasSubstr(std::string("saccade ") + command));
    EXPECT_THAT(one.out, HasSubstr("--help"));
  }
}

TEST(Help, NamesEveryOptionOfRun) {
  const Outcome help = run_program({"run", "-h"});
  for (const char* option : {"MODEL",
                             "PROMPT",
                             "--image",
                             "--system",
                             "--max-tokens",
                             "--temperature",
                             "--top-p",
                             "--top-k",
                             "--min-p",
                             "--repetition-penalty",
                             "--seed",
                             "--stop",
                             "--min-pixels",
                             "--max-pixels",
                             "--max-image-pixels",
                             "--device",
                             "--batch-invariant",
                             "--threads",
                             "--logprobs",
                             "--json"}) {
    EXPECT_THAT(help.out, HasSubstr(option));
  }
}

TEST(Version, IsOneLine) {
  const Outcome version = run_program({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("saccade ")) << version.out;
}

TEST(Usage, MistakesAreOneLineAndStatusTwo) {
  const std::string model = golden_model();
  expect_refused(run_program(std::vector<std::string>{}), 2, "see saccade --help");
  expect_refused(run_program({"walk"}), 2, "see saccade --help");
  expect_refused(run_program({"run"}), 2, "MODEL");
  expect_refused(run_program({"run", model, "Hi", "--colour", "red"}), 2, "--colour");
  expect_refused(run_program({"run", model, "Hi", "there"}), 2, "there");
  expect_refused(run_program({"run", model, "Hi", "--image"}), 2, "--image");
  expect_refused(run_program({"run", model, "Hi", "--max-tokens", "many"}), 2, "--max-tokens");
  expect_refused(run_program({"run", model, "Hi", "--max-tokens", "-1"}), 2, "--max-tokens");
  expect_refused(run_program({"run", model, "Hi", "--temperature", "nan"}), 2, "--temperature");
  expect_refused(run_program({"run", model, "Hi", "--seed", "1.5"}), 2, "--seed");
  expect_refused(run_program({"run", model, "Hi", "--threads", "0"}), 2, "--threads");
  expect_refused(run_program({"run", model, "Hi", "--logprobs", "3"}), 2, "--json");
  expect_refused(run_program({"run", "", "Hi"}), 2, "MODEL");
  expect_refused(run_program({"run", model, ""}), 2, "PROMPT");
  expect_refused(run_program({"devices", "please"}), 2, "please");
}

/// Options of the one that does not answer would do nothing.
TEST(Usage, AServerTakesNoOptionsOfAModelHere) {
  const std::vector<std::vector<std::string>> commands = {
      {"run", "glance", "Hi"}, {"chat", "glance"}, {"bench-serve"}};
  const auto refused = [](std::vector<std::string> arguments, const std::vector<std::string>& more,
                          const std::string& text) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refused(run_program(arguments), 2, text);
  };
  const std::string server = "http://127.0.0.1:1";
  for (const std::vector<std::string>& command : commands) {
    refused(command, {"--threads", "2", "--server", server}, "--threads");
    refused(command, {"--server", server, "--device", "cpu"}, "--device");
    refused(command, {"--server", server, "--batch-invariant"}, "--batch-invariant");
    refused(command, {"--server", server, "--kv-memory", "1G"}, "--kv-memory");
    refused(command, {"--api-key", "sesame"}, "--api-key");
  }
  for (const std::vector<std::string>& command : {commands[0], commands[1]}) {
    refused(command, {"--server", server, "--activations", "f32"}, "--activations");
    refused(command, {"--server", server, "--mmproj", "file"}, "--mmproj");
    refused(command, {"--server", server, "--fast-decode"}, "--fast-decode");
    refused(command, {"--server", server, "--max-image-pixels", "9"}, "--max-image-pixels");
    refused(command, {"--server", server, "--tower-precision", "int8"}, "--tower-precision");
    refused(command, {"--server", server, "--kv-bits", "8"}, "--kv-bits");
    refused(command, {"--server", server, "--cache-dir", "here"}, "--cache-dir");
    refused(command, {"--server", server, "--cache-dir-size", "1G"}, "--cache-dir-size");
  }
  refused({"bench-serve", "glance"}, {"--model", "other"}, "--model");
}

TEST(Usage, SettingsOutOfRangeAreUsageErrors) {
  const std::string model = golden_model();
  expect_refused(run_program({"run", model, "Hi", "--temperature", "-1"}), 2, "temperature");
  expect_refused(run_program({"run", model, "Hi", "--top-p", "1.5"}), 2, "top");
  expect_refused(run_program({"run", model, "Hi", "--min-p", "2"}), 2, "min");
  expect_refused(run_program({"run", model, "Hi", "--repetition-penalty", "0"}), 2, "penalty");
  expect_refused(run_program({"run", model, "Hi", "--json", "--logprobs", "1000000"}), 2,
                 "logprobs");
  expect_refused(run_program({"run", model, "Hi", "--image", golden_image(), "--min-pixels", "4000",
                              "--max-pixels", "3000"}),
                 2, "min-pixels");
}

TEST(Usage, UnknownInstructionSetIsNamedWithThoseBuilt) {
  expect_refused(run_program(Invocation{{"devices"}, "", {"SACCADE_ISA=mmx"}, {}, ""}), 2, "mmx");
  expect_refused(
      run_program(Invocation{{"run", golden_model(), "Hi"}, "", {"SACCADE_ISA=mmx"}, {}, ""}), 2,
      "scalar");
}

TEST(Usage, StandardInputIsReadOnce) {
  const std::string picture = read_file(golden_image());
  const std::string model = golden_model();
  const auto with_input = [&](std::vector<std::string> arguments) {
    return run_program(Invocation{std::move(arguments), picture, {}, {}, ""});
  };
  expect_refused(with_input({"run", model, "Hi", "--image", "-", "--image", "-"}), 2, "once");
  expect_refused(with_input({"run", model, "-", "--image", "-"}), 2, "once");
  expect_refused(with_input({"run", model, "--image", "-"}), 2, "PROMPT");
  expect_refused(run_program({"run", model}), 2, "standard input is empty");
}

}  // namespace
}  // namespace saccade::cli
