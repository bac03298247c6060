// Integer products of a tile: a few rows of activations with a block of unpacked weights.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// How far ahead of the codes that are unpacked memory is asked for, in each panel's stream.
inline constexpr int kTilePrefetchBytes = 2048;

inline void prefetch_ahead(const std::uint8_t* from, std::int64_t bytes) {
  for (std::int64_t line = 0; line < bytes; line += 64) {
    __builtin_prefetch(from + line + kTilePrefetchBytes);
  }
}

/// One block of inputs for neighbouring panels and rows.
struct DotTile {
  UnpackedPanel* panels;
  const std::uint8_t* packed[kDotPanels];  // the panels' codes, for PackedCodes
  const std::uint8_t* values;              // the layout's table, for PackedCodes
  int chunks;                              // of the block
  int unit_chunks;                         // at least 1
  const std::int8_t* codes;                // [rows, kBlock]
  const float* scales;                     // [rows], of activations
  const UnitTerm* terms;                   // [rows, block_units]
  int block_units;
  float* sums;  // [rows, kPanels * kPanel]
  bool first;   // start from zero instead of from the sums
};

/// The codes of a block where unpacking left them.
class UnpackedCodes {
 public:
  explicit UnpackedCodes(const DotTile& t) : panels_(t.panels) {}

  /// Vector kQuad of a chunk.
  template <int kQuad>
  U8x64 vector(int panel, int chunk) const {
    return load_bytes(panels_[panel].codes[chunk][kQuad]);
  }

 private:
  const UnpackedPanel* panels_;
};

/// The codes of a block as they lie in memory: the first tile unpacks them between its products,
/// which wait for other things than these instructions do, and leaves them for the other tiles.
template <int kBits, bool kTable>
class PackedCodes {
 public:
  explicit PackedCodes(const DotTile& t) : panels_(t.panels), values_(t.values) {
    for (int p = 0; p < kDotPanels; ++p) packed_[p] = t.packed[p];
  }

  template <int kQuad>
  U8x64 vector(int panel, int chunk) const {
    const std::uint8_t* packed = packed_[panel] + std::int64_t{chunk} * 64 * kBits;
    if constexpr (kQuad < kBits) __builtin_prefetch(packed + 64 * kQuad + kTilePrefetchBytes);
    U8x64 codes = unpack_quad<kBits, kQuad>(packed);
    if constexpr (kTable) codes = lookup(codes, values_);
    store_bytes(panels_[panel].codes[chunk][kQuad], codes);
    return codes;
  }

 private:
  UnpackedPanel* panels_;
  const std::uint8_t* values_;
  const std::uint8_t* packed_[kDotPanels];
};

/// sums += the products of a block. A unit's products are exact integers; units are added in their
/// order with one rounding each, and so are blocks, so that tiles of any size give the same bits.
/// kStepQuads vectors of codes are taken at a time: 8 are a chunk, and 4 the half of one.
///
/// What bounds it on x86 are the two ports that 512-bit arithmetic has. Of 10 instructions for 32
/// inputs 8 are products; starts and activations come from memory, which costs nothing there.
template <typename Codes, int kRows, int kPanels, int kStepQuads, bool kOffset, bool kWide>
void dot_tile(const DotTile& t) {
  F32x16 acc[kRows][kPanels];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) acc[r][p] = broadcast(0.0f);
  }
  const Codes codes(t);
  const UnpackedPanel* panels = t.panels;
  const int chunks = t.chunks, unit_chunks = t.unit_chunks, block_units = t.block_units;
  const std::int8_t* x = t.codes;
  const UnitTerm* term = t.terms;
  int unit = 0;
  I32x16 products[kRows][kPanels];
  const auto start_unit = [&] {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        products[r][p] = kOffset ? broadcast_int(0) : broadcast_int(term[r * block_units].start);
      }
    }
  };
  const auto finish_unit = [&] {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        acc[r][p] = fma(to_float(products[r][p]), load(panels[p].scale[unit]), acc[r][p]);
        if constexpr (kOffset) {
          const F32x16 sum = broadcast(term[r * block_units].sum);
          acc[r][p] = fma(load(panels[p].offset[unit]), sum, acc[r][p]);
        }
      }
    }
    ++term, ++unit;
  };
  const auto multiply = [&]<int kQuad>(int chunk) {
    U8x64 weights[kPanels];
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) weights[p] = codes.template vector<kQuad>(p, chunk);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const SignedFour four = load_four(x + r * kBlock + 4 * kQuad);
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        products[r][p] = dot<kWide>(products[r][p], weights[p], four);
      }
    }
  };
  const auto multiply_half = [&]<int kFirst>(int chunk) {
    [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
      (multiply.template operator()<kFirst + kIndex>(chunk), ...);
    }
    (std::make_integer_sequence<int, kQuads / 2>());
  };
  for (int chunk = 0; chunk < chunks;) {
    start_unit();
    const int end = kStepQuads < kQuads ? chunk + 1 : std::min(chunks, chunk + unit_chunks);
    do {
      // The rows of the next tile: products that wait for a cache line take their turn twice.
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) __builtin_prefetch(x + (kRows + r) * kBlock);
      multiply_half.template operator()<0>(chunk);
      if constexpr (kStepQuads < kQuads) {
        finish_unit();
        start_unit();
      }
      multiply_half.template operator()<kQuads / 2>(chunk);
      x += kChunk;
    } while (++chunk < end);
    finish_unit();
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

