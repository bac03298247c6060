#include "tensor/ggml_blocks.h"

#include <cstring>

namespace saccade {
namespace {

using Codes = std::uint8_t*;

std::uint8_t byte_at(const std::byte* block, int offset) {
  return static_cast<std::uint8_t>(block[offset]);
}

std::uint16_t half_at(const std::byte* block, int offset) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, block + offset, sizeof bits);
  return bits;
}

/// kCount bytes hold twice as many codes: first all low nibbles, then all high ones. A copy of the
/// bytes, which codes cannot overlap, lets the compiler take sixteen at a time: loading a model is
/// mostly this.
template <int kCount>
void read_nibbles(const std::byte* packed, Codes codes) {
  std::uint8_t bytes[kCount];
  std::memcpy(bytes, packed, kCount);
  for (int i = 0; i < kCount; ++i) codes[i] = bytes[i] & 0x0f;
  for (int i = 0; i < kCount; ++i) codes[i + kCount] = bytes[i] >> 4;
}

/// Bit i of `bits` becomes bit 4 of code i.
void add_fifth_bits(const std::byte* bits, Codes codes) {
  std::uint32_t high = 0;
  std::memcpy(&high, bits, sizeof high);
  for (int i = 0; i < 32; ++i) codes[i] |= ((high >> i) & 1u) << 4;
}

/// Each 64 elements of Q4_K and Q5_K share 32 bytes.
void read_k_nibbles(const std::byte* packed, Codes codes) {
  for (int group = 0; group < 4; ++group) {
    read_nibbles<32>(packed + 32 * group, codes + 64 * group);
  }
}

/// Elements 0, 32, 64 and 96 of each half share a byte.
void read_k_pairs(const std::byte* packed, Codes codes) {
  std::uint8_t bytes[64];
  std::memcpy(bytes, packed, sizeof bytes);
  for (int half = 0; half < 2; ++half) {
    for (int j = 0; j < 4; ++j) {
      Codes to = codes + 128 * half + 32 * j;
      for (int i = 0; i < 32; ++i) to[i] = bytes[32 * half + i] >> (2 * j) & 3;
    }
  }
}

/// Bit j of byte i becomes bit `to` of code 32 j + i.
void add_bit_columns(const std::byte* bits, int to, Codes codes) {
  std::uint8_t bytes[32];
  std::memcpy(bytes, bits, sizeof bytes);
  for (int j = 0; j < 8; ++j) {
    for (int i = 0; i < 32; ++i) codes[32 * j + i] |= (bytes[i] >> j & 1) << to;
  }
}

void read_q6_k(const std::byte* block, Codes codes) {
  for (int half = 0; half < 2; ++half) {
    Codes to = codes + 128 * half;
    read_nibbles<64>(block + 64 * half, to);
    std::uint8_t high[32];
    std::memcpy(high, block + 128 + 32 * half, sizeof high);
    for (int j = 0; j < 4; ++j) {
      for (int i = 0; i < 32; ++i) to[32 * j + i] |= (high[i] >> (2 * j) & 3) << 4;
    }
  }
}

/// Q4_K and Q5_K keep eight 6-bit scales and eight 6-bit minima in twelve bytes.
void read_six_bit_pairs(const std::byte* packed, BlockScales& scales) {
  for (int j = 0; j < 4; ++j) {
    const std::uint8_t a = byte_at(packed, j);
    const std::uint8_t b = byte_at(packed, j + 4);
    const std::uint8_t c = byte_at(packed, j + 8);
    scales.scale[j] = static_cast<std::int8_t>(a & 63);
    scales.min[j] = static_cast<std::int8_t>(b & 63);
    scales.scale[j + 4] = static_cast<std::int8_t>((c & 0x0f) | ((a >> 6) << 4));
    scales.min[j + 4] = static_cast<std::int8_t>((c >> 4) | ((b >> 6) << 4));
  }
}

/// Q3_K keeps sixteen 6-bit scales, 32 too large, in twelve bytes.
void read_six_bit_scales(const std::byte* packed, BlockScales& scales) {
  for (int j = 0; j < 16; ++j) {
    const int low = byte_at(packed, j % 8) >> (j < 8 ? 0 : 4) & 0x0f;
    const int high = byte_at(packed, 8 + j % 4) >> (2 * (j / 4)) & 3;
    scales.scale[j] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
}

void read_iq4_xs_scales(const std::byte* block, BlockScales& scales) {
  const std::uint16_t high = half_at(block, 2);
  for (int j = 0; j < 8; ++j) {
    const int low = byte_at(block, 4 + j / 2) >> (4 * (j % 2)) & 0x0f;
    scales.scale[j] = static_cast<std::int8_t>((low | (high >> (2 * j) & 3) << 4) - 32);
  }
}

}  // namespace

