// Keys and values that prompts to come may begin with.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "engine/kv_pool.h"
#include "engine/state_pool.h"

namespace saccade::engine {

/// A tree of pages. A node is a page's tokens after all those before it, which are its parent; what
/// a token is, its digest says (token_contents.h), so that pages of equal nodes hold equal bits. A
/// page that is full is shared as it is; of others, and of pages whose tokens part company
/// half-way, the tokens that agree are copied. The least recently used leaf goes first when pages
/// run out, so the cache takes no memory that a sequence could use. Belongs to the engine's thread.
class PrefixCache {
 public:
  struct Node {
    Digest key;  ///< names the tokens up to this page's end
    Node* parent = nullptr;
    std::vector<Digest> tokens;  ///< of this page
    std::int32_t page = -1;
    int users = 0;                ///< sequences whose last page it is, and children that are used
    std::uint64_t last_used = 0;  ///< when it last ceased to be used
    int state_slot = -1;          ///< the recurrent state after the last token, where one was kept
    std::vector<Node*> children;
  };
  /// What of a sequence's tokens is here.
  struct Match {
    std::vector<Node*> pages;  ///< whole ones
    Node* partial = nullptr;   ///< the page after them, of which only the first tokens agree
    std::int64_t partial_tokens = 0;
    /// Where the model has states: the slot of that after the last token.
    int state_slot = -1;
    std::int64_t tokens = 0;  ///< in all, from `after` on
  };

  /// Hears of what the cache holds.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_page(const Node& node) = 0;
    virtual void on_state(const Node& node) = 0;
    virtual void on_page_dropped(const Node& node) = 0;
    virtual void on_state_dropped(const Node& node) = 0;
  };

  /// `states`: where the model has recurrent ones, without which a prefix is of no use. Takes over
  /// what the pools do when they run out.
  PrefixCache(KvPool& pool, StatePool* states);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  /// Null: nobody listens.
  void set_observer(Observer* observer) { observer_ = observer; }

  /// The longest part of `tokens`, those that follow on `after` (null: a beginning), that is here.
  Match find(Node* after, std::span<const Digest> tokens);
  /// The key of a page with these tokens after a node.
  static Digest key_of(const Node* after, std::span<const Digest> tokens);
  static Digest key_of(const Digest& after, std::span<const Digest> tokens);
  /// The node with a key, or null.
  Node* at(const Digest& key);
  /// The node of a page with these tokens, which keeps `page` if it is new.
  Node* insert(Node* after, std::span<const Digest> tokens, std::int32_t page);
  /// Keeps the state in `slot`, which becomes the cache's, with the node.
  void keep_state(Node* node, int slot);

  /// A sequence begins or ceases to use a node, and with it those before.
  void use(Node* node);
  void release(Node* node);

  /// A prefix is of use only where the state after it was kept.
  bool needs_states() const { return states_ != nullptr; }
  /// Forgets what no sequence uses.
  void clear();

  std::int64_t pages() const { return static_cast<std::int64_t>(nodes_.size()); }
  /// Pages that would come free if they were all wanted.
  std::int64_t unused_pages() const { return unused_; }
  std::int64_t evictions() const { return evictions_; }

 private:
  using Order = std::set<std::pair<std::uint64_t, Node*>>;
  bool is_leaf_unused(const Node* node) const { return node->users == 0 && node->children.empty(); }
  void note_use(Node* node);
  void remove(Node* node);
  bool evict_page();
  bool evict_state();
  void drop_state(Node* node);

  KvPool& pool_;
  StatePool* states_;
  Observer* observer_ = nullptr;
  Node root_;
  std::unordered_map<Digest, std::unique_ptr<Node>> nodes_;
  Order leaves_;       // unused, by last use
  Order states_kept_;  // all that have a state, by last use
  std::uint64_t clock_ = 0;
  std::int64_t unused_ = 0;
  std::int64_t evictions_ = 0;
};

}  // namespace saccade::engine
