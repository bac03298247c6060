// y = x w^T + bias for quantized weights and one row, as in decoding: bound by memory, so codes
// go from memory through registers into the products, without a stop in a buffer. Results are those
// of quant_gemm.h, bit for bit: integer sums are exact in any order, and what is rounded is added
// in the same one.
#pragma once

#include <algorithm>
#include <utility>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Panels read side by side. Each is a stream of its own to the hardware's prefetching, and one
/// stream brings no more than two thirds of what a core can read (measured on Sapphire Rapids: 13
/// of 19 GB/s).
inline constexpr int kGemvPanels = 4;

/// How far ahead in each panel memory is asked for. Without, decoding reached 15 of 18 GB/s a core,
/// with 512 bytes 16 and with 2048 bytes 15.5 (Q4_0, Sapphire Rapids).
inline constexpr int kPrefetchBytes = 1024;

template <int kBits>
void prefetch_chunk(const std::uint8_t* codes) {
  for (int line = 0; line < kBits; ++line) __builtin_prefetch(codes + 64 * line + kPrefetchBytes);
}

/// kStepQuads vectors of codes are multiplied at a time: 8 are a chunk, and 4 the half of one.
template <int kBits, bool kTable, int kStepQuads, bool kOffset, int kPanels>
void gemv_panels(const QuantGemmArgs& a, std::int64_t panel) {
  constexpr bool kWide = kBits == 8 || kTable;
  const QuantLayout& layout = *a.layout;
  const QuantizedRows& x = *a.inputs;
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  const int unit_chunks = std::max(1, layout.unit() / kChunk);
  const std::uint8_t* block = a.weight + panel * panel_bytes;
  PanelScales scales[kPanels];
  F32x16 sums[kPanels];
  for (int p = 0; p < kPanels; ++p) sums[p] = broadcast(0.0f);
  for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock, block += layout.block_bytes()) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
    const int chunks = static_cast<int>((depth + kChunk - 1) / kChunk);
    for (int p = 0; p < kPanels; ++p) {
      unpack_scales(block + p * panel_bytes, k0, chunks, layout, scales[p]);
    }
    const std::uint8_t* block_codes = block + layout.header_bytes();
    const std::int64_t index = k0 / kBlock * x.rows + a.first_row;
    const std::int8_t* row = x.codes + index * kBlock;
    const UnitTerm* term = x.terms + index * layout.block_units();
    F32x16 acc[kPanels];
    for (int p = 0; p < kPanels; ++p) acc[p] = broadcast(0.0f);
    // Adds a unit: chunks [c, end), of which quads from kFirst on.
    int unit = 0;
    const auto add_unit = [&]<int kFirst>(int p, int c, int end) {
      // Two sums, so that one product need not wait for the one before; halves are too short for
      // it.
      constexpr int kSums = kStepQuads / 4;
      I32x16 products[2] = {broadcast_int(kOffset ? 0 : term->start), broadcast_int(0)};
      for (; c < end; ++c) {
        const std::uint8_t* codes = block_codes + p * panel_bytes + c * 64 * kBits;
        if constexpr (kFirst == 0) prefetch_chunk<kBits>(codes);
        const auto quad = [&]<int kQuad>() {
          U8x64 bytes = unpack_quad<kBits, kQuad>(codes);
          if constexpr (kTable) bytes = lookup(bytes, layout.values);
          products[kQuad % kSums] =
              dot<kWide>(products[kQuad % kSums], bytes, load_four(row + c * kChunk + 4 * kQuad));
        };
        [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
          (quad.template operator()<kFirst + kIndex>(), ...);
        }
        (std::make_integer_sequence<int, kStepQuads>());
      }
      const I32x16 sum = kSums == 2 ? add(products[0], products[1]) : products[0];
      acc[p] = fma(to_float(sum), load(scales[p].scale[unit]), acc[p]);
      if constexpr (kOffset) {
        acc[p] = fma(load(scales[p].offset[unit]), broadcast(term->sum), acc[p]);
      }
    };
    for (int c = 0; c < chunks;) {
      if constexpr (kStepQuads == kQuads) {
        const int end = std::min(chunks, c + unit_chunks);
#pragma GCC unroll 4
        for (int p = 0; p < kPanels; ++p) add_unit.template operator()<0>(p, c, end);
        ++term, ++unit;
        c = end;
      } else {
#pragma GCC unroll 4
        for (int p = 0; p < kPanels; ++p) add_unit.template operator()<0>(p, c, c + 1);
        ++term, ++unit;
#pragma GCC unroll 4
        for (int p = 0; p < kPanels; ++p) {
          add_unit.template operator()<kStepQuads>(p, c, c + 1);
        }
        ++term, ++unit;
        ++c;
      }
    }
    const F32x16 scale = broadcast(x.scales[index]);
    for (int p = 0; p < kPanels; ++p) sums[p] = fma(acc[p], scale, sums[p]);
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) {
    const std::int64_t column = (panel + p) * kPanel;
    const int columns = static_cast<int>(std::min<std::int64_t>(kPanel, a.outputs - column));
    if (a.bias) sums[p] = add(sums[p], load_first(a.bias + column, columns));
    store_first(a.y + column, sums[p], columns);
  }
}

