// Activations rounded to int8 for integer products.
#pragma once

#include <algorithm>

#include "compute/cpu/kernels/elementwise.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Lanes [0, n) from memory and zeros for any n, also one below zero or above kLanes.
inline F32x16 load_at_most(const float* p, std::int64_t n) {
  if (n >= kLanes) return load(p);
  return n > 0 ? load_first(p, static_cast<int>(n)) : broadcast(0.0f);
}

/// Blocks [first, end) of a row as int8: value = scale * code with the largest code 127.
/// values_at(i, count) are elements [i, i + kLanes), of which `count` are the row's and the others
/// zero.
template <typename Values>
void quantize_values(const QuantizedRows& to, std::int64_t row, std::int64_t first,
                     std::int64_t end, std::int64_t n, const QuantLayout& layout,
                     const Values& values_at) {
  constexpr int kVectors = kBlock / kLanes;
  const int units = layout.block_units();
  const int unit_vectors = kVectors / units;
  const bool offset = layout.has_offset();
  const bool mins = layout.has_part_mins();
  for (std::int64_t block = first; block < end; ++block) {
    const std::int64_t begin = block * kBlock;
    const std::int64_t index = block * to.rows + row;
    F32x16 values[kVectors];
    F32x16 largest_lanes = broadcast(0.0f);
    for (int v = 0; v < kVectors; ++v) {
      values[v] = values_at(begin + v * kLanes, n - begin - v * kLanes);
      largest_lanes = max(largest_lanes, max(values[v], sub(broadcast(0.0f), values[v])));
    }
    const float largest = reduce_max(largest_lanes);
    to.scales[index] = largest / 127.0f;
    const F32x16 inverse = broadcast(largest > 0.0f ? 127.0f / largest : 0.0f);
    std::int8_t* codes = to.codes + index * kBlock;
    UnitTerm* terms = to.terms + index * units;
    const F32x16* value = values;
    for (int unit = 0; unit < units; ++unit) {
      I32x16 sum_lanes = broadcast_int(0);
      for (int v = 0; v < unit_vectors; ++v, ++value, codes += kLanes) {
        const I32x16 rounded = to_nearest(mul(*value, inverse));
        store_bytes(codes, rounded);
        sum_lanes = add(sum_lanes, rounded);
      }
      const std::int32_t sum = reduce_add(sum_lanes);
      if (mins) {
        terms[unit / 2].sums[unit % 2] = static_cast<std::int16_t>(sum);
      } else if (offset) {
        terms[unit].sum = static_cast<float>(sum);
      } else {
        terms[unit].start = -layout.zero * sum;
      }
    }
  }
}

/// Blocks of a row that is RMS-normed first where `norm` says so: the same codes as of rms_norm's
/// result.
inline void quantize_row(const QuantizedRows& to, std::int64_t row, std::int64_t first,
                         std::int64_t end, const float* x, std::int64_t n,
                         const QuantLayout& layout, const RowNorm& norm) {
  if (!norm.weight) {
    return quantize_values(to, row, first, end, n, layout, [&](std::int64_t i, std::int64_t count) {
      return load_at_most(x + i, count);
    });
  }
  const F32x16 scale = broadcast(rms_scale(x, n, norm.eps));
  quantize_values(to, row, first, end, n, layout, [&](std::int64_t i, std::int64_t count) {
    return mul(mul(load_at_most(x + i, count), scale), load_at_most(norm.weight + i, count));
  });
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
