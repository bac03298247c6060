// Integer products of a tile: a few rows of activations with a block of weights.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// What is added to products of codes and scales: nothing, an offset for every unit times the sum
/// of its activations, or the minimums of all parts of a block (QuantLayout::has_part_mins).
enum class Offsets : std::uint8_t { kNone, kUnits, kParts };

inline Offsets offsets_of(const QuantLayout& layout) {
  if (layout.has_part_mins()) return Offsets::kParts;
  return layout.has_offset() ? Offsets::kUnits : Offsets::kNone;
}

/// One block of inputs for neighbouring panels and rows.
struct DotTile {
  UnpackedPanel* panels;
  const std::uint8_t* records[kDotPanels];  // of the block, for minimums of parts
  const std::uint8_t* packed[kDotPanels];   // the panels' codes, for PackedCodes
  const std::uint8_t* values;               // the layout's table, for PackedCodes
  int chunks;                               // of the block
  int unit_chunks;                          // at least 1
  const std::int8_t* codes;                 // [rows, kBlock]
  const float* scales;                      // [rows], of activations
  const UnitTerm* terms;                    // [rows, block_units]
  int block_units;
  const std::uint8_t* ahead[kDotPanels];  // memory to ask for
  int ahead_lines;                        // of that, cache lines with each chunk
  float* sums;                            // [rows, kPanels * kPanel]
  bool first;                             // start from zero instead of from the sums
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

// The next two are inlined always, and so early that GCC keeps `acc` in registers: with calls that
// it chose to inline itself, a product took 4 % longer.

/// Makes of the sums of a tile's parts what they come to (see scale_parts in unpack.h).
template <ScaleKind kScales, int kRows, int kPanels>
inline __attribute__((always_inline)) void scale_parts(const DotTile& t,
                                                       F32x16 (&acc)[kRows][kPanels]) {
#pragma GCC unroll 2
  for (int p = 0; p < kPanels; ++p) {
    I32x16 mins[kRows];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) mins[r] = broadcast_int(0);
    for (int pair = 0; pair < t.block_units / 2; ++pair) {
      const I16x32 both = as_pairs(load_part_mins<kScales>(t.records[p], pair));
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        mins[r] = dot(mins[r], both, t.terms[r * t.block_units + pair].sums);
      }
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) acc[r][p] = scale_parts(t.records[p], acc[r][p], mins[r]);
  }
}

/// sums += acc * the scales of activations
template <int kRows, int kPanels>
inline __attribute__((always_inline)) void add_to_sums(const DotTile& t,
                                                       const F32x16 (&acc)[kRows][kPanels]) {
  // Copies, since for all the compiler knows these stores could change what `t` says.
  float* sums = t.sums;
  const float* scales = t.scales;
  const auto add_to = [&](auto before) {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        float* to = sums + (r * kPanels + p) * kPanel;
        store(to, fma(acc[r][p], broadcast(scales[r]), before(to)));
      }
    }
  };
  if (t.first) {
    add_to([](const float*) { return broadcast(0.0f); });
  } else {
    add_to([](const float* to) { return load(to); });
  }
}

/// sums += the products of a block. A unit's products are exact integers; units are added in their
/// order with one rounding each, and so are blocks, so that tiles of any size give the same bits.
/// kStepQuads vectors of codes are taken at a time: 8 are a chunk, and 4 the half of one.
///
/// What bounds it on x86 are the two ports that 512-bit arithmetic has. Of 10 instructions for 32
/// inputs 8 are products; starts and activations come from memory, which costs nothing there.
template <typename Codes, int kRows, int kPanels, int kStepQuads, Offsets kOffsets, bool kWide>
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
  const int ahead_lines = t.ahead_lines;
  const std::uint8_t* ahead[kPanels];
  for (int p = 0; p < kPanels; ++p) ahead[p] = t.ahead[p];
  const std::int8_t* x = t.codes;
  const UnitTerm* term = t.terms;
  int unit = 0;
  I32x16 products[kRows][kPanels];
  const auto start_unit = [&] {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        products[r][p] =
            broadcast_int(kOffsets == Offsets::kNone ? term[r * block_units].start : 0);
      }
    }
  };
  const auto finish_unit = [&] {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) {
        acc[r][p] = fma(to_float(products[r][p]), load(panels[p].scale[unit]), acc[r][p]);
        if constexpr (kOffsets == Offsets::kUnits) {
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
      for (int line = 0; line < ahead_lines; ++line) {
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) __builtin_prefetch(ahead[p] + line * 64);
      }
      multiply_half.template operator()<0>(chunk);
      if constexpr (kStepQuads < kQuads) {
        finish_unit();
        start_unit();
      }
      multiply_half.template operator()<kQuads / 2>(chunk);
      x += kChunk;
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) ahead[p] += ahead_lines * 64;
    } while (++chunk < end);
    finish_unit();
  }
  if constexpr (kOffsets == Offsets::kParts) {
    constexpr auto kScales = kStepQuads < kQuads ? ScaleKind::kParts16Min : ScaleKind::kParts8Min;
    scale_parts<kScales>(t, acc);
  }
  add_to_sums(t, acc);
}

