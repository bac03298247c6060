#include "text/pretokenizer.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "text/pretokenizer_byte_level.h"
#include "text/pretokenizer_regex.h"
#include "text/pretokenizer_split.h"
#include "text/tokenizer_config.h"
#include "text/unicode.h"
#include "text/unicode_classes.h"

namespace saccade::text {
namespace {

constexpr int kMaxDepth = 16;

/// The pattern of GPT-2, which ByteLevel carries in itself.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Split and all that is a split at a fixed pattern.
class Split final : public PreTokenizer {
 public:
  Split(Regex regex, SplitBehavior behavior, bool invert)
      : regex_(std::move(regex)), behavior_(behavior), invert_(invert) {}

  void apply(PieceList& list) const override {
    RegexMatcher matcher(regex_);
    std::vector<Span> matches;
    std::vector<Span> parts;
    std::vector<Piece> pieces;
    pieces.reserve(list.pieces.size());
    for (const Piece& piece : list.pieces) {
      if (piece.token != kNoToken) {
        pieces.push_back(piece);
        continue;
      }
      matcher.find_all(piece.text, matches);
      split_at(matches, piece.text.size(), behavior_, invert_, parts);
      for (const Span& part : parts) {
        pieces.push_back({piece.text.substr(part.begin, part.end - part.begin), kNoToken,
                          piece.first && part.begin == 0});
      }
    }
    list.pieces = std::move(pieces);
  }

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

/// Writes each byte as a character of the byte-level alphabet, after GPT-2's split where asked for.
class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
    if (use_regex) {
      split_.emplace(Regex::from_oniguruma(kGpt2Pattern, "ByteLevel"), SplitBehavior::kIsolated,
                     false);
    }
  }

  void apply(PieceList& list) const override {
    if (add_prefix_space_) add_prefix_spaces(list);
    if (split_) split_->apply(list);
    std::size_t size = 0;
    for (const Piece& piece : list.pieces) size += 2 * piece.text.size();
    std::string& mapped = list.new_text();
    mapped.reserve(size);  // no reallocation: the views below point into it
    for (Piece& piece : list.pieces) {
      if (piece.token != kNoToken) continue;
      const std::size_t start = mapped.size();
      append_byte_level(mapped, piece.text);
      piece.text = std::string_view(mapped.data() + start, mapped.size() - start);
    }
  }

 private:
  static void add_prefix_spaces(PieceList& list) {
    for (Piece& piece : list.pieces) {
      if (piece.token == kNoToken && !piece.text.starts_with(' ')) {
        std::string& spaced = list.new_text();
        spaced.append(" ").append(piece.text);
        piece.text = spaced;
      }
    }
  }

  bool add_prefix_space_;
  std::optional<Split> split_;
};

/// Writes spaces as another character, perhaps with one more in front, and cuts before each.
class Metaspace final : public PreTokenizer {
 public:
  explicit Metaspace(MetaspaceOptions options)
      : options_(std::move(options)), space_(Regex::from_literal(" ")) {
    if (options_.split) {
      split_.emplace(Regex::from_literal(options_.replacement), SplitBehavior::kMergedWithNext,
                     false);
    }
  }

  void apply(PieceList& list) const override {
    for (Piece& piece : list.pieces) {
      if (piece.token != kNoToken) continue;
      std::string& text = list.new_text();
      text = replace_matches(space_, piece.text, options_.replacement);
      if (prepends(piece) && !text.starts_with(options_.replacement)) {
        text.insert(0, options_.replacement);
      }
      piece.text = text;
    }
    if (split_) split_->apply(list);
  }

 private:
  bool prepends(const Piece& piece) const {
    return options_.prepend == MetaspaceOptions::Prepend::kAlways ||
           (options_.prepend == MetaspaceOptions::Prepend::kFirst && piece.first);
  }

