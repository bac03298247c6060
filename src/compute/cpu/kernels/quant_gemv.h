// y = x w^T + bias for quantized weights and one row, as in decoding: bound by memory, so codes
// go from memory through registers into the products, without a stop in a buffer. Results are those
// of quant_gemm.h, bit for bit: integer sums are exact in any order, and what is rounded is added
// in the same one.
#pragma once

#include <algorithm>
#include <bit>
#include <utility>

#include "compute/cpu/kernels/gemv_parts.h"
#include "compute/cpu/kernels/gemv_streams.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// A block of inputs with kPanels panels of weights.
template <int kPanels>
struct GemvBlock {
  const QuantLayout& layout;
  int chunks;
  const PanelScales* scales;  // [kPanels]
  const std::uint8_t* codes[kPanels];
  const std::int8_t* row;
  const UnitTerm* terms;
};

/// acc = the block's products, unit by unit. kStepQuads vectors of codes are multiplied at a time:
/// 8 are a chunk, and 4 the half of one.
template <int kBits, bool kTable, int kStepQuads, bool kOffset, int kPanels, int kAhead>
void gemv_block(const GemvBlock<kPanels>& block, int unit_chunks, F32x16 (&to)[kPanels]) {
  constexpr bool kWide = kBits == 8 || kTable;
  // Two sums where there is one panel, so that a product need not wait for the one before.
  constexpr int kSums = kPanels == 1 ? 2 : 1;
  F32x16 acc[kPanels];  // the compiler would keep `to` in memory
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) acc[p] = broadcast(0.0f);
  I32x16 products[kPanels][kSums];
  const UnitTerm* term = block.terms;
  int unit = 0;
  const auto start_unit = [&] {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      products[p][0] = broadcast_int(kOffset ? 0 : term->start);
      if constexpr (kSums == 2) products[p][1] = broadcast_int(0);
    }
  };
  const auto finish_unit = [&] {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      I32x16 sum = products[p][0];
      if constexpr (kSums == 2) sum = add(sum, products[p][1]);
      acc[p] = fma(to_float(sum), load(block.scales[p].scale[unit]), acc[p]);
      if constexpr (kOffset) {
        acc[p] = fma(load(block.scales[p].offset[unit]), broadcast(term->sum), acc[p]);
      }
    }
    ++term, ++unit;
  };
  const auto multiply = [&]<int kQuad>(int chunk) {
    const SignedFour four = load_four(block.row + chunk * kChunk + 4 * kQuad);
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const std::uint8_t* codes = block.codes[p] + std::int64_t{chunk} * 64 * kBits;
      if constexpr (kQuad < kBits) __builtin_prefetch(codes + 64 * kQuad + kAhead);
      U8x64 bytes = unpack_quad<kBits, kQuad>(codes);
      if constexpr (kTable) bytes = lookup(bytes, block.layout.values);
      products[p][kQuad % kSums] = dot<kWide>(products[p][kQuad % kSums], bytes, four);
    }
  };
  const auto multiply_half = [&]<int kFirst>(int chunk) {
    [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
      (multiply.template operator()<kFirst + kIndex>(chunk), ...);
    }
    (std::make_integer_sequence<int, kQuads / 2>());
  };
  for (int chunk = 0; chunk < block.chunks;) {
    start_unit();
    const int end = std::min(block.chunks, chunk + unit_chunks);
    do {
      multiply_half.template operator()<0>(chunk);
      if constexpr (kStepQuads < kQuads) {
        finish_unit();
        start_unit();
      }
      multiply_half.template operator()<kQuads / 2>(chunk);
    } while (++chunk < end);
    finish_unit();
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) to[p] = acc[p];
}

