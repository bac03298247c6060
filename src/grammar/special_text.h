// Special tokens among the bytes that grammars read.
#pragma once

#include <string>
#include <string_view>

namespace saccade::grammar {

/// A special token is its text between two bytes that no UTF-8 has: so automata, masks and forced
/// text know it as any other bytes, and no text that only spells it is it.
inline constexpr char kSpecialBegin = '\xFF';
inline constexpr char kSpecialEnd = '\xFE';

inline std::string special_text(std::string_view token) {
  return kSpecialBegin + std::string(token) + kSpecialEnd;
}

/// Whether bytes are some of a special token's; texts that have them are no UTF-8.
inline bool holds_special(std::string_view bytes) {
  return bytes.find_first_of("\xFE\xFF") != std::string_view::npos;
}

}  // namespace saccade::grammar
