// Pre-tokenizers of tokenizer.json: they cut text into the pieces that the model encodes one by
// one.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace saccade::text {

inline constexpr std::int32_t kNoToken = -1;

/// A part of the text; `token` is the id of the added token it is, or kNoToken when the model
/// encodes it.
struct Piece {
  std::string_view text;
  std::int32_t token = kNoToken;
  /// Begins where the whole text begins. (The reference asks where in the text before normalization
  /// a piece began, which differs where a normalizer drops or splits the very first character.)
  bool first = false;
};

/// The text in order, cut into pieces, with the storage behind those that were rewritten.
class PieceList {
 public:
  std::vector<Piece> pieces;

  /// A new string for rewritten text, which lives and stays in place as long as this list does.
  std::string& new_text() { return storage_.emplace_back(); }

 private:
  std::deque<std::string> storage_;  // elements never move
};

/// How Metaspace writes spaces; its pre-tokenizer and its decoder say it with the same keys.
struct MetaspaceOptions {
  enum class Prepend : std::uint8_t { kAlways, kFirst, kNever };
  std::string replacement;  ///< one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;

  /// Throws Error for wrong types, unknown schemes and keys that contradict each other.
  static MetaspaceOptions from_json(const JsonObject& object);
};

/// One pre-tokenizer, or a sequence of them. Immutable, so threads may share it.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  /// Cuts (and rewrites) every piece that is no token yet. Pieces are valid UTF-8 and never empty.
  virtual void apply(PieceList& list) const = 0;

  /// Builds the pre-tokenizer that a JSON value describes; null gives none (nullptr). Supported:
  /// ByteLevel, Split, Digits, Metaspace, Punctuation, Whitespace, WhitespaceSplit and Sequence.
  /// Throws Error naming any other type.
  static std::unique_ptr<PreTokenizer> from_json(const boost::json::value* value,
                                                 std::string_view where);
};

}  // namespace saccade::text
