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

  const std::vector<Node>& nodes() const { return nodes_; }
  std::span<const std::uint32_t> values(const Node& node) const {
    return std::span(values_).subspan(node.first_value, node.value_count);
  }

  /// Walks with a state for each depth: `step(state, byte, out)` makes the state behind a byte and
  /// says whether to go on there, `visit(node, state)` sees each node that was reached.
  template <typename State, typename Step, typename Visit>
  void walk(const State& start, const Step& step, const Visit& visit) const {
    std::vector<State> states = {start};
    for (std::uint32_t i = 0; i < nodes_.size();) {
      const Node& node = nodes_[i];
      if (states.size() < node.depth + std::size_t{2}) states.resize(node.depth + std::size_t{2});
      State& state = states[node.depth + std::size_t{1}];
      if (!step(states[node.depth], node.byte, state)) {
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