template <int kBits, bool kTable, int kStepQuads, bool kOffset>
void gemv_row(const QuantGemmArgs& a) {
  std::int64_t panel = a.panel_begin;
  for (; panel + kGemvPanels <= a.panel_end; panel += kGemvPanels) {
    gemv_panels<kBits, kTable, kStepQuads, kOffset, kGemvPanels>(a, panel);
  }
  for (; panel < a.panel_end; ++panel) {
    gemv_panels<kBits, kTable, kStepQuads, kOffset, 1>(a, panel);
  }
}

template <int kBits, bool kTable>
void gemv_bits(const QuantGemmArgs& a) {
  const bool offset = a.layout->has_offset();
  if (a.layout->chunk_parts() == 2) {
    return offset ? gemv_row<kBits, kTable, 4, true>(a) : gemv_row<kBits, kTable, 4, false>(a);
  }
  return offset ? gemv_row<kBits, kTable, 8, true>(a) : gemv_row<kBits, kTable, 8, false>(a);
}

/// Integer products for one row.
inline void quant_gemv(const QuantGemmArgs& a) {
  switch (a.layout->bits) {
    case 2:
      return gemv_bits<2, false>(a);
    case 3:
      return gemv_bits<3, false>(a);
    case 4:
      return a.layout->table ? gemv_bits<4, true>(a) : gemv_bits<4, false>(a);
    case 5:
      return gemv_bits<5, false>(a);
    case 6:
      return gemv_bits<6, false>(a);
    default:
      return gemv_bits<8, false>(a);
  }
}

/// Float products of E4M3 weights with one row: the chain of multiply-adds that gemm.h makes.
template <int kPanels>
void e4m3_gemv_panels(const QuantGemmArgs& a, std::int64_t panel) {
  const QuantLayout& layout = *a.layout;
  const int unit = layout.unit();
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  const std::uint8_t* block = a.weight + panel * panel_bytes;
  PanelScales scales[kPanels];
  F32x16 acc[kPanels];
  for (int p = 0; p < kPanels; ++p) acc[p] = broadcast(0.0f);
  for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock, block += layout.block_bytes()) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
    const int chunks = static_cast<int>((depth + kChunk - 1) / kChunk);
    for (int p = 0; p < kPanels; ++p) {
      unpack_scales(block + p * panel_bytes, k0, chunks, layout, scales[p]);
    }
    const std::uint8_t* codes = block + layout.header_bytes();
    for (std::int64_t k = 0; k < depth; k += 4, codes += 64) {
      const float* x = a.x + k0 + k;
      const auto four = static_cast<int>(std::min<std::int64_t>(4, depth - k));
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        __builtin_prefetch(codes + p * panel_bytes + kPrefetchBytes);
        const I32x16 words = as_words(load_bytes(codes + p * panel_bytes));
        const F32x16 scale = load(scales[p].scale[k / unit]);
        const auto add_product = [&]<int kIndex>() {
          const F32x16 value = e4m3_top_byte(shift_left<24 - 8 * kIndex>(words));
          acc[p] = fma(broadcast(x[kIndex]), mul(value, scale), acc[p]);
        };
        add_product.template operator()<0>();
        if (four > 1) add_product.template operator()<1>();
        if (four > 2) add_product.template operator()<2>();
        if (four > 3) add_product.template operator()<3>();
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) {
    const std::int64_t column = (panel + p) * kPanel;
    const int columns = static_cast<int>(std::min<std::int64_t>(kPanel, a.outputs - column));
    if (a.bias) acc[p] = add(acc[p], load_first(a.bias + column, columns));
    store_first(a.y + column, acc[p], columns);
  }
}

inline void e4m3_gemv(const QuantGemmArgs& a) {
  std::int64_t panel = a.panel_begin;
  for (; panel + kGemvPanels <= a.panel_end; panel += kGemvPanels) {
    e4m3_gemv_panels<kGemvPanels>(a, panel);
  }
  for (; panel < a.panel_end; ++panel) e4m3_gemv_panels<1>(a, panel);
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
