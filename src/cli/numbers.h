// Numbers as people write and read them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace saccade::cli {

/// The whole number that an option was given. Throws Error (usage) unless it is one in [low, high].
std::int64_t parse_integer(std::string_view option, std::string_view text, std::int64_t low,
                           std::int64_t high = std::numeric_limits<std::int64_t>::max());
/// The same for a number without sign, up to 2^64 - 1.
std::uint64_t parse_unsigned(std::string_view option, std::string_view text);
/// The finite number that an option was given. Throws Error (usage).
double parse_number(std::string_view option, std::string_view text);

/// The size in bytes that an option was given: a whole number, and K, M, G or T for powers of 1024.
/// Throws Error (usage).
std::int64_t parse_bytes(std::string_view option, std::string_view text);

std::string thousands(std::int64_t number);                  ///< 1234567 -> "1,234,567"
std::string short_count(std::int64_t number);                ///< 1234567 -> "1.23 M"
std::string short_bytes(std::int64_t bytes);                 ///< 1572864 -> "1.50 MiB"
std::string duration(double ms);                             ///< "3.21 ms", "1.50 s", "2 min 5 s"
std::string percent(std::int64_t part, std::int64_t whole);  ///< "12.5 %"

}  // namespace saccade::cli
