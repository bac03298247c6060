// Byte strings by their prefixes, laid out for walks that skip what cannot match.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace saccade::grammar {

/// A tree of bytes in the order of a depth-first walk. A node's children follow it at once; `next`
/// is the first node behind all of them.
class ByteTrie {
 public:
  struct Node {
    std::uint32_t next = 0;
    std::uint32_t first_value = 0;
    std::uint32_t value_count = 0;
    std::uint16_t depth = 0;  ///< of the root's children 0
    std::uint8_t byte = 0;
  };

  ByteTrie() = default;
  /// Empty strings and those of over 65,535 bytes are left out. Equal ones share a node.
  explicit ByteTrie(std::vector<std::pair<std::string_view, std::uint32_t>> entries) {
    std::erase_if(entries,
                  [](const auto& e) { return e.first.empty() || e.first.size() > 0xFFFF; });
    std::ranges::sort(entries);
    std::vector<std::uint32_t> open;  // the nodes of the string before
    std::string_view before;
    for (const auto& [text, value] : entries) {
      std::size_t common = 0;
      while (common < std::min(before.size(), text.size()) && before[common] == text[common])
        ++common;
      for (; open.size() > common; open.pop_back()) close(open.back());
      for (std::size_t i = common; i < text.size(); ++i) {
        open.push_back(static_cast<std::uint32_t>(nodes_.size()));
        nodes_.push_back({0, static_cast<std::uint32_t>(values_.size()), 0,
                          static_cast<std::uint16_t>(i), static_cast<std::uint8_t>(text[i])});
      }
      values_.push_back(value);
      ++nodes_[open.back()].value_count;
      before = text;
    }
    for (; !open.empty(); open.pop_back()) close(open.back());
  }

  std::size_t memory_bytes() const {
    return nodes_.size() * sizeof(Node) + values_.size() * sizeof(std::uint32_t);
  }
  std::span<const std::uint32_t> values(const Node& node) const {
    return std::span(values_).subspan(node.first_value, node.value_count);
  }

  /// Nodes that hang together: all of them, or those below one.
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;   ///< the first behind them
    std::uint32_t depth = 0;  ///< of the topmost
  };
  Range all() const { return {0, static_cast<std::uint32_t>(nodes_.size()), 0}; }
  Range below(const Node& node) const {
    const auto first = static_cast<std::uint32_t>(&node - nodes_.data()) + 1;
    return {first, node.next, node.depth + std::uint32_t{1}};
  }
  std::span<const std::uint32_t> values(const Range& range) const {
    if (range.first == range.last) return {};
    const Node& last = nodes_[range.last - 1];
    const std::uint32_t begin = nodes_[range.first].first_value;
    return std::span(values_).subspan(begin, last.first_value + last.value_count - begin);
  }

  /// The strings that begin with a byte.
  Range beginning_with(char byte) const {
    for (std::uint32_t i = 0; i < nodes_.size(); i = nodes_[i].next) {
      if (nodes_[i].byte == static_cast<std::uint8_t>(byte)) return {i, nodes_[i].next, 0};
    }
    return {};
  }

  /// The nodes below a text; none if no string begins with it.
  Range below(std::string_view text) const {
    Range range = all();
    for (const char c : text) {
      std::uint32_t i = range.first;
      while (i < range.last && nodes_[i].byte != static_cast<std::uint8_t>(c)) i = nodes_[i].next;
      if (i >= range.last) return {};
      range = below(nodes_[i]);
    }
    return range;
  }

  /// Walks with a state for each depth: `step(state, byte, out)` makes the state behind a byte and
  /// says whether to go on there, `visit(node, state)` sees each node that was reached. `start` is
  /// the state before the topmost nodes.
  template <typename State, typename Step, typename Visit>
  void walk(const Range& range, const State& start, const Step& step, const Visit& visit) const {
    std::vector<State> states = {start};
    for (std::uint32_t i = range.first; i < range.last;) {
      const Node& node = nodes_[i];
      const std::size_t depth = node.depth - range.depth;
      if (states.size() < depth + 2) states.resize(depth + 2);
      State& state = states[depth + 1];
      if (!step(states[depth], node.byte, state)) {
        i = node.next;
        continue;
      }
      visit(node, state);
      ++i;
    }
  }

 private:
  void close(std::uint32_t node) { nodes_[node].next = static_cast<std::uint32_t>(nodes_.size()); }

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> values_;
};

}  // namespace saccade::grammar
