// The scheduler, the page pool and the vision cache with a model that computes nothing.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "base/json.h"
#include "compute/cpu/cpu_device.h"
#include "engine/vision_cache.h"

namespace saccade::engine {
namespace {

constexpr std::int64_t kVocab = 8;

/// Answers every token with its successor and remembers the batches it was given.
class CountingModel : public models::Model {
 public:
  explicit CountingModel(compute::Device& device) : device_(device) {}
  compute::KvLayout kv_layout() const override { return {1, 1, 16}; }
  std::int64_t vocab_size() const override { return kVocab; }
  std::int64_t hidden_size() const override { return 16; }
  Tensor encode(const media::Patches&) override { return {}; }
  Outputs forward(const models::Batch& batch, const compute::SequenceMemory&) override {
    rows.push_back(static_cast<std::int64_t>(batch.token_ids.size()));
    for (const compute::SequenceSpan& span : batch.spans) {
      end_keys.emplace_back(span.end_keys.begin(), span.end_keys.end());
      first_keys.emplace_back(span.first_keys.begin(), span.first_keys.end());
    }
    logits += static_cast<int>(batch.logits_rows.size());
    if (failing_token >= 0 &&
        std::count(batch.token_ids.begin(), batch.token_ids.end(), failing_token)) {
      throw std::runtime_error("no answer to that");
    }
    std::vector<float> values(batch.logits_rows.size() * kVocab, 0.0f);
    for (std::size_t i = 0; i < batch.logits_rows.size(); ++i) {
      values[i * kVocab + (batch.token_ids[batch.logits_rows[i]] + 1) % kVocab] = peak;
    }
    Tensor result =
        device_.empty(DType::kF32, {static_cast<std::int64_t>(batch.logits_rows.size()), kVocab});
    device_.upload(result, values.data());
    return {std::move(result), {}};
  }
  Tensor forward(const models::StepInputs& inputs, const compute::SequenceMemory& memory) override {
    models::Batch batch;
    batch.token_ids.resize(inputs.token_ids.size(0));
    device_.download(batch.token_ids.data(), inputs.token_ids);
    for (std::size_t row = 0; row < batch.token_ids.size(); ++row) {
      batch.logits_rows.push_back(static_cast<std::int32_t>(row));
    }
    return forward(batch, memory).logits;
  }

  std::vector<std::int64_t> rows;
  std::vector<std::vector<std::int64_t>> end_keys;
  std::vector<std::vector<std::int64_t>> first_keys;
  int logits = 0;
  std::int32_t failing_token = -1;
  float peak = 1.0f;

 private:
  compute::Device& device_;
};

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest()
      : tokenizer_(text::Tokenizer::from_json(
            parse_json(R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3,
                       "e": 4, "f": 5, "g": 6, "h": 7}, "merges": []},
                       "decoder": {"type": "ByteLevel"}})",
                       "test"),
            "test")) {}

  std::unique_ptr<Sequence> sequence(std::vector<std::int32_t> tokens, std::int64_t max_tokens) {
    SequenceInput input;
    input.prompt.token_ids = std::move(tokens);
    input.prompt.positions.resize(input.prompt.token_ids.size());
    input.max_tokens = max_tokens;
    return std::make_unique<Sequence>(std::move(input), tokenizer_, pool_);
  }

  compute::cpu::CpuDevice device_{{1, {}}};
  CountingModel model_{device_};
  KvPool pool_{device_, {1, 1, 16}, 3};
  text::Tokenizer tokenizer_;
};

