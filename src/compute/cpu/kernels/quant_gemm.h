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
#include "compute/cpu/kernels/e4m3_gemv.h"
#include "compute/cpu/kernels/elementwise.h"
#include "compute/cpu/kernels/gemm.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_gemv.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Products of the rows with two panels at a time, or with one.
class PairProducts {
 public:
  explicit PairProducts(const QuantGemmArgs& a)
      : a_(a),
        layout_(*a.layout),
        table_(dot_table(layout_)),
        packed_tiles_(packed_tiles(layout_)),
        panel_bytes_(layout_.panel_bytes(a.k)),
        header_bytes_(layout_.header_bytes()),
        block_bytes_(layout_.block_bytes()),
        unit_chunks_(std::max(1, layout_.unit() / kChunk)),
        block_units_(layout_.block_units()),
        // Tiles as even as they can be: a small one at the end has too few products on the way.
        tiles_(static_cast<int>((a.rows + kDotRows - 1) / kDotRows)),
        tile_rows_(static_cast<int>(a.rows) / tiles_),
        larger_tiles_(static_cast<int>(a.rows) % tiles_) {
    const int steps = tiles_ * kBlockChunks;
    block_lines_ = static_cast<int>(block_bytes_) / kLine;
    ahead_lines_ = (block_lines_ + steps - 1) / steps;
  }

  /// `second` is below zero where there is none.
  void multiply(std::int64_t first, std::int64_t second) {
    panel_[0] = first;
    panel_[1] = second;
    panels_ = second < 0 ? 1 : 2;
    const int width = std::min(panels_, kDotPanels);
    for (int p = 0; p < panels_; p += width) {
      for (std::int64_t k0 = 0; k0 < a_.k; k0 += kBlock) {
        multiply_block(p, width, k0, std::min<std::int64_t>(kBlock, a_.k - k0));
      }
    }
    a_.gated ? finish_gated() : finish();
  }

 private:
  static constexpr int kLine = 64;

  const std::uint8_t* panel_data(std::int64_t panel) const {
    return a_.weight + layout_.place(panel) * panel_bytes_;
  }

  /// Adds the products of the block at k0 for panels p .. p + width - 1.
  void multiply_block(int p, int width, std::int64_t k0, std::int64_t depth) {
    const QuantizedRows& x = *a_.inputs;
    const std::int64_t first = k0 / kBlock * x.rows + a_.first_row;
    DotTile dot{unpacked_,
                {},
                {},
                layout_.values,
                static_cast<int>((depth + kChunk - 1) / kChunk),
                unit_chunks_,
                x.codes + first * kBlock,
                x.scales + first,
                x.terms + first * block_units_,
                block_units_,
                {},
                0,
                sums_ + p * kDotBlockRows * kPanel,
                k0 == 0};
    const bool packed = packed_tiles_ && width == kDotPanels;
    for (int i = 0; i < width; ++i) {
      const std::uint8_t* block = panel_data(panel_[p + i]) + k0 / kBlock * block_bytes_;
      dot.records[i] = block;
      // Behind a gate's last block lies what it gates, and not the gate that is next.
      dot.ahead[i] = k0 + depth == a_.k ? panel_data(panel_[p + i] + 1) : block + block_bytes_;
      unpack_product_scales(block, k0, dot.chunks, layout_, unpacked_[i]);
      if (packed) {
        dot.packed[i] = block + header_bytes_;
      } else {
        unpack_codes(block + header_bytes_, dot.chunks, layout_, unpacked_[i]);
      }
    }
    multiply_tiles(dot, p, width, packed, k0 + depth == a_.k);
  }

  /// All tiles of rows, of which the first unpacks the codes if they are packed.
  void multiply_tiles(DotTile& dot, int p, int width, bool packed, bool last) {
    const DotFunction* functions = (width == kDotPanels ? table_.wide : table_.single).data();
    const float* y = a_.y;
    int lines_left = block_lines_;
    for (int tile = 0; tile < tiles_; ++tile) {
      const int rows = tile_rows_ + (tile < larger_tiles_ ? 1 : 0);
      if (last) fetch_outputs(y, p, width, rows);
      dot.ahead_lines = lines_left > 0 ? ahead_lines_ : 0;
      (packed && tile == 0 ? packed_tiles_ : functions)[rows - 1](dot);
      dot.codes += rows * kBlock;
      dot.scales += rows;
      dot.terms += rows * dot.block_units;
      dot.sums += rows * width * kPanel;
      y += rows * a_.y_stride;
      const int lines = dot.chunks * dot.ahead_lines;
      for (int i = 0; i < width; ++i) dot.ahead[i] += lines * kLine;
      lines_left -= lines;
    }
  }

