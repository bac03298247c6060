#include "tensor/ggml_pack.h"

#include <cstring>

namespace saccade {
namespace {

using Codes = const std::uint8_t*;

void put_byte(std::byte* block, int offset, unsigned value) {
  block[offset] = static_cast<std::byte>(value);
}

void put_half(std::byte* block, int offset, std::uint16_t bits) {
  std::memcpy(block + offset, &bits, sizeof bits);
}

/// Twice `count` codes: the low nibbles first.
void write_nibbles(Codes codes, int count, std::byte* to) {
  for (int i = 0; i < count; ++i) {
    put_byte(to, i, (codes[i] & 0x0fu) | (codes[i + count] & 0x0fu) << 4);
  }
}

void write_fifth_bits(Codes codes, std::byte* to) {
  std::uint32_t high = 0;
  for (int i = 0; i < 32; ++i) high |= (codes[i] >> 4 & 1u) << i;
  std::memcpy(to, &high, sizeof high);
}

void write_k_nibbles(Codes codes, std::byte* to) {
  for (int group = 0; group < 4; ++group) write_nibbles(codes + 64 * group, 32, to + 32 * group);
}

/// Bit `bit` of code 32 * j + i goes to bit j of byte i.
void write_k_bits(Codes codes, int bit, std::byte* to) {
  for (int i = 0; i < 32; ++i) {
    unsigned bits = 0;
    for (int j = 0; j < 8; ++j) bits |= (codes[32 * j + i] >> bit & 1u) << j;
    put_byte(to, i, bits);
  }
}

void write_k_pairs(Codes codes, std::byte* to) {
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 32; ++i) {
      unsigned bits = 0;
      for (int j = 0; j < 4; ++j) bits |= (codes[128 * half + 32 * j + i] & 3u) << (2 * j);
      put_byte(to, 32 * half + i, bits);
    }
  }
}

void write_q6_k(Codes codes, std::byte* block) {
  for (int half = 0; half < 2; ++half) {
    std::byte* low = block + 64 * half;
    std::byte* high = block + 128 + 32 * half;
    for (int i = 0; i < 32; ++i) {
      Codes from = codes + 128 * half + i;
      put_byte(low, i, (from[0] & 0x0fu) | (from[64] & 0x0fu) << 4);
      put_byte(low, i + 32, (from[32] & 0x0fu) | (from[96] & 0x0fu) << 4);
      put_byte(high, i,
               from[0] >> 4 | (from[32] >> 4) << 2 | (from[64] >> 4) << 4 | (from[96] >> 4) << 6);
    }
  }
}

void write_six_bit_pairs(const BlockScales& scales, std::byte* to) {
  for (int j = 0; j < 4; ++j) {
    const unsigned scale = static_cast<unsigned>(scales.scale[j + 4]);
    const unsigned min = static_cast<unsigned>(scales.min[j + 4]);
    put_byte(to, j, static_cast<unsigned>(scales.scale[j]) | (scale >> 4) << 6);
    put_byte(to, j + 4, static_cast<unsigned>(scales.min[j]) | (min >> 4) << 6);
    put_byte(to, j + 8, (scale & 0x0fu) | (min & 0x0fu) << 4);
  }
}

/// Sixteen 6-bit scales: low nibbles in eight bytes, high pairs of bits in four.
void write_six_bit_scales(const BlockScales& scales, std::byte* to) {
  std::memset(to, 0, 12);
  for (int j = 0; j < 16; ++j) {
    const auto scale = static_cast<unsigned>(scales.scale[j] + 32);
    to[j % 8] |= static_cast<std::byte>((scale & 0x0fu) << (j < 8 ? 0 : 4));
    to[8 + j % 4] |= static_cast<std::byte>((scale >> 4) << (2 * (j / 4)));
  }
}

void write_iq4_xs(Codes codes, const BlockScales& scales, std::byte* block) {
  unsigned high = 0;
  std::memset(block + 4, 0, 4);
  for (int j = 0; j < 8; ++j) {
    const auto scale = static_cast<unsigned>(scales.scale[j] + 32);
    high |= (scale >> 4) << (2 * j);
    block[4 + j / 2] |= static_cast<std::byte>((scale & 0x0fu) << (4 * (j % 2)));
    write_nibbles(codes + 32 * j, 16, block + 8 + 16 * j);
  }
  put_half(block, 2, static_cast<std::uint16_t>(high));
}

}  // namespace

void write_block(GgmlType type, Codes codes, const BlockScales& scales, std::byte* block) {
  switch (type) {
    case GgmlType::kQ8_0:
      put_half(block, 0, scales.d);
      for (int i = 0; i < 32; ++i) put_byte(block, 2 + i, codes[i] ^ 0x80u);
      return;
    case GgmlType::kQ4_0:
    case GgmlType::kIQ4_NL:
      put_half(block, 0, scales.d);
      return write_nibbles(codes, 16, block + 2);
    case GgmlType::kQ4_1:
      put_half(block, 0, scales.d);
      put_half(block, 2, scales.m);
      return write_nibbles(codes, 16, block + 4);
    case GgmlType::kQ5_0:
      put_half(block, 0, scales.d);
      write_fifth_bits(codes, block + 2);
      return write_nibbles(codes, 16, block + 6);
    case GgmlType::kQ5_1:
      put_half(block, 0, scales.d);
      put_half(block, 2, scales.m);
      write_fifth_bits(codes, block + 4);
      return write_nibbles(codes, 16, block + 8);
    case GgmlType::kMXFP4:
      put_byte(block, 0, scales.d);
      return write_nibbles(codes, 16, block + 1);
    case GgmlType::kQ2_K:
      for (int j = 0; j < 16; ++j) {
        put_byte(block, j,
                 static_cast<unsigned>(scales.scale[j]) | static_cast<unsigned>(scales.min[j])
                                                              << 4);
      }
      write_k_pairs(codes, block + 16);
      put_half(block, 80, scales.d);
      return put_half(block, 82, scales.m);
    case GgmlType::kQ3_K:
      write_k_bits(codes, 2, block);
      write_k_pairs(codes, block + 32);
      write_six_bit_scales(scales, block + 96);
      return put_half(block, 108, scales.d);
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
      put_half(block, 0, scales.d);
      put_half(block, 2, scales.m);
      write_six_bit_pairs(scales, block + 4);
      if (type == GgmlType::kQ5_K) write_k_bits(codes, 4, block + 16);
      return write_k_nibbles(codes, block + (type == GgmlType::kQ5_K ? 48 : 16));
    case GgmlType::kQ6_K:
      write_q6_k(codes, block);
      std::memcpy(block + 192, scales.scale.data(), 16);
      return put_half(block, 208, scales.d);
    case GgmlType::kIQ4_XS:
      put_half(block, 0, scales.d);
      return write_iq4_xs(codes, scales, block);
    case GgmlType::kF32:
    case GgmlType::kF16:
    case GgmlType::kBF16:
      return;
  }
}

}  // namespace saccade
