#include "checkpoint/gguf_tokenizer.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "checkpoint/gguf_pretokenizers.h"

namespace saccade::checkpoint {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::string_view kMetaSpace = "\u2581";

/// Values of tokenizer.ggml.token_type.
enum TokenType {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

boost::json::string text_of(std::string_view text) {
  return boost::json::string(text.data(), text.size());
}

/// The keys of a vocabulary, checked against each other.
struct Vocabulary {
  explicit Vocabulary(const GgufFile& gguf);

  /// A special token's id by its key, if the vocabulary has it. llama.cpp passes over others too.
  std::optional<std::int64_t> special(std::string_view key) const {
    const std::optional<std::int64_t> id = file.integer(fmt::format("tokenizer.ggml.{}", key));
    if (id && *id >= 0 && *id < std::ssize(tokens)) return id;
    return std::nullopt;
  }
  bool flag(std::string_view key, bool otherwise) const {
    return file.boolean(fmt::format("tokenizer.ggml.{}", key)).value_or(otherwise);
  }
  /// Texts of tokens; those that have none are named by their id, as llama.cpp does.
  std::string token(std::int64_t id) const {
    const std::string_view text = tokens[static_cast<std::size_t>(id)];
    return text.empty() ? fmt::format("[EMPTY_{}]", id) : std::string(text);
  }
  std::optional<std::int64_t> bos() const { return with_default("bos_token_id", 1); }
  std::optional<std::int64_t> eos() const {
    return with_default("eos_token_id", model == "t5" ? 1 : 2);
  }
  std::optional<std::int64_t> unknown() const {
    return with_default("unknown_token_id", model == "t5" ? 2 : 0);
  }
  /// Rows of the embeddings behind the last token have made-up names, which never stand for text.
  bool is_padding(std::int64_t id) const {
    return types[static_cast<std::size_t>(id)] == kUnused &&
           token(id) == fmt::format("[PAD{}]", id);
  }
  bool add_bos() const;
  bool add_eos() const { return flag("add_eos_token", model == "t5"); }

  const GgufFile& file;
  std::string model;
  std::string pre;
  std::vector<std::string_view> tokens;
  std::vector<std::int64_t> types;                 // of each token
  const GgufPretokenizer* pretokenizer = nullptr;  // of gpt2

