#include "engine/sequence_pages.h"

namespace saccade::engine {

PrefixCache::Match SequencePages::match(std::span<const Digest> tokens) const {
  if (!cache_ || std::ssize(tokens) <= shared_tokens()) return {};
  return cache_->find(last_, tokens.subspan(shared_tokens()));
}

bool SequencePages::reserve(std::int64_t tokens) {
  const std::int64_t wanted = (tokens + pool_.page_tokens() - 1) / pool_.page_tokens();
  while (std::ssize(pages_) < wanted) {
    const std::int32_t page = pool_.take();
    if (page < 0) return false;
    pages_.push_back(page);
  }
  return true;
}

std::int64_t SequencePages::adopt(const PrefixCache::Match& match, compute::Device& device) {
  while (std::ssize(pages_) > shared_) {
    pool_.release(pages_.back());
    pages_.pop_back();
  }
  if (!match.pages.empty()) {
    cache_->use(match.pages.back());
    if (last_) cache_->release(last_);
    last_ = match.pages.back();
    for (const PrefixCache::Node* node : match.pages) {
      pool_.retain(node->page);
      pages_.push_back(node->page);
    }
    shared_ = std::ssize(pages_);
  }
  if (!match.partial) return match.tokens;
  // While it is used it is not evicted to make room for its own copy.
  cache_->use(match.partial);
  const std::int32_t page = pool_.take();
  if (page >= 0) {
    device.copy_page(pool_.cache(), match.partial->page, page);
    pages_.push_back(page);
  }
  cache_->release(match.partial);
  return page >= 0 ? match.tokens : match.tokens - match.partial_tokens;
}

void SequencePages::share(std::span<const Digest> tokens, std::int64_t computed) {
  if (!cache_) return;
  const std::int64_t page_tokens = pool_.page_tokens();
  for (; (shared_ + 1) * page_tokens <= computed; ++shared_) {
    PrefixCache::Node* node =
        cache_->insert(last_, tokens.subspan(shared_ * page_tokens, page_tokens), pages_[shared_]);
    cache_->use(node);
    if (last_) cache_->release(last_);
    last_ = node;
    // Another sequence was first: its page has the same bits.
    if (node->page != pages_[shared_]) {
      pool_.retain(node->page);
      pool_.release(pages_[shared_]);
      pages_[shared_] = node->page;
    }
  }
}

PrefixCache::Node* SequencePages::share_tail(std::span<const Digest> tokens,
                                             std::int64_t computed) {
  if (!cache_) return nullptr;
  share(tokens, computed);
  if (computed == shared_tokens()) return last_;
  const std::span<const Digest> tail = tokens.subspan(shared_tokens(), computed - shared_tokens());
  const bool known = cache_->find(last_, tail).tokens == std::ssize(tail);
  return known ? nullptr : cache_->insert(last_, tail, pages_[shared_]);
}

void SequencePages::clear() {
  for (const std::int32_t page : pages_) pool_.release(page);
  pages_.clear();
  shared_ = 0;
  if (last_) cache_->release(last_);
  last_ = nullptr;
}

}  // namespace saccade::engine
