// y = x w^T + bias for quantized weights.
//
// Two ways. With int8 activations, integer products of codes are exact, and each unit of inputs
// that share a scale adds one float product to the output: see dot_tile.h. With float activations,
// weights are dequantized piece by piece into a buffer that the float kernel reads, and the results
// are those of the dequantized matrix, bit for bit.
#pragma once

#include <algorithm>
#include <utility>

#include "compute/cpu/kernels/dot_tile.h"
#include "compute/cpu/kernels/gemm.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_gemv.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Asks memory for bytes that will be wanted soon, a few lines at a time.
class Prefetcher {
 public:
  Prefetcher() = default;
  /// All of [first, first + bytes) in `steps` steps.
  Prefetcher(const void* first, std::int64_t bytes, std::int64_t steps)
      : at_(static_cast<const char*>(first)),
        end_(at_ + bytes),
        step_((bytes / kLine + steps - 1) / steps * kLine) {}

  void step() {
    const char* end = std::min(end_, at_ + step_);
    for (; at_ < end; at_ += kLine) __builtin_prefetch(at_, 0, 2);
  }

 private:
  static constexpr std::int64_t kLine = 64;

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::int64_t step_ = 0;
};

/// Products of the rows with kDotPanels panels or one.
class DotPanels {
 public:
  DotPanels(const QuantGemmArgs& a, std::int64_t panel, int panels)
      : a_(a), layout_(*a.layout), panel_(panel), panels_(panels) {}

  void multiply() {
    for (std::int64_t k0 = 0; k0 < a_.k; k0 += kBlock) {
      const std::int64_t depth = std::min<std::int64_t>(kBlock, a_.k - k0);
      for (int p = 0; p < panels_; ++p) {
        unpack_block(panel_data(panel_ + p), k0, depth, layout_, unpacked_[p]);
      }
      multiply_block(k0, depth);
    }
    finish();
  }

 private:
  const std::uint8_t* panel_data(std::int64_t panel) const {
    return a_.weight + panel * layout_.panel_bytes(a_.k);
  }

  void multiply_block(std::int64_t k0, std::int64_t depth) {
    const QuantizedRows& x = *a_.inputs;
    const std::int64_t first = k0 / kBlock * x.rows + a_.first_row;
    const bool last = k0 + depth == a_.k;
    // Tiles as even as they can be: a small one at the end has too few products on the way.
    const std::int64_t tiles = (a_.rows + kDotRows - 1) / kDotRows;
    const std::int64_t tile_rows = a_.rows / tiles;
    const std::int64_t larger_tiles = a_.rows % tiles;
    Prefetcher next_weights[kDotPanels];
    for (int p = 0; p < panels_; ++p) next_weights[p] = next_block(p, k0, tiles);
    const DotFunction* table =
        panels_ == kDotPanels ? dot_table(layout_).wide : dot_table(layout_).single;
    DotTile dot{unpacked_,
                static_cast<int>((depth + kChunk - 1) / kChunk),
                std::max(1, layout_.unit() / kChunk),
                x.codes + first * kBlock,
                x.scales + first,
                x.terms + first * layout_.block_units(),
                layout_.block_units(),
                sums_,
                k0 == 0};
    float* y = a_.y + panel_ * kPanel;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t rows = tile_rows + (tile < larger_tiles ? 1 : 0);
      if (last) fetch_outputs(y, rows);
      table[rows - 1](dot);
      dot.codes += rows * kBlock;
      dot.scales += rows;
      dot.terms += rows * dot.block_units;
      dot.sums += rows * panels_ * kPanel;
      y += rows * a_.y_stride;
      for (Prefetcher& panel : next_weights) panel.step();
    }
  }

  /// The block that is unpacked after the one at k0 for panel p of these.
  Prefetcher next_block(int p, std::int64_t k0, std::int64_t steps) const {
    const std::int64_t offset = (k0 / kBlock + 1) * layout_.block_bytes();
    const std::int64_t rest = layout_.panel_bytes(a_.k) - offset;
    if (rest > 0) {
      return {panel_data(panel_ + p) + offset, std::min(rest, layout_.block_bytes()), steps};
    }
    const bool more = panel_ + panels_ + p < a_.panel_end;
    return {panel_data(panel_ + panels_ + p), more ? layout_.block_bytes() : 0, steps};
  }

  /// Brings the lines that `finish` will write: waiting for them there took 9 % of the time.
  void fetch_outputs(const float* y, std::int64_t rows) const {
    for (std::int64_t row = 0; row < rows; ++row, y += a_.y_stride) {
      for (int p = 0; p < panels_; ++p) __builtin_prefetch(y + p * kPanel, 1, 2);
    }
  }

  void finish() const {
    for (std::int64_t row = 0; row < a_.rows; ++row) {
      for (int p = 0; p < panels_; ++p) {
        const std::int64_t column = (panel_ + p) * kPanel;
        const int columns = static_cast<int>(std::min<std::int64_t>(kPanel, a_.outputs - column));
        F32x16 sum = load(sums_ + (row * panels_ + p) * kPanel);
        if (a_.bias) sum = add(sum, load_first(a_.bias + column, columns));
        store_first(a_.y + row * a_.y_stride + column, sum, columns);
      }
    }
  }

  const QuantGemmArgs& a_;
  const QuantLayout& layout_;
  std::int64_t panel_;
  int panels_;
  UnpackedPanel unpacked_[kDotPanels];
  alignas(64) float sums_[kDotBlockRows * kDotPanels * kPanel];  // [rows, panels_ * kPanel]
};

/// Integer products of packed weights with quantized activations.
inline void quant_gemm(const QuantGemmArgs& a) {
  if (a.rows == 1) return quant_gemv(a);
  for (std::int64_t panel = a.panel_begin; panel < a.panel_end;) {
    const int panels = a.panel_end - panel >= kDotPanels ? kDotPanels : 1;
    DotPanels(a, panel, panels).multiply();
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
