// From packed weights to what products can use: codes as bytes, scales and offsets as floats.
//
// Reading and unpacking are apart, so that kernels can have several chunks on their way.
#pragma once

#include "weight.h"

namespace saccade {
namespace gpu {

/// Planes of a code kind: bits and words of a chunk.
template <u32 kLow, u32 kHigh>
struct PlaneBits {
  static constexpr u32 kLowBits = kLow;
  static constexpr u32 kHighBits = kHigh;
  static constexpr u32 kLowWords = kLow == 8 ? 4 : kLow;
  static constexpr u32 kHighWords = kHigh == 8 ? 4 : kHigh;
};
template <CodeKind kCodes>
struct Planes : PlaneBits<8, 8> {};  // bytes
template <>
struct Planes<CodeKind::kInt2> : PlaneBits<2, 0> {};
template <>
struct Planes<CodeKind::kInt3> : PlaneBits<2, 1> {};
template <>
struct Planes<CodeKind::kInt4> : PlaneBits<4, 0> {};
template <>
struct Planes<CodeKind::kTable4> : PlaneBits<4, 0> {};
template <>
struct Planes<CodeKind::kInt5> : PlaneBits<4, 1> {};
template <>
struct Planes<CodeKind::kInt6> : PlaneBits<4, 2> {};

template <u32 kWords>
struct WordReader;
template <>
struct WordReader<0> {
  static GPU_FN void read(u32*, GPU_GLOBAL const u8*, u32) {}
};
template <>
struct WordReader<1> {
  static GPU_FN void read(u32* to, GPU_GLOBAL const u8* array, u32 index) {
    to[0] = read_once((GPU_GLOBAL const u32*)array + index);
  }
};
template <>
struct WordReader<2> {
  static GPU_FN void read(u32* to, GPU_GLOBAL const u8* array, u32 index) {
    const Words2 words = read_once((GPU_GLOBAL const Words2*)array + index);
    to[0] = words.x;
    to[1] = words.y;
  }
};
template <>
struct WordReader<4> {
  static GPU_FN void read(u32* to, GPU_GLOBAL const u8* array, u32 index) {
    const Words4 words = read_once((GPU_GLOBAL const Words4*)array + index);
    to[0] = words.x;
    to[1] = words.y;
    to[2] = words.z;
    to[3] = words.w;
  }
};

/// The codes of a chunk as they lie in memory.
template <CodeKind kCodes>
struct RawCodes {
  using P = Planes<kCodes>;
  static constexpr u32 kCount = P::kLowWords + P::kHighWords;
  u32 words[kCount];

