// Products with one row of formats whose blocks have scales and minimums of parts (Q2_K, Q4_K,
// Q5_K).
//
// A part is short, and what it costs beside its products decides the speed: its integer scales go
// from memory into the sum, and the minimums of two parts into one instruction. See quant_gemv.h.
#pragma once

#include <utility>

#include "compute/cpu/kernels/gemv_streams.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// A block of inputs with kPanels panels of weights.
template <int kBits, ScaleKind kScales, int kPanels, int kAhead>
class PartsBlock {
 public:
  static constexpr int kParts = kScales == ScaleKind::kParts8Min ? 8 : 16;

  PartsBlock(const std::uint8_t* const (&records)[kPanels], std::int64_t header_bytes,
             const std::int8_t* row, const UnitTerm* terms)
      : records_(records), header_bytes_(header_bytes), row_(row), terms_(terms) {}

  /// What all parts come to.
  void multiply(F32x16 (&to)[kPanels]) const {
    F32x16 acc[kPanels];
    I32x16 mins[kPanels];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      acc[p] = broadcast(0.0f);
      mins[p] = broadcast_int(0);
    }
    // Unrolled any further, this is a tenth to a fifth slower from memory.
#pragma GCC unroll 1
    for (int pair = 0; pair < kParts / 2; ++pair) {
      add_part<0>(pair, acc);
      add_part<1>(pair, acc);
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        const I16x32 both = as_pairs(load_part_mins<kScales>(records_[p], pair));
        mins[p] = dot(mins[p], both, terms_[pair].sums);
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) to[p] = scale_parts(records_[p], acc[p], mins[p]);
  }

 private:
  static constexpr int kPartQuads = kBlockChunks * kQuads / kParts;

  /// acc += scale * products of part 2 pair + kSecond.
  template <int kSecond>
  void add_part(int pair, F32x16 (&acc)[kPanels]) const {
    // Two parts are a chunk, or two chunks.
    constexpr int kFirstQuad = kPartQuads < kQuads ? kSecond * kPartQuads : 0;
    const int chunk = kPartQuads < kQuads ? pair : 2 * pair + kSecond;
    I32x16 products[kPanels];
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) products[p] = broadcast_int(0);
    [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
      (add_quad<kFirstQuad + kIndex>(chunk, products), ...);
    }
    (std::make_integer_sequence<int, kPartQuads>());
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const I32x16 scales = load_part_scales<kScales, kSecond>(records_[p], pair);
      acc[p] = fma(to_float(products[p]), to_float(scales), acc[p]);
    }
  }

  template <int kQuad>
  void add_quad(int chunk, I32x16 (&products)[kPanels]) const {
    const SignedFour four = load_four(row_ + chunk * kChunk + 4 * kQuad);
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const std::uint8_t* codes = records_[p] + header_bytes_ + std::int64_t{chunk} * 64 * kBits;
      if constexpr (kQuad < kBits) __builtin_prefetch(codes + 64 * kQuad + kAhead);
      products[p] = dot<false>(products[p], unpack_quad<kBits, kQuad>(codes), four);
    }
  }

  const std::uint8_t* const (&records_)[kPanels];
  std::int64_t header_bytes_;
  const std::int8_t* row_;
  const UnitTerm* terms_;
};

/// Panels `panel`, panel + stride, ... Inputs are whole blocks in all formats of this kind.
template <int kBits, ScaleKind kScales, int kPanels, int kAhead>
void gemv_parts_panels(const QuantGemmArgs& a, std::int64_t panel, std::int64_t stride) {
  const QuantLayout& layout = *a.layout;
  const QuantizedRows& x = *a.inputs;
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  const std::int64_t header_bytes = layout.header_bytes();
  const std::int64_t block_bytes = layout.block_bytes();
  const int block_units = layout.block_units();
  const std::uint8_t* data = a.weight + panel * panel_bytes;
  F32x16 sums[kPanels];
  for (int p = 0; p < kPanels; ++p) sums[p] = broadcast(0.0f);
  for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock, data += block_bytes) {
    const std::uint8_t* records[kPanels];
    for (int p = 0; p < kPanels; ++p) {
      records[p] = data + p * stride * panel_bytes;
      prefetch_lines<kAhead>(records[p], header_bytes);
    }
    const std::int64_t index = k0 / kBlock * x.rows + a.first_row;
    F32x16 block[kPanels];
    PartsBlock<kBits, kScales, kPanels, kAhead>(records, header_bytes, x.codes + index * kBlock,
                                                x.terms + index * block_units)
        .multiply(block);
    const F32x16 scale = broadcast(x.scales[index]);
    for (int p = 0; p < kPanels; ++p) sums[p] = fma(block[p], scale, sums[p]);
  }
  for (int p = 0; p < kPanels; ++p) store_outputs(a, panel + p * stride, sums[p]);
}

template <int kBits, ScaleKind kScales>
void gemv_parts(const QuantGemmArgs& a) {
  for_panels(a, [&]<int kPanels, int kAhead>(std::int64_t panel, std::int64_t stride) {
    gemv_parts_panels<kBits, kScales, kPanels, kAhead>(a, panel, stride);
  });
}

/// Integer products for one row.
inline void gemv_parts(const QuantGemmArgs& a) {
  switch (a.layout->bits) {
    case 2:
      return gemv_parts<2, ScaleKind::kParts16Min>(a);
    case 4:
      return gemv_parts<4, ScaleKind::kParts8Min>(a);
    default:
      return gemv_parts<5, ScaleKind::kParts8Min>(a);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