using DotFunction = void (*)(const DotTile&);

/// dot_tile for 1 .. kDotRows rows.
template <typename Codes, int kPanels, int kStepQuads, Offsets kOffsets, bool kWide, int... kIndex>
constexpr std::array<DotFunction, kDotRows> make_dot_row(std::integer_sequence<int, kIndex...>) {
  return {dot_tile<Codes, kIndex + 1, kPanels, kStepQuads, kOffsets, kWide>...};
}

/// The same of unpacked codes, for one panel and for kDotPanels.
struct DotTable {
  std::array<DotFunction, kDotRows> wide;
  std::array<DotFunction, kDotRows> single;
};

template <int kStepQuads, Offsets kOffsets, bool kWide>
const DotTable& dot_table() {
  constexpr auto kRows = std::make_integer_sequence<int, kDotRows>();
  static constexpr DotTable kTable = {
      make_dot_row<UnpackedCodes, kDotPanels, kStepQuads, kOffsets, kWide>(kRows),
      make_dot_row<UnpackedCodes, 1, kStepQuads, kOffsets, kWide>(kRows)};
  return kTable;
}

inline const DotTable& dot_table(const QuantLayout& layout) {
  using enum Offsets;
  const bool wide = layout.wide();
  const bool halves = layout.chunk_parts() == 2;
  switch (offsets_of(layout)) {
    case kUnits:
      if (halves) return dot_table<4, kUnits, false>();  // four bits alone
      return wide ? dot_table<8, kUnits, true>() : dot_table<8, kUnits, false>();
    case kParts:
      return halves ? dot_table<4, kParts, false>() : dot_table<8, kParts, false>();
    default:
      if (halves) return wide ? dot_table<4, kNone, true>() : dot_table<4, kNone, false>();
      return wide ? dot_table<8, kNone, true>() : dot_table<8, kNone, false>();
  }
}

/// How a chunk's inputs share scales, all of them or each half, and what is added.
struct ChunkScales {
  bool halves;
  Offsets offsets;

  bool operator==(const ChunkScales&) const = default;
};
inline constexpr ChunkScales kWhole{false, Offsets::kNone};
inline constexpr ChunkScales kWholeOffset{false, Offsets::kUnits};
inline constexpr ChunkScales kWholeParts{false, Offsets::kParts};
inline constexpr ChunkScales kHalves{true, Offsets::kNone};
inline constexpr ChunkScales kHalvesOffset{true, Offsets::kUnits};
inline constexpr ChunkScales kHalvesParts{true, Offsets::kParts};

/// dot_tile for 1 .. kDotRows rows and kDotPanels panels of packed codes. Null where a tile is one
/// row, which has nothing to hide the unpacking.
template <int kBits, bool kTable, ChunkScales kScales>
const DotFunction* packed_tiles() {
  if constexpr (kDotRows == 1) {
    return nullptr;
  } else {
    constexpr int kStepQuads = kScales.halves ? 4 : 8;
    constexpr bool kWide = kBits == 8 || kTable;
    static constexpr auto kFunctions =
        make_dot_row<PackedCodes<kBits, kTable>, kDotPanels, kStepQuads, kScales.offsets, kWide>(
            std::make_integer_sequence<int, kDotRows>());
    return kFunctions.data();
  }
}

/// Those of the layout's scales, which are one of kThere, or null.
template <int kBits, bool kTable, ChunkScales... kThere>
const DotFunction* packed_tiles(const QuantLayout& layout) {
  const ChunkScales scales{layout.chunk_parts() == 2, offsets_of(layout)};
  const DotFunction* found = nullptr;
  ((scales == kThere ? void(found = packed_tiles<kBits, kTable, kThere>()) : void()), ...);
  return found;
}

/// The functions for first tiles; null for scales that no format with such codes has.
inline const DotFunction* packed_tiles(const QuantLayout& layout) {
  switch (layout.bits) {
    case 2:
      return packed_tiles<2, false, kWholeOffset, kHalvesParts>(layout);
    case 3:
      return packed_tiles<3, false, kWholeOffset, kHalves>(layout);
    case 4:
      if (layout.table) return packed_tiles<4, true, kWhole, kHalves>(layout);
      return packed_tiles<4, false, kWhole, kWholeOffset, kWholeParts, kHalves, kHalvesOffset>(
          layout);
    case 5:
      return packed_tiles<5, false, kWhole, kWholeOffset, kWholeParts>(layout);
    case 6:
      return packed_tiles<6, false, kWholeOffset, kHalves>(layout);
    default:
      return packed_tiles<8, false, kWhole, kWholeOffset>(layout);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
