// From packed quantized weights to codes and scales that products can use.
//
// Every format ends here: what follows sees unsigned codes and, for each part of a chunk, sixteen
// float scales and offsets.
#pragma once

#include <cstring>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Scales and offsets of a block of one panel, of part p of chunk c:
/// [c * chunk_parts + p][output]. Offsets are there for layouts that have them.
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

/// The scale and offset of one group from its record.
struct ScaleOffset {
  F32x16 scale;
  F32x16 offset;
};

inline ScaleOffset read_group(const std::uint8_t* record, const QuantLayout& layout) {
  const std::int64_t number = layout.scale_type == ScaleType::kF32 ? 64 : 32;
  switch (layout.scales) {
    case ScaleKind::kScaleOffset:
      return {load_scales(record, layout.scale_type),
              load_scales(record + number, layout.scale_type)};
    case ScaleKind::kScaleZero: {
      const F32x16 scale = load_scales(record, layout.scale_type);
      const F32x16 zero = to_float(load_unsigned(record + number));
      return {scale, mul(scale, sub(broadcast(0.0f), zero))};
    }
    case ScaleKind::kPanelScale: {
      float scale = 0.0f;
      std::memcpy(&scale, record, sizeof scale);
      return {broadcast(scale * layout.factor), broadcast(0.0f)};
    }
    case ScaleKind::kE8m0:
      return {mul(e8m0_to_float(load_unsigned(record)), broadcast(layout.factor)), broadcast(0.0f)};
    case ScaleKind::kE4m3:
      return {mul(e4m3_top_byte(shift_left<24>(load_unsigned(record))),
                  broadcast(layout.factor * kE4m3Factor)),
              broadcast(0.0f)};
    default:
      return {mul(load_scales(record, layout.scale_type), broadcast(layout.factor)),
              broadcast(0.0f)};
  }
}

/// Scales of formats with one record for each group, for the block of inputs that starts at
/// `first`.
inline void unpack_groups(const std::uint8_t* records, std::int64_t first, int chunks,
                          const QuantLayout& layout, PanelScales& to) {
  const int parts = layout.chunk_parts();
  const std::int64_t step = kChunk / parts;
  const std::int64_t first_group = first / layout.group;
  std::int64_t last_group = -1;
  ScaleOffset now{};
  for (int i = 0; i < chunks * parts; ++i) {
    const std::int64_t group = (first + i * step) / layout.group - first_group;
    if (group != last_group) now = read_group(records + group * layout.record_bytes(), layout);
    last_group = group;
    store(to.scale[i], now.scale);
    store(to.offset[i], now.offset);
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
      for (int p = 0; p < 8; ++p) {
        with_min(p, load_unsigned(record + 64 + 16 * p), load_unsigned(record + 192 + 16 * p));
      }
      return;
    case ScaleKind::kParts16Min:
      for (int p = 0; p < 16; ++p) {
        const I32x16 both = load_unsigned(record + 64 + 16 * p);
        with_min(p, bit_and(both, 15), shift_right<4>(both));
      }
      return;
    case ScaleKind::kParts16Six:
      for (int p = 0; p < 16; ++p) {
        const I32x16 nibbles = load_unsigned(bytes + 16 * (p % 8));
        const I32x16 pairs = load_unsigned(bytes + 128 + 16 * (p % 4));
        const I32x16 low = p < 8 ? bit_and(nibbles, 15) : shift_right<4>(nibbles);
        const I32x16 high = p < 4    ? bit_and(pairs, 3)
                            : p < 8  ? bit_and(shift_right<2>(pairs), 3)
                            : p < 12 ? bit_and(shift_right<4>(pairs), 3)
                                     : shift_right<6>(pairs);
        const I32x16 scale = add(bit_or(low, shift_left<4>(high)), broadcast_int(-32));
        store(to.scale[p], mul(d, to_float(scale)));
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
  const int parts = layout.chunk_parts();
  const F32x16 zero = broadcast(static_cast<float>(layout.zero));
  const bool offsets = layout.has_offset();
  const auto input = [&](I32x16 code, int part, float* out) {
    const F32x16 value =
        layout.e4m3 ? e4m3_top_byte(shift_left<24>(code)) : sub(to_float(code), zero);
    F32x16 weight = mul(value, load(panel.scale[part]));
    if (offsets) weight = add(weight, load(panel.offset[part]));
    store(out, weight);
  };
  // The last chunk may be padded; what lies beyond `depth` is not written.
  for (std::int64_t k = 0; k < depth; k += 4) {
    const auto chunk = static_cast<int>(k / kChunk);
    const auto quad = static_cast<int>(k % kChunk / 4);
    const int part = chunk * parts + (parts == 2 ? quad / 4 : 0);
    const U8x64 codes = load_bytes(panel.codes[chunk][quad]);
    float* out = to + k * kPanel;
    const std::int64_t count = depth - k;
    input(byte_of<0>(codes), part, out);
    if (count > 1) input(byte_of<1>(codes), part, out + kPanel);
    if (count > 2) input(byte_of<2>(codes), part, out + 2 * kPanel);
    if (count > 3) input(byte_of<3>(codes), part, out + 3 * kPanel);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
