#include "engine/vision_cache.h"

namespace saccade::engine {

std::shared_ptr<const Tensor> VisionCache::find(const Digest& digest) {
  const auto found = index_.find(digest);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->embeddings;
}

std::shared_ptr<const Tensor> VisionCache::insert(const Digest& digest, Tensor embeddings) {
  auto kept = std::make_shared<const Tensor>(std::move(embeddings));
  if (kept->bytes() > budget_bytes_ || index_.contains(digest)) return kept;
  entries_.push_front({digest, kept});
  index_[digest] = entries_.begin();
  bytes_ += kept->bytes();
  if (observer_) observer_->on_picture(digest, *kept);
  while (bytes_ > budget_bytes_) {
    drop_last();
    ++evictions_;
  }
  return kept;
}

void VisionCache::drop_last() {
  const Entry& last = entries_.back();
  if (observer_) observer_->on_picture_dropped(last.digest);
  bytes_ -= last.embeddings->bytes();
  index_.erase(last.digest);
  entries_.pop_back();
}

void VisionCache::clear() {
  while (!entries_.empty()) drop_last();
}

}  // namespace saccade::engine
