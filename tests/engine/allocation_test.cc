// That a step of decoding takes no memory from the system.
//
// This program replaces the global operator new and counts; C functions that allocate on their own
// are not seen, and there are none on the way of a step.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "goldens.h"
#include "saccade/bench.h"
#include "saccade/engine.h"

namespace {

std::atomic<std::int64_t> allocations = 0;

void* counted(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = nullptr;
  if (::posix_memalign(&memory, std::max(alignment, sizeof(void*)),
                       std::max<std::size_t>(size, 1))) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace saccade {
namespace {

/// Notes how many allocations each step makes: on_progress comes before every one.
class StepCounter : public Listener {
 public:
  StepCounter() { steps.reserve(1024); }
  void on_progress(Stage stage, std::int64_t, std::int64_t) override {
    const std::int64_t now = allocations.load();
    if (stage == Stage::kDecode && !long_piece_) steps.push_back(now - last_);
    long_piece_ = false;
    last_ = allocations.load();
  }
  /// Strings hold 15 bytes in themselves. A token with a longer text, of which there are few, is
  /// handed out in one that takes memory: that step is left out.
  void on_text(const std::string& piece) override { long_piece_ = piece.size() > 15; }
  std::vector<std::int64_t> steps;

 private:
  std::int64_t last_ = 0;
  bool long_piece_ = false;
};

/// Lets the engine answer with so many tokens and looks at each step.
void expect_no_allocations(Engine& engine, std::int64_t tokens) {
  Request request;
  request.messages.push_back({"user", {std::string("Tell me a story.")}});
  request.max_tokens = tokens;
  request.ignore_end = true;
  request.sampling.temperature = 0.0;
  request.sampling.repetition_penalty = 1.0;
  StepCounter counter;
  const Result result = engine.generate(request, &counter);
  ASSERT_EQ(static_cast<std::int64_t>(result.token_ids.size()), tokens);
  // The first is the step of the prompt; the one after it makes what all others use again.
  ASSERT_GT(static_cast<std::int64_t>(counter.steps.size()), tokens - 20);
  EXPECT_GT(counter.steps[0], 0) << "nothing is counted";
  for (std::size_t i = 2; i < counter.steps.size(); ++i) {
    ASSERT_EQ(counter.steps[i], 0) << "step " << i;
  }
}

class Allocations : public testing::TestWithParam<std::string> {};

TEST_P(Allocations, ADecodeStepMakesNone) {
  Engine engine = Engine::load_random({"tiny", GetParam()}, {.device = "cpu", .threads = 2});
  expect_no_allocations(engine, 200);  // over the borders of pages
}

TEST(AllocationsWithStates, ADecodeStepMakesNone) {
  const auto checkpoint = goldens::root() / "qwen3_5" / "saved_f32";
  Engine engine = Engine::load(checkpoint.string(), {.device = "cpu", .threads = 2});
  expect_no_allocations(engine, 200);
}

TEST(AllocationsOfTwoStacks, ADecodeStepOfAnEncoderDecoderMakesNone) {
  Engine engine = Engine::load((goldens::root() / "florence2/saved_f32").string(),
                               {.device = "cpu", .threads = 2});
  expect_no_allocations(engine, 150);
}

INSTANTIATE_TEST_SUITE_P(Weights, Allocations, testing::Values("q4_0", "mlx4", "bf16"),
                         [](const auto& weights) { return weights.param; });

}  // namespace
}  // namespace saccade
