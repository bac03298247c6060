// SentencePiece's own normalization rules, as a table that comes with the vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::text {

/// A "precompiled charsmap": strings and what replaces them. As in Hugging Face tokenizers a
/// grapheme of at most 5 bytes is looked up whole, else character by character, and the shortest
/// string of the table that the looked-up one begins with decides.
class PrecompiledCharsmap {
 public:
  /// `bytes`: the size of the double-array trie in bytes (32-bit little-endian), the trie, then the
  /// replacements, each ended by a zero. Throws Error naming `where` when that does not hold.
  PrecompiledCharsmap(std::string_view bytes, std::string_view where);

  /// `text` (valid UTF-8) with the replacements made. Throws Error when that would take over 1 GiB.
  std::string apply(std::string_view text) const;

 private:
  /// What replaces `key`, or a view without data.
  std::string_view replacement(std::string_view key) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;  // each ended by a zero
};

/// The bytes that base64 stands for. Throws Error naming `where` when it is none.
std::string decode_base64(std::string_view text, std::string_view where);

}  // namespace saccade::text
