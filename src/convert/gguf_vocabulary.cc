// tokenizer.json as llama.cpp keeps tokenizers.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/gguf_pretokenizers.h"
#include "convert/gguf_metadata.h"

namespace saccade::conversion {
namespace {

using boost::json::object;
using boost::json::value;

/// Values of tokenizer.ggml.token_type.
enum TokenType : std::int32_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::map<std::string, std::int64_t, std::less<>> ids;

  void put(std::int64_t id, std::string_view token, TokenType type) {
    if (id < 0 || id >= std::ssize(tokens)) {
      fail("tokenizer.json: token id {} is beyond the {} embeddings", id, tokens.size());
    }
    tokens[id] = token;
    types[id] = type;
    ids[tokens[id]] = id;
  }
};

bool is_byte_token(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">");
}

Vocabulary read_vocabulary(const JsonObject& document, const JsonObject& model,
                           std::int64_t embeddings) {
  Vocabulary vocabulary;
  for (std::int64_t id = 0; id < embeddings; ++id) {
    // Embeddings beyond the vocabulary; llama.cpp wants as many tokens.
    vocabulary.tokens.push_back(fmt::format("[PAD{}]", id));
    vocabulary.types.push_back(kUnused);
  }
  const bool bytes =
      model.boolean_or("byte_fallback", false) || model.string_or("type", "") == "SentencePieceBpe";
  const std::string unknown = model.string_or("unk_token", "");
  for (const auto& [token, id] : model.object("vocab").raw()) {
    const TokenType type = bytes && is_byte_token(token)          ? kByte
                           : !unknown.empty() && token == unknown ? kUnknown
                                                                  : kNormal;
    vocabulary.put(id.to_number<std::int64_t>(), token, type);
  }
  const value* added = document.find("added_tokens");
  if (!added || !added->is_array()) return vocabulary;
  for (const value& item : added->get_array()) {
    const JsonObject token(item, document.where() + ": added_tokens");
    const std::string content = token.string("content");
    const bool special = token.boolean_or("special", false);
    const TokenType type = content == unknown ? kUnknown : special ? kControl : kUserDefined;
    vocabulary.put(token.integer("id"), content, type);
  }
  return vocabulary;
}

std::vector<std::string> merges_of(const JsonObject& model) {
  std::vector<std::string> merges;
  for (const value& merge : model.at("merges").as_array()) {
    if (const auto* text = merge.if_string()) {
      merges.emplace_back(*text);
    } else {
      const boost::json::array& pair = merge.as_array();
      merges.push_back(std::string(pair.at(0).as_string()) + " " +
                       std::string(pair.at(1).as_string()));
    }
  }
  return merges;
}

/// The regular expressions of a pre-tokenizer, one for each step; plain ones by what they stand
/// for.
void collect_patterns(const value& step, std::vector<std::string>& patterns, std::string& other) {
  const JsonObject settings(step, "tokenizer.json: pre_tokenizer");
  const std::string type = settings.string("type");
  if (type == "Sequence") {
    for (const value& inner : settings.at("pretokenizers").as_array()) {
      collect_patterns(inner, patterns, other);
    }
  } else if (type == "Split") {
    const JsonObject pattern = settings.object("pattern");
    if (!pattern.has("Regex")) other = "Split at a text";
    patterns.push_back(pattern.string_or("Regex", ""));
  } else if (type == "Digits") {
    patterns.emplace_back(settings.boolean_or("individual_digits", false) ? R"(\p{N})"
                                                                          : R"(\p{N}+)");
  } else if (type == "ByteLevel") {
    if (settings.boolean_or("use_regex", true)) {
      patterns.emplace_back(checkpoint::find_gguf_pretokenizer("gpt-2")->patterns.at(0));
    }
  } else {
    other = type;
  }
}

/// llama.cpp's name for how byte-level text is cut.
std::string pretokenizer_name(const JsonObject& document, const JsonObject& model) {
  std::vector<std::string> patterns;
  std::string other;
  if (const value* step = document.find("pre_tokenizer")) collect_patterns(*step, patterns, other);
  const bool ignores = model.boolean_or("ignore_merges", false);
  if (other.empty()) {
    std::string near;
    // Names of one pattern that came first; those of later models mean the same.
    for (const char* name : {"llama-bpe", "qwen2", "gpt-2", "smollm", "tekken", "gpt-4o", "dbrx",
                             "qwen35", "bloom", "viking", "falcon", "default"}) {
      const checkpoint::GgufPretokenizer* rules = checkpoint::find_gguf_pretokenizer(name);
      if (!rules || !std::ranges::equal(rules->patterns, patterns)) continue;
      if (rules->ignore_merges == ignores) return name;
      if (near.empty()) near = name;
    }
    // Merges lead to the same tokens wherever a vocabulary was made by merging.
    if (!near.empty()) return near;
  }
  fail("{}: this pre-tokenizer ({}) has no name in llama.cpp, so a GGUF file cannot hold it",
       document.where(), other.empty() ? fmt::format("{}", fmt::join(patterns, " then ")) : other);
}

/// Scores whose order is that of the merges: SentencePiece merges the highest first.
std::vector<float> scores_of(const JsonObject& model, const Vocabulary& vocabulary) {
  std::vector<float> scores(vocabulary.tokens.size(), 0.0f);
  if (const value* given = model.find("scores")) {
    const boost::json::array& list = given->as_array();
    for (std::size_t i = 0; i < std::min(scores.size(), list.size()); ++i) {
      scores[i] = static_cast<float>(list[i].to_number<double>());
    }
    return scores;
  }
  std::fill(scores.begin(), scores.end(), -1e6f);
  const std::vector<std::string> merges = merges_of(model);
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::size_t gap = merges[rank].find(' ', 1);
    std::string token = merges[rank];
    token.erase(gap, 1);
    const auto found = vocabulary.ids.find(token);
    if (found == vocabulary.ids.end()) continue;
    scores[found->second] = std::max(scores[found->second], -static_cast<float>(rank));
  }
  return scores;
}

