#include "engine/prefix_cache.h"

#include <algorithm>

namespace saccade::engine {
namespace {

/// Tokens at the beginning of both.
std::int64_t common_tokens(std::span<const Digest> a, std::span<const Digest> b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t count = 0;
  while (count < most && a[count] == b[count]) ++count;
  return static_cast<std::int64_t>(count);
}

}  // namespace

PrefixCache::PrefixCache(KvPool& pool, StatePool* states)
    : pool_(pool), states_(states && states->needed() ? states : nullptr) {
  pool_.set_reclaim([this] { return evict_page(); });
  if (states_) states_->set_reclaim([this] { return evict_state(); });
}

PrefixCache::~PrefixCache() {
  pool_.set_reclaim(nullptr);
  if (states_) states_->set_reclaim(nullptr);
  for (auto& [key, node] : nodes_) {
    if (node->state_slot >= 0) states_->release(node->state_slot);
    pool_.release(node->page);
  }
}

Digest PrefixCache::key_of(const Digest& after, std::span<const Digest> tokens) {
  const Digest parts[2] = {after, digest_of(std::as_bytes(tokens))};
  return digest_of(std::as_bytes(std::span(parts)));
}

Digest PrefixCache::key_of(const Node* after, std::span<const Digest> tokens) {
  return key_of(after ? after->key : Digest{}, tokens);
}

PrefixCache::Match PrefixCache::find(Node* after, std::span<const Digest> tokens) {
  Match match;
  const auto page_tokens = static_cast<std::size_t>(pool_.page_tokens());
  Node* last = after ? after : &root_;
  std::span<const Digest> rest = tokens;
  while (rest.size() >= page_tokens) {
    const auto found = nodes_.find(key_of(last, rest.first(page_tokens)));
    if (found == nodes_.end()) break;
    last = found->second.get();
    match.pages.push_back(last);
    rest = rest.subspan(page_tokens);
  }
  for (Node* child : last->children) {
    const std::int64_t common = common_tokens(child->tokens, rest);
    // A state is one after all of a node's tokens.
    if (states_ && (child->state_slot < 0 || common < std::ssize(child->tokens))) continue;
    if (common <= match.partial_tokens) continue;
    match.partial = child;
    match.partial_tokens = common;
  }
  if (states_ && match.partial) {
    match.state_slot = match.partial->state_slot;
  } else if (states_) {
    while (!match.pages.empty() && match.pages.back()->state_slot < 0) match.pages.pop_back();
    if (!match.pages.empty()) match.state_slot = match.pages.back()->state_slot;
  }
  match.tokens = std::ssize(match.pages) * pool_.page_tokens() + match.partial_tokens;
  return match;
}

PrefixCache::Node* PrefixCache::insert(Node* after, std::span<const Digest> tokens,
                                       std::int32_t page) {
  Node* parent = after ? after : &root_;
  const Digest key = key_of(parent, tokens);
  if (const auto found = nodes_.find(key); found != nodes_.end()) return found->second.get();
  // What this one begins with is in it.
  for (std::size_t i = parent->children.size(); i-- > 0;) {
    Node* child = parent->children[i];
    const bool covered = common_tokens(child->tokens, tokens) == std::ssize(child->tokens);
    if (covered && is_leaf_unused(child) && child->state_slot < 0) remove(child);
  }
  auto node = std::make_unique<Node>();
  node->key = key;
  node->parent = parent;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->page = page;
  pool_.retain(page);
  if (parent != &root_ && is_leaf_unused(parent)) leaves_.erase({parent->last_used, parent});
  parent->children.push_back(node.get());
  node->last_used = ++clock_;
  leaves_.insert({node->last_used, node.get()});
  ++unused_;
  Node* inserted = nodes_.emplace(key, std::move(node)).first->second.get();
  if (observer_) observer_->on_page(*inserted);
  return inserted;
}

PrefixCache::Node* PrefixCache::at(const Digest& key) {
  const auto found = nodes_.find(key);
  return found == nodes_.end() ? nullptr : found->second.get();
}

void PrefixCache::note_use(Node* node) {
  if (node->state_slot >= 0) states_kept_.erase({node->last_used, node});
  node->last_used = ++clock_;
  if (node->state_slot >= 0) states_kept_.insert({node->last_used, node});
}

void PrefixCache::keep_state(Node* node, int slot) {
  if (node->state_slot >= 0) {
    states_->release(slot);
    return;
  }
  node->state_slot = slot;
  states_kept_.insert({node->last_used, node});
  if (observer_) observer_->on_state(*node);
}

void PrefixCache::use(Node* node) {
  for (; node != &root_ && node->users++ == 0; node = node->parent) {
    --unused_;
    leaves_.erase({node->last_used, node});
  }
}

void PrefixCache::release(Node* node) {
  for (; node != &root_ && --node->users == 0; node = node->parent) {
    ++unused_;
    note_use(node);
    if (node->children.empty()) leaves_.insert({node->last_used, node});
  }
}

void PrefixCache::remove(Node* node) {
  if (observer_) observer_->on_page_dropped(*node);
  leaves_.erase({node->last_used, node});
  if (node->state_slot >= 0) drop_state(node);
  std::erase(node->parent->children, node);
  if (node->parent != &root_ && is_leaf_unused(node->parent)) {
    leaves_.insert({node->parent->last_used, node->parent});
  }
  pool_.release(node->page);
  --unused_;
  nodes_.erase(node->key);
}

bool PrefixCache::evict_page() {
  if (leaves_.empty()) return false;
  remove(leaves_.begin()->second);
  ++evictions_;
  return true;
}

void PrefixCache::drop_state(Node* node) {
  if (observer_) observer_->on_state_dropped(*node);
  states_kept_.erase({node->last_used, node});
  states_->release(node->state_slot);
  node->state_slot = -1;
}

bool PrefixCache::evict_state() {
  if (states_kept_.empty()) return false;
  drop_state(states_kept_.begin()->second);
  return true;
}

void PrefixCache::clear() {
  while (evict_page()) {
  }
}

}  // namespace saccade::engine
