// Digests that outlive the process.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace saccade {

/// Names contents on disks and between machines: SHA-256, and SHA-1 for git's object ids.
class Checksum {
 public:
  enum class Kind { kSha1, kSha256 };

  explicit Checksum(Kind kind = Kind::kSha256);
  ~Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) noexcept;

  Checksum& add(std::span<const std::byte> bytes);
  Checksum& add(std::string_view text) { return add(std::as_bytes(std::span(text))); }
  /// Lower-case hexadecimal. The last call.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace saccade
