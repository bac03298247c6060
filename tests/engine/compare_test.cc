// How far models are from each other: the arithmetic by hand, and whole comparisons.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "engine/divergence.h"
#include "engine/spill_file.h"
#include "goldens.h"
#include "saccade/compare.h"
#include "temporary_directory.h"

namespace saccade {
namespace {

using engine::kl_divergence;
using engine::summarize;

/// Logits of these probabilities; the constant must not matter.
std::vector<float> logits_of(const std::vector<double>& probabilities, double constant) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p) + constant));
  return logits;
}

TEST(KlDivergence, IsWhatOneWorksOutByHand) {
  // 1/2 log(1/2 / 1/4) + 1/4 log(1/4 / 1/2) + 1/4 log(1/4 / 1/4) = 1/4 log 2
  const double found =
      kl_divergence(logits_of({0.5, 0.25, 0.25}, 0), logits_of({0.25, 0.5, 0.25}, 7));
  EXPECT_NEAR(found, 0.25 * std::log(2.0), 1e-7);
  // Not symmetric: 0.9 log(0.9 / 0.5) + 0.1 log(0.1 / 0.5), and the other way round.
  EXPECT_NEAR(kl_divergence(logits_of({0.9, 0.1}, 0), logits_of({0.5, 0.5}, 0)), 0.3680642, 1e-6);
  EXPECT_NEAR(kl_divergence(logits_of({0.5, 0.5}, 0), logits_of({0.9, 0.1}, 0)), 0.5108256, 1e-6);
}

TEST(KlDivergence, IsExactlyNothingForTheSameBits) {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = 20.0F * std::sin(static_cast<float>(i * i));
  }
  EXPECT_EQ(kl_divergence(logits, logits), 0.0);
  // Large and far apart: nothing overflows, and what is impossible to A counts for nothing.
  EXPECT_NEAR(kl_divergence(std::vector{1000.0F, -1000.0F}, std::vector{1000.0F, 900.0F}), 0.0,
              1e-9);
  EXPECT_NEAR(kl_divergence(std::vector{0.0F, 500.0F}, std::vector{500.0F, 0.0F}), 500.0, 1e-9);
}

TEST(Likeliest, IsTheFirstOfEquals) {
  EXPECT_EQ(engine::likeliest(std::vector{1.0F, 3.0F, 3.0F}), 1U);
}

TEST(Summarize, RanksAreTheNearest) {
  std::vector<double> values(200);
  std::iota(values.rbegin(), values.rend(), 1.0);
  const Divergence divergence = summarize(values);
  EXPECT_EQ(divergence.mean, 100.5);
  EXPECT_EQ(divergence.median, 100.5);
  EXPECT_EQ(divergence.p99, 198.0);
  EXPECT_EQ(divergence.max, 200.0);
  EXPECT_EQ(summarize({3.0}).p99, 3.0);
  EXPECT_EQ(summarize({1.0, 2.0, 9.0}).median, 2.0);
  EXPECT_EQ(summarize({}).mean, 0.0);
}

TEST(SpillFile, GivesBackWhatItWasGiven) {
  engine::SpillFile file;
  file.write(std::vector{1.0F, 2.0F});
  file.write(std::vector{3.0F});
  std::vector<float> values(3);
  file.read(values);
  EXPECT_EQ(values, (std::vector{1.0F, 2.0F, 3.0F}));
  EXPECT_THROW(file.read(values), Error) << "there is no more";
}

TEST(SpillFile, SaysThatItCannotGrow) {
  // What a full disk is to it, without filling one.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{6, before.rlim_max};
  engine::SpillFile file;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    file.write(std::vector{1.0F, 2.0F});
  } catch (const Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_NE(message.find("cannot grow: File too large"), std::string::npos) << message;
}

std::string golden(const std::string& name) {
  return (goldens::root() / name).string();
}

CompareOptions questions(const std::string& a, const std::string& b) {
  CompareOptions options;
  options.a.model = golden(a);
  options.b.model = golden(b);
  options.prompts = {"What is this?", "Describe it, please."};
  options.max_tokens = 6;
  return options;
}

