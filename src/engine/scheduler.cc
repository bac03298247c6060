#include "engine/scheduler.h"

#include <algorithm>
#include <exception>

#include "base/error.h"

namespace saccade::engine {
namespace {

/// Adds the picture embeddings that fall on sequence tokens [begin, begin + count).
void add_embeddings(models::Batch& batch, const Sequence& sequence, std::int64_t begin,
                    std::int64_t count, std::int64_t row) {
  for (const models::MediaSpan& span : sequence.prompt().media) {
    const std::int64_t first = std::max(begin, span.begin);
    const std::int64_t end = std::min(begin + count, span.begin + span.count);
    if (first >= end) continue;
    batch.embeddings.push_back({row + first - begin, &sequence.embedding(span.image),
                                span.first + first - span.begin, end - first});
  }
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

Scheduler::Scheduler(models::Model& model, compute::Device& device, KvPool& pool,
                     std::int64_t max_batch_tokens, StatePool* states)
    : model_(model),
      device_(device),
      pool_(pool),
      states_(states && states->needed() ? states : nullptr),
      memory_(pool.cache(), states_ ? states_->store() : nullptr),
      max_batch_tokens_(max_batch_tokens),
      samplers_(device.make_sampler_slots(kMaxSequences, model.vocab_size())),
      steps_(model, device, pool, memory_, *samplers_) {
  if (max_batch_tokens < 1) {
    fail_usage("tokens in a batch: wanted at least 1, found {}", max_batch_tokens);
  }
  for (int slot = kMaxSequences; slot-- > 0;) free_slots_.push_back(slot);
}

void Scheduler::add(Sequence* sequence) {
  if (!sequence->finished()) sequences_.push_back(sequence);
}

bool Scheduler::slot_free() const {
  return !free_slots_.empty() && (!states_ || states_->free_slots() > 0);
}

void Scheduler::take_slots() {
  for (Sequence* sequence : sequences_) {
    if (sequence->slot >= 0) continue;
    if (!slot_free()) return;
    sequence->slot = free_slots_.back();
    free_slots_.pop_back();
    if (states_) sequence->state_slot = states_->take();
    samplers_->assign(sequence->slot, sequence->sampling(), sequence->seed(),
                      models::decoder_tokens(sequence->prompt()));
  }
}

void Scheduler::drop_finished() {
  std::erase_if(sequences_, [&](Sequence* sequence) {
    if (!sequence->finished()) return false;
    steps_.forget(sequence);
    if (sequence->slot >= 0) free_slots_.push_back(sequence->slot);
    sequence->slot = -1;
    if (sequence->state_slot >= 0) states_->release(sequence->state_slot);
    sequence->state_slot = -1;
    return true;
  });
}

bool Scheduler::plain_decoding() const {
  return std::ranges::all_of(sequences_, [](const Sequence* sequence) {
    return sequence->slot >= 0 && !sequence->prefilling() && !sequence->wants_logits() &&
           !sequence->forced();
  });
}

std::vector<Scheduler::Share> Scheduler::plan() {
  std::vector<Share> shares;
  std::int64_t room = max_batch_tokens_;
  // Decoding first: a token of every running answer, then as much of the prompts as fits.
  for (const bool prefill : {false, true}) {
    for (Sequence* sequence : sequences_) {
      if (sequence->slot < 0 || sequence->prefilling() != prefill || room == 0) continue;
      const std::int64_t count =
          keep_runs_whole(sequence->prompt(), sequence->computed(),
                          std::min(room, sequence->known() - sequence->computed()));
      if (!sequence->reserve(sequence->computed() + count)) continue;
      shares.push_back({sequence, sequence->computed(), count, -1});
      room = std::max<std::int64_t>(0, room - count);
    }
  }
  if (shares.empty() && !sequences_.empty()) {
    sequences_.front()->fail_with(
        fmt::format("out of key-value memory: all {} pages of {} tokens are in use; ask for fewer "
                    "tokens or smaller pictures",
                    pool_.num_pages(), pool_.page_tokens()));
  }
  return shares;
}

models::Batch Scheduler::make_batch(std::vector<Share>& shares) const {
  models::Batch batch;
  std::int64_t rows = 0;
  for (const Share& share : shares) rows += share.count;
  const int axes = shares[0].sequence->prompt().axes;
  batch.token_ids.reserve(rows);
  batch.positions.resize(axes * rows);
  for (Share& share : shares) {
    const auto row = static_cast<std::int64_t>(batch.token_ids.size());
    const Sequence& sequence = *share.sequence;
    for (std::int64_t i = 0; i < share.count; ++i) {
      batch.token_ids.push_back(sequence.token(share.begin + i));
      for (int axis = 0; axis < axes; ++axis) {
        batch.positions[axis * rows + row + i] = sequence.position(axis, share.begin + i);
      }
    }
    batch.spans.push_back({row, share.count, share.begin, sequence.pages()});
    batch.spans.back().state_slot = sequence.state_slot;
    if (share.begin < sequence.prompt_tokens()) batch.set_mutual(sequence.prompt().mutual);
    batch.set_encoder_tokens(sequence.prompt().encoder_tokens);
    add_embeddings(batch, sequence, share.begin, share.count, row);
    if (share.begin + share.count == sequence.known()) {
      share.logits_index = static_cast<std::int32_t>(batch.logits_rows.size());
      batch.logits_rows.push_back(static_cast<std::int32_t>(row + share.count - 1));
    }
  }
  return batch;
}

void Scheduler::run(std::vector<Share>& shares) {
  const models::Batch batch = make_batch(shares);
  const Tensor logits = model_.forward(batch, memory_);
  const auto rows = static_cast<std::int64_t>(batch.logits_rows.size());
  std::vector<std::int32_t> slots(rows);
  bool wanted = false;
  for (const Share& share : shares) {
    if (share.logits_index < 0) continue;
    slots[share.logits_index] = share.sequence->slot;
    wanted = wanted || share.sequence->wants_logits();
  }
  // The distribution is reported as the model gave it, so before sampling touches it.
  const std::int64_t vocab_size = model_.vocab_size();
  std::vector<float> values(wanted ? rows * vocab_size : 0);
  if (wanted) device_.download(values.data(), logits);
  std::vector<std::int32_t> chosen(rows);
  if (rows > 0) {
    const Tensor ids = device_.empty(DType::kI32, {rows});
    device_.sample(ids, logits, *samplers_, device_.indices(slots));
    device_.download(chosen.data(), ids);
  }
  for (const Share& share : shares) {
    share.sequence->advance(share.count);
    if (share.logits_index < 0) continue;
    const std::span all(values);
    share.sequence->accept(chosen[share.logits_index],
                           wanted ? all.subspan(share.logits_index * vocab_size, vocab_size) : all);
  }
}

void Scheduler::mixed_step() {
  std::vector<Share> shares = plan();
  if (shares.empty()) return;
  try {
    run(shares);
  } catch (const std::exception& error) {
    for (const Share& share : shares) {
      if (!share.sequence->finished()) share.sequence->fail_with(error.what());
    }
  }
}

void Scheduler::decode() {
  const auto has_room = [&](Sequence* sequence) {
    return sequence->reserve(sequence->known() + steps_.pending());
  };
  bool launched = false;
  try {
    if (!sequences_.empty() && steps_.can_follow(sequences_) &&
        std::ranges::all_of(sequences_, has_room)) {
      steps_.launch(sequences_);
      launched = true;
    }
    if (steps_.pending() > (launched ? device_.steps_ahead() : 0)) {
      steps_.collect();
    } else if (!launched) {
      mixed_step();  // without room for all, it goes on with some
    }
  } catch (const std::exception& error) {
    for (Sequence* sequence : sequences_) {
      if (!sequence->finished()) sequence->fail_with(error.what());
    }
  }
}

void Scheduler::step() {
  take_slots();
  if (plain_decoding()) {
    decode();
  } else if (steps_.pending() > 0) {
    steps_.collect();
  } else {
    mixed_step();
  }
  drop_finished();
}

void Scheduler::cancel_all() {
  for (Sequence* sequence : sequences_) sequence->cancel();
  while (steps_.pending() > 0) steps_.collect();
  drop_finished();
}

}  // namespace saccade::engine
