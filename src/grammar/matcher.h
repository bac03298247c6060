// One answer on its way through a grammar.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/machine.h"
#include "grammar/token_masks.h"

namespace saccade::grammar {

/// Follows a text byte by byte or token by token. Copies are cheap and independent, so a guess is
/// made on a copy that is kept or thrown away. Throws Error where a text has too many alternatives
/// at once; with the generation style there is otherwise always a way on until the answer is
/// complete.
class Matcher {
 public:
  static constexpr std::size_t kForcedBytes = 4096;

  /// Without a vocabulary: for bytes alone.
  explicit Matcher(Grammar grammar);
  explicit Matcher(std::shared_ptr<const TokenMasks> masks);

  /// Goes on by some bytes of text, or by a token. False, and nothing changed, if the grammar
  /// refuses them. An end token is accepted when the text is complete, and nothing after it. No
  /// text is a special token.
  bool accept(std::string_view bytes);
  bool accept(std::int32_t token);

  /// Sets the bits of exactly the tokens that accept() would take, and clears all others. `bits`
  /// has Vocabulary::mask_words() words. Throws Error where that leaves no token: the vocabulary
  /// has none that the grammar needs, or the answer has ended.
  void mask(std::span<std::uint64_t> bits) const;

  /// Whether the text may end here.
  bool complete() const { return machine_.complete(threads_); }
  /// Whether it must: it is complete and nothing can follow, so that no step is needed to know it.
  bool must_end() const;
  /// Whether an end token came.
  bool ended() const { return ended_; }

  /// The bytes that must come next, at most `limit`, ending where there is a choice or the text may
  /// end. They may end in the middle of a character; special tokens are as special_text() has them.
  std::string forced(std::size_t limit = kForcedBytes) const;

  /// The forced bytes as the tokens that the tokenizer cuts them into, without those at the end
  /// that it might cut otherwise when it sees what follows (of `": ` before a string the space
  /// belongs to the quote). The caller accepts them one by one; none come without a tokenizer.
  std::vector<std::int32_t> forced_tokens(std::size_t limit = kForcedBytes) const;

  /// Bytes that may come next, as text for a message: `"," or "}"`.
  std::string expected() const;

 private:
  bool advance(std::string_view bytes);
  Threads follow_forced(std::size_t limit, std::string& bytes) const;
  std::size_t settled(std::string_view bytes, const Threads& behind) const;
  bool refused_at_start(std::int32_t token) const;

  Grammar grammar_;
  std::shared_ptr<const TokenMasks> masks_;
  Machine machine_;
  Threads threads_;
  std::int32_t last_ = -1;  // token
  bool ended_ = false;
};

/// Where a text leaves a grammar.
struct Mismatch {
  std::size_t offset =
      0;  ///< of the first byte that is refused; the size where the text is too short
  std::string expected;
};

/// Reads a whole text; nullopt if the grammar accepts it.
std::optional<Mismatch> find_mismatch(const Grammar& grammar, std::string_view text);

}  // namespace saccade::grammar
