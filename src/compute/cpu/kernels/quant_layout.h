// How quantized weights lie in memory, agreed between packing and kernels.
//
// A matrix is cut into panels of sixteen outputs, as float weights are, and a panel into blocks of
// 256 inputs, so that a product reads memory from front to back. A block starts with its scale
// records, one for each group of inputs that it touches, and then holds the codes in chunks of 32
// inputs. A chunk is eight vectors of 64 codes: vector q has for each of the sixteen outputs the
// codes of inputs 4q .. 4q + 3, so that one dot-product instruction adds four inputs to sixteen
// sums. Codes narrower than a byte are kept as bit planes of 4, 2 and 1 bits (5 = 4 + 1), each 64
// bytes wide: plane vector h of a b-bit plane holds the vectors h, h + b, h + 2b, ... in its fields
// from the low bits up.
#pragma once

#include <algorithm>
#include <cstdint>

namespace saccade::compute::cpu {

/// Codes of one output in a chunk.
inline constexpr int kChunk = 32;
/// Vectors of a chunk: four inputs of sixteen outputs each.
inline constexpr int kQuads = 8;
/// Inputs of a block, and inputs that share one activation scale.
inline constexpr int kBlock = 256;
inline constexpr int kBlockChunks = kBlock / kChunk;

/// What kernels leave out of E4M3 numbers and layouts therefore put into their scales: a power of
/// two, so that products round as they would.
inline constexpr float kE4m3Factor = 256.0f;

/// What a scale record holds. Every field is an array over the panel's sixteen outputs; two by two:
/// the fields of two parts lie side by side for each output.
enum class ScaleKind : std::uint8_t {
  kScale,        ///< scale
  kScaleOffset,  ///< scale, offset
  kScaleZero,    ///< scale, zero u8
  kPanelScale,   ///< one f32 scale for the whole panel
  kE8m0,         ///< u8
  kE4m3,         ///< u8
  kParts8Min,    ///< d f16, m f16, then u8 scale of 8 parts, then their u8 min, two by two
  kParts8,       ///< d f16, then i8 scale of 8 parts
  kParts16,      ///< d f16, then i8 scale of 16 parts
  kParts16Six,   ///< d f16, then 6-bit scales, 32 too large, of 16 parts: low nibbles, high pairs
  kParts16Min,   ///< d f16, m f16, then 16 parts' 4-bit scale and min in a byte, two by two
};

enum class ScaleType : std::uint8_t { kF32, kF16, kBF16 };

/// weight = scale * (code - zero) + offset, code having gone through `table` where there is one.
struct QuantLayout {
  int bits = 0;  ///< of a code: 2, 3, 4, 5, 6 or 8
  ScaleKind scales = ScaleKind::kScale;
  ScaleType scale_type = ScaleType::kF16;  ///< kScale, kScaleOffset, kScaleZero
  std::int64_t group = kChunk;             ///< inputs of a scale record
  int zero = 0;
  bool e4m3 = false;   ///< codes are E4M3 numbers, not integers
  bool table = false;  ///< codes are replaced by the entries of `values`
  std::uint8_t values[16] = {};
  float factor = 1.0f;  ///< of all scales
  /// So many panels, the first half, each lie before the one that they gate, so that both are read
  /// in one stream; 0: panels lie in the order of their outputs.
  std::int64_t gates = 0;