 private:
  /// SentencePiece has customary ids; others must be given.
  std::optional<std::int64_t> with_default(std::string_view key, std::int64_t id) const {
    const bool given = file.has(fmt::format("tokenizer.ggml.{}", key));
    const bool customary = model == "llama" || (model == "t5" && key != "bos_token_id");
    if (given || !customary || id >= std::ssize(tokens)) return special(key);
    return id;
  }
};

Vocabulary::Vocabulary(const GgufFile& gguf) : file(gguf) {
  const std::string where = file.path().string();
  const std::optional<std::string_view> kind = file.string("tokenizer.ggml.model");
  if (!kind) {
    fail(
        "{}: no tokenizer: metadata tokenizer.ggml.model is missing; a file of the language model "
        "or of its vocabulary is wanted",
        where);
  }
  model = *kind;
  if (model != "gpt2" && model != "llama" && model != "t5" && model != "gemma4") {
    fail(
        "{}: metadata tokenizer.ggml.model: \"{}\" is not supported; gpt2, llama, t5 and gemma4 "
        "are",
        where, model);
  }
  pre = file.string("tokenizer.ggml.pre").value_or("default");
  if (model == "gpt2") {
    pretokenizer = find_gguf_pretokenizer(pre);
    if (!pretokenizer) {
      fail("{}: metadata tokenizer.ggml.pre: \"{}\" is not known; known are {}", where, pre,
           gguf_pretokenizer_names());
    }
  }
  tokens = file.strings("tokenizer.ggml.tokens");
  if (tokens.empty()) fail("{}: metadata tokenizer.ggml.tokens is missing or empty", where);
  types = file.integers("tokenizer.ggml.token_type");
  if (types.empty()) types.assign(tokens.size(), kNormal);
  if (types.size() != tokens.size()) {
    fail("{}: metadata tokenizer.ggml.token_type has {} entries for {} tokens", where, types.size(),
         tokens.size());
  }
}

bool Vocabulary::add_bos() const {
  const bool customary =
      model == "llama" || (pretokenizer && pretokenizer->add_bos && bos().has_value());
  return flag("add_bos_token", customary);
}

/// {token: id}
object ids_of_tokens(const Vocabulary& vocabulary) {
  object ids;
  ids.reserve(vocabulary.tokens.size());
  for (std::int64_t id = 0; id < std::ssize(vocabulary.tokens); ++id) {
    if (vocabulary.is_padding(id)) continue;
    if (!ids.emplace(vocabulary.token(id), id).second) {
      fail("{}: metadata tokenizer.ggml.tokens: token {} is given twice",
           vocabulary.file.path().string(), id);
    }
  }
  return ids;
}

std::vector<double> scores_of(const Vocabulary& vocabulary) {
  std::vector<double> scores = vocabulary.file.numbers("tokenizer.ggml.scores");
  if (scores.size() != vocabulary.tokens.size()) {
    fail("{}: metadata tokenizer.ggml.scores has {} entries for {} tokens",
         vocabulary.file.path().string(), scores.size(), vocabulary.tokens.size());
  }
  return scores;
}

object bpe_model(const Vocabulary& vocabulary) {
  const std::vector<std::string_view> list = vocabulary.file.strings("tokenizer.ggml.merges");
  if (list.empty()) {
    fail("{}: metadata tokenizer.ggml.merges is missing or empty; a {} tokenizer needs it",
         vocabulary.file.path().string(), vocabulary.model);
  }
  array merges;
  merges.reserve(list.size());
  for (const std::string_view merge : list) merges.emplace_back(text_of(merge));
  const bool bytes = vocabulary.model == "gemma4";
  object model{{"type", "BPE"}, {"byte_fallback", bytes}, {"fuse_unk", bytes}};
  if (vocabulary.pretokenizer) model["ignore_merges"] = vocabulary.pretokenizer->ignore_merges;
  if (bytes && vocabulary.unknown()) {
    model["unk_token"] = vocabulary.token(*vocabulary.unknown());
  }
  model["vocab"] = ids_of_tokens(vocabulary);
  model["merges"] = std::move(merges);
  return model;
}

object sentencepiece_bpe_model(const Vocabulary& vocabulary) {
  array scores;
  for (const double score : scores_of(vocabulary)) scores.emplace_back(score);
  object model{{"type", "SentencePieceBpe"}, {"vocab", ids_of_tokens(vocabulary)}};
  model["scores"] = std::move(scores);
  if (vocabulary.unknown()) model["unk_token"] = vocabulary.token(*vocabulary.unknown());
  return model;
}

object unigram_model(const Vocabulary& vocabulary) {
  const std::vector<double> scores = scores_of(vocabulary);
  array pairs;
  pairs.reserve(scores.size());
  for (const double score : scores) {
    pairs.emplace_back(array{text_of(vocabulary.token(std::ssize(pairs))), score});
  }
  object model{{"type", "Unigram"}, {"byte_fallback", false}};
  model["unk_id"] = nullptr;
  if (vocabulary.unknown()) model["unk_id"] = *vocabulary.unknown();
  model["vocab"] = std::move(pairs);
  return model;
}

object replace(std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

object replace_pattern(std::string_view pattern, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"Regex", pattern}}}, {"content", to}};
}

object isolate(std::string_view pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

object byte_level() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", false}};
}

object metaspace(bool prepend) {
  return {{"type", "Metaspace"},
          {"replacement", kMetaSpace},
          {"prepend_scheme", prepend ? "always" : "never"},
          {"split", false}};
}