void expect_identical(const CompareReport& report) {
  EXPECT_TRUE(report.complete);
  EXPECT_GT(report.positions, 0);
  EXPECT_EQ(report.divergence.mean, 0.0);
  EXPECT_EQ(report.divergence.max, 0.0);
  EXPECT_EQ(report.same_tokens, 1.0);
  EXPECT_EQ(report.same_answers, 1.0);
  EXPECT_EQ(report.same_prefix, 1.0);
}

TEST(Compare, AModelIsNotFarFromItself) {
  CompareOptions options = questions("qwen2_5_vl/saved_f32", "qwen2_5_vl/saved_f32");
  options.images = {golden("images/odd_61x97.png"), golden("images/even_112x84.png")};
  options.b.engine.threads = 1;
  const CompareReport report = compare(options);
  expect_identical(report);
  EXPECT_EQ(report.questions, 4);
  EXPECT_EQ(report.a.bytes, report.b.bytes);
  EXPECT_GT(report.a.vision_ms, 0.0);
  ASSERT_TRUE(report.tower_error);
  EXPECT_EQ(report.tower_error->max, 0.0);
  EXPECT_GT(report.b.prefill_tokens_per_second, 0.0);
}

TEST(Compare, AnotherFormOfTheSameWeightsIsTheSame) {
  const CompareReport report = compare(questions("llama/published_bf16", "gguf/llama.gguf"));
  expect_identical(report);
  EXPECT_FALSE(report.tower_error) << "nobody looked at a picture";
}

TEST(Compare, TellsWhatARoundedTowerCosts) {
  CompareOptions options = questions("qwen2_5_vl/saved_f32", "qwen2_5_vl/saved_f32");
  options.images = {golden("images/odd_61x97.png"), golden("images/even_112x84.png")};
  options.b.engine.tower_precision = TowerPrecision::kInt8;
  const CompareReport report = compare(options);
  ASSERT_TRUE(report.tower_error);
  EXPECT_GT(report.tower_error->mean, 0.0);
  EXPECT_GE(report.tower_error->max, report.tower_error->mean);
  EXPECT_LT(report.tower_error->max, 0.03);
  EXPECT_GT(report.divergence.mean, 0.0);
}

TEST(Compare, TellsWhatKeysAndValuesOf8BitsCost) {
  CompareOptions options = questions("qwen2_5_vl/saved_f32", "qwen2_5_vl/saved_f32");
  options.images = {golden("images/odd_61x97.png"), golden("images/even_112x84.png")};
  options.b.engine.device = "cpu";
  options.b.engine.kv_precision = KvPrecision::kInt8;
  const CompareReport report = compare(options);
  EXPECT_GT(report.divergence.mean, 0.0);
  EXPECT_LT(report.divergence.mean, 1e-3);
}

TEST(Compare, QuantizedActivationsAreNearAndNotTheSame) {
  CompareOptions options = questions("gguf/llama_quantized.gguf", "gguf/llama_quantized.gguf");
  options.a.engine.activations = Activations::kF32;
  options.max_tokens = 16;
  const CompareReport report = compare(options);
  EXPECT_GT(report.divergence.mean, 0.0);
  EXPECT_GE(report.divergence.p99, report.divergence.median);
  EXPECT_GE(report.divergence.max, report.divergence.p99);
  EXPECT_LT(report.divergence.mean, 0.05);
  options.b.engine.activations = Activations::kF32;
  expect_identical(compare(options));
}

