// From packed quantized weights to codes and scales that products can use.
//
// Every format ends here: what follows sees unsigned codes and, for each part of a chunk, sixteen
// float scales and offsets.
#pragma once

#include <bit>
#include <cstring>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Scales and offsets of a block of one panel, [unit][output] (see QuantLayout::unit). Offsets are
/// there for layouts that have them.
struct PanelScales {
  alignas(64) float scale[2 * kBlockChunks][kPanel];
  alignas(64) float offset[2 * kBlockChunks][kPanel];
};

/// A block of one panel.
struct UnpackedPanel : PanelScales {
  alignas(64) std::uint8_t codes[kBlockChunks][kQuads][64];
};

/// Vector kQuad of a chunk of kBits-wide codes.
template <int kBits, int kQuad>
U8x64 unpack_quad(const std::uint8_t* chunk) {
  if constexpr (kBits == 8) {
    return load_bytes(chunk + 64 * kQuad);
  } else if constexpr (kBits == 1 || kBits == 2 || kBits == 4) {
    return field<kBits*(kQuad / kBits), kBits>(load_bytes(chunk + 64 * (kQuad % kBits)));
  } else {
    // The widest plane that fits comes first and holds the low bits.
    constexpr int kLow = kBits > 4 ? 4 : 2;
    constexpr int kHigh = kBits - kLow;
    const U8x64 high = load_bytes(chunk + 64 * (kLow + kQuad % kHigh));
    return bit_or(unpack_quad<kLow, kQuad>(chunk), field<kHigh*(kQuad / kHigh), kHigh, kLow>(high));
  }
}

template <int kBits, bool kTable>
void unpack_codes(const std::uint8_t* from, int chunks, const QuantLayout& layout,
                  UnpackedPanel& to) {
  for (int c = 0; c < chunks; ++c, from += layout.chunk_bytes()) {
    const auto quad = [&]<int kQuad>() {
      U8x64 codes = unpack_quad<kBits, kQuad>(from);
      if constexpr (kTable) codes = lookup(codes, layout.values);
      store_bytes(to.codes[c][kQuad], codes);
    };
    [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
      (quad.template operator()<kIndex>(), ...);
    }
    (std::make_integer_sequence<int, kQuads>());
  }
}

inline void unpack_codes(const std::uint8_t* from, int chunks, const QuantLayout& layout,
                         UnpackedPanel& to) {
  switch (layout.bits) {
    case 2:
      return unpack_codes<2, false>(from, chunks, layout, to);
    case 3:
      return unpack_codes<3, false>(from, chunks, layout, to);
    case 4:
      return layout.table ? unpack_codes<4, true>(from, chunks, layout, to)
                          : unpack_codes<4, false>(from, chunks, layout, to);
    case 5:
      return unpack_codes<5, false>(from, chunks, layout, to);
    case 6:
      return unpack_codes<6, false>(from, chunks, layout, to);
    default:
      return unpack_codes<8, false>(from, chunks, layout, to);
  }
}

/// Sixteen scales of a record's number type.
inline F32x16 load_scales(const std::uint8_t* p, ScaleType type) {
  switch (type) {
    case ScaleType::kF16:
      return load_weights(reinterpret_cast<const F16*>(p));
    case ScaleType::kBF16:
      return load_weights(reinterpret_cast<const Bf16*>(p));
    case ScaleType::kF32:
      break;
  }
  return load(reinterpret_cast<const float*>(p));
}

/// E8M0 to float; the smallest, 2^-127, is a subnormal whose bits are not the exponent's.
inline F32x16 e8m0_to_float(I32x16 bits) {
  return as_float(max(shift_left<23>(bits), broadcast_int(0x00400000)));
}

