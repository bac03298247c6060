// Where the keys and values of a block of tokens lie.
#pragma once

#include <cstdint>

namespace saccade::compute::cpu {

/// Keys that one attention step takes together; also the tokens of one KV page.
inline constexpr int kKeyBlock = 64;
/// Query rows one attend() call may carry.
inline constexpr int kMaxAttentionRows = 64;
/// The widest attention head.
inline constexpr int kMaxHeadDim = 512;

/// One head's keys and values of kKeyBlock tokens, `width` being head_dim rounded up to vectors.
///
/// As float32: keys [head_dim, kKeyBlock], transposed so that sixteen scores are one chain of
/// multiply-adds, then values [kKeyBlock, width].
///
/// Rounded to 16-bit integers with a float32 scale a token: keys [(head_dim + 1) / 2, kKeyBlock, 2]
/// and values [kKeyBlock / 2, width, 2], so that the two elements one instruction multiplies and
/// adds lie together, then key scales [kKeyBlock] and value scales [kKeyBlock].
struct KvBlockLayout {
  int head_dim = 0;
  bool rounded = false;

  constexpr int width() const { return (head_dim + 15) / 16 * 16; }
  constexpr std::int64_t values_offset() const {
    return rounded ? (head_dim + 1) / 2 * kKeyBlock * std::int64_t{4}
                   : head_dim * kKeyBlock * std::int64_t{4};
  }
  constexpr std::int64_t scales_offset() const {
    return values_offset() + std::int64_t{kKeyBlock} * width() * (rounded ? 2 : 4);
  }
  constexpr std::int64_t bytes() const {
    return scales_offset() + (rounded ? 2 * kKeyBlock * std::int64_t{4} : 0);
  }
};

}  // namespace saccade::compute::cpu
