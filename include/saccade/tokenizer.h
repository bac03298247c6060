// A model's tokenizer on its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/error.h"

namespace saccade {

/// Text to token ids and back. Immutable: threads may share one.
class Tokenizer {
 public:
  /// `model` is what Engine::load takes, or a GGUF file, which may hold a vocabulary alone. No
  /// other part of the model is opened. Throws Error.
  static Tokenizer load(const std::string& model);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// The ids of `text`. Special tokens written out in it, such as <|im_end|>, become that token;
  /// `add_special` also puts those around it that the tokenizer asks for, such as <s>. What is not
  /// UTF-8 counts as U+FFFD. Throws Error.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special = false) const;

  /// The text of `ids`, special tokens included: always valid UTF-8. Throws Error for an id that is
  /// outside the vocabulary.
  std::string decode(std::span<const std::int32_t> ids) const;

  /// The bytes that a token stands for, perhaps a part of a character only; empty for an id that is
  /// outside the vocabulary.
  std::string token_bytes(std::int32_t id) const;

  /// Whether a token is not text, such as <|im_end|>.
  bool is_special(std::int32_t id) const;

  /// The largest id + 1.
  std::int32_t vocab_size() const;

 private:
  class Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace saccade
