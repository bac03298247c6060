// Memory as one row's products read it: several streams of weights, asked for ahead.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "compute/cpu/kernels/elementwise.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// How a core reads weights: `panels` side by side, each from a part of the range of its own and so
/// a stream to the hardware's prefetching; `ahead` bytes of all streams are asked for before they
/// are multiplied. A stream goes on from one panel to the next, so that this is always what is read
/// soon.
struct Streams {
  int panels;
  int ahead;
};

/// One stream brings a Sapphire Rapids core no more than two thirds of what it can read. With four,
/// Q4_0 reaches 90 % of what two cores can with 1024 bytes each, 85 % with 4096, and 71 % without.
inline constexpr Streams kFourStreams{4, 4096};
/// Two Zen 5 cores decode 0 to 2 % faster so than with two streams of 4096 bytes each (the 3B shape
/// in Q4_0, Q6_K and 4-bit MLX, steps in turns; IQ4_XS 1 % slower), and 5 % faster than with 4096
/// bytes of one. Codes of 2 and 3 bits take longest to multiply, which two panels do sooner: with
/// two streams Q2_K is 5 % faster where other guests leave 54 GB/s, and it and Q3_K are 0 to 4 %
/// slower where they leave 35 to 45. Older cores of AMD were not measured.
inline constexpr Streams kOneStream{1, 6144};
inline constexpr Streams kTwoStreams{2, 8192};

#if defined(__AVX2__)
inline bool is_amd() {
  static const bool amd = __builtin_cpu_is("amd") > 0;
  return amd;
}
#endif

template <int kAhead>
void prefetch_lines(const std::uint8_t* from, std::int64_t bytes) {
  for (std::int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(from + line + kAhead);
}

/// Panels that are multiplied side by side.
template <int kPanels>
using PanelList = std::array<std::int64_t, kPanels>;

/// A panel's results as the arguments want them.
inline void store_panel(const QuantGemmArgs& a, std::int64_t panel, F32x16 value) {
  const std::int64_t column = panel * kPanel;
  const int columns = static_cast<int>(std::min<std::int64_t>(kPanel, a.outputs - column));
  if (a.add) value = add(load_first(a.y + column, columns), value);
  store_first(a.y + column, value, columns);
}

inline F32x16 with_bias(const QuantGemmArgs& a, std::int64_t panel, F32x16 sums) {
  if (!a.bias) return sums;
  const std::int64_t column = panel * kPanel;
  const int columns = static_cast<int>(std::min<std::int64_t>(kPanel, a.outputs - column));
  return add(sums, load_first(a.bias + column, columns));
}

/// Calls run<panels, ahead>(list, sums) for lists of panels that are as far apart as they can be,
/// and for those that are left; and for what gates gate, after them: the panels of both lie in one
/// stream where the layout was made for that.
template <Streams kStreams, typename Run>
void for_lists(const QuantGemmArgs& a, const Run& run) {
  constexpr int kAhead = kStreams.ahead / kStreams.panels;
  const std::int64_t half = a.outputs / 2 / kPanel;
  const std::int64_t stride = (a.panel_end - a.panel_begin) / kStreams.panels;
  const auto run_list = [&]<int kCount>(std::int64_t panel) {
    PanelList<kCount> list;
    for (int p = 0; p < kCount; ++p) list[p] = panel + p * stride;
    F32x16 sums[kCount];
    run.template operator()<kCount, kAhead>(list, sums);
    if (!a.gated) {
      for (int p = 0; p < kCount; ++p) store_panel(a, list[p], with_bias(a, list[p], sums[p]));
      return;
    }
    PanelList<kCount> others;
    for (int p = 0; p < kCount; ++p) others[p] = list[p] + half;
    F32x16 gated[kCount];
    run.template operator()<kCount, kAhead>(others, gated);
    for (int p = 0; p < kCount; ++p) {
      const F32x16 gates = apply(with_bias(a, list[p], sums[p]), a.gate);
      store_panel(a, list[p], mul(gates, with_bias(a, others[p], gated[p])));
    }
  };
  const std::int64_t end = a.panel_begin + stride * (a.slice + 1) / a.slices;
  for (std::int64_t panel = a.panel_begin + stride * a.slice / a.slices; panel < end; ++panel) {
    run_list.template operator()<kStreams.panels>(panel);
  }
  if (a.slice + 1 < a.slices) return;
  for (std::int64_t panel = a.panel_begin + kStreams.panels * stride; panel < a.panel_end;
       ++panel) {
    run_list.template operator()<1>(panel);
  }
}

/// kBits: of a code.
template <int kBits, typename Run>
void for_panels(const QuantGemmArgs& a, const Run& run) {
#if defined(__AVX2__)
  if (is_amd()) return for_lists<(kBits <= 3 ? kTwoStreams : kOneStream)>(a, run);
#endif
  for_lists<kFourStreams>(a, run);
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
