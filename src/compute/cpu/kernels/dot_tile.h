// Integer products of a tile: a few rows of activations with a block of unpacked weights.
#pragma once

#include <algorithm>
#include <utility>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// One block of inputs for neighbouring panels and rows.
struct DotTile {
  const UnpackedPanel* panels;
  int chunks;                // of the block
  int unit_chunks;           // at least 1
  const std::int8_t* codes;  // [rows, kBlock]
  const float* scales;       // [rows], of activations
  const UnitTerm* terms;     // [rows, block_units]
  int block_units;
  float* sums;  // [rows, kPanels * kPanel]
  bool first;   // start from zero instead of from the sums
};

/// sums += the products of a block. A unit's products are exact integers; units are added in their
/// order with one rounding each, and so are blocks, so that tiles of any size give the same bits.
/// kStepQuads vectors of codes are taken at a time: 8 are a chunk, and 4 the half of one.
///
/// What bounds it on x86 are the two ports that 512-bit arithmetic has. Of 10 instructions for 32
/// inputs 8 are products; starts and activations come from memory, which costs nothing there.
template <int kRows, int kPanels, int kStepQuads, bool kOffset, bool kWide>
void dot_tile(const DotTile& t) {
  F32x16 acc[kRows][kPanels];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) acc[r][p] = broadcast(0.0f);
  }
  constexpr int kParts = kQuads / kStepQuads;
  const int steps = t.chunks * kParts;
  const UnitTerm* term = t.terms;
  const std::int8_t* x = t.codes;
  const std::uint8_t* weights[kPanels];
  for (int p = 0; p < kPanels; ++p) weights[p] = &t.panels[p].codes[0][0][0];
  for (int step = 0, unit = 0; step < steps; ++term, ++unit) {
    const int end = kParts == 1 ? std::min(steps, step + t.unit_chunks) : step + 1;
    I32x16 products[kRows][kPanels];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        products[r][p] = kOffset ? broadcast_int(0) : broadcast_int(term[r * t.block_units].start);
      }
    }
    do {
      // The rows of the next tile: products that wait for a cache line take their turn twice.
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) __builtin_prefetch(x + (kRows + r) * kBlock);
#pragma GCC unroll 8
      for (int q = 0; q < kStepQuads; ++q) {
        U8x64 codes[kPanels];
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) codes[p] = load_bytes(weights[p] + q * 64);
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) {
          const SignedFour four = load_four(x + r * kBlock + 4 * q);
#pragma GCC unroll 2
          for (int p = 0; p < kPanels; ++p) {
            products[r][p] = dot<kWide>(products[r][p], codes[p], four);
          }
        }
      }
      x += 4 * kStepQuads;
      for (int p = 0; p < kPanels; ++p) weights[p] += kStepQuads * 64;
    } while (++step < end);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        acc[r][p] = fma(to_float(products[r][p]), load(t.panels[p].scale[unit]), acc[r][p]);
        if constexpr (kOffset) {
          const F32x16 sum = broadcast(term[r * t.block_units].sum);
          acc[r][p] = fma(load(t.panels[p].offset[unit]), sum, acc[r][p]);
        }
      }
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      float* sums = t.sums + (r * kPanels + p) * kPanel;
      const F32x16 before = t.first ? broadcast(0.0f) : load(sums);
      store(sums, fma(acc[r][p], broadcast(t.scales[r]), before));
    }
  }
}

using DotFunction = void (*)(const DotTile&);

/// dot_tile for 1 .. kDotRows rows, for one panel and for kDotPanels.
struct DotTable {
  DotFunction wide[kDotRows];
  DotFunction single[kDotRows];
};

template <int kStepQuads, bool kOffset, bool kWide, int... kIndex>
constexpr DotTable make_dot_table(std::integer_sequence<int, kIndex...>) {
  return {{dot_tile<kIndex + 1, kDotPanels, kStepQuads, kOffset, kWide>...},
          {dot_tile<kIndex + 1, 1, kStepQuads, kOffset, kWide>...}};
}

template <int kStepQuads, bool kOffset, bool kWide>
const DotTable& dot_table() {
  static constexpr DotTable kTable =
      make_dot_table<kStepQuads, kOffset, kWide>(std::make_integer_sequence<int, kDotRows>());
  return kTable;
}

inline const DotTable& dot_table(const QuantLayout& layout) {
  const bool offset = layout.has_offset();
  const bool wide = layout.wide();
  if (layout.chunk_parts() == 2) {
    if (offset) return dot_table<4, true, false>();  // Q2_K; its codes are small
    return wide ? dot_table<4, false, true>() : dot_table<4, false, false>();
  }
  if (offset) return wide ? dot_table<8, true, true>() : dot_table<8, true, false>();
  return wide ? dot_table<8, false, true>() : dot_table<8, false, false>();
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
