#include "engine/runner.h"

#include <utility>

namespace saccade::engine {
namespace {

// Of the tower where nobody waits for tokens: so long until new requests are looked at.
constexpr double kIdleSliceMs = 50.0;

}  // namespace

Runner::Runner(const Scheduler::Parts& parts, std::int64_t max_batch_tokens, Now now)
    : pictures_(parts.pictures), scheduler_(parts, max_batch_tokens), now_(std::move(now)) {}

void Runner::run_scheduler(std::int64_t max_prefill_tokens) {
  const Clock::time_point begin = now_();
  const Scheduler::Work work = scheduler_.step(max_prefill_tokens);
  const std::chrono::duration<double, std::milli> taken = now_() - begin;
  pacer_.note(work.decoded, work.prefilled, taken.count());
  if (work.decoded + work.prefilled > 0) ++steps_;
}

void Runner::step() {
  advance();
  scheduler_.drop_finished();
}

void Runner::advance() {
  const bool answering = scheduler_.decoding();
  const bool tower = pictures_ && pictures_->busy();
  if (!tower) {
    return run_scheduler(answering ? pacer_.prefill_tokens() : Scheduler::kNoLimit);
  }
  const bool prompts = scheduler_.prefilling();
  tower_turn_ = !prompts || !tower_turn_;
  if (tower_turn_) {
    // Waits for the picture's pixels only if there is nothing else to do.
    const bool alone = !answering && !prompts;
    pictures_->run(answering ? pacer_.slice_ms() : kIdleSliceMs, alone ? kIdleSliceMs : 0.0);
    if (answering || !prompts) run_scheduler(0);
  } else {
    run_scheduler(answering ? pacer_.prefill_tokens() : Scheduler::kNoLimit);
  }
}

}  // namespace saccade::engine
