#include "convert/sentencepiece_merges.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace saccade::conversion {
namespace {

using boost::json::array;
using boost::json::object;

struct Merge {
  std::string_view left;
  std::string_view right;
  double score = 0.0;
};

bool starts_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0u) != 0x80u;
}

/// All ways to make a token of two others.
std::vector<Merge> all_merges(const object& vocab, const array& scores) {
  std::vector<Merge> merges;
  for (const auto& [token, id] : vocab) {
    const std::string_view text(token.data(), token.size());
    const auto index = static_cast<std::size_t>(id.as_int64());
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      if (!starts_character(text[cut])) continue;
      const std::string_view left = text.substr(0, cut);
      const std::string_view right = text.substr(cut);
      if (!vocab.contains(left) || !vocab.contains(right)) continue;
      merges.push_back({left, right, scores.at(index).to_number<double>()});
    }
  }
  // Of one score, and so mostly of one token, the longer left part comes first.
  std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.left.size() > b.left.size();
  });
  return merges;
}

}  // namespace

boost::json::value with_merges(boost::json::value tokenizer) {
  object& document = tokenizer.as_object();
  const object& model = document.at("model").as_object();
  if (model.at("type") != "SentencePieceBpe") return tokenizer;
  const object& vocab = model.at("vocab").as_object();
  array merges;
  for (const Merge& merge : all_merges(vocab, model.at("scores").as_array())) {
    merges.push_back(array{boost::json::string(merge.left), boost::json::string(merge.right)});
  }
  object bpe{{"type", "BPE"},
             {"dropout", nullptr},
             {"unk_token", model.contains("unk_token") ? model.at("unk_token") : nullptr},
             {"continuing_subword_prefix", nullptr},
             {"end_of_word_suffix", nullptr},
             {"fuse_unk", true},
             {"byte_fallback", vocab.contains("<0x00>")},
             {"ignore_merges", false},
             {"vocab", vocab},
             {"merges", std::move(merges)}};
  document["model"] = std::move(bpe);
  return tokenizer;
}

}  // namespace saccade::conversion