  /// Brings the lines that `finish` will write: waiting for them there took 9 % of the time.
  void fetch_outputs(const float* y, int p, int width, int rows) const {
    const int outputs = a_.gated ? 1 : width;
    for (int row = 0; row < rows; ++row, y += a_.y_stride) {
      for (int i = 0; i < outputs; ++i) {
        __builtin_prefetch(y + panel_[p + i] * kPanel, 1, 2);
      }
    }
  }

  F32x16 sum(std::int64_t row, int p) const {
    const float* sums = panels_ == kDotPanels ? sums_ + (row * kDotPanels + p) * kPanel
                                              : sums_ + (p * kDotBlockRows + row) * kPanel;
    const std::int64_t column = panel_[p] * kPanel;
    return a_.bias ? add(load(sums), load_first(a_.bias + column, columns(column))) : load(sums);
  }

  int columns(std::int64_t column) const {
    return static_cast<int>(std::min<std::int64_t>(kPanel, a_.outputs - column));
  }

  void finish() const {
    for (std::int64_t row = 0; row < a_.rows; ++row) {
      for (int p = 0; p < panels_; ++p) {
        const std::int64_t column = panel_[p] * kPanel;
        float* y = a_.y + row * a_.y_stride + column;
        F32x16 value = sum(row, p);
        if (a_.add) value = add(load_first(y, columns(column)), value);
        store_first(y, value, columns(column));
      }
    }
  }

  void finish_gated() const {
    for (std::int64_t row = 0; row < a_.rows; ++row) {
      float* y = a_.y + row * a_.y_stride + panel_[0] * kPanel;
      const F32x16 value = mul(apply(sum(row, 0), a_.gate), sum(row, 1));
      store(y, a_.add ? add(load(y), value) : value);
    }
  }

  const QuantGemmArgs& a_;
  const QuantLayout& layout_;
  const DotTable& table_;
  const DotFunction* packed_tiles_;  // null where blocks are unpacked before their first tile
  std::int64_t panel_bytes_;
  std::int64_t header_bytes_;
  std::int64_t block_bytes_;
  int unit_chunks_;
  int block_units_;
  int tiles_;
  int tile_rows_;
  int larger_tiles_;  // the first so many have one row more
  int block_lines_;   // cache lines of a block
  int ahead_lines_;   // of the next block, asked for with each chunk until it has all
  std::int64_t panel_[2];
  int panels_ = 0;
  UnpackedPanel unpacked_[kDotPanels];
  // [rows, 2, kPanel] where a tile has two panels, else [2, kDotBlockRows, kPanel]
  alignas(64) float sums_[2 * kDotBlockRows * kPanel];
};

/// Integer products of packed weights with quantized activations.
inline void quant_gemm(const QuantGemmArgs& a) {
  if (a.rows == 1) return quant_gemv(a);
  PairProducts pairs(a);
  // Neighbours in a pair are the halves of the range, so that each reads a stream of memory that
  // goes on with the next pair and the next slice; or a gate's outputs and what they gate.
  const std::int64_t panels = a.panel_end - a.panel_begin;
  const std::int64_t half = a.gated ? a.outputs / 2 / kPanel : panels / 2;
  const std::int64_t count = a.gated ? panels : panels / 2;
  const std::int64_t end = count * (a.slice + 1) / a.slices;
  for (std::int64_t p = count * a.slice / a.slices; p < end; ++p) {
    pairs.multiply(a.panel_begin + p, a.panel_begin + p + half);
  }
  const bool last = a.slice + 1 == a.slices;
  if (last && !a.gated && panels % 2 != 0) pairs.multiply(a.panel_end - 1, -1);
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
        const std::uint8_t* data = a.weight + layout.place(panel + p) * panel_bytes;
        unpack_block(data, k0, depth, layout, unpacked);
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
  const std::uint8_t* panel = weight + layout.place(output / kPanel) * layout.panel_bytes(k);
  for (std::int64_t k0 = 0; k0 < k; k0 += kBlock) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, k - k0);
    unpack_block(panel, k0, depth, layout, unpacked);
    dequantize_panel(unpacked, depth, layout, weights);
    for (std::int64_t i = 0; i < depth; ++i) to[k0 + i] = weights[i * kPanel + output % kPanel];
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
