// Packing of weights for GPUs, a block of rows at a time, so that a matrix need not lie in host
// memory twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "compute/gpu/weight_layout.h"

namespace saccade::compute::gpu {

/// A stretch of packed bytes and where it belongs.
struct WeightCopy {
  std::int64_t from = 0;   ///< offset in the staging buffer
  std::int64_t to = 0;     ///< offset in the segment's memory
  std::int64_t bytes = 0;  ///< more than 0
};

/// Bytes of staging that `rows` rows need.
std::int64_t staging_bytes(const SegmentLayout& segment, std::int64_t rows);

/// The most rows, a multiple of row_alignment(), that `bytes` of staging hold; at least
/// row_alignment(), at most all.
std::int64_t rows_in_staging(const SegmentLayout& segment, std::int64_t bytes);

/// Packs rows [first, first + rows) into `staging` and returns what to copy where; every byte of
/// those stretches is written. `first` is a multiple of row_alignment(), and so is `rows` unless
/// the segment ends there. The block that starts at row 0 brings the input order. Throws Error for
/// weights that are not numbers.
std::vector<WeightCopy> pack_rows(const SegmentLayout& segment, std::int64_t first,
                                  std::int64_t rows, std::byte* staging, ThreadPool& threads);

}  // namespace saccade::compute::gpu