TEST_F(SchedulerTest, PromptsAreReadInChunksAndOnlyTheLastTokenNeedsLogits) {
  Scheduler scheduler({model_, device_, pool_}, 4);
  auto one = sequence({0, 1, 2, 3, 4, 5, 6, 0, 1}, 3);
  scheduler.add(one.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(model_.rows, (std::vector<std::int64_t>{4, 4, 1, 1, 1}));
  EXPECT_EQ(model_.logits, 3);
  EXPECT_EQ(one->take_result().token_ids, (std::vector<std::int32_t>{2, 3, 4}));
}

TEST_F(SchedulerTest, TokensThatSeeEachOtherAreNeverParted) {
  Scheduler scheduler({model_, device_, pool_}, 4);
  // Tokens 2 to 7 are a picture, longer than a step; 9 and 10 are another.
  SequenceInput input;
  input.prompt.token_ids.assign(12, 0);
  input.prompt.positions.resize(12);
  input.prompt.media = {{0, 2, 6, 0}, {1, 9, 2, 0}};
  input.prompt.mutual = {{2, 6}, {9, 2}};
  input.pictures.assign(2, std::make_shared<Picture>());
  input.pictures[0]->embeddings =
      std::make_shared<const Tensor>(device_.empty(DType::kF32, {6, 16}));
  input.max_tokens = 1;
  Sequence one(std::move(input), tokenizer_, pool_);
  scheduler.add(&one);
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(model_.rows, (std::vector<std::int64_t>{2, 6, 4}));
  EXPECT_EQ(model_.end_keys,
            (std::vector<std::vector<std::int64_t>>{{1, 2}, {8, 8, 8, 8, 8, 8}, {9, 11, 11, 12}}));
  EXPECT_EQ(model_.first_keys, (std::vector<std::vector<std::int64_t>>{{}, {}, {}}));
}

TEST(KeyRanges, RunsPastWindowsSayWhereKeysBegin) {
  const std::vector<models::TokenRun> runs = {{2, 3, true}, {6, 2}};
  EXPECT_EQ(models::end_keys(runs, 1, 8), (std::vector<std::int64_t>{2, 5, 5, 5, 6, 8, 8, 9}));
  EXPECT_EQ(models::first_keys(runs, 1, 8),
            (std::vector<std::int64_t>{-1, 2, 2, 2, -1, -1, -1, -1}));
  EXPECT_EQ(models::first_keys({{6, 2}}, 1, 8), std::vector<std::int64_t>{});
}

TEST_F(SchedulerTest, DecodingGoesOnWhileAPromptIsRead) {
  Scheduler scheduler({model_, device_, pool_}, 3);
  auto one = sequence({1}, 5);
  auto two = sequence({0, 1, 2, 3, 4}, 1);
  scheduler.add(one.get());
  scheduler.add(two.get());
  scheduler.step();  // the prompt of one, two tokens of the other
  EXPECT_EQ(one->known(), 2);
  scheduler.step();
  EXPECT_EQ(one->known(), 3);
  EXPECT_EQ(two->computed(), 4);
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(two->take_result().token_ids, (std::vector<std::int32_t>{5}));
  EXPECT_EQ(one->take_result().text, "cdefg");
}

TEST_F(SchedulerTest, AFailedStepFailsItsSequencesAndTheEngineGoesOn) {
  model_.failing_token = 7;
  Scheduler scheduler({model_, device_, pool_}, 4);
  auto bad = sequence({7}, 2);
  scheduler.add(bad.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(bad->error(), "no answer to that");
  auto good = sequence({1}, 2);
  scheduler.add(good.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(good->take_result().text, "cd");
}

TEST_F(SchedulerTest, SlotsOfStatesGoRound) {
  StatePool states(device_, {.num_layers = 1, .conv_taps = 2, .conv_channels = 3}, 2);
  model_.failing_token = 7;
  Scheduler scheduler({model_, device_, pool_, &states}, 16);
  auto bad = sequence({7}, 2);
  scheduler.add(bad.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(bad->error(), "no answer to that");
  bad.reset();
  EXPECT_EQ(states.free_slots(), 2);
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (const std::int32_t token : {1, 2, 3}) {
    sequences.push_back(sequence({token}, token));
    scheduler.add(sequences.back().get());
  }
  scheduler.step();
  EXPECT_TRUE(sequences[0]->finished());
  EXPECT_EQ(sequences[1]->state_slot, 1);
  EXPECT_EQ(sequences[2]->state_slot, -1);  // waits
  scheduler.step();
  EXPECT_EQ(sequences[2]->state_slot, 0);
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(states.free_slots(), 2);
  EXPECT_EQ(sequences[2]->take_result().text, "efg");
}

TEST_F(SchedulerTest, LogitsThatAreNotNumbersAreAnError) {
  for (const float peak : {NAN, INFINITY}) {
    model_.peak = peak;
    Scheduler scheduler({model_, device_, pool_}, 4);
    auto one = sequence({1}, 2);
    scheduler.add(one.get());
    while (!scheduler.idle()) scheduler.step();
    EXPECT_NE(one->error().find("not numbers"), std::string::npos);
  }
}

TEST_F(SchedulerTest, PagesComeBackAndWaitingSequencesGetThem) {
  Scheduler scheduler({model_, device_, pool_}, 1000);
  auto one = sequence(std::vector<std::int32_t>(100, 1), 2);  // two of three pages
  auto two = sequence(std::vector<std::int32_t>(100, 2), 2);
  scheduler.add(one.get());
  scheduler.add(two.get());
  while (!one->finished()) scheduler.step();
  EXPECT_FALSE(two->finished());
  one.reset();
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(two->error(), "");
  two.reset();
  EXPECT_EQ(pool_.free_pages(), 3);
}

TEST_F(SchedulerTest, WhatNeverFitsIsAnError) {
  Scheduler scheduler({model_, device_, pool_}, 1000);
  auto one = sequence(std::vector<std::int32_t>(500, 1), 2);
  scheduler.add(one.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_NE(one->error().find("out of key-value memory"), std::string::npos);
}

/// Asks for steps ahead of their results and for padded rows, as a GPU does.
class AheadDevice : public compute::cpu::CpuDevice {
 public:
  explicit AheadDevice(int ahead) : CpuDevice({1, {}}), ahead_(ahead) {}
  int steps_ahead() const override { return ahead_; }
  std::int64_t padded_rows(std::int64_t rows) const override { return (rows + 3) / 4 * 4; }

 private:
  int ahead_;
};

class AheadTest : public SchedulerTest, public testing::WithParamInterface<int> {
 protected:
  std::unique_ptr<Sequence> sequence_in(KvPool& pool, std::vector<std::int32_t> tokens,
                                        std::int64_t max_tokens,
                                        std::vector<std::int32_t> ends = {}) {
    SequenceInput input;
    input.prompt.token_ids = std::move(tokens);
    input.prompt.positions.resize(input.prompt.token_ids.size());
    input.max_tokens = max_tokens;
    input.end_tokens = std::move(ends);
    return std::make_unique<Sequence>(std::move(input), tokenizer_, pool);
  }
};

TEST_P(AheadTest, AnswersAreThoseOfOneStepAtATime) {
  AheadDevice device(GetParam());
  CountingModel model(device);
  KvPool pool(device, {1, 1, 16}, 12);
  {
    Scheduler scheduler({model, device, pool}, 16);
    auto ends = sequence_in(pool, {0}, 20, {4});  // by its end token
    auto full = sequence_in(pool, {1, 2, 3}, 7);  // by its length
    auto late = sequence_in(pool, {5, 6}, 3);
    scheduler.add(ends.get());
    scheduler.add(full.get());
    scheduler.step();
    scheduler.step();
    scheduler.add(late.get());  // joins while others decode
    while (!scheduler.idle()) scheduler.step();
    EXPECT_EQ(ends->take_result().token_ids, (std::vector<std::int32_t>{1, 2, 3, 4}));
    EXPECT_EQ(full->take_result().token_ids, (std::vector<std::int32_t>{4, 5, 6, 7, 0, 1, 2}));
    EXPECT_EQ(late->take_result().token_ids, (std::vector<std::int32_t>{7, 0, 1}));
  }
  EXPECT_EQ(pool.free_pages(), 12);
}

TEST_P(AheadTest, ASequenceMayEndWhileStepsOfItArePending) {
  AheadDevice device(GetParam());
  CountingModel model(device);
  KvPool pool(device, {1, 1, 16}, 12);
  Scheduler scheduler({model, device, pool}, 16);
  auto ends = sequence_in(pool, {0}, 20, {3});
  auto goes_on = sequence_in(pool, {1}, 9);
  scheduler.add(ends.get());
  scheduler.add(goes_on.get());
  while (!ends->finished()) scheduler.step();
  ends.reset();
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(goes_on->take_result().token_ids,
            (std::vector<std::int32_t>{2, 3, 4, 5, 6, 7, 0, 1, 2}));
}

TEST_P(AheadTest, CancelledSequencesLetGo) {
  AheadDevice device(GetParam());
  CountingModel model(device);
  KvPool pool(device, {1, 1, 16}, 12);
  Scheduler scheduler({model, device, pool}, 16);
  auto one = sequence_in(pool, {0}, 1000);
  scheduler.add(one.get());
  for (int i = 0; i < 6; ++i) scheduler.step();
  scheduler.cancel_all();
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(one->take_result().finish_reason, FinishReason::kCancelled);
  auto next = sequence_in(pool, {2}, 2);
  scheduler.add(next.get());
  while (!scheduler.idle()) scheduler.step();
  EXPECT_EQ(next->take_result().token_ids, (std::vector<std::int32_t>{3, 4}));
}

INSTANTIATE_TEST_SUITE_P(Steps, AheadTest, testing::Values(0, 1, 3));

TEST(VisionCache, KeepsWhatWasUsedLast) {
  compute::cpu::CpuDevice device({1, {}});
  VisionCache cache(2 * 100 * 4);
  const auto embeddings = [&] { return device.empty(DType::kF32, {10, 10}); };
  const Digest a{1, 1}, b{2, 2}, c{3, 3}, big{4, 4};
  const auto first = cache.insert(a, embeddings());
  cache.insert(b, embeddings());
  EXPECT_EQ(cache.find(a), first);
  cache.insert(c, embeddings());  // pushes b out
  EXPECT_EQ(cache.find(b), nullptr);
  EXPECT_EQ(cache.find(a), first);
  EXPECT_NE(cache.insert(big, device.empty(DType::kF32, {100, 100})), nullptr);
  EXPECT_EQ(cache.find(big), nullptr);
  EXPECT_EQ(cache.bytes(), 800);
}

}  // namespace
}  // namespace saccade::engine
