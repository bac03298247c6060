#include "cli/options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "saccade/error.h"

namespace saccade::cli {
namespace {

PromptOptions parse(std::vector<std::string> arguments) {
  PromptOptions options;
  CLI::App app;
  add_prompt_options(app, options);
  add_answerer_options(app, options);
  add_sampling_options(app, options.request);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  app.parse(arguments);
  return options;
}

TEST(Options, WhatIsNotGivenStaysOpen) {
  const PromptOptions options = parse({"model"});
  EXPECT_EQ(options.model, "model");
  EXPECT_FALSE(options.prompt);
  EXPECT_FALSE(options.system);
  const Request& request = options.request;
  EXPECT_EQ(request.max_tokens, 1024);
  EXPECT_FALSE(request.sampling.temperature || request.sampling.top_p || request.sampling.top_k ||
               request.sampling.min_p || request.sampling.repetition_penalty ||
               request.sampling.seed);
  EXPECT_FALSE(request.min_pixels || request.max_pixels || request.logprobs);
  EXPECT_EQ(options.engine.threads, 0);
  EXPECT_EQ(options.engine.device, "auto");
  EXPECT_FALSE(options.engine.batch_invariant);
}

TEST(Options, NameADevice) {
  const PromptOptions options = parse({"model", "--device", "cuda:1", "--batch-invariant"});
  EXPECT_EQ(options.engine.device, "cuda:1");
  EXPECT_TRUE(options.engine.batch_invariant);
}

TEST(Options, EachReachesItsField) {
  const PromptOptions options = parse({"model",
                                       "What?",
                                       "--system",
                                       "Be brief.",
                                       "--max-tokens",
                                       "7",
                                       "--temperature",
                                       "0.5",
                                       "--top-p",
                                       "0.9",
                                       "--top-k",
                                       "40",
                                       "--min-p",
                                       "0.05",
                                       "--repetition-penalty",
                                       "1.1",
                                       "--seed",
                                       "18446744073709551615",
                                       "--min-pixels",
                                       "784",
                                       "--max-pixels",
                                       "200704",
                                       "--max-image-pixels",
                                       "1000000",
                                       "--fast-decode",
                                       "--tower-precision",
                                       "int8",
                                       "--kv-bits",
                                       "16",
                                       "--threads",
                                       "3"});
  EXPECT_TRUE(options.engine.fast_decode);
  EXPECT_EQ(options.engine.tower_precision, TowerPrecision::kInt8);
  EXPECT_EQ(options.engine.kv_precision, KvPrecision::kInt16);
  EXPECT_EQ(parse({"model"}).engine.kv_precision, KvPrecision::kAuto);
  EXPECT_EQ(parse({"model", "--kv-bits", "8"}).engine.kv_precision, KvPrecision::kInt8);
  EXPECT_EQ(options.prompt, "What?");
  EXPECT_EQ(options.system, "Be brief.");
  const Request& request = options.request;
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_EQ(request.sampling.temperature, 0.5);
  EXPECT_EQ(request.sampling.top_p, 0.9);
  EXPECT_EQ(request.sampling.top_k, 40);
  EXPECT_EQ(request.sampling.min_p, 0.05);
  EXPECT_EQ(request.sampling.repetition_penalty, 1.1);
  EXPECT_EQ(request.sampling.seed, UINT64_MAX);
  EXPECT_EQ(request.min_pixels, 784);
  EXPECT_EQ(request.max_pixels, 200704);
  EXPECT_EQ(options.engine.max_image_pixels, 1000000);
  EXPECT_EQ(options.engine.threads, 3);
}

TEST(Options, PicturesKeepTheirOrderAndLeaveThePromptAlone) {
  const PromptOptions options =
      parse({"model", "--image", "b.png", "--image", "a.png", "What?", "-i", "-"});
  EXPECT_EQ(options.images, (std::vector<std::string>{"b.png", "a.png", "-"}));
  EXPECT_EQ(options.prompt, "What?");
}

TEST(Options, TextsAreTakenAsTheyAre) {
  const PromptOptions options = parse({"model", "[a,b]", "--stop", "[x,y]", "--stop", "\n",
                                       "--stop", "--", "--system", "", "--image", "[1].png"});
  EXPECT_EQ(options.prompt, "[a,b]");
  EXPECT_EQ(options.request.stop, (std::vector<std::string>{"[x,y]", "\n", "--"}));
  EXPECT_EQ(options.system, "");
  EXPECT_EQ(options.images, std::vector<std::string>{"[1].png"});
  EXPECT_EQ(parse({"model", "--", "--stop"}).prompt, "--stop");
  EXPECT_EQ(parse({"model", ""}).prompt, "");
  EXPECT_EQ(parse({"model", "-"}).prompt, "-");
}

TEST(Options, ValuesThatMakeNoSenseAreUsageErrors) {
  for (const char* option : {"--max-tokens", "--top-k", "--seed", "--min-pixels", "--max-pixels",
                             "--max-image-pixels", "--threads"}) {
    EXPECT_THROW(parse({"model", option, "-1"}), Error) << option;
    EXPECT_THROW(parse({"model", option, "many"}), Error) << option;
    EXPECT_THROW(parse({"model", option}), CLI::ParseError) << option;
  }
  for (const char* option : {"--temperature", "--top-p", "--min-p", "--repetition-penalty"}) {
    EXPECT_THROW(parse({"model", option, "nan"}), Error) << option;
    EXPECT_THROW(parse({"model", option, "warm"}), Error) << option;
  }
  EXPECT_THROW(parse({"model", "--tower-precision", "int7"}), Error);
  EXPECT_THROW(parse({"model", "--kv-bits", "4"}), Error);
  EXPECT_THROW(parse({"model", "--threads", "0"}), Error);
  EXPECT_THROW(parse({"model", "--threads", "1025"}), Error);
  EXPECT_THROW(parse({}), CLI::ParseError);
  EXPECT_THROW(parse({"model", "prompt", "more"}), CLI::ParseError);
  EXPECT_THROW(parse({"model", "--colour"}), CLI::ParseError);
}

TEST(Options, TheEnvironmentChoosesTheInstructionSet) {
  setenv("SACCADE_ISA", "scalar", 1);
  EXPECT_EQ(engine_options_from_environment().instruction_set, "scalar");
  unsetenv("SACCADE_ISA");
  EXPECT_EQ(engine_options_from_environment().instruction_set, "");
}

}  // namespace
}  // namespace saccade::cli
