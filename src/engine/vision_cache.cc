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
  while (bytes_ > budget_bytes_) {
    bytes_ -= entries_.back().embeddings->bytes();
    index_.erase(entries_.back().digest);
    entries_.pop_back();
    ++evictions_;
  }
  return kept;
}

void VisionCache::clear() {
  index_.clear();
  entries_.clear();
  bytes_ = 0;
}

}  // namespace saccade::engine