  /// Chunk `index` of all rows' chunks.
  GPU_FN void read(GPU_CONSTANT WeightView& w, u32 index) {
    WordReader<P::kLowWords>::read(words, w.low, index);
    WordReader<P::kHighWords>::read(words + P::kLowWords, w.high, index);
  }
};

/// Quads q and q + 4 of a chunk: one code in each byte, or for tables one signed value.
struct QuadPair {
  u32 first, second;
};

/// From words of one chunk; `q` below 4. low and high are the words that hold the quads: word q % b
/// of a b-bit plane, and word q of both halves of bytes.
template <CodeKind kCodes>
GPU_FN QuadPair unpack_words(GPU_CONSTANT WeightView& w, u32 low, u32 high, u32 q) {
  using P = Planes<kCodes>;
  if (kCodes == CodeKind::kTable4) {
    const NibbleBytes bytes = lookup_nibbles(w.table, low);
    return {bytes.low, bytes.high};
  }
  if (P::kLowBits == 8) return {low, high};
  QuadPair quads;
  if (P::kLowBits == 4) {
    quads = {low & 0x0f0f0f0fu, (low >> 4) & 0x0f0f0f0fu};
  } else {
    const u32 shifted = low >> (q / 2 * 2);
    quads = {shifted & 0x03030303u, (shifted >> 4) & 0x03030303u};
  }
  if (P::kHighBits == 1) {
    const u32 bits = high >> q;
    quads.first |= (bits & 0x01010101u) << P::kLowBits;
    quads.second |= ((bits >> 4) & 0x01010101u) << P::kLowBits;
  }
  if (P::kHighBits == 2) {
    const u32 bits = high >> (q / 2 * 2);
    quads.first |= (bits & 0x03030303u) << P::kLowBits;
    quads.second |= ((bits >> 4) & 0x03030303u) << P::kLowBits;
  }
  return quads;
}

/// Words of one chunk that hold eight neighbouring inputs: quads 2e and 2e + 1. See eighth_word.
struct EighthWords {
  u32 low[2], high[2];
};

/// The first word of a plane that holds quads 2e and 2e + 1; a second one follows, except in planes
/// of single bits.
template <u32 kBits>
GPU_FN u32 eighth_word(u32 e) {
  return kBits <= 2 ? 0 : e % 2 * 2;
}

/// Quads 2e and 2e + 1 of a chunk, e below 4; as unpack_words.
template <CodeKind kCodes>
GPU_FN QuadPair unpack_eighth(GPU_CONSTANT WeightView& w, const EighthWords& words, u32 e) {
  using P = Planes<kCodes>;
  if (kCodes == CodeKind::kTable4) {
    const NibbleBytes first = lookup_nibbles(w.table, words.low[0]);
    const NibbleBytes second = lookup_nibbles(w.table, words.low[1]);
    return e < 2 ? QuadPair{first.low, second.low} : QuadPair{first.high, second.high};
  }
  if (P::kLowBits == 8) {
    return e < 2 ? QuadPair{words.low[0], words.low[1]} : QuadPair{words.high[0], words.high[1]};
  }
  QuadPair quads;
  if (P::kLowBits == 4) {
    const u32 shift = e / 2 * 4;
    quads = {(words.low[0] >> shift) & 0x0f0f0f0fu, (words.low[1] >> shift) & 0x0f0f0f0fu};
  } else {
    quads = {(words.low[0] >> (2 * e)) & 0x03030303u, (words.low[1] >> (2 * e)) & 0x03030303u};
  }
  if (P::kHighBits == 1) {
    quads.first |= ((words.high[0] >> (2 * e)) & 0x01010101u) << P::kLowBits;
    quads.second |= ((words.high[0] >> (2 * e + 1)) & 0x01010101u) << P::kLowBits;
  }
  if (P::kHighBits == 2) {
    quads.first |= ((words.high[0] >> (2 * e)) & 0x03030303u) << P::kLowBits;
    quads.second |= ((words.high[1] >> (2 * e)) & 0x03030303u) << P::kLowBits;
  }
  return quads;
}

/// Where the words of quads q and q + 4 stand in a plane of kBits.
template <u32 kBits>
GPU_FN u32 plane_word(u32 q) {
  return kBits == 1 ? 0 : kBits == 2 ? q % 2 : q;
}

template <CodeKind kCodes>
GPU_FN QuadPair unpack_quads(GPU_CONSTANT WeightView& w, const RawCodes<kCodes>& raw, u32 q) {
  using P = Planes<kCodes>;
  const u32 high =
      P::kHighBits > 0
          ? raw.words[(P::kLowWords + plane_word<P::kHighBits>(q)) % RawCodes<kCodes>::kCount]
          : 0;
  return unpack_words<kCodes>(w, raw.words[plane_word<P::kLowBits>(q)], high, q);
}

/// Scales of a kind: how many a chunk has, and what stands beside them.
template <ScaleKind kScales>
struct ScaleTraits {
  static constexpr bool kTwoParts = kScales == ScaleKind::kE4m3 || kScales == ScaleKind::kParts16 ||
                                    kScales == ScaleKind::kParts16Min ||
                                    kScales == ScaleKind::kParts16Six;
  static constexpr bool kOffset =
      kScales == ScaleKind::kScaleOffset || kScales == ScaleKind::kScaleOffset32 ||
      kScales == ScaleKind::kParts8Min || kScales == ScaleKind::kParts16Min;
  static constexpr bool kZero =
      kScales == ScaleKind::kScaleZero || kScales == ScaleKind::kScaleZero32;
};

/// Where a row begins in the arrays. (All chunks of a segment count less than 2^32.)
struct WeightRow {
  u32 first_chunk;
  u32 first_group;
};

GPU_FN WeightRow weight_row(GPU_CONSTANT WeightView& w, u32 row) {
  return {row * w.chunks, (row >> w.row_shift) * w.groups};
}

/// The scales of a chunk as they lie in memory.
template <ScaleKind kScales>
struct RawScales {
  u32 record;
  u32 second;  // number of a record, or the part's
  u32 third;