const BlockShape& block_shape(GgmlType type) {
  static constexpr BlockShape kQ8_0{8, 1, 128, false};
  static constexpr BlockShape kQ4_0{4, 1, 8, false};
  static constexpr BlockShape kQ4_1{4, 1, 0, true};
  static constexpr BlockShape kQ5_0{5, 1, 16, false};
  static constexpr BlockShape kQ5_1{5, 1, 0, true};
  static constexpr BlockShape kQ2_K{2, 16, 0, true};
  static constexpr BlockShape kQ3_K{3, 16, 4, false};
  static constexpr BlockShape kQ4_K{4, 8, 0, true};
  static constexpr BlockShape kQ5_K{5, 8, 0, true};
  static constexpr BlockShape kQ6_K{6, 16, 32, false};
  static constexpr BlockShape kIq4Nl{4, 1, 0, false, kIq4Values.data()};
  static constexpr BlockShape kIq4Xs{4, 8, 0, false, kIq4Values.data()};
  static constexpr BlockShape kMxfp4{4, 1, 0, false, kE2m1Doubled.data()};
  static constexpr BlockShape kNone{};
  switch (type) {
    case GgmlType::kQ8_0:
      return kQ8_0;
    case GgmlType::kQ4_0:
      return kQ4_0;
    case GgmlType::kQ4_1:
      return kQ4_1;
    case GgmlType::kQ5_0:
      return kQ5_0;
    case GgmlType::kQ5_1:
      return kQ5_1;
    case GgmlType::kQ2_K:
      return kQ2_K;
    case GgmlType::kQ3_K:
      return kQ3_K;
    case GgmlType::kQ4_K:
      return kQ4_K;
    case GgmlType::kQ5_K:
      return kQ5_K;
    case GgmlType::kQ6_K:
      return kQ6_K;
    case GgmlType::kIQ4_NL:
      return kIq4Nl;
    case GgmlType::kIQ4_XS:
      return kIq4Xs;
    case GgmlType::kMXFP4:
      return kMxfp4;
    case GgmlType::kF32:
    case GgmlType::kF16:
    case GgmlType::kBF16:
      return kNone;
  }
  return kNone;
}

void read_block_codes(GgmlType type, const std::byte* block, std::uint8_t* codes) {
  switch (type) {
    case GgmlType::kQ8_0:  // signed bytes; 128 more makes them unsigned
      std::memcpy(codes, block + 2, 32);
      for (int i = 0; i < 32; ++i) codes[i] ^= 0x80;
      return;
    case GgmlType::kQ4_0:
    case GgmlType::kIQ4_NL:
      return read_nibbles<16>(block + 2, codes);
    case GgmlType::kQ4_1:
      return read_nibbles<16>(block + 4, codes);
    case GgmlType::kQ5_0:
      read_nibbles<16>(block + 6, codes);
      return add_fifth_bits(block + 2, codes);
    case GgmlType::kQ5_1:
      read_nibbles<16>(block + 8, codes);
      return add_fifth_bits(block + 4, codes);
    case GgmlType::kMXFP4:
      return read_nibbles<16>(block + 1, codes);
    case GgmlType::kQ2_K:
      return read_k_pairs(block + 16, codes);
    case GgmlType::kQ3_K:
      read_k_pairs(block + 32, codes);
      return add_bit_columns(block, 2, codes);
    case GgmlType::kQ4_K:
      return read_k_nibbles(block + 16, codes);
    case GgmlType::kQ5_K:
      read_k_nibbles(block + 48, codes);
      return add_bit_columns(block + 16, 4, codes);
    case GgmlType::kQ6_K:
      return read_q6_k(block, codes);
    case GgmlType::kIQ4_XS:
      for (int j = 0; j < 8; ++j) read_nibbles<16>(block + 8 + 16 * j, codes + 32 * j);
      return;
    case GgmlType::kF32:
    case GgmlType::kF16:
    case GgmlType::kBF16:
      return;
  }
}

BlockScales read_block_scales(GgmlType type, const std::byte* block) {
  BlockScales scales;
  scales.scale[0] = 1;
  scales.min[0] = -1;
  switch (type) {
    case GgmlType::kQ4_1:
    case GgmlType::kQ5_1:
      scales.m = half_at(block, 2);
      break;
    case GgmlType::kMXFP4:
      scales.d = byte_at(block, 0);
      return scales;
    case GgmlType::kQ2_K:
      scales.d = half_at(block, 80);
      scales.m = half_at(block, 82);
      for (int j = 0; j < 16; ++j) {
        scales.scale[j] = static_cast<std::int8_t>(byte_at(block, j) & 0x0f);
        scales.min[j] = static_cast<std::int8_t>(byte_at(block, j) >> 4);
      }
      return scales;
    case GgmlType::kQ3_K:
      scales.d = half_at(block, 108);
      read_six_bit_scales(block + 96, scales);
      return scales;
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
      scales.m = half_at(block, 2);
      read_six_bit_pairs(block + 4, scales);
      break;
    case GgmlType::kQ6_K:
      scales.d = half_at(block, 208);
      std::memcpy(scales.scale.data(), block + 192, 16);
      return scales;
    case GgmlType::kIQ4_XS:
      read_iq4_xs_scales(block, scales);
      break;
    default:
      break;
  }
  scales.d = half_at(block, 0);
  return scales;
}

}  // namespace saccade
