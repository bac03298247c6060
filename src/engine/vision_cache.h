// Vision embeddings by picture content.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "base/digest.h"
#include "tensor/tensor.h"

namespace saccade::engine {

/// Keeps the tower's output for pictures seen lately, up to a byte budget, least recently used out
/// first. The key is the digest of pixels and preprocessing, so neither the prompt, the file's name
/// nor the picture's neighbours matter (DESIGN, decision 5).
class VisionCache {
 public:
  /// Hears of what the cache holds.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_picture(const Digest& digest, const Tensor& embeddings) = 0;
    virtual void on_picture_dropped(const Digest& digest) = 0;
  };

  explicit VisionCache(std::int64_t budget_bytes) : budget_bytes_(budget_bytes) {}
  /// Null: nobody listens.
  void set_observer(Observer* observer) { observer_ = observer; }

  /// The embeddings, or null when they are not here.
  std::shared_ptr<const Tensor> find(const Digest& digest);
  /// Takes new embeddings; what is larger than the budget is passed through without being kept.
  std::shared_ptr<const Tensor> insert(const Digest& digest, Tensor embeddings);
  std::int64_t bytes() const { return bytes_; }
  std::int64_t budget_bytes() const { return budget_bytes_; }
  std::int64_t entries() const { return static_cast<std::int64_t>(entries_.size()); }
  std::int64_t evictions() const { return evictions_; }
  void clear();

 private:
  struct Entry {
    Digest digest;
    std::shared_ptr<const Tensor> embeddings;
  };
  void drop_last();

  std::int64_t budget_bytes_;
  Observer* observer_ = nullptr;
  std::int64_t bytes_ = 0;
  std::int64_t evictions_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Digest, std::list<Entry>::iterator> index_;
};

}  // namespace saccade::engine
