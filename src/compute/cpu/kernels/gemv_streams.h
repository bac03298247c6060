// Memory as one row's products read it: several streams of weights, asked for ahead.
#pragma once

#include <algorithm>
#include <cstdint>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// How a core reads weights: `panels` side by side, each from a part of the item of its own and so
/// a stream to the hardware's prefetching, and in each stream `ahead` bytes before they are
/// multiplied. A stream goes on from one panel to the next, so that this is always what is read
/// soon.
struct Streams {
  int panels;
  int ahead;
};

/// One stream brings a Sapphire Rapids core no more than two thirds of what it can read. With four,
/// Q4_0 reaches 90 % of what two cores can with 1024 bytes, 85 % with 4096, and 71 % without.
inline constexpr Streams kFourStreams{4, 1024};
/// Of what two Zen 5 cores can read, four streams bring Q4_0 82 to 88 %, eight 60 %, two of 2048
/// bytes 94 to 96 %, and these 94 to 100 %; one core with four 90 %, with these 97 %. Older cores
/// of AMD were not measured.
inline constexpr Streams kTwoStreams{2, 4096};

#if defined(__AVX2__)
inline bool reads_two_streams() {
  static const bool amd = __builtin_cpu_is("amd") > 0;
  return amd;
}
#endif

template <int kAhead>
void prefetch_lines(const std::uint8_t* from, std::int64_t bytes) {
  for (std::int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(from + line + kAhead);
}

/// Writes the outputs of a panel, with their bias.
inline void store_outputs(const QuantGemmArgs& a, std::int64_t panel, F32x16 sums) {
  const std::int64_t column = panel * kPanel;
  const int columns = static_cast<int>(std::min<std::int64_t>(kPanel, a.outputs - column));
  if (a.bias) sums = add(sums, load_first(a.bias + column, columns));
  store_first(a.y + column, sums, columns);
}

/// Calls run<panels, ahead>(panel, stride) for panels that are as far apart as they can be, and for
/// those that are left one by one.
template <Streams kStreams, typename Run>
void for_streams(const QuantGemmArgs& a, const Run& run) {
  const std::int64_t stride = (a.panel_end - a.panel_begin) / kStreams.panels;
  std::int64_t panel = a.panel_begin;
  for (; panel < a.panel_begin + stride; ++panel) {
    run.template operator()<kStreams.panels, kStreams.ahead>(panel, stride);
  }
  for (panel += (kStreams.panels - 1) * stride; panel < a.panel_end; ++panel) {
    run.template operator()<1, kStreams.ahead>(panel, 1);
  }
}

template <typename Run>
void for_panels(const QuantGemmArgs& a, const Run& run) {
#if defined(__AVX2__)
  if (reads_two_streams()) return for_streams<kTwoStreams>(a, run);
#endif
  for_streams<kFourStreams>(a, run);
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
