// What a step of the scheduler does once it is planned: one forward, and what comes of it.
#include <algorithm>

#include "base/error.h"
#include "engine/scheduler.h"

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

}  // namespace

models::Batch Scheduler::make_batch() {
  models::Batch batch;
  std::int64_t rows = 0;
  for (const Share& share : shares_) rows += share.count;
  const int axes = shares_[0].sequence->prompt().axes;
  batch.token_ids.reserve(rows);
  batch.positions.resize(axes * rows);
  for (Share& share : shares_) {
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
    share.pooled = sequence.pooled_tokens(share.begin, share.count);
    for (std::int64_t i = share.count - share.pooled; i < share.count; ++i) {
      batch.hidden_rows.push_back(static_cast<std::int32_t>(row + i));
    }
    if (share.begin + share.count == sequence.known() && !sequence.wanted_embedding()) {
      share.logits_index = static_cast<std::int32_t>(batch.logits_rows.size());
      batch.logits_rows.push_back(static_cast<std::int32_t>(row + share.count - 1));
    }
  }
  return batch;
}

void Scheduler::run() {
  const Clock::time_point begin = Clock::now();
  const models::Batch batch = make_batch();
  const auto [logits, hidden_states] = model_.forward(batch, memory_);
  const auto rows = static_cast<std::int64_t>(batch.logits_rows.size());
  std::vector<std::int32_t> slots(rows);
  bool wanted = false;
  for (const Share& share : shares_) {
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
    edit(logits);
    const Tensor ids = device_.empty(DType::kI32, {rows});
    device_.sample(ids, logits, *samplers_, device_.indices(slots));
    device_.download(chosen.data(), ids);
  }
  for (const Share& share : shares_) {
    if (share.sequence->finished()) continue;
    share.sequence->advance(share.count);
    const bool prefill = share.begin < share.sequence->prompt_tokens();
    if (prefill && share.sequence->on_prefill) share.sequence->on_prefill(begin, share.count);
    if (share.count > 1 || share.begin < share.sequence->prompt_tokens()) {
      share.sequence->share(false);
      PrefixCache::Node* end = share.sequence->shared_end();
      if (states_ && end) keep_state(share.sequence, end);
    }
    if (share.logits_index < 0) continue;
    drop_claims(share.sequence);
    // Of a state after a whole prompt nobody could make use, who needs the last token's logits.
    if (!states_ && share.begin < share.sequence->prompt_tokens()) keep_tail(share.sequence);
    const std::span all(values);
    const std::int64_t known = share.sequence->known();
    const std::int32_t id = chosen[share.logits_index];
    share.sequence->accept(id,
                           wanted ? all.subspan(share.logits_index * vocab_size, vocab_size) : all);
    note_forced(*share.sequence, known, id);
  }
  if (!batch.hidden_rows.empty()) pool(hidden_states);
}

/// Hands hidden states [rows wanted, hidden_size] to the sequences that asked for them.
void Scheduler::pool(const Tensor& hidden_states) {
  const std::int64_t width = model_.hidden_size();
  std::vector<float> values(hidden_states.shape().elements());
  device_.download(values.data(), hidden_states);
  std::span<const float> rest(values);
  for (const Share& share : shares_) {
    const std::span<const float> rows = rest.first(share.pooled * width);
    rest = rest.subspan(rows.size());
    Sequence& sequence = *share.sequence;
    if (rows.empty() || sequence.finished()) continue;
    sequence.pool(rows, width, width, sequence.computed() == sequence.known());
  }
}

/// Ends the sequences that want nothing but their picture's embedding, once it is there.
void Scheduler::embed_pictures() {
  for (Sequence* sequence : sequences_) {
    if (!sequence->admitted || sequence->finished()) continue;
    if (sequence->wanted_embedding() != Embedding::kPicture) continue;
    const Picture& picture = *sequence->pictures()[0];
    if (!picture.error.empty()) sequence->fail_with(picture.error);
    if (!picture.embeddings) continue;
    std::vector<float> values(picture.embeddings->shape().elements());
    device_.download(values.data(), *picture.embeddings);
    sequence->pool(values, model_.hidden_size(), picture.embeddings->size(1), true);
  }
}

/// What a grammar or a spent budget forces comes without being sampled: tokens from `first` on,
/// but for the one that was chosen.
void Scheduler::note_forced(const Sequence& sequence, std::int64_t first, std::int32_t chosen) {
  std::vector<std::int32_t> forced;
  for (std::int64_t i = first; i < sequence.known(); ++i) {
    if (i > first || sequence.token(i) != chosen) forced.push_back(sequence.token(i));
  }
  if (!forced.empty()) samplers_->note(sequence.slot, forced);
}

/// What requests change of the logits of a step, and which tokens they allow.
void Scheduler::edit(const Tensor& logits) {
  LogitEdits::Batch edits;
  for (const Share& share : shares_) {
    if (share.logits_index < 0) continue;
    Sequence& sequence = *share.sequence;
    sequence.edits().collect(edits, share.logits_index, model_.vocab_size());
    if (!sequence.step_by_step()) continue;
    try {
      samplers_->allow(sequence.slot,
                       sequence.constrained() ? sequence.mask() : std::span<const std::uint64_t>());
    } catch (const Error& error) {
      sequence.fail_with(error.what());
    }
  }
  apply_edits(device_, logits, edits);
}

}  // namespace saccade::engine