/// E4M3 numbers in the highest byte of each word, as floats to be multiplied by kE4m3Factor; not-a-
/// numbers aside, which packing refuses. As halves their exponent is short by 8. (As floats it
/// would be short by 120, and the products that mend that would be of subnormal numbers, which cost
/// Intel's cores 150 cycles each.)
inline F32x16 e4m3_top_byte(I32x16 words) {
  return half_to_float(bit_and(shift_right_signed<17>(words), 0xbf80));
}

/// Calls read(record, unit) for each unit of the block of inputs that starts at `first`, with the
/// record of its group.
template <typename Read>
void for_units(const std::uint8_t* records, std::int64_t first, int chunks,
               const QuantLayout& layout, Read&& read) {
  const int unit = layout.unit();
  const std::int64_t record_bytes = layout.record_bytes();
  if (layout.group == unit) {
#pragma GCC unroll 4
    for (int u = 0; u * unit < chunks * kChunk; ++u) read(records + u * record_bytes, u);
    return;
  }
  // Most groups start where blocks do, and a division costs as much as two chunks.
  const bool aligned = layout.group <= kBlock && std::has_single_bit(std::uint64_t(layout.group));
  std::int64_t left = layout.group - (aligned ? 0 : first % layout.group);  // inputs of the group
  for (int u = 0; u * unit < chunks * kChunk; ++u, left -= unit) {
    if (left <= 0) {
      records += record_bytes;
      left = layout.group;
    }
    read(records, u);
  }
}

/// Records of kType numbers: a scale, and an offset or a zero point.
template <ScaleType kType>
void unpack_numbers(const std::uint8_t* records, std::int64_t first, int chunks,
                    const QuantLayout& layout, PanelScales& to) {
  constexpr int kNumberBytes = kType == ScaleType::kF32 ? 64 : 32;
  const auto for_each = [&](auto&& read) { for_units(records, first, chunks, layout, read); };
  switch (layout.scales) {
    case ScaleKind::kScaleOffset:
      return for_each([&](const std::uint8_t* record, int unit) {
        store(to.scale[unit], load_scales(record, kType));
        store(to.offset[unit], load_scales(record + kNumberBytes, kType));
      });
    case ScaleKind::kScaleZero:
      return for_each([&](const std::uint8_t* record, int unit) {
        const F32x16 scale = load_scales(record, kType);
        const F32x16 zero = to_float(load_unsigned(record + kNumberBytes));
        store(to.scale[unit], scale);
        store(to.offset[unit], mul(scale, sub(broadcast(0.0f), zero)));
      });
    default:
      return for_each([&](const std::uint8_t* record, int unit) {
        store(to.scale[unit], mul(load_scales(record, kType), broadcast(layout.factor)));
      });
  }
}

/// Scales of formats with one record for each group, for the block of inputs that starts at
/// `first`.
inline void unpack_groups(const std::uint8_t* records, std::int64_t first, int chunks,
                          const QuantLayout& layout, PanelScales& to) {
  const auto for_each = [&](auto&& read) { for_units(records, first, chunks, layout, read); };
  switch (layout.scales) {
    case ScaleKind::kPanelScale:
      return for_each([&](const std::uint8_t* record, int unit) {
        float scale = 0.0f;
        std::memcpy(&scale, record, sizeof scale);
        store(to.scale[unit], broadcast(scale * layout.factor));
      });
    case ScaleKind::kE8m0:
      return for_each([&](const std::uint8_t* record, int unit) {
        const F32x16 scale = e8m0_to_float(load_unsigned(record));
        store(to.scale[unit], mul(scale, broadcast(layout.factor)));
      });
    case ScaleKind::kE4m3:
      return for_each([&](const std::uint8_t* record, int unit) {
        const F32x16 scale = e4m3_top_byte(shift_left<24>(load_unsigned(record)));
        store(to.scale[unit], mul(scale, broadcast(layout.factor * kE4m3Factor)));
      });
    default:
      break;
  }
  switch (layout.scale_type) {
    case ScaleType::kF32:
      return unpack_numbers<ScaleType::kF32>(records, first, chunks, layout, to);
    case ScaleType::kF16:
      return unpack_numbers<ScaleType::kF16>(records, first, chunks, layout, to);
    case ScaleType::kBF16:
      return unpack_numbers<ScaleType::kBF16>(records, first, chunks, layout, to);
  }
}

