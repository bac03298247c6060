// Keys and values of sequences that are encoded in one go.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "compute/device.h"

namespace saccade::nn {

/// Pages for sequences of one encoding, for attention in which not all rows see each other: they
/// are written and read as a decoder's are, and gone with this object.
class EncoderPages {
 public:
  /// Room for a sequence of each of these lengths.
  EncoderPages(compute::Device& device, const compute::KvLayout& layout,
               std::span<const std::int64_t> lengths);

  compute::KvCache& cache() const { return *cache_; }
  /// The pages of a sequence, as spans want them.
  std::span<const std::int32_t> pages(std::size_t sequence) const { return pages_[sequence]; }

 private:
  std::unique_ptr<compute::KvCache> cache_;
  std::vector<std::vector<std::int32_t>> pages_;
};

}  // namespace saccade::nn
