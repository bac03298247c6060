// Steps of the decoder and slices of the tower in turn.
#pragma once

#include <cstdint>

#include "engine/clock.h"
#include "engine/pacer.h"
#include "engine/picture_encoder.h"
#include "engine/scheduler.h"

namespace saccade::engine {

/// Advances sequences and the pictures they wait for on one device. While answers run, each of
/// their tokens waits for one other thing at most, a chunk of prompts or a slice of the tower, as
/// large as the pacer says; these take turns.
class Runner {
 public:
  /// `now` is what tells how long steps take; the pictures' encoder should go by the same.
  Runner(const Scheduler::Parts& parts, std::int64_t max_batch_tokens, Now now = Clock::now);

  Scheduler& scheduler() { return scheduler_; }
  /// How much others' prompts and pictures may slow an answer down; see ServiceOptions.
  void set_max_slowdown(double factor) { pacer_ = Pacer(factor); }

  void add(Sequence* sequence) { scheduler_.add(sequence); }
  bool idle() const { return scheduler_.idle(); }
  /// Does something for those that are here; returns within about a step. Where all wait for a
  /// picture that is still being decoded, waits a little with them. Those that have finished are
  /// not held on to afterwards.
  void step();
  void cancel_all() { scheduler_.cancel_all(); }
  std::int64_t steps() const { return steps_; }

 private:
  void run_scheduler(std::int64_t max_prefill_tokens);
  void advance();

  PictureEncoder* pictures_;
  Scheduler scheduler_;
  Now now_;
  Pacer pacer_{1.0};
  bool tower_turn_ = false;
  std::int64_t steps_ = 0;
};

}  // namespace saccade::engine