/// dot_tile for 1 .. kDotRows rows.
template <typename Codes, int kPanels, int kStepQuads, bool kOffset, bool kWide, int... kIndex>
constexpr std::array<DotFunction, kDotRows> make_dot_row(std::integer_sequence<int, kIndex...>) {
  return {dot_tile<Codes, kIndex + 1, kPanels, kStepQuads, kOffset, kWide>...};
}

/// The same of unpacked codes, for one panel and for kDotPanels.
struct DotTable {
  std::array<DotFunction, kDotRows> wide;
  std::array<DotFunction, kDotRows> single;
};

template <int kStepQuads, bool kOffset, bool kWide>
const DotTable& dot_table() {
  constexpr auto kRows = std::make_integer_sequence<int, kDotRows>();
  static constexpr DotTable kTable = {
      make_dot_row<UnpackedCodes, kDotPanels, kStepQuads, kOffset, kWide>(kRows),
      make_dot_row<UnpackedCodes, 1, kStepQuads, kOffset, kWide>(kRows)};
  return kTable;
}

inline const DotTable& dot_table(const QuantLayout& layout) {
  const bool offset = layout.has_offset();
  const bool wide = layout.wide();
  if (layout.chunk_parts() == 2) {
    if (offset) return dot_table<4, true, false>();  // two and four bits alone
    return wide ? dot_table<4, false, true>() : dot_table<4, false, false>();
  }
  if (offset) return wide ? dot_table<8, true, true>() : dot_table<8, true, false>();
  return wide ? dot_table<8, false, true>() : dot_table<8, false, false>();
}

/// dot_tile for 1 .. kDotRows rows and kDotPanels panels of packed codes.
template <int kBits, bool kTable, int kStepQuads, bool kOffset>
const DotFunction* packed_tiles() {
  static constexpr auto kFunctions =
      make_dot_row<PackedCodes<kBits, kTable>, kDotPanels, kStepQuads, kOffset,
                   kBits == 8 || kTable>(std::make_integer_sequence<int, kDotRows>());
  return kFunctions.data();
}

/// Null for what no format is: kWhole, kWholeOffset, kHalves and kHalvesOffset say which there are
/// of so many bits, with a scale for a chunk at least or for each half, and with offsets or not.
template <int kBits, bool kTable, bool kWhole, bool kWholeOffset, bool kHalves, bool kHalvesOffset>
const DotFunction* packed_tiles(const QuantLayout& layout) {
  const bool offset = layout.has_offset();
  if (layout.chunk_parts() == 2) {
    if constexpr (kHalves) {
      if (!offset) return packed_tiles<kBits, kTable, 4, false>();
    }
    if constexpr (kHalvesOffset) {
      if (offset) return packed_tiles<kBits, kTable, 4, true>();
    }
    return nullptr;
  }
  if constexpr (kWhole) {
    if (!offset) return packed_tiles<kBits, kTable, 8, false>();
  }
  if constexpr (kWholeOffset) {
    if (offset) return packed_tiles<kBits, kTable, 8, true>();
  }
  return nullptr;
}

/// The first tiles of a block for the formats that have them, else null.
inline const DotFunction* packed_tiles(const QuantLayout& layout) {
  if constexpr (kDotRows == 1) return nullptr;  // there would be no rows to hide the unpacking
  switch (layout.bits) {
    case 2:
      return packed_tiles<2, false, false, true, false, true>(layout);
    case 3:
      return packed_tiles<3, false, false, true, true, false>(layout);
    case 4:
      return layout.table ? packed_tiles<4, true, true, false, true, false>(layout)
                          : packed_tiles<4, false, true, true, true, true>(layout);
    case 5:
      return packed_tiles<5, false, true, true, false, false>(layout);
    case 6:
      return packed_tiles<6, false, false, true, true, false>(layout);
    default:
      return packed_tiles<8, false, true, true, false, false>(layout);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