std::string base64(const std::vector<std::int64_t>& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = i; k < i + 3; ++k) {
      bits = bits << 8 | (k < bytes.size() ? static_cast<std::uint32_t>(bytes[k] & 0xFF) : 0);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

/// Spaces as the vocabularies of SentencePiece have them, one in front of all where asked for.
object llama_normalizer(const Vocabulary& vocabulary) {
  array steps;
  if (vocabulary.flag("add_space_prefix", vocabulary.model == "llama")) {
    steps.push_back(object{{"type", "Prepend"}, {"prepend", kMetaSpace}});
  }
  steps.push_back(replace(" ", kMetaSpace));
  return {{"type", "Sequence"}, {"normalizers", std::move(steps)}};
}

/// SentencePiece's own normalization: only spaces, which the charsmap makes of other blanks, are
/// taken off the ends and merged.
object t5_normalizer(const Vocabulary& vocabulary) {
  array steps;
  const auto charsmap = vocabulary.file.integers("tokenizer.ggml.precompiled_charsmap");
  if (!charsmap.empty()) {
    steps.push_back(object{{"type", "Precompiled"}, {"precompiled_charsmap", base64(charsmap)}});
  }
  if (vocabulary.flag("remove_extra_whitespaces", true)) {
    steps.push_back(replace_pattern(R"(\A +| +\z)", ""));
    steps.push_back(replace_pattern(" {2,}", " "));
  }
  if (vocabulary.flag("add_space_prefix", true)) {
    steps.push_back(object{{"type", "Prepend"}, {"prepend", kMetaSpace}});
  }
  steps.push_back(replace(" ", kMetaSpace));
  return {{"type", "Sequence"}, {"normalizers", std::move(steps)}};
}

object byte_level_pretokenizer(const Vocabulary& vocabulary) {
  array steps;
  for (const std::string_view pattern : vocabulary.pretokenizer->patterns) {
    steps.push_back(isolate(pattern));
  }
  steps.push_back(byte_level());
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

object llama_decoder(bool strip_first_space) {
  array steps{replace(kMetaSpace, " "), object{{"type", "ByteFallback"}}, object{{"type", "Fuse"}}};
  if (strip_first_space) {
    steps.push_back(object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

/// Phi-3's added tokens take the white space behind them along, which its files do not say; the
/// model's name is what llama.cpp goes by.
bool is_phi3(const GgufFile& file) {
  std::string name(file.string("general.name").value_or(""));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
}

array added_tokens(const Vocabulary& vocabulary) {
  const bool phi3 = is_phi3(vocabulary.file);
  array added;
  for (std::int64_t id = 0; id < std::ssize(vocabulary.tokens); ++id) {
    const std::int64_t type = vocabulary.types[static_cast<std::size_t>(id)];
    if (type != kControl && type != kUserDefined && type != kUnknown) continue;
    const std::string content = vocabulary.token(id);
    const bool strips = phi3 && (type != kUserDefined || content == "</s>") && content != "<unk>" &&
                        content != "<s>" && content != "<|endoftext|>";
    added.push_back(object{{"id", id},
                           {"content", content},
                           {"single_word", false},
                           {"lstrip", false},
                           {"rstrip", strips},
                           {"normalized", false},
                           {"special", type != kUserDefined}});
  }
  return added;
}

/// The tokens around a text.
object post_processor(const Vocabulary& vocabulary) {
  array single;
  object specials;
  const auto add = [&](bool wanted, std::optional<std::int64_t> id, std::string_view key) {
    if (!wanted) return;
    if (!id) {
      fail(
          "{}: metadata tokenizer.ggml.add_{}_token is true, but {}_token_id is missing or no "
          "token",
          vocabulary.file.path().string(), key, key);
    }
    const std::string token = vocabulary.token(*id);
    single.push_back(object{{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    specials[token] = {{"id", token}, {"ids", array{*id}}, {"tokens", array{text_of(token)}}};
  };
  add(vocabulary.add_bos(), vocabulary.bos(), "bos");
  single.push_back(object{{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add(vocabulary.add_eos(), vocabulary.eos(), "eos");
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"special_tokens", std::move(specials)}};
}

}  // namespace

object tokenizer_json(const GgufFile& file) {
  const Vocabulary vocabulary(file);
  object document{{"version", "1.0"}, {"added_tokens", added_tokens(vocabulary)}};
  if (vocabulary.model == "gpt2") {
    document["pre_tokenizer"] = byte_level_pretokenizer(vocabulary);
    document["decoder"] = byte_level();
    document["model"] = bpe_model(vocabulary);
  } else if (vocabulary.model == "llama") {
    document["normalizer"] = llama_normalizer(vocabulary);
    document["decoder"] = llama_decoder(vocabulary.flag("add_space_prefix", true));
    document["model"] = sentencepiece_bpe_model(vocabulary);
  } else if (vocabulary.model == "gemma4") {
    document["normalizer"] = llama_normalizer(vocabulary);
    document["pre_tokenizer"] = isolate(R"([^\n]+|[\n]+)");
    document["decoder"] = llama_decoder(false);
    document["model"] = bpe_model(vocabulary);
  } else {
    const bool prepend = vocabulary.flag("add_space_prefix", true);
    document["normalizer"] = t5_normalizer(vocabulary);
    document["decoder"] = metaspace(prepend);
    document["model"] = unigram_model(vocabulary);
  }
  document["post_processor"] = post_processor(vocabulary);
  return document;
}

object tokenizer_config_json(const GgufFile& file) {
  const Vocabulary vocabulary(file);
  object config{{"add_bos_token", vocabulary.add_bos()}, {"add_eos_token", vocabulary.add_eos()}};
  const auto put = [&](std::string_view key, std::optional<std::int64_t> id) {
    if (id) config[key] = vocabulary.token(*id);
  };
  put("bos_token", vocabulary.bos());
  put("eos_token", vocabulary.eos());
  put("unk_token", vocabulary.unknown());
  put("pad_token", vocabulary.special("padding_token_id"));
  if (const auto text = file.string("tokenizer.chat_template")) {
    config["chat_template"] = text_of(*text);
  }
  return config;
}

}  // namespace saccade::checkpoint
