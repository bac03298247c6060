// Tokenizers of Hugging Face checkpoints (tokenizer.json).
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::text {

struct DecodeRules;

struct EncodeOptions {
  /// Special tokens written out in the text, such as <|im_end|>, become that token; without this
  /// they are text like any other. Added tokens that are not special are always recognised.
  bool parse_special = true;
  /// Puts around the text what the tokenizer's post-processor says, such as <s> before it.
  bool add_special = false;
};

/// Text to token ids and back, equal to Hugging Face's tokenizers. Supports byte-level BPE (GPT-2,
/// Qwen, Llama 3...), BPE with byte fallback (Llama 2, Mistral, Gemma, Phi-3), unigram models (T5,
/// XLM-R...) and SentencePiece BPE by scores. Immutable: threads may share one.
class Tokenizer {
 public:
  /// Loads tokenizer.json, or the one in a checkpoint directory. Throws Error, naming file and key,
  /// when it is missing or broken and for every component that is not supported.
  static Tokenizer from_file(const std::filesystem::path& path);

  /// Builds from a parsed tokenizer.json; `where` names the source in errors.
  static Tokenizer from_json(const boost::json::value& document, std::string_view where);

  ~Tokenizer();
  Tokenizer(Tokenizer&& other) noexcept;
  Tokenizer& operator=(Tokenizer&& other) noexcept;

  /// The ids of `text`. What is not UTF-8 counts as U+FFFD. Throws Error when the pre-tokenizer's
  /// pattern gives up on hostile text, or an unknown token is needed and the vocabulary has none.
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The text of `ids`, always valid UTF-8, as Hugging Face's decode with
  /// clean_up_tokenization_spaces=False. Unknown ids give nothing; `skip_special` leaves out
  /// special tokens.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const;

  /// The bytes a token stands for, perhaps part of a character; empty for unknown ids.
  std::string_view token_bytes(std::int32_t id) const;

  /// The id of a token by its content as in the vocabulary (`Ġthe`) or among the added tokens.
  std::optional<std::int32_t> token_id(std::string_view token) const;

  /// Whether decode() leaves the token out when it skips special tokens.
  bool is_special(std::int32_t id) const;

  /// Whether decode() puts something between tokens, so that their bytes are not the text.
  bool separates_tokens() const;

  /// Whether decode() may take something from the front of a text, as a space that its first token
  /// begins with.
  bool changes_beginning() const;

  /// The largest id + 1.
  std::int32_t vocab_size() const;

 private:
  friend class StreamingDetokenizer;
  struct Parts;
  explicit Tokenizer(std::unique_ptr<const Parts> parts);

  bool is_known(std::int32_t id) const;
  bool is_byte(std::int32_t id) const;
  /// token_bytes() of a token that begins the text, where DecodeRules::first_differs.
  std::string first_token_bytes(std::int32_t id) const;
  const DecodeRules& decode_rules() const;

  std::unique_ptr<const Parts> parts_;
};

}  // namespace saccade::text
