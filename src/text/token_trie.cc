#include "text/token_trie.h"

namespace saccade::text {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>> tokens) {
  const auto text = [](const auto& token) { return token.first; };
  std::ranges::stable_sort(tokens, {}, text);
  // Breadth first: ranges[i] holds the tokens below node i, all alike in their first `depth` bytes.
  struct Range {
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
  };
  std::vector<Range> ranges{{0, tokens.size(), 0}};
  nodes_.emplace_back();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto [begin, end, depth] = ranges[i];
    for (; begin < end && tokens[begin].first.size() == depth; ++begin) {
      if (depth > 0) nodes_[i].id = tokens[begin].second;
    }
    nodes_[i].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (begin < end) {
      const char byte = tokens[begin].first[depth];
      std::size_t next = begin;
      while (next < end && tokens[next].first[depth] == byte) ++next;
      Node node;
      node.byte = static_cast<std::uint8_t>(byte);
      nodes_.push_back(node);
      ranges.push_back({begin, next, depth + 1});
      ++nodes_[i].child_count;
      begin = next;
    }
  }
}

}  // namespace saccade::text
