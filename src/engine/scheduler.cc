#include "engine/scheduler.h"

#include <algorithm>
#include <exception>

#include "base/error.h"

namespace saccade::engine {
namespace {

/// Whether `a` gets memory and its turn before `b`.
bool is_before(const Sequence& a, const Sequence& b) {
  return a.priority() != b.priority() ? a.priority() > b.priority() : a.arrival < b.arrival;
}

/// The tokens to take when `count` would fit from `begin` on: fewer, up to a run of tokens that see
/// each other and would be parted; or, when it begins right here, all of it.
std::int64_t keep_runs_whole(const models::Prompt& prompt, std::int64_t begin, std::int64_t count) {
  for (const models::TokenRun& run : prompt.mutual) {
    const std::int64_t end = run.begin + run.count;
    if (run.begin >= begin + count || end <= begin + count) continue;
    return run.begin > begin ? run.begin - begin : end - begin;
  }
  return count;
}

}  // namespace

Scheduler::Scheduler(const Parts& parts, std::int64_t max_batch_tokens)
    : model_(parts.model),
      device_(parts.device),
      pool_(parts.pool),
      states_(parts.states && parts.states->needed() ? parts.states : nullptr),
      cache_(parts.cache),
      pictures_(parts.pictures),
      store_(parts.store),
      memory_(pool_.cache(), states_ ? states_->store() : nullptr),
      max_batch_tokens_(max_batch_tokens),
      samplers_(device_.make_sampler_slots(kMaxSequences, model_.vocab_size())),
      steps_(model_, device_, pool_, memory_, *samplers_) {
  if (max_batch_tokens < 1) {
    fail_usage("tokens in a batch: wanted at least 1, found {}", max_batch_tokens);
  }
  for (int slot = kMaxSequences; slot-- > 0;) free_slots_.push_back(slot);
}

void Scheduler::add(Sequence* sequence) {
  if (sequence->finished()) return;
  sequence->arrival = arrivals_++;
  const auto place = std::ranges::upper_bound(
      sequences_, sequence, [](const Sequence* a, const Sequence* b) { return is_before(*a, *b); });
  sequences_.insert(place, sequence);
}

bool Scheduler::decoding() const {
  return std::ranges::any_of(sequences_, [&](const Sequence* s) { return decodes(s); });
}

bool Scheduler::prefilling() const {
  return std::ranges::any_of(sequences_, [](const Sequence* s) {
    return !s->finished() && s->prefilling() && (!s->admitted || s->ready_tokens() > s->computed());
  });
}

// Coming and going.

void Scheduler::take_slots() {
  for (Sequence* sequence : sequences_) {
    if (sequence->slot >= 0) continue;
    if (free_slots_.empty()) return;
    sequence->slot = free_slots_.back();
    free_slots_.pop_back();
    samplers_->assign(sequence->slot, sequence->sampling(), sequence->seed(),
                      models::decoder_tokens(sequence->prompt()));
  }
}

bool Scheduler::has_room_for(const Sequence& sequence) const {
  const std::int64_t page_tokens = pool_.page_tokens();
  const auto missing = [&](const Sequence& of) {
    const std::int64_t wanted = (of.known() + 1 + page_tokens - 1) / page_tokens;
    return std::max<std::int64_t>(0, wanted - std::ssize(of.pages()));
  };
  std::int64_t free = pool_.free_pages() + (cache_ ? cache_->unused_pages() : 0);
  bool alone = true;
  for (const Sequence* other : sequences_) {
    if (!other->admitted) continue;
    alone = false;
    free -= missing(*other);
  }
  return alone || missing(sequence) <= free;
}

void Scheduler::admit() {
  for (Sequence* sequence : sequences_) {
    if (sequence->admitted || sequence->finished()) continue;
    if (sequence->slot < 0) return;
    if (states_ && sequence->state_slot < 0) sequence->state_slot = states_->take();
    if (states_ && sequence->state_slot < 0) return;
    if (store_) store_->restore(sequence->take_stored());
    sequence->adopt_prefix(device_, memory_.states);
    if (!has_room_for(*sequence)) {
      sequence->begin_anew();
      return;
    }
    sequence->admitted = true;
    if (sequence->admitted_time == Clock::time_point()) sequence->admitted_time = Clock::now();
    if (pictures_) want_pictures(*sequence);
  }
}

/// Asks for the pictures whose tokens are not in the cache. Pixels of others are let go.
void Scheduler::want_pictures(const Sequence& sequence) {
  for (const models::MediaSpan& span : sequence.prompt().media) {
    if (span.begin + span.count <= sequence.computed()) continue;
    pictures_->want(sequence.pictures()[span.image]);
  }
  if (sequence.wanted_embedding() == Embedding::kPicture) pictures_->want(sequence.pictures()[0]);
  for (const auto& picture : sequence.pictures()) {
    if (!picture->wanted) picture->patches.values = {};
  }
}

/// What a sequence has computed is left to those that come after it.
void Scheduler::keep_tail(Sequence* sequence) {
  if (!cache_) return;
  PrefixCache::Node* node = sequence->share(true);
  if (states_ && node) keep_state(sequence, node);
}

/// Keeps the state that the sequence has now, which is that after the node's last token.
void Scheduler::keep_state(Sequence* sequence, PrefixCache::Node* node) {
  if (node->state_slot >= 0) return;
  const int slot = states_->take();
  if (slot < 0) return;
  device_.copy_state(*memory_.states, sequence->state_slot, slot);
  cache_->keep_state(node, slot);
}

void Scheduler::leave(Sequence* sequence) {
  // Where steps are asked for ahead, the state may be that of later tokens.
  const bool exact = !states_ || device_.steps_ahead() == 0;
  if (sequence->admitted && !sequence->failed() && exact) keep_tail(sequence);
  drop_claims(sequence);
  steps_.forget(sequence);
  if (sequence->slot >= 0) free_slots_.push_back(sequence->slot);
  sequence->slot = -1;
  if (sequence->state_slot >= 0) states_->release(sequence->state_slot);
  sequence->state_slot = -1;
  sequence->give_back();
}

void Scheduler::drop_finished() {
  std::erase_if(sequences_, [&](Sequence* sequence) {
    if (!sequence->finished()) return false;
    leave(sequence);
    return true;
  });
}

// Planning.

bool Scheduler::decodes(const Sequence* sequence) const {
  return sequence->admitted && !sequence->finished() && !sequence->prefilling();
}

bool Scheduler::plain_decoding() const {
  return !decoding_.empty() && std::ranges::all_of(decoding_, [](const Sequence* sequence) {
    return !sequence->step_by_step();
  });
}

/// Whether the next page is being computed for a sequence that is before this one. If not, all of
/// this one's are claimed for it.
bool Scheduler::waits_for_page(Sequence* sequence) {
  const std::optional<Digest> key = sequence->next_page_key();
  if (!key) return false;
  const auto claim = claims_.find(*key);
  if (claim != claims_.end() && claim->second != sequence) {
    return is_before(*claim->second, *sequence);
  }
  if (claim == claims_.end()) {
    for (const Digest& page : sequence->page_keys()) claims_.emplace(page, sequence);
  }
  return false;
}

void Scheduler::drop_claims(Sequence* sequence) {
  std::erase_if(claims_, [&](const auto& claim) { return claim.second == sequence; });
}

bool Scheduler::can_prefill(Sequence* sequence) {
  if (!sequence->admitted || sequence->finished() || !sequence->prefilling()) return false;
  if (cache_) {
    sequence->adopt_prefix(device_, memory_.states);
    if (waits_for_page(sequence)) return false;
  }
  return chunk(*sequence, 1) > 0;
}

/// The tokens to take of a prompt where there is room for so many.
std::int64_t Scheduler::chunk(const Sequence& sequence, std::int64_t room) const {
  const std::int64_t begin = sequence.computed();
  const std::int64_t ready = sequence.ready_tokens() - begin;
  if (ready <= 0 || room <= 0) return 0;
  const std::int64_t count = keep_runs_whole(sequence.prompt(), begin, std::min(room, ready));
  if (!states_ || !cache_) return count;
  // States can be kept where a page ends, the last full one above all.
  const std::int64_t page_tokens = pool_.page_tokens();
  const std::int64_t last = (sequence.known() - 1) / page_tokens * page_tokens;
  if (begin < last && last < begin + count) return last - begin;
  const std::int64_t whole = (begin + count) / page_tokens * page_tokens;
  return whole > begin && begin + count < sequence.known() ? whole - begin : count;
}

/// One that has no pages yet goes as well: it would take those that the ones before it wait for.
void Scheduler::set_back(Sequence* sequence) {
  if (!sequence->pages().empty()) ++preemptions_;
  drop_claims(sequence);
  std::erase_if(shares_, [&](const Share& share) { return share.sequence == sequence; });
  std::erase(decoding_, sequence);
  std::erase(prefilling_, sequence);
  sequence->set_back();
  if (sequence->state_slot >= 0) states_->release(sequence->state_slot);
  sequence->state_slot = -1;
}

/// Reserves pages for `tokens` tokens of a sequence, those of the ones behind it if need be.
bool Scheduler::make_room(Sequence* sequence, std::int64_t tokens) {
  while (!sequence->reserve(tokens)) {
    const auto last = std::find_if(sequences_.rbegin(), sequences_.rend(),
                                   [](const Sequence* s) { return s->admitted && !s->finished(); });
    if (last == sequences_.rend() || !is_before(*sequence, **last)) return false;
    set_back(*last);
  }
  return true;
}

/// Returns the rows of the share; 0: it gets none. Shares of others may be gone afterwards.
std::int64_t Scheduler::take_share(Sequence* sequence, std::int64_t room) {
  const std::int64_t count = chunk(*sequence, room);
  if (count == 0 || !make_room(sequence, sequence->computed() + count)) return 0;
  shares_.push_back({sequence, sequence->computed(), count, -1});
  return count;
}

void Scheduler::plan(std::int64_t max_prefill_tokens) {
  shares_.clear();
  // Copies, since some may be set back on the way.
  const std::vector<Sequence*> decoding = decoding_;
  for (Sequence* sequence : decoding) {
    if (std::ssize(shares_) >= max_batch_tokens_) break;
    if (sequence->admitted) take_share(sequence, 1);
  }
  std::int64_t room = std::min(max_batch_tokens_ - std::ssize(shares_), max_prefill_tokens);
  const auto give = [&](Sequence* sequence, std::int64_t most) {
    if (sequence->admitted) room -= take_share(sequence, std::min(most, room));
  };
  if (!prefilling_.empty() && room > 0) {
    const auto left = [](const Sequence* s) { return s->known() - s->computed(); };
    std::vector<Sequence*> waiting = prefilling_;
    const auto shortest = std::ranges::min_element(waiting, {}, left);
    // The shortest comes second, the first one being first in any case.
    if (shortest != waiting.begin()) {
      std::rotate(waiting.begin() + 1, shortest, shortest + 1);
      give(waiting[0], room - std::min(room / 2, left(waiting[1])));
    } else {
      give(waiting[0], room);
    }
    for (std::size_t i = 1; i < waiting.size() && room > 0; ++i) give(waiting[i], room);
  }
  if (!shares_.empty()) return;
  if ((decoding_.empty() && prefilling_.empty()) || max_prefill_tokens == 0) return;
  make_way();
}

/// Nobody has room: the last one steps back, and if there is no other, it can never have enough.
void Scheduler::make_way() {
  std::vector<Sequence*> holders;
  for (Sequence* sequence : sequences_) {
    if (sequence->admitted && !sequence->finished()) holders.push_back(sequence);
  }
  if (holders.size() > 1) return set_back(holders.back());
  holders.back()->fail_with(
      fmt::format("out of key-value memory: all {} pages of {} tokens are in use; ask for fewer "
                  "tokens or smaller pictures",
                  pool_.num_pages(), pool_.page_tokens()));
}

// Stepping.

void Scheduler::mixed_step(std::int64_t max_prefill_tokens, Work& work) {
  plan(max_prefill_tokens);
  if (shares_.empty()) return;
  for (const Share& share : shares_) {
    const bool answer = share.count == 1 && share.begin >= share.sequence->prompt_tokens();
    (answer ? work.decoded : work.prefilled) += share.count;
  }
  try {
    run();
  } catch (const std::exception& error) {
    for (const Share& share : shares_) {
      if (!share.sequence->finished()) share.sequence->fail_with(error.what());
    }
  }
}

void Scheduler::decode(Work& work) {
  const auto has_room = [&](Sequence* sequence) {
    return sequence->reserve(sequence->known() + steps_.pending());
  };
  bool launched = false;
  try {
    if (!decoding_.empty() && steps_.can_follow(decoding_) &&
        std::ranges::all_of(decoding_, has_room)) {
      steps_.launch(decoding_);
      launched = true;
    }
    if (steps_.pending() > (launched ? device_.steps_ahead() : 0)) {
      work.decoded += std::ssize(decoding_);
      steps_.collect();
    } else if (!launched) {
      mixed_step(kNoLimit, work);  // without room for all, it goes on with some
    }
  } catch (const std::exception& error) {
    for (Sequence* sequence : decoding_) {
      if (!sequence->finished()) sequence->fail_with(error.what());
    }
  }
}

Scheduler::Work Scheduler::step(std::int64_t max_prefill_tokens) {
  Work work;
  drop_finished();
  take_slots();
  admit();
  embed_pictures();
  decoding_.clear();
  prefilling_.clear();
  for (Sequence* sequence : sequences_) {
    if (decodes(sequence)) decoding_.push_back(sequence);
    if (sequence->admitted && sequence->prefilling() && !sequence->finished()) {
      if (std::string error = sequence->picture_error(); !error.empty()) {
        sequence->fail_with(std::move(error));
      }
    }
    if (max_prefill_tokens > 0 && can_prefill(sequence)) prefilling_.push_back(sequence);
  }
  if (prefilling_.empty() && plain_decoding()) {
    decode(work);
  } else if (steps_.pending() > 0) {
    work.decoded += std::ssize(decoding_);
    steps_.collect();
  } else {
    mixed_step(max_prefill_tokens, work);
  }
  drop_finished();
  return work;
}

void Scheduler::cancel_all() {
  for (Sequence* sequence : sequences_) sequence->cancel();
  while (steps_.pending() > 0) steps_.collect();
  drop_finished();
}

}  // namespace saccade::engine