TEST(Compare, AgreesWithTheLogprobsOfTheModelsThemselves) {
  // The same sums, from what the public API says of each model alone.
  CompareOptions options = questions("gguf/llama_quantized.gguf", "gguf/llama_quantized.gguf");
  options.a.engine.activations = Activations::kF32;
  options.prompts.resize(1);
  Request request;
  request.messages.push_back({"user", {options.prompts[0]}});
  request.max_tokens = options.max_tokens;
  request.sampling.temperature = 0.0;
  request.sampling.repetition_penalty = 1.0;
  Engine a = Engine::load(options.a.model, options.a.engine);
  Engine b = Engine::load(options.b.model, options.b.engine);
  request.logprobs = static_cast<int>(a.info().vocab_size);
  const Result wanted = a.generate(request);
  const Result found = b.score(request, wanted.token_ids);
  double total = 0.0;
  for (std::size_t i = 0; i < wanted.logprobs.size(); ++i) {
    std::vector<double> other(static_cast<std::size_t>(b.info().vocab_size));
    for (const TokenLogprob& token : found.logprobs[i].top) other[token.id] = token.logprob;
    for (const TokenLogprob& token : wanted.logprobs[i].top) {
      total += std::exp(token.logprob) * (token.logprob - other[token.id]);
    }
  }
  const CompareReport report = compare(options);
  ASSERT_EQ(report.positions, static_cast<std::int64_t>(wanted.token_ids.size()));
  EXPECT_NEAR(report.divergence.mean, total / static_cast<double>(report.positions), 1e-12);
}

TEST(Compare, PaddedVocabulariesAreComparedOverWhatBothHave) {
  // Of the same tokenizer; the one has five rows more than the other.
  const CompareReport report = compare(questions("llama/saved_f32", "llama/published_bf16"));
  EXPECT_EQ(report.vocab_size, 312);
  EXPECT_GT(report.divergence.mean, 0.0) << "other weights";
}

void expect_refused(const CompareOptions& options, const std::string& text) {
  try {
    compare(options);
    ADD_FAILURE() << "no error; wanted " << text;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

TEST(Compare, RefusesWhatCannotBeCompared) {
  expect_refused(questions("qwen2_5_vl/saved_f32", "llama/saved_f32"), "cannot be compared");
  CompareOptions options = questions("llama/saved_f32", "llama/saved_f32");
  options.prompts.clear();
  expect_refused(options, "prompts");
  options = questions("llama/saved_f32", "llama/saved_f32");
  options.max_tokens = 0;
  expect_refused(options, "max-tokens");
  options.max_tokens = 2;
  options.images = {golden("images/none.png")};
  expect_refused(options, "none.png");
}

TEST(Compare, RefusesPaddedVocabulariesOfDifferentTokens) {
  const TemporaryDirectory folder;
  const std::filesystem::path model = folder.file("model");
  std::filesystem::copy(golden("llama/published_bf16"), model,
                        std::filesystem::copy_options::recursive);
  boost::json::value tokenizer = read_json_file(model / "tokenizer.json");
  tokenizer.at("added_tokens").as_array().back().at("content") = "<|other|>";
  folder.write("model/tokenizer.json", boost::json::serialize(tokenizer));
  CompareOptions options = questions("llama/saved_f32", "llama/saved_f32");
  options.b.model = model.string();
  expect_refused(options, "their vocabularies have 312 and 317 tokens");
}

TEST(Compare, SaysWhereTemporaryFilesCannotBe) {
  ASSERT_EQ(setenv("TMPDIR", "/no/such/place", 1), 0);
  expect_refused(questions("llama/saved_f32", "llama/saved_f32"), "/no/such/place");
  unsetenv("TMPDIR");
}

/// Ends the comparison when B has been asked.
struct Stopper : CompareListener {
  void on_progress(const CompareProgress& progress) override {
    EXPECT_LE(progress.done, progress.total);
    stop = !progress.reference && !progress.loading;
    seen += progress.reference && !progress.loading ? 1 : 0;
  }
  bool cancelled() override { return stop; }

  bool stop = false;
  int seen = 0;
};

TEST(Compare, EndsWhenItIsTold) {
  Stopper stopper;
  EXPECT_FALSE(compare(questions("llama/saved_f32", "llama/saved_f32"), &stopper).complete);
  EXPECT_GT(stopper.seen, 0);
}

}  // namespace
}  // namespace saccade
