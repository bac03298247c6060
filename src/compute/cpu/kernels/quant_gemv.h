// y = x w^T + bias for quantized weights and one row, as in decoding: bound by memory, so codes
// go from memory through registers into the products, without a stop in a buffer. Results are those
// of quant_gemm.h, bit for bit: integer sums are exact in any order, and what is rounded is added
// in the same one.
#pragma once

#include <algorithm>
#include <utility>

#include "compute/cpu/kernels/gemv_scales.h"
#include "compute/cpu/kernels/gemv_streams.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// What all panels of a matrix have in common. Found once: divisions for every panel took 4 % of
/// the time of 2048 inputs.
struct PanelShape {
  std::int64_t panel_bytes;
  std::int64_t header_bytes;
  std::int64_t block_bytes;
  int block_units;
  int unit_chunks;

  PanelShape(const QuantLayout& layout, std::int64_t inputs)
      : panel_bytes(layout.panel_bytes(inputs)),
        header_bytes(layout.header_bytes()),
        block_bytes(layout.block_bytes()),
        block_units(layout.block_units()),
        unit_chunks(layout.unit() / kChunk) {}
};

/// A block of inputs with kPanels panels of weights.
template <typename Scales, int kPanels>
struct GemvBlock {
  const QuantLayout& layout;
  int chunks;
  int unit_chunks;
  Scales scales[kPanels];
  const std::uint8_t* codes[kPanels];
  const std::int8_t* row;
  const UnitTerm* terms;
};

/// kUnitChunks of formats whose units are halves of a chunk, and of those with any number of
/// chunks. Otherwise it is that number, and no block ends within a unit.
inline constexpr int kHalfChunk = 0;
inline constexpr int kManyChunks = kBlockChunks;

/// to = the block's products, unit by unit. Inlined, since a call for every block took a tenth of
/// the time where weights come from a cache.
template <int kBits, bool kTable, int kUnitChunks, typename Scales, int kPanels, int kAhead>
[[gnu::always_inline]] inline void gemv_block(const GemvBlock<Scales, kPanels>& block,
                                              F32x16 (&to)[kPanels]) {
  constexpr bool kWide = kBits == 8 || kTable;
  // Two sums where there is one panel, so that a product need not wait for the one before.
  constexpr int kSums = kPanels == 1 ? 2 : 1;
  F32x16 acc[kPanels];  // the compiler would keep `to` in memory
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) acc[p] = broadcast(0.0f);
  I32x16 products[kPanels][kSums];
  int unit = 0;
  const auto start_unit = [&] {
    const int start = Scales::kTerm == RowTerm::kStart ? block.terms[unit].start : 0;
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      products[p][0] = broadcast_int(start);
      if constexpr (kSums == 2) products[p][1] = broadcast_int(0);
    }
  };
  const auto finish_unit = [&]<int kHalf>() {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const Scales& scales = block.scales[p];
      I32x16 sum = products[p][0];
      if constexpr (kSums == 2) sum = add(sum, products[p][1]);
      acc[p] = fma(to_float(sum), scales.template scale<kHalf>(unit), acc[p]);
      if constexpr (Scales::kTerm == RowTerm::kOffset) {
        acc[p] = fma(scales.offset(unit), broadcast(block.terms[unit].sum), acc[p]);
      }
    }
    ++unit;
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
  int chunk = 0;
  const auto multiply_chunk = [&] {
    multiply_half.template operator()<0>(chunk);
    if constexpr (kUnitChunks == kHalfChunk) {
      finish_unit.template operator()<0>();
      start_unit();
    }
    multiply_half.template operator()<kQuads / 2>(chunk);
    ++chunk;
  };
#pragma GCC unroll 1
  while (chunk < block.chunks) {
    start_unit();
    const int chunks = kUnitChunks == kManyChunks
                           ? std::min(block.unit_chunks, block.chunks - chunk)
                           : std::max(kUnitChunks, 1);
#pragma GCC unroll 1
    for (int i = 0; i < chunks; ++i) multiply_chunk();
    finish_unit.template operator()<kUnitChunks == kHalfChunk ? 1 : 0>();
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) {
    if constexpr (Scales::kTerm == RowTerm::kPartMins) {
      acc[p] = block.scales[p].finish(acc[p], block.terms);
    }
    to[p] = acc[p];
  }
}

/// sums = the products of the panels.
template <int kBits, bool kTable, int kUnitChunks, typename Scales, int kPanels, int kAhead>
void gemv_panels(const QuantGemmArgs& a, const PanelShape& shape, const PanelList<kPanels>& panels,
                 F32x16 (&sums)[kPanels]) {
  const QuantLayout& layout = *a.layout;
  const QuantizedRows& x = *a.inputs;
  const std::uint8_t* data[kPanels];
  for (int p = 0; p < kPanels; ++p) {
    data[p] = a.weight + layout.place(panels[p]) * shape.panel_bytes;
    sums[p] = broadcast(0.0f);
  }
  GemvBlock<Scales, kPanels> block{layout, 0, shape.unit_chunks};
  for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
    block.chunks = static_cast<int>((depth + kChunk - 1) / kChunk);
    for (int p = 0; p < kPanels; ++p) {
      const std::uint8_t* header = data[p];
      data[p] += shape.block_bytes;
      prefetch_lines<kAhead>(header, shape.header_bytes);
      block.scales[p].open(header, k0, block.chunks, layout);
      block.codes[p] = header + shape.header_bytes;
    }
    const std::int64_t index = k0 / kBlock * x.rows + a.first_row;
    block.row = x.codes + index * kBlock;
    block.terms = x.terms + index * shape.block_units;
    F32x16 acc[kPanels];
    gemv_block<kBits, kTable, kUnitChunks, Scales, kPanels, kAhead>(block, acc);
    const F32x16 scale = broadcast(x.scales[index]);
    for (int p = 0; p < kPanels; ++p) sums[p] = fma(acc[p], scale, sums[p]);
  }
}

