// What pictures become, by the bytes of their files.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "media/patches.h"

namespace saccade::engine {

/// Remembers into which patches a file was cut, by a digest over its bytes and all that the cutting
/// depends on, so that a picture that comes again need not be decoded to be found in the caches.
/// Thread-safe. Holds no pixels: some hundred bytes an entry.
class PictureIndex {
 public:
  struct Entry {
    media::Patches patches;  ///< without values
    media::Size decoded_size;
  };

  /// The least recently used entry beyond so many is forgotten.
  explicit PictureIndex(std::size_t capacity) : capacity_(capacity) {}

  std::optional<Entry> find(const Digest& file);
  /// Of `patches` all but the values is kept.
  void insert(const Digest& file, const media::Patches& patches, media::Size decoded_size);
  void clear();

 private:
  using Item = std::pair<Digest, Entry>;
  const std::size_t capacity_;
  std::mutex mutex_;
  std::list<Item> items_;  // most recently used first
  std::unordered_map<Digest, std::list<Item>::iterator> index_;
};

}  // namespace saccade::engine
