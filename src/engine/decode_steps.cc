#include "engine/decode_steps.h"

#include <algorithm>

namespace saccade::engine {

DecodeSteps::DecodeSteps(models::Model& model, compute::Device& device, KvPool& pool,
                         const compute::SequenceMemory& memory, compute::SamplerSlots& samplers)
    : model_(model), device_(device), pool_(pool), memory_(memory), samplers_(samplers) {}

bool DecodeSteps::can_follow(std::span<Sequence* const> members) const {
  if (!launched_.empty() && !std::ranges::equal(launched_.back().members, members)) return false;
  return std::ranges::all_of(
      members, [&](const Sequence* sequence) { return sequence->remaining() > pending(); });
}

DecodeSteps::Buffers& DecodeSteps::buffers_for(std::int64_t rows, const models::Prompt& like) {
  const auto found = buffers_.find(rows);
  if (found != buffers_.end()) return found->second;
  Buffers buffers;
  buffers.inputs.token_ids = device_.empty(DType::kI32, {rows});
  buffers.inputs.positions = device_.empty(DType::kI32, {like.axes, rows});
  buffers.inputs.spans = device_.make_span_table(rows, pool_.num_pages());
  if (like.encoder_tokens > 0) {
    buffers.inputs.cross_spans = device_.make_span_table(rows, pool_.num_pages());
  }
  buffers.slots = device_.empty(DType::kI32, {rows});
  buffers.recording = device_.make_recording();
  return buffers_.emplace(rows, std::move(buffers)).first->second;
}

void DecodeSteps::fill_members(Buffers& buffers, std::span<Sequence* const> members,
                               std::int64_t rows) {
  buffers.host_tokens.assign(rows, 0);
  buffers.host_slots.assign(rows, -1);
  for (std::size_t i = 0; i < members.size(); ++i) {
    buffers.host_tokens[i] = members[i]->token(members[i]->known() - 1);
    buffers.host_slots[i] = members[i]->slot;
  }
  device_.upload(buffers.inputs.token_ids, buffers.host_tokens.data());
  device_.upload(buffers.slots, buffers.host_slots.data());
}

void DecodeSteps::fill(Buffers& buffers, std::span<Sequence* const> members, std::int64_t rows) {
  const int axes = members[0]->prompt().axes;
  buffers.host_positions.assign(axes * rows, 0);
  buffers.host_spans.clear();
  buffers.host_encoder_tokens.clear();
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::int64_t index = members[i]->known() - 1 + pending();
    for (int axis = 0; axis < axes; ++axis) {
      buffers.host_positions[axis * rows + static_cast<std::int64_t>(i)] =
          members[i]->position(axis, index);
    }
    buffers.host_spans.push_back({static_cast<std::int64_t>(i), 1, index, members[i]->pages()});
    buffers.host_spans.back().state_slot = members[i]->state_slot;
    if (const std::int64_t encoded = members[i]->prompt().encoder_tokens; encoded > 0) {
      buffers.host_encoder_tokens.push_back(encoded);
    }
  }
  device_.upload(buffers.inputs.positions, buffers.host_positions.data());
  models::assign_spans(buffers.inputs, buffers.host_spans, buffers.host_encoder_tokens);
}

void DecodeSteps::launch(std::span<Sequence* const> members) {
  const std::int64_t rows = device_.padded_rows(static_cast<std::int64_t>(members.size()));
  Buffers& buffers = buffers_for(rows, members[0]->prompt());
  // The tokens of a step that follows another are on the device already.
  if (launched_.empty()) fill_members(buffers, members, rows);
  fill(buffers, members, rows);
  device_.run(*buffers.recording, [&] {
    const Tensor logits = model_.forward(buffers.inputs, memory_);
    device_.sample(buffers.inputs.token_ids, logits, samplers_, buffers.slots);
  });
  std::vector<Sequence*> kept;
  if (!spared_.empty()) {
    kept = std::move(spared_.back());
    spared_.pop_back();
  }
  kept.assign(members.begin(), members.end());
  const bool ahead = device_.steps_ahead() > 0;
  launched_.push_back(
      {std::move(kept), ahead ? device_.read_back(buffers.inputs.token_ids) : nullptr, rows});
}

void DecodeSteps::collect() {
  Launched step = std::move(launched_.front());
  launched_.erase(launched_.begin());
  chosen_.resize(step.rows);
  if (step.tokens) {
    step.tokens->wait(chosen_.data());
  } else {
    device_.download(chosen_.data(), buffers_.at(step.rows).inputs.token_ids);
  }
  for (std::size_t i = 0; i < step.members.size(); ++i) {
    Sequence* sequence = step.members[i];
    if (!sequence || sequence->finished()) continue;
    sequence->advance(1);
    sequence->accept(chosen_[i]);
  }
  spared_.push_back(std::move(step.members));
}

void DecodeSteps::forget(const Sequence* sequence) {
  for (Launched& step : launched_) {
    std::ranges::replace_if(
        step.members, [&](const Sequence* member) { return member == sequence; }, nullptr);
  }
}

}  // namespace saccade::engine
