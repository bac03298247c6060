// Reading numbers out of untrusted bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace saccade::media {

/// A view of file bytes whose reads never leave it: outside it every byte reads as zero, and
/// contains() tells beforehand.
class ByteView {
 public:
  ByteView() = default;
  explicit ByteView(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }
  std::span<const std::byte> bytes() const { return bytes_; }

  bool contains(std::uint64_t offset, std::uint64_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }

  std::uint8_t u8(std::uint64_t offset) const {
    return offset < bytes_.size() ? static_cast<std::uint8_t>(bytes_[offset]) : 0;
  }

  std::uint64_t big(std::uint64_t offset, int width) const {
    std::uint64_t value = 0;
    for (int i = 0; i < width; ++i) value = value << 8 | u8(offset + i);
    return value;
  }

  std::uint64_t little(std::uint64_t offset, int width) const {
    std::uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i) value = value << 8 | u8(offset + i);
    return value;
  }

  /// The bytes [offset, offset + count), or as many of them as there are.
  ByteView part(std::uint64_t offset, std::uint64_t count) const {
    if (offset >= bytes_.size()) return {};
    const std::uint64_t left = bytes_.size() - offset;
    return ByteView(bytes_.subspan(offset, count < left ? count : left));
  }

  std::string_view text(std::uint64_t offset, std::uint64_t count) const {
    const ByteView view = part(offset, count);
    return {reinterpret_cast<const char*>(view.bytes_.data()), view.size()};
  }

  bool has_text(std::uint64_t offset, std::string_view wanted) const {
    return text(offset, wanted.size()) == wanted;
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace saccade::media
