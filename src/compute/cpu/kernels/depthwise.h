// Convolutions of single channels.
#pragma once

#include "compute/cpu/kernels/elementwise.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Places side by side whose sums grow together, so that a weight is read once for all of them: the
/// most that leaves NEON registers for inputs.
inline constexpr int kConvPlaces = 4;

/// Output places [place, place + count) for `lanes` channels from `channel` on. Each sum begins
/// with the bias and takes the places of its window row by row, those outside left out: its order
/// depends on nothing but where its window lies.
template <int count>
void depthwise_places(const DepthwiseArgs& args, std::int64_t place, std::int64_t channel,
                      int lanes) {
  F32x16 sums[count];
  const F32x16 bias = args.bias ? load_some(args.bias + channel, lanes) : broadcast(0.0f);
  for (F32x16& sum : sums) sum = bias;
  const std::int64_t left = place * args.stride - args.padding;
  const std::int64_t right = left + (count - 1) * args.stride + args.kernel;
  const bool inside = left >= 0 && right <= args.width;
  for (int i = 0; i < args.kernel; ++i) {
    const std::int64_t row = args.first_row + i;
    if (row < 0 || row >= args.height) continue;
    const float* x = args.x + row * args.width * args.x_stride + channel;
    const float* weights = args.weight + i * args.kernel * args.weight_stride + channel;
    for (int j = 0; j < args.kernel; ++j) {
      const F32x16 weight = load_some(weights + j * args.weight_stride, lanes);
#pragma GCC unroll 4
      for (int p = 0; p < count; ++p) {
        const std::int64_t column = left + p * args.stride + j;
        if (!inside && (column < 0 || column >= args.width)) continue;
        sums[p] = fma(load_some(x + column * args.x_stride, lanes), weight, sums[p]);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < count; ++p) {
    store_some(args.y + (place + p) * args.y_stride + channel, sums[p], lanes);
  }
}

inline void depthwise(const DepthwiseArgs& args) {
  for_vectors(args.channels, [&](std::int64_t channel, int lanes) {
    std::int64_t place = 0;
    for (; place + kConvPlaces <= args.out_width; place += kConvPlaces) {
      depthwise_places<kConvPlaces>(args, place, channel, lanes);
    }
    for (; place < args.out_width; ++place) depthwise_places<1>(args, place, channel, lanes);
  });
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