  MetaspaceOptions options_;
  Regex space_;
  std::optional<Split> split_;
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void apply(PieceList& list) const override {
    for (const auto& step : steps_) step->apply(list);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

std::unique_ptr<PreTokenizer> build(const boost::json::value& value, const std::string& where,
                                    int depth);

std::unique_ptr<PreTokenizer> build_sequence(const JsonObject& object, int depth) {
  const boost::json::value& list = object.at("pretokenizers");
  if (!list.is_array()) fail("{}: \"pretokenizers\" must be a list", object.where());
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  for (const boost::json::value& step : list.get_array()) {
    steps.push_back(
        build(step, fmt::format("{}: pretokenizers[{}]", object.where(), steps.size()), depth + 1));
  }
  return std::make_unique<Sequence>(std::move(steps));
}

std::unique_ptr<PreTokenizer> build(const boost::json::value& value, const std::string& where,
                                    int depth) {
  if (depth > kMaxDepth) fail("{}: sequences are nested more than {} deep", where, kMaxDepth);
  const JsonObject object(value, where);
  const std::string type = object.string("type");
  const auto split = [](std::string_view pattern, SplitBehavior behavior, bool invert = false) {
    return std::make_unique<Split>(Regex::from_pcre(pattern), behavior, invert);
  };
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevel>(object.boolean("add_prefix_space"),
                                       object.boolean_or("use_regex", true));
  }
  if (type == "Split") {
    return std::make_unique<Split>(regex_of_pattern(object), behavior_from_json(object),
                                   object.boolean("invert"));
  }
  if (type == "Digits") {
    const bool alone = object.boolean_or("individual_digits", false);
    return split("[" + rust_numeric_class() + "]",
                 alone ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  if (type == "Punctuation") {
    return split(punctuation_pattern(),
                 object.has("behavior") ? behavior_from_json(object) : SplitBehavior::kIsolated);
  }
  if (type == "Whitespace") {
    const std::string word = rust_word_class();
    return split(fmt::format("[{0}]+|[^{0}{1}]+", word, whitespace_class()),
                 SplitBehavior::kRemoved, true);
  }
  if (type == "WhitespaceSplit") {
    return split("[" + whitespace_class() + "]", SplitBehavior::kRemoved);
  }
  if (type == "Metaspace") {
    return std::make_unique<Metaspace>(MetaspaceOptions::from_json(object));
  }
  if (type == "Sequence") return build_sequence(object, depth);
  fail("{}: pre_tokenizer \"{}\" is not supported", where, type);
}

}  // namespace

MetaspaceOptions MetaspaceOptions::from_json(const JsonObject& object) {
  MetaspaceOptions options;
  options.replacement = object.string("replacement");
  const DecodedChar decoded =
      options.replacement.empty() ? DecodedChar{} : decode_utf8(options.replacement);
  if (decoded.state != DecodedChar::State::kValid || decoded.size != options.replacement.size()) {
    fail("{}: \"replacement\" must be one character", object.where());
  }
  const std::string scheme = object.string_or("prepend_scheme", "always");
  if (scheme == "first") {
    options.prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    options.prepend = Prepend::kNever;
  } else if (scheme != "always") {
    fail("{}: prepend_scheme {} is not supported; first, always and never are", object.where(),
         in_quotes(scheme));
  }
  // Files of early releases say it in this way.
  if (!object.boolean_or("add_prefix_space", true)) {
    if (object.has("prepend_scheme") && options.prepend != Prepend::kNever) {
      fail("{}: \"add_prefix_space\" and \"prepend_scheme\" contradict each other", object.where());
    }
    options.prepend = Prepend::kNever;
  }
  options.split = object.boolean_or("split", true);
  return options;
}

std::unique_ptr<PreTokenizer> PreTokenizer::from_json(const boost::json::value* value,
                                                      std::string_view where) {
  if (!value || value->is_null()) return nullptr;
  return build(*value, std::string(where), 0);
}

}  // namespace saccade::text
