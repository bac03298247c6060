// Where the keys and values of a block of tokens lie.
#pragma once

#include <cstddef>
#include <cstdint>

namespace saccade::compute::cpu {

/// Keys that one attention step takes together; also the tokens of one KV page.
inline constexpr int kKeyBlock = 64;
/// Query rows one attend() call may carry.
inline constexpr int kMaxAttentionRows = 64;
/// The widest attention head.
inline constexpr int kMaxHeadDim = 512;

/// What keys and values are kept as; attention_codes.h says how they are rounded.
enum class KvCodes { kFloat, kInt16, kInt8 };

/// One head's keys and values of kKeyBlock tokens, `width` being head_dim rounded up to vectors.
///
/// As float32: keys [head_dim, kKeyBlock], transposed so that sixteen scores are one chain of
/// multiply-adds, then values [kKeyBlock, width].
///
/// As integers: the 2 (of 16 bits) or 4 (of 8) elements `step` that one instruction multiplies and
/// adds lie together, keys [head_dim / step, kKeyBlock, step] and values [kKeyBlock / step, width,
/// step], then scales [kKeyBlock] of the keys and [kKeyBlock] of the values.
///
/// Keys of 8 bits are differences from the block's first key, the anchor. What each sum of products
/// begins with follows the scales [kKeyBlock] as integers, then the anchor's codes of 16 bits
/// [width] and its scale.
struct KvBlockLayout {
  int head_dim = 0;
  KvCodes codes = KvCodes::kFloat;

  /// Elements that lie together.
  constexpr int step() const {
    return codes == KvCodes::kFloat ? 1 : codes == KvCodes::kInt16 ? 2 : 4;
  }
  constexpr int width() const { return (head_dim + 15) / 16 * 16; }
  constexpr std::int64_t values_offset() const {
    return std::int64_t{(head_dim + step() - 1) / step()} * kKeyBlock * 4;
  }
  constexpr std::int64_t scales_offset() const {
    return values_offset() + std::int64_t{kKeyBlock} / step() * width() * 4;
  }
  constexpr std::int64_t starts_offset() const {
    return scales_offset() + (codes == KvCodes::kFloat ? 0 : 2 * kKeyBlock * 4);
  }
  constexpr std::int64_t anchor_offset() const {
    return starts_offset() + (codes == KvCodes::kInt8 ? kKeyBlock * 4 : 0);
  }
  constexpr std::int64_t anchor_scale_offset() const {
    return anchor_offset() + std::int64_t{2} * width();
  }
  constexpr std::int64_t bytes() const {
    return codes == KvCodes::kInt8 ? anchor_scale_offset() + kLineBytes : anchor_offset();
  }

 private:
  static constexpr std::int64_t kLineBytes = 64;  // blocks begin with a cache line
};

}  // namespace saccade::compute::cpu
