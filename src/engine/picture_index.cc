#include "engine/picture_index.h"

namespace saccade::engine {

std::optional<PictureIndex::Entry> PictureIndex::find(const Digest& file) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(file);
  if (found == index_.end()) return std::nullopt;
  items_.splice(items_.begin(), items_, found->second);
  return found->second->second;
}

void PictureIndex::insert(const Digest& file, const media::Patches& patches,
                          media::Size decoded_size) {
  Entry entry{{.values = {},
               .grid = patches.grid,
               .tile_grids = patches.tile_grids,
               .resized_width = patches.resized_width,
               .resized_height = patches.resized_height,
               .digest = patches.digest},
              decoded_size};
  const std::lock_guard lock(mutex_);
  if (index_.contains(file)) return;
  items_.emplace_front(file, std::move(entry));
  index_[file] = items_.begin();
  if (items_.size() <= capacity_) return;
  index_.erase(items_.back().first);
  items_.pop_back();
}

void PictureIndex::clear() {
  const std::lock_guard lock(mutex_);
  index_.clear();
  items_.clear();
}

}  // namespace saccade::engine
