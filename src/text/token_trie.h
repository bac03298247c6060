// Tokens by their prefixes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace saccade::text {

/// A byte-wise tree of strings, for finding all of them that a text begins with.
class TokenTrie {
 public:
  TokenTrie() = default;
  /// Of equal strings one is kept; empty ones are left out. The strings are not needed afterwards.
  explicit TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>> tokens);

  /// Calls `found(bytes, id)` for each string that `text` begins with, shortest first.
  template <typename Found>
  void prefixes(std::string_view text, const Found& found) const {
    if (nodes_.empty()) return;
    const Node* node = nodes_.data();
    for (std::size_t depth = 0; depth < text.size(); ++depth) {
      node = child(*node, static_cast<std::uint8_t>(text[depth]));
      if (!node) return;
      if (node->id >= 0) found(depth + 1, node->id);
    }
  }

 private:
  struct Node {
    std::uint32_t first_child = 0;
    std::int32_t id = -1;
    std::uint16_t child_count = 0;
    std::uint8_t byte = 0;
  };

  const Node* child(const Node& node, std::uint8_t byte) const {
    const auto children = std::span(nodes_).subspan(node.first_child, node.child_count);
    const auto found = std::ranges::lower_bound(children, byte, {}, &Node::byte);
    return found != children.end() && found->byte == byte ? &*found : nullptr;
  }

  std::vector<Node> nodes_;  // the root first; the children of a node one after another, by byte
};

}  // namespace saccade::text
