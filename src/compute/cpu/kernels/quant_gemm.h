// y = x w^T + bias for quantized weights.
//
// Two ways. With int8 activations, integer products of codes are exact, and each chunk of 32 inputs
// adds one float product to the output, chunks in their order: tiles of any size give the same
// bits. With float activations, weights are dequantized piece by piece into a buffer that the float
// kernel reads, and the results are those of the dequantized matrix, bit for bit.
#pragma once

#include <algorithm>
#include <utility>

#include "compute/cpu/kernels/gemm.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_gemv.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// A row of activations as int8: chunk by chunk, value = scale * code with the largest code 127.
inline void quantize_row(std::int8_t* codes, ChunkSums* sums, const float* x, std::int64_t n) {
  for (std::int64_t begin = 0; begin < n; begin += kChunk, codes += kChunk, ++sums) {
    const int count = static_cast<int>(std::min<std::int64_t>(kChunk, n - begin));
    const F32x16 low = load_first(x + begin, std::min(count, 16));
    const F32x16 high = load_first(x + begin + std::min(count, 16), std::max(count - 16, 0));
    const auto magnitude = [](F32x16 v) { return max(v, sub(broadcast(0.0f), v)); };
    const float largest = reduce_max(max(magnitude(low), magnitude(high)));
    const float scale = largest / 127.0f;
    const F32x16 inverse = broadcast(largest > 0.0f ? 127.0f / largest : 0.0f);
    const I32x16 codes_low = to_nearest(mul(low, inverse));
    const I32x16 codes_high = to_nearest(mul(high, inverse));
    store_bytes(codes, codes_low);
    store_bytes(codes + 16, codes_high);
    const std::int32_t sum_low = reduce_add(codes_low);
    const std::int32_t sum_high = reduce_add(codes_high);
    *sums = {scale,
             {sum_low, sum_high},
             {scale * static_cast<float>(sum_low), scale * static_cast<float>(sum_high)}};
  }
}

struct DotTile {
  const UnpackedPanel* panels;
  int chunks;
  const std::int8_t* codes;  // of the first row, at the first input of the tile
  std::int64_t code_stride;
  const ChunkSums* sums;
  std::int64_t sum_stride;
  int zero;
  float* y;
  std::int64_t y_stride;
  int columns;  // of the last panel that exist
  bool first;   // start from zero instead of from y
  const float* bias;
};

template <int kRows, int kPanels, int kParts, bool kOffset, bool kWide>
void dot_tile(const DotTile& t) {
  F32x16 acc[kRows][kPanels];
  const auto columns = [&](int p) { return p == kPanels - 1 ? t.columns : kLanes; };
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      acc[r][p] =
          t.first ? broadcast(0.0f) : load_first(t.y + r * t.y_stride + p * kLanes, columns(p));
    }
  }
  for (int c = 0; c < t.chunks; ++c) {
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
      constexpr int kPartQuads = kQuads / kParts;
      const int index = c * kParts + part;
      I32x16 products[kRows][kPanels];
#pragma GCC unroll 6
      for (int r = 0; r < kRows; ++r) {
        const ChunkSums& sums = t.sums[r * t.sum_stride + c];
        const std::int32_t sum = kParts == 2 ? sums.sum[part] : sums.sum[0] + sums.sum[1];
        // Codes are `zero` too large.
        const I32x16 start = broadcast_int(-t.zero * sum);
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) products[r][p] = start;
      }
#pragma GCC unroll 8
      for (int q = part * kPartQuads; q < (part + 1) * kPartQuads; ++q) {
        U8x64 codes[kPanels];
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) codes[p] = load_bytes(t.panels[p].codes[c][q]);
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
          const std::int8_t* four = t.codes + r * t.code_stride + c * kChunk + 4 * q;
#pragma GCC unroll 2
          for (int p = 0; p < kPanels; ++p) {
            products[r][p] = dot<kWide>(products[r][p], codes[p], four);
          }
        }
      }
#pragma GCC unroll 6
      for (int r = 0; r < kRows; ++r) {
        const ChunkSums& sums = t.sums[r * t.sum_stride + c];
        const F32x16 scale = broadcast(sums.scale);
        const float weighted =
            kParts == 2 ? sums.weighted[part] : sums.weighted[0] + sums.weighted[1];
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) {
          acc[r][p] =
              fma(to_float(products[r][p]), mul(load(t.panels[p].scale[index]), scale), acc[r][p]);
          if constexpr (kOffset) {
            acc[r][p] = fma(load(t.panels[p].offset[index]), broadcast(weighted), acc[r][p]);
          }
        }
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      F32x16 sum = acc[r][p];
      if (t.bias) sum = add(sum, load_first(t.bias + p * kLanes, columns(p)));
      store_first(t.y + r * t.y_stride + p * kLanes, sum, columns(p));
    }
  }
}

using DotFunction = void (*)(const DotTile&);

/// dot_tile for 1 .. kDotRows rows, for one panel and for kDotPanels.
struct DotTable {
  DotFunction wide[kDotRows];
  DotFunction single[kDotRows];
};

template <int kParts, bool kOffset, bool kWide, int... kIndex>
constexpr DotTable make_dot_table(std::integer_sequence<int, kIndex...>) {
  return {{dot_tile<kIndex + 1, kDotPanels, kParts, kOffset, kWide>...},
          {dot_tile<kIndex + 1, 1, kParts, kOffset, kWide>...}};
}

