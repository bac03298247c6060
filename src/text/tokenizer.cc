#include "text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_decoder.h"
#include "text/tokenizer_model.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

/// The decoded form of every token, in one block of memory.
class DecodedTokens {
 public:
  void reserve(std::int32_t count) { entries_.resize(static_cast<std::size_t>(count)); }

  void set(std::int32_t id, const DecodedToken& token, bool special) {
    if (arena_.size() + token.bytes.size() > kMaxBytes) fail("decoded tokens take over 256 MiB");
    entries_[static_cast<std::size_t>(id)] = {static_cast<std::uint32_t>(arena_.size()),
                                              static_cast<std::uint32_t>(token.bytes.size()), true,
                                              token.kind == DecodedToken::Kind::kByte, special};
    arena_ += token.bytes;
  }

  std::int32_t size() const { return static_cast<std::int32_t>(entries_.size()); }
  bool known(std::int32_t id) const { return id >= 0 && id < size() && at(id).known; }
  bool byte(std::int32_t id) const { return known(id) && at(id).byte; }
  bool special(std::int32_t id) const { return known(id) && at(id).special; }
  std::string_view bytes(std::int32_t id) const {
    if (!known(id)) return {};
    return std::string_view(arena_).substr(at(id).begin, at(id).size);
  }

 private:
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 28;  // sizes have 29 bits

  struct Entry {
    std::uint32_t begin = 0;
    std::uint32_t size : 29 = 0;
    bool known : 1 = false;
    bool byte : 1 = false;
    bool special : 1 = false;
  };
  const Entry& at(std::int32_t id) const { return entries_[static_cast<std::size_t>(id)]; }

  std::vector<Entry> entries_;
  std::string arena_;
};

}  // namespace

struct Tokenizer::Parts {
  explicit Parts(const JsonObject& document)
      : normalizer(
            Normalizer::from_json(document.find("normalizer"), document.where() + ": normalizer")),
        pre_tokenizer(PreTokenizer::from_json(document.find("pre_tokenizer"),
                                              document.where() + ": pre_tokenizer")),
        model(TokenModel::from_json(document.object("model"))),
        added(document.find("added_tokens"), document.where() + ": added_tokens", *model,
              normalizer.get()),
        post_processor(PostProcessor::from_json(document.find("post_processor"),
                                                document.where() + ": post_processor")),
        decoder(TokenDecoder::from_json(document.find("decoder"), document.where() + ": decoder")) {
    decode_all();
  }

  /// What the decoder is given for an id.
  std::optional<std::string_view> form_of(std::int32_t id) const {
    const std::optional<std::string_view> form = added.decoded_form(id);
    return form ? form : model->token(id);
  }

  void decode_all() {
    decoded.reserve(std::max(model->end_id(), added.end_id()));
    for (std::int32_t id = 0; id < decoded.size(); ++id) {
      const std::optional<std::string_view> token = form_of(id);
      if (token) decoded.set(id, decoder.decode(*token), added.is_special(*token));
    }
  }

  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<TokenModel> model;
  AddedTokens added;
  PostProcessor post_processor;
  TokenDecoder decoder;
  DecodedTokens decoded;
};

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&& other) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&& other) noexcept = default;

Tokenizer Tokenizer::from_file(const std::filesystem::path& path) {
  std::error_code status;
  const bool directory = std::filesystem::is_directory(path, status);
  const std::filesystem::path file = directory ? path / "tokenizer.json" : path;
  return from_json(read_json_file(file), file.string());
}

Tokenizer Tokenizer::from_json(const boost::json::value& document, std::string_view where) {
  const JsonObject object(document, std::string(where));
  return Tokenizer(std::make_unique<const Parts>(object));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text,
                                            const EncodeOptions& options) const {
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = replace_invalid_utf8(text);
    text = repaired;
  }
  PieceList list = parts_->added.split(text, options.parse_special);
  if (parts_->pre_tokenizer) parts_->pre_tokenizer->apply(list);
  std::vector<std::int32_t> ids;
  ids.reserve(list.pieces.size() + list.pieces.size() / 2);
  parts_->model->encode(list.pieces, ids);
  if (options.add_special) parts_->post_processor.apply(ids);
  return ids;
}

namespace {

/// A run of byte tokens is its text when that is UTF-8, and else one U+FFFD for each byte.
void append_run(std::string& text, std::string& run) {
  if (is_valid_utf8(run)) {
    text += run;
  } else {
    for (std::size_t i = 0; i < run.size(); ++i) append_utf8(text, kReplacementCharacter);
  }
  run.clear();
}

}  // namespace

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  const DecodedTokens& decoded = parts_->decoded;
  const DecodeRules& rules = decode_rules();
  std::string text;
  std::string run;
  bool first = true;
  for (const std::int32_t id : ids) {
    if (!decoded.known(id) || (skip_special && decoded.special(id))) continue;
    if (!first) text += rules.separator;
    if (decoded.byte(id)) {
      run += decoded.bytes(id);
    } else {
      append_run(text, run);
      text += first && rules.first_differs ? first_token_bytes(id) : decoded.bytes(id);
    }
    first = false;
  }
  append_run(text, run);
  if (rules.raw_bytes) text = replace_invalid_utf8(text);
  std::size_t stripped = 0;
  for (std::size_t i = 0; i < rules.strip_count && stripped < text.size(); ++i) {
    const DecodedChar front = decode_utf8(std::string_view(text).substr(stripped));
    if (front.value != rules.strip_char) break;
    stripped += front.size;
  }
  text.erase(0, stripped);
  return text;
}

std::string_view Tokenizer::token_bytes(std::int32_t id) const {
  return parts_->decoded.bytes(id);
}

std::string Tokenizer::first_token_bytes(std::int32_t id) const {
  const std::optional<std::string_view> form = parts_->form_of(id);
  return form ? parts_->decoder.decode(*form, true).bytes : std::string();
}

std::optional<std::int32_t> Tokenizer::token_id(std::string_view token) const {
  if (const std::optional<std::int32_t> id = parts_->added.id(token)) return id;
  return parts_->model->token_id(token);
}

bool Tokenizer::is_special(std::int32_t id) const {
  return parts_->decoded.special(id);
}
bool Tokenizer::is_known(std::int32_t id) const {
  return parts_->decoded.known(id);
}
bool Tokenizer::is_byte(std::int32_t id) const {
  return parts_->decoded.byte(id);
}
std::int32_t Tokenizer::vocab_size() const {
  return parts_->decoded.size();
}
bool Tokenizer::separates_tokens() const {
  return !decode_rules().separator.empty();
}
bool Tokenizer::changes_beginning() const {
  return decode_rules().first_differs || decode_rules().strip_count > 0;
}
const DecodeRules& Tokenizer::decode_rules() const {
  return parts_->decoder.rules();
}

}  // namespace saccade::text