  GPU_FN void read(GPU_CONSTANT WeightView& w, WeightRow row, u32 chunk) {
    const u32 index = row.first_group + (chunk >> w.group_shift);
    switch (kScales) {
      case ScaleKind::kScaleOffset:
      case ScaleKind::kScaleZero:
      case ScaleKind::kScale32:
      case ScaleKind::kParts8Min:
      case ScaleKind::kParts16Min:
        record = read_kept((GPU_GLOBAL const u32*)w.scales + index);
        break;
      case ScaleKind::kScaleOffset32:
      case ScaleKind::kScaleZero32: {
        const Words2 both = read_kept((GPU_GLOBAL const Words2*)w.scales + index);
        record = both.x;
        second = both.y;
        break;
      }
      case ScaleKind::kE8m0:
        record = read_kept(w.scales + index);
        break;
      default:
        record = read_kept((GPU_GLOBAL const u16*)w.scales + index);
    }
    const u32 part = row.first_chunk + chunk;
    if (kScales == ScaleKind::kParts8 || kScales == ScaleKind::kParts16Six) {
      second = read_kept(w.parts + part);
    }
    if (kScales == ScaleKind::kParts8Min || kScales == ScaleKind::kParts16 ||
        kScales == ScaleKind::kParts16Min) {
      second = read_kept((GPU_GLOBAL const u16*)w.parts + part);
    }
    if (kScales == ScaleKind::kParts16Six) {
      third = read_kept((GPU_GLOBAL const u32*)w.parts_high + index) >> (chunk % 8 * 4);
    }
  }
};

/// weight = scale * (code - WeightView::zero) + offset, or scale * (code - offset) where
/// ScaleTraits::kZero. The second entries belong to inputs 16 .. 31 of chunks with two parts.
struct ChunkScales {
  float scale[2];
  float offset[2];
};

/// What 16-bit numbers are, where kernels know it.
enum class NumberKind : u32 { kAny, kF16, kBf16 };

/// A 16-bit number.
template <NumberKind kNumber>
GPU_FN float number(GPU_CONSTANT WeightView& w, u32 bits) {
  if (kNumber == NumberKind::kBf16) return as_float(bits << 16);
  const float wide = half_to_float(u16(bits));
  return kNumber == NumberKind::kF16 || w.half ? wide : as_float(bits << 16);
}

/// An E8M0 scale; the smallest, 2^-127, is a subnormal float, and 255 is not a number.
GPU_FN float e8m0(u32 bits) {
  return as_float(bits == 0 ? 0x00400000u : bits == 255 ? 0x7fc00000u : bits << 23);
}

/// An E4M3 number, to be multiplied by 256: as a half, its exponent is short by 8. 0x7f is 480, as
/// MLX has it.
GPU_FN float e4m3(u32 byte) {
  return half_to_float(u16((byte & 0x80u) << 8 | (byte & 0x7fu) << 7));
}

template <ScaleKind kScales, NumberKind kNumber = NumberKind::kAny>
GPU_FN ChunkScales unpack_scales(GPU_CONSTANT WeightView& w, const RawScales<kScales>& raw) {
  ChunkScales to;
  to.scale[0] = to.scale[1] = to.offset[0] = to.offset[1] = 0.0f;
  const u32 low = raw.record & 0xffffu;
  const u32 high = raw.record >> 16;
  switch (kScales) {
    case ScaleKind::kNone:
      break;
    case ScaleKind::kScale:
      to.scale[0] = number<kNumber>(w, low);
      break;
    case ScaleKind::kScaleOffset:
    case ScaleKind::kScaleZero:
      to.scale[0] = number<kNumber>(w, low);
      to.offset[0] = number<kNumber>(w, high);
      break;
    case ScaleKind::kScale32:
      to.scale[0] = rounded_product(as_float(raw.record), w.factor);
      break;
    case ScaleKind::kScaleOffset32:
    case ScaleKind::kScaleZero32:
      to.scale[0] = as_float(raw.record);
      to.offset[0] = as_float(raw.second);
      break;
    case ScaleKind::kE8m0:
      to.scale[0] = rounded_product(e8m0(raw.record), w.factor);
      break;
    case ScaleKind::kE4m3:
      to.scale[0] = rounded_product(e4m3(raw.record & 0xffu), w.factor);
      to.scale[1] = rounded_product(e4m3(raw.record >> 8), w.factor);
      break;
    case ScaleKind::kParts8:
      to.scale[0] = rounded_product(half_to_float(u16(low)), float(i8(raw.second)));
      break;
    case ScaleKind::kParts8Min:
      to.scale[0] = rounded_product(half_to_float(u16(low)), float(raw.second & 0xffu));
      to.offset[0] = -rounded_product(half_to_float(u16(high)), float(raw.second >> 8));
      break;
    case ScaleKind::kParts16: {
      const float d = half_to_float(u16(low));
      to.scale[0] = rounded_product(d, float(i8(raw.second & 0xffu)));
      to.scale[1] = rounded_product(d, float(i8(raw.second >> 8)));
      break;
    }
    case ScaleKind::kParts16Min: {
      const float d = half_to_float(u16(low));
      const float m = half_to_float(u16(high));
      to.scale[0] = rounded_product(d, float(raw.second & 15u));
      to.scale[1] = rounded_product(d, float((raw.second >> 8) & 15u));
      to.offset[0] = -rounded_product(m, float((raw.second >> 4) & 15u));
      to.offset[1] = -rounded_product(m, float(raw.second >> 12));
      break;
    }
    case ScaleKind::kParts16Six: {
      const float d = half_to_float(u16(low));
      const u32 first = (raw.second & 15u) | (raw.third & 3u) << 4;
      const u32 second = (raw.second >> 4) | (raw.third & 12u) << 2;
      to.scale[0] = rounded_product(d, float(i32(first) - 32));
      to.scale[1] = rounded_product(d, float(i32(second) - 32));
      break;
    }
  }
  return to;
}

/// What value_of subtracts: codes stand in the low bits of 2^23.
GPU_FN float code_base(GPU_CONSTANT WeightView& w) {
  return 8388608.0f + float(w.zero);
}

/// The number that byte `i` of a quad stands for, before scales: code - zero, an entry of the table
/// or an E4M3 number over 256.
template <CodeKind kCodes>
GPU_FN float value_of(u32 quad, u32 i, float base) {
  const u32 byte = (quad >> (8 * i)) & 0xffu;
  if (kCodes == CodeKind::kE4m3) return e4m3(byte);
  // 0x80 more makes a signed byte unsigned.
  if (kCodes == CodeKind::kTable4) return as_float((byte ^ 0x80u) | 0x4b000000u) - 8388736.0f;
  return as_float(byte | 0x4b000000u) - base;
}

}  // namespace gpu
}  // namespace saccade
