// Small tokenizer.json documents for tests and fuzz targets.
#pragma once

#include <boost/json.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "text/pretokenizer_byte_level.h"

namespace saccade::text {

using MergeList = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// The byte-level alphabet's writing of `bytes`.
inline std::string byte_level(std::string_view bytes) {
  std::string text;
  append_byte_level(text, bytes);
  return text;
}

/// A BPE model whose ids 0 to 255 are the bytes, followed by the merges (given as raw bytes) in
/// order.
inline boost::json::object byte_level_model(MergeList merges) {
  boost::json::object vocab;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    vocab[byte_level(std::string_view(&c, 1))] = byte;
  }
  boost::json::array list;
  for (const auto& [left, right] : merges) {
    const std::string whole = byte_level(left) + byte_level(right);
    if (!vocab.contains(whole)) vocab[whole] = vocab.size();
    list.push_back({byte_level(left), byte_level(right)});
  }
  return {{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", std::move(list)}};
}

inline boost::json::object byte_level_part(bool use_regex, bool add_prefix_space = false) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", false},
          {"use_regex", use_regex}};
}

/// A byte-level tokenizer with GPT-2's pre-tokenizer.
inline boost::json::object byte_level_document(MergeList merges) {
  return {{"version", "1.0"},
          {"added_tokens", boost::json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level_part(true)},
          {"post_processor", byte_level_part(true)},
          {"decoder", byte_level_part(true)},
          {"model", byte_level_model(merges)}};
}

/// An entry of "added_tokens" that is looked for in raw text.
inline boost::json::object added_token(std::int64_t id, std::string_view content,
                                       bool special = true) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

}  // namespace saccade::text
