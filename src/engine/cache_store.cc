#include "engine/cache_store.h"

#include "engine/packed_embeddings.h"

namespace saccade::engine {
CacheStore::CacheStore(DiskTier& tier, compute::Device& device, KvPool& pool, StatePool* states,
                       PrefixCache* prefixes, VisionCache& pictures)
    : tier_(tier),
      device_(device),
      pool_(pool),
      states_(states && states->needed() ? states : nullptr),
      prefixes_(prefixes),
      pictures_(pictures) {
  for (const Tensor& rows : pool_.cache().page_rows()) {
    page_bytes_ += rows.row_elements() * static_cast<std::int64_t>(dtype_bytes(rows.dtype()));
  }
  if (prefixes_) prefixes_->set_observer(this);
  pictures_.set_observer(this);
}

CacheStore::~CacheStore() {
  if (prefixes_) prefixes_->set_observer(nullptr);
  pictures_.set_observer(nullptr);
}

// From the disk.

bool CacheStore::found(Stored kind, const Digest& key) const {
  return tier_.resident(kind, key) || tier_.has(kind, key);
}

StoredPrefix CacheStore::fetch_pages(std::span<const Digest> contents, std::int64_t& covered) {
  const auto page_tokens = static_cast<std::size_t>(pool_.page_tokens());
  StoredPrefix prefix;
  Digest last{};
  for (std::span<const Digest> rest = contents; rest.size() >= page_tokens;
       rest = rest.subspan(page_tokens)) {
    const std::span<const Digest> tokens = rest.first(page_tokens);
    last = PrefixCache::key_of(last, tokens);
    if (!found(Stored::kPage, last)) break;
    prefix.pages.push_back({last, {tokens.begin(), tokens.end()}, {}});
  }
  // Without the state after it a page is of no use.
  while (states_ && !prefix.empty() && !found(Stored::kState, prefix.pages.back().key)) {
    prefix.pages.pop_back();
  }
  bool all = true;
  bool any = false;
  for (std::size_t i = 0; i < prefix.pages.size(); ++i) {
    StoredPrefix::Page& page = prefix.pages[i];
    if (tier_.resident(Stored::kPage, page.key)) continue;
    any = true;
    page.bytes = tier_.read(Stored::kPage, page.key);
    if (!page.bytes.empty() || page_bytes_ == 0) continue;
    all = false;
    prefix.pages.resize(i);
  }
  if (states_ && all && !prefix.empty() &&
      !tier_.resident(Stored::kState, prefix.pages.back().key)) {
    any = true;
    prefix.state = tier_.read(Stored::kState, prefix.pages.back().key);
    all = !prefix.state.empty();
  }
  if (states_ && !all) prefix.pages.clear();
  covered = std::ssize(prefix.pages) * pool_.page_tokens();
  // All of it is in memory already.
  if (!any) prefix.pages.clear();
  return prefix;
}

StoredPrefix CacheStore::fetch(const models::Prompt& prompt, std::span<const Digest> contents,
                               std::span<const std::shared_ptr<Picture>> pictures) {
  StoredPrefix prefix;
  std::int64_t covered = 0;
  // The last token's logits are needed, so its page is computed.
  if (prefixes_ && !contents.empty())
    prefix = fetch_pages(contents.first(contents.size() - 1), covered);
  for (const models::MediaSpan& span : prompt.media) {
    if (span.begin + span.count > covered) fetch(*pictures[span.image]);
  }
  return prefix;
}

void CacheStore::fetch(Picture& picture) {
  const Digest& digest = picture.patches.digest;
  if (!picture.stored.empty() || tier_.resident(Stored::kPicture, digest)) return;
  picture.stored = tier_.read(Stored::kPicture, digest);
}

PrefixCache::Node* CacheStore::restore_page(PrefixCache::Node* after,
                                            const StoredPrefix::Page& page) {
  if (PrefixCache::Node* node = prefixes_->at(page.key)) return node;
  if (std::ssize(page.bytes.span()) != page_bytes_) return nullptr;
  const std::int32_t number = pool_.take();
  if (number < 0) return nullptr;
  const std::byte* from = page.bytes.span().data();
  for (const Tensor& rows : pool_.cache().page_rows()) {
    const Tensor row = rows.view_rows(number, 1);
    device_.upload(row, from);
    from += row.bytes();
  }
  PrefixCache::Node* node = prefixes_->insert(after, page.tokens, number);
  pool_.release(number);
  return node;
}

void CacheStore::restore(StoredPrefix prefix) {
  PrefixCache::Node* last = nullptr;
  std::size_t restored = 0;
  for (; restored < prefix.pages.size(); ++restored) {
    PrefixCache::Node* node = restore_page(last, prefix.pages[restored]);
    if (!node) break;
    // So that the next page is not made of this one.
    prefixes_->use(node);
    if (last) prefixes_->release(last);
    last = node;
  }
  if (!last) return;
  if (restored == prefix.pages.size() && !prefix.state.empty()) {
    restore_state(last, prefix.state.span());
  }
  prefixes_->release(last);
}

Tensor CacheStore::state_rows(int slot) const {
  const compute::StateStore& store = *states_->store();
  const int layers = store.layout().num_layers;
  return store.values().view_rows(std::int64_t{slot} * layers, layers);
}

void CacheStore::restore_state(PrefixCache::Node* node, std::span<const std::byte> bytes) {
  if (node->state_slot >= 0 || std::ssize(bytes) != states_->store()->layout().bytes()) return;
  const int slot = states_->take();
  if (slot < 0) return;
  device_.upload(state_rows(slot), bytes.data());
  prefixes_->keep_state(node, slot);
}

// To the disk.

bool CacheStore::is_full(const PrefixCache::Node& node) const {
  return std::ssize(node.tokens) == pool_.page_tokens();
}

void CacheStore::on_page(const PrefixCache::Node& node) {
  if (!is_full(node)) return;
  tier_.note_resident(Stored::kPage, node.key);
  if (!tier_.wants(Stored::kPage, node.key, page_bytes_)) return;
  std::vector<std::byte> bytes(static_cast<std::size_t>(page_bytes_));
  std::byte* to = bytes.data();
  for (const Tensor& rows : pool_.cache().page_rows()) {
    const Tensor row = rows.view_rows(node.page, 1);
    device_.download(to, row);
    to += row.bytes();
  }
  tier_.write(Stored::kPage, node.key, std::move(bytes));
}

void CacheStore::on_state(const PrefixCache::Node& node) {
  if (!is_full(node)) return;
  tier_.note_resident(Stored::kState, node.key);
  const std::int64_t size = states_->store()->layout().bytes();
  if (!tier_.wants(Stored::kState, node.key, size)) return;
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  device_.download(bytes.data(), state_rows(node.state_slot));
  tier_.write(Stored::kState, node.key, std::move(bytes));
}

void CacheStore::on_page_dropped(const PrefixCache::Node& node) {
  if (is_full(node)) tier_.note_dropped(Stored::kPage, node.key);
}

void CacheStore::on_state_dropped(const PrefixCache::Node& node) {
  if (is_full(node)) tier_.note_dropped(Stored::kState, node.key);
}

void CacheStore::on_picture(const Digest& digest, const Tensor& embeddings) {
  tier_.note_resident(Stored::kPicture, digest);
  if (!tier_.wants(Stored::kPicture, digest, embeddings.bytes())) return;
  std::vector<std::byte> bytes = pack_embeddings(device_, embeddings);
  if (!bytes.empty()) tier_.write(Stored::kPicture, digest, std::move(bytes));
}

void CacheStore::on_picture_dropped(const Digest& digest) {
  tier_.note_dropped(Stored::kPicture, digest);
}

}  // namespace saccade::engine
