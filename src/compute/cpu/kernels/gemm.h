// y = x w^T + bias in float32 accumulation, weights converted in registers.
#pragma once

#include <utility>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Values of k one pass over a tile takes: a 12-row tile of x is then 24 KiB, half the L1 cache.
inline constexpr std::int64_t kDepthBlock = 512;
inline constexpr int kMaxTilePanels = 4;

/// Panels that rows x panels accumulators still fit registers with.
constexpr int tile_panels(int rows) {
  const int fit = kTileRows * kTilePanels / rows;
  return fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
}

struct TileArgs {
  const void* weight;         // first panel of the tile, at the first k of the block
  std::int64_t panel_stride;  // elements between panels
  const float* x;             // [depth, rows]
  std::int64_t depth;
  float* y;
  std::int64_t y_stride;
  int columns;        // of the last panel that exist
  bool first;         // start from zero instead of from y
  const float* bias;  // added after the last block, else null
};

/// Each accumulator is one chain of fused multiply-adds over k, so neither the tile's size nor the
/// depth blocks (a float stored and loaded again is the same float) change a bit.
template <int kRows, int kPanels, typename W>
void gemm_tile(const TileArgs& t) {
  F32x16 acc[kRows][kPanels];
  const auto columns = [&](int p) { return p == kPanels - 1 ? t.columns : kLanes; };
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      acc[r][p] =
          t.first ? broadcast(0.0f) : load_first(t.y + r * t.y_stride + p * kLanes, columns(p));
    }
  }
  const W* w = static_cast<const W*>(t.weight);
  const float* x = t.x;
  for (std::int64_t k = 0; k < t.depth; ++k, w += kLanes, x += kRows) {
    F32x16 weights[kPanels];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) weights[p] = load_weights(w + p * t.panel_stride);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const F32x16 value = broadcast(x[r]);
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) acc[r][p] = fma(value, weights[p], acc[r][p]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      F32x16 sum = acc[r][p];
      if (t.bias) sum = add(sum, load_first(t.bias + p * kLanes, columns(p)));
      store_first(t.y + r * t.y_stride + p * kLanes, sum, columns(p));
    }
  }
}

using TileFunction = void (*)(const TileArgs&);

template <typename W>
struct TileTable {
  TileFunction wide[kTileRows];    // tile_panels(rows) panels
  TileFunction single[kTileRows];  // one panel
};

template <typename W, int... kIndex>
constexpr TileTable<W> make_tile_table(std::integer_sequence<int, kIndex...>) {
  return {{gemm_tile<kIndex + 1, tile_panels(kIndex + 1), W>...}, {gemm_tile<kIndex + 1, 1, W>...}};
}

template <typename W>
void gemm_typed(const GemmArgs& a) {
  static constexpr TileTable<W> kTable =
      make_tile_table<W>(std::make_integer_sequence<int, kTileRows>());
  const std::int64_t panel_stride = a.k * kPanel;
  // With a single tile of rows nothing is reused between depth blocks, so take k in one go.
  const std::int64_t block = a.rows <= kTileRows ? a.k : kDepthBlock;
  for (std::int64_t k0 = 0; k0 < a.k; k0 += block) {
    const std::int64_t depth = a.k - k0 < block ? a.k - k0 : block;
    const bool last = k0 + depth == a.k;
    for (std::int64_t row = 0; row < a.rows; row += kTileRows) {
      const int rows = a.rows - row < kTileRows ? static_cast<int>(a.rows - row) : kTileRows;
      const int wide = tile_panels(rows);
      for (std::int64_t panel = a.panel_begin; panel < a.panel_end;) {
        const int panels = a.panel_end - panel >= wide ? wide : 1;
        const std::int64_t column = panel * kPanel;
        const std::int64_t rest = a.outputs - column - (panels - 1) * kPanel;
        const TileArgs tile{static_cast<const W*>(a.weight) + panel * panel_stride + k0 * kPanel,
                            panel_stride,
                            a.x + row * a.k + k0 * rows,
                            depth,
                            a.y + row * a.y_stride + column,
                            a.y_stride,
                            rest < kPanel ? static_cast<int>(rest) : kPanel,
                            k0 == 0,
                            last && a.bias ? a.bias + column : nullptr};
        (panels == wide ? kTable.wide : kTable.single)[rows - 1](tile);
        panel += panels;
      }
    }
  }
}

inline void gemm(const GemmArgs& args) {
  switch (args.type) {
    case WeightType::kF32:
      return gemm_typed<float>(args);
    case WeightType::kF16:
      return gemm_typed<F16>(args);
    case WeightType::kBF16:
      return gemm_typed<Bf16>(args);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