/// Integer minimums of parts 2 pair and 2 pair + 1, in the halves of the integers.
template <ScaleKind kScales>
I32x16 load_part_mins(const std::uint8_t* record, int pair) {
  if constexpr (kScales == ScaleKind::kParts8Min) {
    return load_byte_pairs(record + 192 + std::ptrdiff_t{32} * pair);
  } else {
    const I32x16 both = load_byte_pairs(record + 64 + std::ptrdiff_t{32} * pair);
    return bit_and(shift_right<4>(both), 0x000f000f);
  }
}

/// Integer scales of a part. kOdd: whether its number is; where parts are chunks, nobody asks.
template <ScaleKind kScales, int kOdd>
I32x16 load_part_scales(const std::uint8_t* record, int part) {
  if constexpr (kScales == ScaleKind::kParts8Min) {
    return load_unsigned(record + 64 + std::ptrdiff_t{16} * part);
  } else {
    const I32x16 both = load_byte_pairs(record + 64 + std::ptrdiff_t{32} * (part / 2));
    return bit_and(shift_right<16 * kOdd>(both), 15);
  }
}

/// What the parts of a block come to: scales * products - minimums * sums of activations, both
/// sums of integers (those of the first may have been rounded to float).
inline F32x16 scale_parts(const std::uint8_t* record, F32x16 products, I32x16 mins) {
  const F32x16 d = load_scales(record, ScaleType::kF16);
  const F32x16 none = sub(broadcast(0.0f), load_scales(record + 32, ScaleType::kF16));
  return fma(none, to_float(mins), mul(d, products));
}

/// Calls part(index, integer scales, integer minimums) for all parts of a record.
template <ScaleKind kScales, typename Part>
void for_parts(const std::uint8_t* record, const Part& part) {
  constexpr int kParts = kScales == ScaleKind::kParts8Min ? 8 : 16;
  for (int pair = 0; pair < kParts / 2; ++pair) {
    const I32x16 mins = load_part_mins<kScales>(record, pair);
    part(2 * pair, load_part_scales<kScales, 0>(record, 2 * pair), bit_and(mins, 0xffff));
    part(2 * pair + 1, load_part_scales<kScales, 1>(record, 2 * pair + 1), shift_right<16>(mins));
  }
}

/// Scales of formats whose records cover 256 inputs in parts.
inline void unpack_parts(const std::uint8_t* record, const QuantLayout& layout, PanelScales& to) {
  const F32x16 d = load_scales(record, ScaleType::kF16);
  const F32x16 none = sub(broadcast(0.0f), load_scales(record + 32, ScaleType::kF16));
  const auto with_min = [&](int part, I32x16 scale, I32x16 min) {
    store(to.scale[part], mul(d, to_float(scale)));
    store(to.offset[part], mul(none, to_float(min)));
  };
  const std::uint8_t* bytes = record + 32;
  switch (layout.scales) {
    case ScaleKind::kParts8Min:
      return for_parts<ScaleKind::kParts8Min>(record, with_min);
    case ScaleKind::kParts16Min:
      return for_parts<ScaleKind::kParts16Min>(record, with_min);
    case ScaleKind::kParts16Six:
      for (int p = 0; p < 4; ++p) {
        const I32x16 pairs = load_unsigned(bytes + 128 + 16 * p);
        const I32x16 near = load_unsigned(bytes + 16 * p);
        const I32x16 far = load_unsigned(bytes + 64 + 16 * p);
        const auto six = [&](int part, I32x16 low, I32x16 high) {
          const I32x16 scale = add(bit_or(low, shift_left<4>(high)), broadcast_int(-32));
          store(to.scale[part], mul(d, to_float(scale)));
        };
        six(p, bit_and(near, 15), bit_and(pairs, 3));
        six(p + 4, bit_and(far, 15), bit_and(shift_right<2>(pairs), 3));
        six(p + 8, shift_right<4>(near), bit_and(shift_right<4>(pairs), 3));
        six(p + 12, shift_right<4>(far), shift_right<6>(pairs));
      }
      return;
    default: {
      const int parts = layout.scales == ScaleKind::kParts8 ? 8 : 16;
      for (int p = 0; p < parts; ++p) {
        store(to.scale[p], mul(d, to_float(load_signed(bytes + 16 * p))));
      }
    }
  }
}