template <int kBits, bool kTable, int kUnitChunks, typename Scales>
void gemv_row(const QuantGemmArgs& a) {
  const PanelShape shape(*a.layout, a.k);
  for_panels<kBits>(
      a, [&]<int kPanels, int kAhead>(const PanelList<kPanels>& panels, F32x16(&sums)[kPanels]) {
        gemv_panels<kBits, kTable, kUnitChunks, Scales, kPanels, kAhead>(a, shape, panels, sums);
      });
}

/// Layouts whose scales are unpacked before a block is multiplied.
template <int kBits, bool kTable>
void gemv_stored(const QuantGemmArgs& a) {
  const bool halves = a.layout->chunk_parts() == 2;
  if (a.layout->has_offset()) {
    using Scales = StoredScales<RowTerm::kOffset>;
    return halves ? gemv_row<kBits, kTable, kHalfChunk, Scales>(a)
                  : gemv_row<kBits, kTable, kManyChunks, Scales>(a);
  }
  using Scales = StoredScales<RowTerm::kStart>;
  return halves ? gemv_row<kBits, kTable, kHalfChunk, Scales>(a)
                : gemv_row<kBits, kTable, kManyChunks, Scales>(a);
}

/// A scale and an offset, numbers of the type, for each group; most often of 64 or 128.
template <int kBits, ScaleType kType>
void gemv_offset(const QuantGemmArgs& a) {
  using Scales = NumberScales<ScaleKind::kScaleOffset, kType>;
  const std::int64_t group = a.k % a.layout->group == 0 ? a.layout->group : 0;
  if (group == 2 * kChunk) return gemv_row<kBits, false, 2, Scales>(a);
  if (group == 4 * kChunk) return gemv_row<kBits, false, 4, Scales>(a);
  gemv_row<kBits, false, kManyChunks, Scales>(a);
}

template <int kBits>
void gemv_offset(const QuantGemmArgs& a) {
  const bool direct = units_are_groups(*a.layout) && a.layout->chunk_parts() == 1;
  if (direct && a.layout->scale_type == ScaleType::kF16) {
    return gemv_offset<kBits, ScaleType::kF16>(a);
  }
  if (direct && a.layout->scale_type == ScaleType::kBF16) {
    return gemv_offset<kBits, ScaleType::kBF16>(a);
  }
  gemv_stored<kBits, false>(a);
}

/// A scale for each group; nearly always it is a half for each chunk.
template <int kBits, bool kTable>
void gemv_scale(const QuantGemmArgs& a) {
  const QuantLayout& layout = *a.layout;
  if (units_are_groups(layout) && layout.group == kChunk && layout.scale_type == ScaleType::kF16) {
    return gemv_row<kBits, kTable, 1, NumberScales<ScaleKind::kScale, ScaleType::kF16>>(a);
  }
  gemv_stored<kBits, kTable>(a);
}

template <int kBits>
void gemv_numbers(const QuantGemmArgs& a) {
  if (a.layout->scales == ScaleKind::kScaleOffset) return gemv_offset<kBits>(a);
  if (a.layout->scales == ScaleKind::kScale) return gemv_scale<kBits, false>(a);
  gemv_stored<kBits, false>(a);
}

inline void gemv_table(const QuantGemmArgs& a) {
  const ScaleKind kind = a.layout->scales;
  if (kind == ScaleKind::kScale) return gemv_scale<4, true>(a);
  if (kind == ScaleKind::kParts8) return gemv_row<4, true, 1, PartScales>(a);
  if (kind == ScaleKind::kE8m0 && a.layout->group == kChunk) {
    return gemv_row<4, true, 1, ExponentScales>(a);
  }
  gemv_stored<4, true>(a);
}

/// Integer products for one row.
inline void quant_gemv(const QuantGemmArgs& a) {
  switch (a.layout->scales) {
    case ScaleKind::kParts16Min:
      return gemv_row<2, false, kHalfChunk, MinPartScales<ScaleKind::kParts16Min>>(a);
    case ScaleKind::kParts16Six:
      return gemv_row<3, false, kHalfChunk, SixBitScales>(a);
    case ScaleKind::kParts16:
      return gemv_row<6, false, kHalfChunk, PartScales>(a);
    case ScaleKind::kParts8Min:
      return a.layout->bits == 4 ? gemv_row<4, false, 1, MinPartScales<ScaleKind::kParts8Min>>(a)
                                 : gemv_row<5, false, 1, MinPartScales<ScaleKind::kParts8Min>>(a);
    default:
      break;
  }
  if (a.layout->table) return gemv_table(a);
  switch (a.layout->bits) {
    case 2:
      return gemv_numbers<2>(a);
    case 3:
      return gemv_numbers<3>(a);
    case 4:
      return gemv_numbers<4>(a);
    case 5:
      return gemv_numbers<5>(a);
    case 6:
      return gemv_numbers<6>(a);
    default:
      return gemv_numbers<8>(a);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