std::string token_text(const object& config, std::string_view key) {
  const auto* token = config.if_contains(key);
  if (!token) return "";
  if (const auto* text = token->if_string()) return std::string(*text);
  const auto* nested = token->if_object();
  const auto* content = nested ? nested->if_contains("content") : nullptr;
  return content && content->is_string() ? std::string(content->get_string()) : "";
}

/// Whether a post-processor puts a token before every text, or behind it.
bool post_adds(const JsonObject& document, const std::string& token, bool front) {
  const value* post = document.find("post_processor");
  if (!post || token.empty()) return false;
  std::vector<value> steps = {*post};
  if (const auto* list = post->as_object().if_contains("processors")) {
    steps.assign(list->as_array().begin(), list->as_array().end());
  }
  for (const value& step : steps) {
    const auto* single = step.as_object().if_contains("single");
    if (!single || !single->is_array() || single->get_array().empty()) continue;
    const value& end = front ? single->get_array().front() : single->get_array().back();
    const auto* special = end.as_object().if_contains("SpecialToken");
    if (special && token_text(special->as_object(), "id") == token) return true;
  }
  return false;
}

std::string chat_template(const checkpoint::Checkpoint& source, const object& config) {
  if (const auto text = source.optional_text("chat_template.jinja")) return *text;
  if (const auto document = source.optional_json("chat_template.json")) {
    if (document->is_object()) return token_text(document->get_object(), "chat_template");
  }
  return token_text(config, "chat_template");
}

void add_specials(checkpoint::GgufWriter& writer, const checkpoint::Checkpoint& source,
                  const JsonObject& document, const Vocabulary& vocabulary) {
  object config;
  if (const auto found = source.optional_json("tokenizer_config.json");
      found && found->is_object()) {
    config = found->get_object();
  }
  struct Special {
    const char* name;
    const char* key;
  };
  for (const auto& [name, key] : {Special{"bos_token", "bos_token_id"},
                                  {"eos_token", "eos_token_id"},
                                  {"unk_token", "unknown_token_id"},
                                  {"pad_token", "padding_token_id"}}) {
    const auto found = vocabulary.ids.find(token_text(config, name));
    if (found == vocabulary.ids.end()) continue;
    writer.add(std::string("tokenizer.ggml.") + key, static_cast<std::uint32_t>(found->second));
  }
  const auto adds = [&](const char* key, const char* token, bool front) {
    const auto* flag = config.if_contains(key);
    const bool post = post_adds(document, token_text(config, token), front);
    return post || (flag && flag->is_bool() && flag->get_bool() && !document.has("post_processor"));
  };
  writer.add("tokenizer.ggml.add_bos_token", adds("add_bos_token", "bos_token", true));
  writer.add("tokenizer.ggml.add_eos_token", adds("add_eos_token", "eos_token", false));
  const std::string text = chat_template(source, config);
  if (!text.empty()) writer.add("tokenizer.chat_template", text);
}

/// Whether the normalizer puts a space before a text.
bool adds_space(const JsonObject& document) {
  for (const char* key : {"normalizer", "pre_tokenizer"}) {
    const value* part = document.find(key);
    if (!part) continue;
    const std::string text = boost::json::serialize(*part);
    if (text.find("\"Prepend\"") != std::string::npos) return true;
    if (text.find("\"Metaspace\"") != std::string::npos) {
      return text.find("\"never\"") == std::string::npos;
    }
  }
  return false;
}

std::int64_t embeddings_of(const checkpoint::Checkpoint& source) {
  for (const auto& [name, info] : source.tensors()) {
    if (name.ends_with("embed_tokens.weight")) return info.shape[0];
  }
  fail("{}: no tensor embed_tokens.weight in it", source.where());
}

}  // namespace

void add_vocabulary(checkpoint::GgufWriter& writer, const checkpoint::Checkpoint& source) {
  const value contents = source.json("tokenizer.json");
  const JsonObject document(contents, source.where("tokenizer.json"));
  const JsonObject model = document.object("model");
  const std::string type = model.string_or("type", "BPE");
  const bool sentencepiece =
      type == "SentencePieceBpe" || (type == "BPE" && model.boolean_or("byte_fallback", false));
  if (type != "BPE" && type != "SentencePieceBpe") {
    fail("{}: a tokenizer of type {} cannot be in a GGUF file that Saccade writes; BPE can",
         document.where(), type);
  }
  const Vocabulary vocabulary = read_vocabulary(document, model, embeddings_of(source));
  writer.add("tokenizer.ggml.model", sentencepiece ? "llama" : "gpt2");
  writer.add("tokenizer.ggml.pre", sentencepiece ? "default" : pretokenizer_name(document, model));
  writer.add_array("tokenizer.ggml.tokens", vocabulary.tokens);
  writer.add_array("tokenizer.ggml.token_type", vocabulary.types);
  if (sentencepiece) {
    writer.add_array("tokenizer.ggml.scores", scores_of(model, vocabulary));
    writer.add("tokenizer.ggml.add_space_prefix", adds_space(document));
  } else {
    writer.add_array("tokenizer.ggml.merges", merges_of(model));
  }
  add_specials(writer, source, document, vocabulary);
}

}  // namespace saccade::conversion