/// Scales of the block of inputs that starts at `first`.
inline void unpack_scales(const std::uint8_t* records, std::int64_t first, int chunks,
                          const QuantLayout& layout, PanelScales& to) {
  if (layout.scales >= ScaleKind::kParts8Min) {
    unpack_parts(records, layout, to);
  } else {
    unpack_groups(records, first, chunks, layout, to);
  }
}

/// The same as integer products take them: of layouts with minimums of parts the integer scales
/// alone, since scale_parts() does the rest.
inline void unpack_product_scales(const std::uint8_t* records, std::int64_t first, int chunks,
                                  const QuantLayout& layout, PanelScales& to) {
  const auto keep = [&](int part, I32x16 scale, I32x16 /*min*/) {
    store(to.scale[part], to_float(scale));
  };
  switch (layout.scales) {
    case ScaleKind::kParts8Min:
      return for_parts<ScaleKind::kParts8Min>(records, keep);
    case ScaleKind::kParts16Min:
      return for_parts<ScaleKind::kParts16Min>(records, keep);
    default:
      return unpack_scales(records, first, chunks, layout, to);
  }
}

/// The block of `depth` inputs that starts at `first`.
inline void unpack_block(const std::uint8_t* panel, std::int64_t first, std::int64_t depth,
                         const QuantLayout& layout, UnpackedPanel& to) {
  const int chunks = static_cast<int>((depth + kChunk - 1) / kChunk);
  const std::uint8_t* block = panel + first / kBlock * layout.block_bytes();
  unpack_codes(block + layout.header_bytes(), chunks, layout, to);
  unpack_scales(block, first, chunks, layout, to);
}

/// The weights themselves, [depth][kPanel], each product and sum rounded once as the format's
/// formula says.
inline void dequantize_panel(const UnpackedPanel& panel, std::int64_t depth,
                             const QuantLayout& layout, float* to) {
  const int unit_inputs = layout.unit();
  const F32x16 zero = broadcast(static_cast<float>(layout.zero));
  const bool offsets = layout.has_offset();
  const auto input = [&](I32x16 code, int unit, float* out) {
    const F32x16 value =
        layout.e4m3 ? e4m3_top_byte(shift_left<24>(code)) : sub(to_float(code), zero);
    F32x16 weight = mul(value, load(panel.scale[unit]));
    if (offsets) weight = add(weight, load(panel.offset[unit]));
    store(out, weight);
  };
  // The last chunk may be padded; what lies beyond `depth` is not written.
  for (std::int64_t k = 0; k < depth; k += 4) {
    const auto chunk = static_cast<int>(k / kChunk);
    const auto quad = static_cast<int>(k % kChunk / 4);
    const auto unit = static_cast<int>(k / unit_inputs);
    const U8x64 codes = load_bytes(panel.codes[chunk][quad]);
    float* out = to + k * kPanel;
    const std::int64_t count = depth - k;
    input(byte_of<0>(codes), unit, out);
    if (count > 1) input(byte_of<1>(codes), unit, out + kPanel);
    if (count > 2) input(byte_of<2>(codes), unit, out + 2 * kPanel);
    if (count > 3) input(byte_of<3>(codes), unit, out + 3 * kPanel);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
