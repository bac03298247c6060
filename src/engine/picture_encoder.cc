#include "engine/picture_encoder.h"

#include <algorithm>
#include <utility>

#include "engine/packed_embeddings.h"

namespace saccade::engine {

PictureEncoder::PictureEncoder(compute::Device& device, VisionCache& cache, Tower tower, Now now)
    : device_(device), cache_(cache), tower_(std::move(tower)), now_(std::move(now)) {
  pause_ = [this] {
    const Clock::time_point ended = now_();
    longest_operation_ = std::max(longest_operation_, ended - operation_began_);
    if (ended + longest_operation_ > turn_ends_) {
      give_turn();
      take_turn();
    }
    operation_began_ = now_();
  };
}

PictureEncoder::~PictureEncoder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    turn_ = Turn::kTower;  // to unwind with
  }
  changed_.notify_all();
}

void PictureEncoder::want(const std::shared_ptr<Picture>& picture) {
  if (picture->wanted) return;
  picture->wanted = true;
  picture->embeddings = cache_.find(picture->patches.digest);
  const DiskTier::Bytes stored = std::exchange(picture->stored, {});
  if (!picture->embeddings && !stored.empty()) {
    Tensor embeddings = unpack_embeddings(device_, stored.span());
    if (!embeddings.empty()) {
      picture->embeddings = cache_.insert(picture->patches.digest, std::move(embeddings));
    }
  }
  if (picture->embeddings) {
    picture->from_cache = true;
    picture->patches.values = {};
    return;
  }
  for (const auto& job : jobs_) {
    if (job->digest != picture->patches.digest) continue;
    job->pictures.push_back(picture);
    picture->from_cache = true;
    picture->patches.values = {};
    return;
  }
  auto job = std::make_unique<Job>();
  job->digest = picture->patches.digest;
  // Pixels are several times as large as what becomes of them: nobody else keeps them.
  job->patches = std::exchange(picture->patches, {});
  picture->patches.grid = job->patches.grid;
  picture->patches.digest = job->digest;
  job->process = picture->process;
  job->pictures.push_back(picture);
  jobs_.push_back(std::move(job));
  // Whoever reads text alone needs no thread for pictures.
  if (!thread_.joinable()) thread_ = std::jthread([this] { work(); });
}

bool PictureEncoder::wanted(const Job& job) const {
  return std::ranges::any_of(job.pictures, [](const auto& picture) { return !picture.expired(); });
}

void PictureEncoder::run(double slice_ms, double idle_ms) {
  while (!begun_ && !jobs_.empty() && !wanted(*jobs_.front())) jobs_.pop_front();
  if (jobs_.empty()) return;
  std::unique_lock lock(mutex_);
  if (!begun_) {
    begun_ = true;
    job_ = jobs_.front().get();
    decoding_ = job_->patches.values.empty();
    changed_.notify_all();
  }
  const auto idle = std::chrono::duration<double, std::milli>(idle_ms);
  const auto ready = [&] { return asks_for_turn_ || !job_; };
  if (!changed_.wait_for(lock, idle, [&] { return !decoding_ || ready(); })) return;
  changed_.wait(lock, ready);
  if (job_) {
    abandoned_ = !wanted(*jobs_.front());
    turn_began_ = now_();
    turn_ends_ = turn_began_ + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double, std::milli>(slice_ms));
    turn_ = Turn::kTower;
    changed_.notify_all();
    changed_.wait(lock, [&] { return turn_ == Turn::kOwner; });
    tell_slice(*jobs_.front());
  }
  if (job_) return;
  begun_ = false;
  const std::unique_ptr<Job> done = std::move(jobs_.front());
  jobs_.pop_front();
  finish(*done);
}

void PictureEncoder::tell_slice(const Job& job) const {
  for (const auto& waiting : job.pictures) {
    const std::shared_ptr<Picture> picture = waiting.lock();
    if (picture && picture->on_slice) picture->on_slice(turn_began_);
  }
}

void PictureEncoder::finish(Job& job) {
  std::shared_ptr<const Tensor> embeddings;
  // An abandoned job has neither.
  if (!job.embeddings.empty()) embeddings = cache_.insert(job.digest, std::move(job.embeddings));
  for (std::size_t i = 0; i < job.pictures.size(); ++i) {
    const std::shared_ptr<Picture> picture = job.pictures[i].lock();
    if (!picture) continue;
    picture->embeddings = embeddings;
    picture->error = job.error;
    if (!picture->from_cache) picture->vision_ms = job.vision_ms;
  }
}

void PictureEncoder::take_turn() {
  std::unique_lock lock(mutex_);
  asks_for_turn_ = true;
  decoding_ = false;
  changed_.notify_all();
  changed_.wait(lock, [&] { return turn_ == Turn::kTower; });
  asks_for_turn_ = false;
  if (stopping_) throw Stopped();
  if (abandoned_) throw Abandoned();
  device_.set_pause(&pause_);
}

void PictureEncoder::give_turn() {
  device_.set_pause(nullptr);
  const std::lock_guard lock(mutex_);
  end_slice();
}

/// Gives the device back to the owner, under the mutex.
void PictureEncoder::end_slice() {
  job_->vision_ms += std::chrono::duration<double, std::milli>(now_() - turn_began_).count();
  turn_ = Turn::kOwner;
  changed_.notify_all();
}

void PictureEncoder::encode(Job& job) {
  try {
    if (job.patches.values.empty()) job.patches = job.process();
  } catch (const std::exception& error) {
    job.error = error.what();
  }
  take_turn();
  operation_began_ = now_();
  longest_operation_ = {};
  try {
    if (job.error.empty()) job.embeddings = tower_(job.patches);
  } catch (const std::exception& error) {
    job.error = error.what();
  }
  job.patches = {};
}

void PictureEncoder::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || job_; });
      if (stopping_) return;
    }
    try {
      encode(*job_);
    } catch (const Stopped&) {
      return;
    } catch (const Abandoned&) {
    }
    device_.set_pause(nullptr);
    const std::lock_guard lock(mutex_);
    end_slice();
    job_ = nullptr;
  }
}

}  // namespace saccade::engine
