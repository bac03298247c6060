// The vision tower, beside the decoder on one device.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "compute/device.h"
#include "engine/clock.h"
#include "engine/picture.h"
#include "engine/vision_cache.h"

namespace saccade::engine {

/// Turns pictures into embeddings, each content once, in slices: the tower runs on a thread of its
/// own that has the device only while its owner's thread is in run(), and gives it back before an
/// operation that may outlast the slice, by what those of this picture have taken so far; one
/// operation at least is in each. So decoding goes on while a large picture is looked at, for every
/// family alike, and results do not depend on how the slices fell.
class PictureEncoder {
 public:
  using Tower = std::function<Tensor(const media::Patches&)>;
  /// All outlive the encoder; `tower` is called on the encoder's thread. `now`, by which slices are
  /// measured, on both, one at a time.
  PictureEncoder(compute::Device& device, VisionCache& cache, Tower tower, Now now = Clock::now);
  /// Pictures that are not done will never be.
  ~PictureEncoder();
  PictureEncoder(const PictureEncoder&) = delete;
  PictureEncoder& operator=(const PictureEncoder&) = delete;

  /// Sees to it that the picture gets its embeddings, or its error: at once where the cache has
  /// them, and otherwise in some run() to come. Pictures that nobody else holds on to are skipped.
  void want(const std::shared_ptr<Picture>& picture);
  bool busy() const { return !jobs_.empty(); }
  /// Gives the device to the tower for about so long, and returns earlier when a picture is done.
  /// While a picture is being decoded, which does not need the device, waits instead for as long
  /// as `idle_ms` says at most.
  void run(double slice_ms, double idle_ms = 0.0);

 private:
  struct Job {
    media::Patches patches;
    std::function<media::Patches()> process;
    std::vector<std::weak_ptr<Picture>> pictures;  // all of one digest
    Digest digest;
    Tensor embeddings;
    std::string error;
    double vision_ms = 0.0;
  };
  struct Stopped {};
  struct Abandoned {};
  enum class Turn { kOwner, kTower };

  bool wanted(const Job& job) const;
  void finish(Job& job);
  void tell_slice(const Job& job) const;
  // On the thread of the tower.
  void work();
  void encode(Job& job);
  void take_turn();
  void give_turn();
  void end_slice();

  compute::Device& device_;
  VisionCache& cache_;
  Tower tower_;
  Now now_;
  std::function<void()> pause_;
  std::deque<std::unique_ptr<Job>> jobs_;  // the first is being worked on, once it was begun
  bool begun_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  Turn turn_ = Turn::kOwner;
  bool asks_for_turn_ = false;
  bool decoding_ = false;  // the picture, without the device; else it asks for its turn in a moment
  bool stopping_ = false;
  bool abandoned_ = false;  // nobody wants the job any more
  Job* job_ = nullptr;      // of the tower's thread; null: it waits for one
  Clock::time_point turn_began_, turn_ends_;
  // Of the tower's thread alone:
  Clock::time_point operation_began_;
  Clock::duration longest_operation_{};  // of this picture so far
  std::jthread thread_;
};

}  // namespace saccade::engine
