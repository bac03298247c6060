#include "text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

/// How much worse than the worst token an unknown character is.
constexpr double kUnknownPenalty = 10.0;

/// Bounds the work at each place of a text; known tokens have at most some hundred bytes.
constexpr std::size_t kMaxTokenBytes = 4096;

}  // namespace

Unigram::Unigram(const JsonObject& model) {
  byte_fallback_ = model.boolean_or("byte_fallback", false);
  read_vocabulary(model);
  if (model.has("unk_id")) {
    unknown_id_ = static_cast<std::int32_t>(
        model.integer_in("unk_id", 0, std::max<std::int64_t>(std::ssize(spans_) - 1, 0)));
    if (spans_.empty()) fail("{}: \"unk_id\" is given, but \"vocab\" is empty", model.where());
  }
  std::vector<std::pair<std::string_view, std::int32_t>> tokens;
  tokens.reserve(spans_.size());
  for (std::int32_t id = 0; id < end_id(); ++id) tokens.emplace_back(*token(id), id);
  trie_ = TokenTrie(std::move(tokens));
  for (std::size_t byte = 0; byte < id_of_byte_.size(); ++byte) {
    id_of_byte_[byte] = token_id(fmt::format("<0x{:02X}>", byte)).value_or(kNoToken);
  }
}

void Unigram::read_vocabulary(const JsonObject& model) {
  const boost::json::value& value = model.at("vocab");
  if (!value.is_array()) fail("{}: \"vocab\" must be a list", model.where());
  const boost::json::array& list = value.get_array();
  if (list.size() > static_cast<std::size_t>(kMaxTokenId)) {
    fail("{}: vocab: {} tokens; at most {} are supported", model.where(), list.size(), kMaxTokenId);
  }
  double lowest = std::numeric_limits<double>::infinity();
  spans_.reserve(list.size());
  scores_.reserve(list.size());
  for (const boost::json::value& item : list) {
    const boost::json::array* pair = item.if_array();
    boost::json::error_code no_number;
    double score = 0.0;
    if (pair && pair->size() == 2) score = (*pair)[1].to_number<double>(no_number);
    if (!pair || pair->size() != 2 || !(*pair)[0].is_string() || no_number ||
        !std::isfinite(score)) {
      fail("{}: vocab[{}] must be a token and its score, found {}", model.where(), spans_.size(),
           in_quotes(boost::json::serialize(item)));
    }
    const std::string_view text = (*pair)[0].get_string();
    if (text.size() > kMaxTokenBytes || !is_valid_utf8(text)) {
      fail("{}: vocab[{}]: {} is over {} bytes long or not UTF-8", model.where(), spans_.size(),
           in_quotes(text), kMaxTokenBytes);
    }
    spans_.push_back({arena_.size(), arena_.size() + text.size()});
    arena_ += text;
    scores_.push_back(score);
    lowest = std::min(lowest, score);
  }
  unknown_score_ = lowest - kUnknownPenalty;
}

std::optional<std::int32_t> Unigram::token_id(std::string_view token) const {
  std::optional<std::int32_t> id;
  trie_.prefixes(token, [&](std::size_t bytes, std::int32_t found) {
    if (bytes == token.size()) id = found;
  });
  return id;
}

std::optional<std::string_view> Unigram::token(std::int32_t id) const {
  if (id < 0 || id >= end_id()) return std::nullopt;
  const Span& span = spans_[static_cast<std::size_t>(id)];
  return std::string_view(arena_).substr(span.begin, span.end - span.begin);
}

/// Viterbi: steps[i] becomes the best way to the end of the first i bytes.
void Unigram::find_best_path(std::string_view text, std::vector<Step>& steps) const {
  steps.assign(text.size() + 1, Step{});
  std::size_t begin = 0;
  const auto offer = [&](std::size_t end, std::int32_t id, double score) {
    Step& step = steps[end];
    if (step.id != kNoToken && score <= step.score) return;
    step = {score, id, static_cast<std::uint32_t>(begin)};
  };
  while (begin < text.size()) {
    const std::string_view rest = text.substr(begin);
    const std::size_t char_bytes = decode_utf8(rest).size;
    const double score = steps[begin].score;
    bool is_token = false;
    trie_.prefixes(rest, [&](std::size_t bytes, std::int32_t id) {
      is_token = is_token || bytes == char_bytes;
      offer(begin + bytes, id, score + scores_[static_cast<std::size_t>(id)]);
    });
    if (!is_token) {
      if (unknown_id_ == kNoToken) {
        fail("the text needs an unknown token for {}, which the vocabulary lacks",
             in_quotes(rest.substr(0, char_bytes)));
      }
      offer(begin + char_bytes, unknown_id_, score + unknown_score_);
    }
    begin += char_bytes;
  }
}

void Unigram::append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const {
  if (const auto id = token_id(text)) {  // unknown piece by piece, and a token altogether
    ids.push_back(*id);
    return;
  }
  const auto id_of = [&](char c) { return id_of_byte_[static_cast<std::uint8_t>(c)]; };
  if (byte_fallback_ && std::ranges::none_of(text, [&](char c) { return id_of(c) == kNoToken; })) {
    for (const char c : text) ids.push_back(id_of(c));
  } else {
    ids.push_back(unknown_id_);
  }
}

void Unigram::encode_piece(std::string_view text, std::vector<Step>& steps,
                           std::vector<std::int32_t>& ids) const {
  find_best_path(text, steps);
  std::vector<std::size_t> ends;  // of the steps taken, last first
  for (std::size_t end = text.size(); end > 0; end = steps[end].begin) ends.push_back(end);
  for (std::size_t i = ends.size(); i-- > 0;) {
    const std::size_t begin = steps[ends[i]].begin;
    if (steps[ends[i]].id != unknown_id_) {
      ids.push_back(steps[ends[i]].id);
      continue;
    }
    while (i > 0 && steps[ends[i - 1]].id == unknown_id_) --i;
    append_unknown(text.substr(begin, ends[i] - begin), ids);
  }
}

void Unigram::encode(const std::vector<Piece>& pieces, std::vector<std::int32_t>& ids) const {
  std::vector<Step> steps;
  for (const Piece& piece : pieces) {
    if (piece.token != kNoToken) {
      ids.push_back(piece.token);
    } else {
      encode_piece(piece.text, steps, ids);
    }
  }
}

}  // namespace saccade::text
