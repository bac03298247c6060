#include "media/gif_lzw.h"

#include <array>
#include <optional>

namespace saccade::media {
namespace {

constexpr int kMaxCodeBits = 12;
constexpr int kTableSize = 1 << kMaxCodeBits;

/// The codes of a chain of data blocks: numbers of a changing width, lowest bit first.
class CodeReader {
 public:
  explicit CodeReader(ByteView blocks) : blocks_(blocks) {}

  std::optional<int> next(int width) {
    while (bit_count_ < width) {
      if (block_left_ == 0) {
        block_left_ = blocks_.u8(at_);  // 0 at the end of the chain and of the file
        ++at_;
        if (block_left_ == 0 || !blocks_.contains(at_, block_left_)) return std::nullopt;
      }
      bits_ |= static_cast<std::uint32_t>(blocks_.u8(at_)) << bit_count_;
      bit_count_ += 8;
      ++at_;
      --block_left_;
    }
    const int code = static_cast<int>(bits_ & ((1U << width) - 1));
    bits_ >>= width;
    bit_count_ -= width;
    return code;
  }

 private:
  ByteView blocks_;
  std::uint64_t at_ = 0;
  int block_left_ = 0;
  std::uint32_t bits_ = 0;
  int bit_count_ = 0;
};

}  // namespace

bool holds_pixels(ByteView data, std::int64_t pixels) {
  const int literal_bits = data.u8(0);
  if (literal_bits < 1 || literal_bits >= kMaxCodeBits) return false;
  const int clear = 1 << literal_bits;
  const int end = clear + 1;
  // Only the number of pixels of each code is kept: a new one is one longer than the code before.
  std::array<std::int32_t, kTableSize> length{};
  for (int code = 0; code < clear; ++code) length[code] = 1;

  CodeReader reader(data.part(1, data.size()));
  int width = literal_bits + 1;
  int next = end + 1;
  int previous = -1;
  while (pixels > 0) {
    const std::optional<int> code = reader.next(width);
    if (!code || *code == end) return false;
    if (*code == clear) {
      width = literal_bits + 1;
      next = end + 1;
      previous = -1;
      continue;
    }
    if (previous < 0) {
      if (*code > clear) return false;
    } else {
      if (*code > next) return false;
      if (next < kTableSize) {
        length[next] = length[previous] + 1;
        if (next + 1 == 1 << width && width < kMaxCodeBits) ++width;
        ++next;
      }
    }
    pixels -= length[*code];
    previous = *code;
  }
  return true;
}

}  // namespace saccade::media
