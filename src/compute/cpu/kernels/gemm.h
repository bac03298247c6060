// y = x w^T + bias in float32 accumulation.
//
// Weights of 16 bits are widened to float32: in registers where a weight is used for one tile of
// rows, else once into a buffer that all tiles read. With bf16 dot products (avx512_bf16) weights
// and inputs are pairs of bf16, which one instruction multiplies and adds.
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Steps of k that one pass over a tile takes: two panels of float32 weights are then 32 KiB and
/// stay in the L1 cache, with 12 KiB of a 12-row tile of x.
inline constexpr std::int64_t kDepthBlock = 256;
inline constexpr int kMaxTilePanels = 4;

/// Panels that rows x panels accumulators still fit registers with.
constexpr int tile_panels(int rows) {
  const int fit = kTileRows * kTilePanels / rows;
  return fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
}

/// What one step of k takes of x for a row: a float, or a pair of bf16 for pairs of weights.
template <typename W>
struct InputOf {
  using Type = float;
};
#if defined(SACCADE_ISA_AVX512_BF16)
template <>
struct InputOf<Bf16Pair> {
  using Type = Bf16Pair;
};
#endif

struct TileArgs {
  const void* weight;         // first panel of the tile, at the first k of the block
  std::int64_t panel_stride;  // elements between panels
  const void* x;              // [depth, rows]
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
  const auto* x = static_cast<const typename InputOf<W>::Type*>(t.x);
  for (std::int64_t k = 0; k < t.depth; ++k, w += kLanes, x += kRows) {
    decltype(load_weights(w)) weights[kPanels];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) weights[p] = load_weights(w + p * t.panel_stride);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const auto value = broadcast(x[r]);
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

/// gemm_tile for 1 .. kTileRows rows.
template <typename W>
struct TileTable {
  TileFunction wide[kTileRows];    // tile_panels(rows) panels
  TileFunction single[kTileRows];  // one panel
  TileFunction even[kTileRows];    // kTilePanels panels
};

template <typename W, int... kIndex>
constexpr TileTable<W> make_tile_table(std::integer_sequence<int, kIndex...>) {
  return {{gemm_tile<kIndex + 1, tile_panels(kIndex + 1), W>...},
          {gemm_tile<kIndex + 1, 1, W>...},
          {gemm_tile<kIndex + 1, kTilePanels, W>...}};
}

template <typename W>
constexpr TileTable<W> tile_table() {
  return make_tile_table<W>(std::make_integer_sequence<int, kTileRows>());
}

/// Weight elements of one step of k in `a.k`: pairs of bf16 take two inputs a step.
inline std::int64_t gemm_steps(const GemmArgs& a) {
  return a.type == WeightType::kBF16Pairs ? (a.k + 1) / 2 : a.k;
}

inline int last_columns(const GemmArgs& a, std::int64_t panel_end) {
  return static_cast<int>(std::min<std::int64_t>(kPanel, a.outputs - (panel_end - 1) * kPanel));
}

/// One tile of rows: every weight is used once, straight from memory, and all of k in one go.
template <typename W>
void gemm_one_tile(const GemmArgs& a) {
  static constexpr TileTable<W> kTable = tile_table<W>();
  const std::int64_t steps = gemm_steps(a);
  const int rows = static_cast<int>(a.rows);
  const int wide = tile_panels(rows);
  for (std::int64_t panel = a.panel_begin; panel < a.panel_end;) {
    const int panels = a.panel_end - panel >= wide ? wide : 1;
    const std::int64_t column = panel * kPanel;
    const TileArgs tile{static_cast<const W*>(a.weight) + column * steps,
                        steps * kPanel,
                        a.x,
                        steps,
                        a.y + column,
                        a.y_stride,
                        last_columns(a, panel + panels),
                        true,
                        a.bias ? a.bias + column : nullptr};
    (panels == wide ? kTable.wide : kTable.single)[rows - 1](tile);
    panel += panels;
  }
}

/// Many tiles of rows, which take turns with a block of weights that stays in the L1 cache.
template <typename W>
void gemm_many_tiles(const GemmArgs& a) {
  using X = typename InputOf<W>::Type;
  // Widening costs as many instructions as products with a fourth of a tile's rows do, on the same
  // ports, so it is done once into a buffer that all tiles read.
  constexpr bool kWiden = std::is_same_v<W, Bf16> || std::is_same_v<W, F16>;
  using Used = std::conditional_t<kWiden, float, W>;
  static constexpr TileTable<Used> kTable = tile_table<Used>();
  alignas(64) Used widened[kWiden ? kTilePanels * kDepthBlock * kPanel : 1];
  const std::int64_t steps = gemm_steps(a);
  for (std::int64_t panel = a.panel_begin; panel < a.panel_end; panel += kTilePanels) {
    const int panels = static_cast<int>(std::min<std::int64_t>(kTilePanels, a.panel_end - panel));
    const std::int64_t column = panel * kPanel;
    for (std::int64_t k0 = 0; k0 < steps; k0 += kDepthBlock) {
      const std::int64_t depth = std::min(kDepthBlock, steps - k0);
      const W* stored = static_cast<const W*>(a.weight) + column * steps + k0 * kPanel;
      const void* weight = stored;
      std::int64_t panel_stride = steps * kPanel;
      if constexpr (kWiden) {
        for (int p = 0; p < panels; ++p) {
          const W* from = stored + p * panel_stride;
          float* to = widened + p * kDepthBlock * kPanel;
          for (std::int64_t i = 0; i < depth * kPanel; i += kLanes) {
            store(to + i, load_weights(from + i));
          }
        }
        weight = widened;
        panel_stride = kDepthBlock * kPanel;
      }
      for (std::int64_t row = 0; row < a.rows; row += a.tile_rows) {
        const int rows = static_cast<int>(std::min<std::int64_t>(a.tile_rows, a.rows - row));
        const auto run = [&](TileFunction function, int first, int count) {
          function({static_cast<const Used*>(weight) + first * panel_stride, panel_stride,
                    static_cast<const X*>(a.x) + row * steps + k0 * rows, depth,
                    a.y + row * a.y_stride + column + first * kPanel, a.y_stride,
                    last_columns(a, panel + first + count), k0 == 0,
                    a.bias && k0 + depth == steps ? a.bias + column + first * kPanel : nullptr});
        };
        if (panels == kTilePanels) {
          run(kTable.even[rows - 1], 0, kTilePanels);
        } else {
          for (int p = 0; p < panels; ++p) run(kTable.single[rows - 1], p, 1);
        }
      }
    }
  }
}

template <typename W>
void gemm_typed(const GemmArgs& a) {
  a.rows <= a.tile_rows ? gemm_one_tile<W>(a) : gemm_many_tiles<W>(a);
}

inline void gemm(const GemmArgs& args) {
  switch (args.type) {
    case WeightType::kF32:
      return gemm_typed<float>(args);
    case WeightType::kF16:
      return gemm_typed<F16>(args);
    case WeightType::kBF16:
      return gemm_typed<Bf16>(args);
    case WeightType::kBF16Pairs:
#if defined(SACCADE_ISA_AVX512_BF16)
      return gemm_typed<Bf16Pair>(args);
#else
      return;  // packed only where Kernels::pack_pairs is there
#endif
  }
}

#if defined(SACCADE_ISA_AVX512_BF16)
/// A tile of rows for products with pairs: y[k / 2, row] holds inputs k and k + 1 of the row
/// rounded to bf16, to the nearest and ties to even; an odd k ends with a zero.
inline void pack_pairs(void* to, const float* x, std::int64_t stride, int rows, std::int64_t k) {
  auto* pairs = static_cast<std::uint32_t*>(to);
  alignas(64) std::uint32_t rounded[kTileRows][kLanes];
  for (std::int64_t begin = 0; begin < k; begin += 2 * kLanes) {
    const int count = static_cast<int>(std::min<std::int64_t>(2 * kLanes, k - begin));
    for (int r = 0; r < rows; ++r) {
      const float* row = x + r * stride + begin;
      const F32x16 low = load_first(row, std::min(count, kLanes));
      const F32x16 high = load_first(row + std::min(count, kLanes), std::max(count - kLanes, 0));
      store_bf16(rounded[r], low, high);
    }
    const int steps = (count + 1) / 2;
    std::uint32_t* tile = pairs + begin / 2 * rows;
    for (int i = 0; i < steps; ++i) {
      for (int r = 0; r < rows; ++r) tile[i * rows + r] = rounded[r][i];
    }
  }
}
#endif

}  // namespace saccade::compute::cpu::SACCADE_ISA