  /// How many panels lie before one.
  std::int64_t place(std::int64_t panel) const {
    if (gates == 0) return panel;
    return panel < gates ? 2 * panel : 2 * (panel - gates) + 1;
  }
  bool has_offset() const {
    return scales == ScaleKind::kScaleOffset || scales == ScaleKind::kScaleZero ||
           scales == ScaleKind::kParts8Min || scales == ScaleKind::kParts16Min;
  }
  /// The scales and minimums of a block's parts are small integers: one factor for all scales and
  /// one for all minimums are what a block's sums are multiplied with in the end.
  bool has_part_mins() const {
    return scales == ScaleKind::kParts8Min || scales == ScaleKind::kParts16Min;
  }
  /// Separately scaled parts of a chunk: 1 or 2.
  int chunk_parts() const {
    const bool halves = scales == ScaleKind::kParts16 || scales == ScaleKind::kParts16Six ||
                        scales == ScaleKind::kParts16Min || group == kChunk / 2;
    return halves ? 2 : 1;
  }
  /// Inputs that products of one output add up as integers: as many of a block as share a scale.
  /// 16, 32, 64, 128 or 256; there are no more than 256, so sums of 8-bit codes stay below 2^23.
  int unit() const {
    if (chunk_parts() == 2) return kChunk / 2;
    if (scales == ScaleKind::kParts8Min || scales == ScaleKind::kParts8) return kChunk;
    // A group that is no multiple of a chunk is that of a whole row. Otherwise it is the largest
    // power of two that divides the group: kernels ask often, and a division takes long.
    return group % kChunk == 0 ? static_cast<int>(std::min(group & -group, std::int64_t{kBlock}))
                               : kBlock;
  }
  int block_units() const { return kBlock / unit(); }
  /// Codes may need all eight bits, after the table too.
  bool wide() const { return bits == 8 || zero > 64; }

  std::int64_t record_bytes() const {
    const std::int64_t number = scale_type == ScaleType::kF32 ? 64 : 32;
    switch (scales) {
      case ScaleKind::kScale:
        return number;
      case ScaleKind::kScaleOffset:
        return 2 * number;
      case ScaleKind::kScaleZero:
        return number + 16;
      case ScaleKind::kPanelScale:
        return sizeof(float);
      case ScaleKind::kE8m0:
      case ScaleKind::kE4m3:
        return 16;
      case ScaleKind::kParts8Min:
        return 64 + 2 * 8 * 16;
      case ScaleKind::kParts8:
        return 32 + 8 * 16;
      case ScaleKind::kParts16:
        return 32 + 16 * 16;
      case ScaleKind::kParts16Six:
        return 32 + 8 * 16 + 4 * 16;
      case ScaleKind::kParts16Min:
        return 64 + 16 * 16;
    }
    return 0;
  }
  /// Groups that one block can touch.
  std::int64_t block_records() const {
    if (kBlock % group == 0) return kBlock / group;
    return group % kBlock == 0 ? 1 : kBlock / group + 2;
  }
  /// Bytes of a block's records; codes start at whole cache lines.
  std::int64_t header_bytes() const { return (block_records() * record_bytes() + 63) / 64 * 64; }
  std::int64_t chunk_bytes() const { return std::int64_t{64} * bits; }
  std::int64_t block_bytes() const { return header_bytes() + kBlockChunks * chunk_bytes(); }
  std::int64_t panel_bytes(std::int64_t inputs) const {
    const std::int64_t rest = inputs % kBlock;
    const std::int64_t last =
        rest > 0 ? header_bytes() + (rest + kChunk - 1) / kChunk * chunk_bytes() : 0;
    return inputs / kBlock * block_bytes() + last;
  }
};

/// What a unit of an activation row adds to products beside its codes.
union UnitTerm {
  std::int32_t start;  ///< -zero * the sum of its codes: where integer products start
  float sum;           ///< of its codes, for layouts with offsets
  /// Those of units 2 i and 2 i + 1, in term i, for layouts that have minimums of parts.
  std::int16_t sums[2];
};

/// Rows of activations rounded to int8, value = scale * code, for products with one layout.
struct QuantizedRows {
  std::int8_t* codes;  ///< [blocks, rows, kBlock], zeros beyond the last input
  float* scales;       ///< [blocks, rows]
  UnitTerm* terms;     ///< [blocks, rows, units of a block]
  std::int64_t rows;
};

}  // namespace saccade::compute::cpu