/// Panels `panel`, panel + stride, ...
template <int kBits, bool kTable, int kStepQuads, bool kOffset, int kPanels, int kAhead>
void gemv_panels(const QuantGemmArgs& a, std::int64_t panel, std::int64_t stride) {
  const QuantLayout& layout = *a.layout;
  const QuantizedRows& x = *a.inputs;
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  const std::int64_t header_bytes = layout.header_bytes();
  const std::int64_t block_bytes = layout.block_bytes();
  const int block_units = layout.block_units();
  const int unit_chunks = std::max(1, layout.unit() / kChunk);
  const std::uint8_t* data = a.weight + panel * panel_bytes;
  F32x16 sums[kPanels];
  for (int p = 0; p < kPanels; ++p) sums[p] = broadcast(0.0f);
  PanelScales scales[kPanels];
  GemvBlock<kPanels> block{layout, 0, scales};
  for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock, data += block_bytes) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
    block.chunks = static_cast<int>((depth + kChunk - 1) / kChunk);
    for (int p = 0; p < kPanels; ++p) {
      const std::uint8_t* header = data + p * stride * panel_bytes;
      prefetch_lines<kAhead>(header, header_bytes);
      unpack_scales(header, k0, block.chunks, layout, scales[p]);
      block.codes[p] = header + header_bytes;
    }
    const std::int64_t index = k0 / kBlock * x.rows + a.first_row;
    block.row = x.codes + index * kBlock;
    block.terms = x.terms + index * block_units;
    F32x16 acc[kPanels];
    gemv_block<kBits, kTable, kStepQuads, kOffset, kPanels, kAhead>(block, unit_chunks, acc);
    const F32x16 scale = broadcast(x.scales[index]);
    for (int p = 0; p < kPanels; ++p) sums[p] = fma(acc[p], scale, sums[p]);
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) store_outputs(a, panel + p * stride, sums[p]);
}

template <int kBits, bool kTable, int kStepQuads, bool kOffset>
void gemv_row(const QuantGemmArgs& a) {
  for_panels(a, [&]<int kPanels, int kAhead>(std::int64_t panel, std::int64_t stride) {
    gemv_panels<kBits, kTable, kStepQuads, kOffset, kPanels, kAhead>(a, panel, stride);
  });
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
  if (a.layout->has_part_mins()) return gemv_parts(a);
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
template <int kPanels, int kAhead>
void e4m3_gemv_panels(const QuantGemmArgs& a, std::int64_t panel, std::int64_t stride) {
  const QuantLayout& layout = *a.layout;
  const int unit_bits = std::countr_zero(static_cast<unsigned>(layout.unit()));
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  const std::int64_t header_bytes = layout.header_bytes();
  const std::int64_t block_bytes = layout.block_bytes();
  const std::uint8_t* data = a.weight + panel * panel_bytes;
  PanelScales scales[kPanels];
  F32x16 acc[kPanels];
  for (int p = 0; p < kPanels; ++p) acc[p] = broadcast(0.0f);
  for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock, data += block_bytes) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
    const int chunks = static_cast<int>((depth + kChunk - 1) / kChunk);
    for (int p = 0; p < kPanels; ++p) {
      const std::uint8_t* header = data + p * stride * panel_bytes;
      prefetch_lines<kAhead>(header, header_bytes);
      unpack_scales(header, k0, chunks, layout, scales[p]);
    }
    const std::uint8_t* codes = data + header_bytes;
    for (std::int64_t k = 0; k < depth; k += 4, codes += 64) {
      const float* x = a.x + k0 + k;
      const auto four = static_cast<int>(std::min<std::int64_t>(4, depth - k));
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        const std::uint8_t* four_codes = codes + p * stride * panel_bytes;
        __builtin_prefetch(four_codes + kAhead);
        const I32x16 words = as_words(load_bytes(four_codes));
        const F32x16 scale = load(scales[p].scale[k >> unit_bits]);
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
  for (int p = 0; p < kPanels; ++p) store_outputs(a, panel + p * stride, acc[p]);
}

inline void e4m3_gemv(const QuantGemmArgs& a) {
  for_panels(a, [&]<int kPanels, int kAhead>(std::int64_t panel, std::int64_t stride) {
    e4m3_gemv_panels<kPanels, kAhead>(a, panel, stride);
  });
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
