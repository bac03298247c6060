// Content digests inside a process (XXH3, 128 bits).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace saccade {

/// A 128-bit content digest: equal content gives equal digests; it names cache entries.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const Digest&) const = default;
  std::string hex() const;
};

/// The digest of bytes that lie together.
Digest digest_of(std::span<const std::byte> bytes);

/// Digests data given in pieces. Numbers are taken as their bytes in memory.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  Digester& add(std::span<const std::byte> bytes);
  Digester& add(std::span<const std::uint8_t> bytes) { return add(std::as_bytes(bytes)); }
  Digester& add_number(std::int64_t number) { return add(std::as_bytes(std::span(&number, 1))); }
  Digester& add_number(double number) { return add(std::as_bytes(std::span(&number, 1))); }

  Digest finish() const;

 private:
  void* state_;  // XXH3_state_t
};

}  // namespace saccade

template <>
struct std::hash<saccade::Digest> {
  std::size_t operator()(const saccade::Digest& digest) const noexcept { return digest.low; }
};