template <int kParts, bool kOffset, bool kWide>
const DotTable& dot_table() {
  static constexpr DotTable kTable =
      make_dot_table<kParts, kOffset, kWide>(std::make_integer_sequence<int, kDotRows>());
  return kTable;
}

inline const DotTable& dot_table(const QuantLayout& layout) {
  const bool offset = layout.has_offset();
  const bool wide = layout.wide();
  if (layout.chunk_parts() == 2) {
    if (offset) return dot_table<2, true, false>();  // Q2_K; its codes are small
    return wide ? dot_table<2, false, true>() : dot_table<2, false, false>();
  }
  if (offset) return wide ? dot_table<1, true, true>() : dot_table<1, true, false>();
  return wide ? dot_table<1, false, true>() : dot_table<1, false, false>();
}

/// Integer products of packed weights with quantized activations.
inline void quant_gemm(const QuantGemmArgs& a) {
  if (a.rows <= kGemvRows) return quant_gemv(a);
  const QuantLayout& layout = *a.layout;
  const DotTable& table = dot_table(layout);
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  UnpackedPanel unpacked[kDotPanels];
  for (std::int64_t panel = a.panel_begin; panel < a.panel_end;) {
    const int panels = a.panel_end - panel >= kDotPanels ? kDotPanels : 1;
    const std::int64_t column = panel * kPanel;
    const std::int64_t rest = a.outputs - column - (panels - 1) * kPanel;
    for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock) {
      const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
      for (int p = 0; p < panels; ++p) {
        unpack_block(a.weight + (panel + p) * panel_bytes, k0, depth, layout, unpacked[p]);
      }
      for (std::int64_t row = 0; row < a.rows; row += kDotRows) {
        const int rows = static_cast<int>(std::min<std::int64_t>(kDotRows, a.rows - row));
        const DotTile tile{unpacked,
                           static_cast<int>((depth + kChunk - 1) / kChunk),
                           a.codes + row * a.code_stride + k0,
                           a.code_stride,
                           a.sums + row * a.sum_stride + k0 / kChunk,
                           a.sum_stride,
                           layout.zero,
                           a.y + row * a.y_stride + column,
                           a.y_stride,
                           rest < kPanel ? static_cast<int>(rest) : kPanel,
                           k0 == 0,
                           a.bias && k0 + depth == a.k ? a.bias + column : nullptr};
        (panels == kDotPanels ? table.wide : table.single)[rows - 1](tile);
      }
    }
    panel += panels;
  }
}

/// Float products: `gemm` over pieces of dequantized weights.
inline void quant_gemm_float(const QuantGemmArgs& a) {
  if (a.rows == 1 && a.layout->e4m3) return e4m3_gemv(a);
  static constexpr TileTable<float> kTable =
      make_tile_table<float>(std::make_integer_sequence<int, kTileRows>());
  constexpr int kGroup = 2;  // panels dequantized together: 32 KiB
  const QuantLayout& layout = *a.layout;
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  UnpackedPanel unpacked;
  alignas(64) float weights[kGroup][kBlock * kPanel];
  for (std::int64_t panel = a.panel_begin; panel < a.panel_end; panel += kGroup) {
    const int group = static_cast<int>(std::min<std::int64_t>(kGroup, a.panel_end - panel));
    for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock) {
      const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
      for (int p = 0; p < group; ++p) {
        unpack_block(a.weight + (panel + p) * panel_bytes, k0, depth, layout, unpacked);
        dequantize_panel(unpacked, depth, layout, weights[p]);
      }
      for (std::int64_t row = 0; row < a.rows; row += kTileRows) {
        const int rows = static_cast<int>(std::min<std::int64_t>(kTileRows, a.rows - row));
        const bool wide = group == kGroup && tile_panels(rows) == kGroup;
        for (int p = 0; p < group; p += wide ? kGroup : 1) {
          const std::int64_t column = (panel + p) * kPanel;
          const std::int64_t rest = a.outputs - column - (wide ? kPanel : 0);
          const TileArgs tile{weights[p],
                              kBlock * kPanel,
                              a.x + row * a.k + k0 * rows,
                              depth,
                              a.y + row * a.y_stride + column,
                              a.y_stride,
                              rest < kPanel ? static_cast<int>(rest) : kPanel,
                              k0 == 0,
                              a.bias && k0 + depth == a.k ? a.bias + column : nullptr};
          (wide ? kTable.wide : kTable.single)[rows - 1](tile);
        }
      }
    }
  }
}

/// Inputs [0, k) of one output, as floats.
inline void dequantize_output(float* to, const std::uint8_t* weight, const QuantLayout& layout,
                              std::int64_t k, std::int64_t output) {
  UnpackedPanel unpacked;
  alignas(64) float weights[kBlock * kPanel];
  const std::uint8_t* panel = weight + output / kPanel * layout.panel_bytes(k);
  for (std::int64_t k0 = 0; k0 < k; k0 += kBlock) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, k - k0);
    unpack_block(panel, k0, depth, layout, unpacked);
    dequantize_panel(unpacked, depth, layout, weights);
    for (std::int64_t i = 0; i < depth; ++i) to[k0 + i] = weights[i * kPanel + output % kPanel];
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
