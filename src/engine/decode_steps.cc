#include "engine/decode_steps.h"

#include <algorithm>

namespace saccade::engine {

DecodeSteps::DecodeSteps(models::Model& model, compute::Device& device, KvPool& pool,
                         compute::SamplerSlots& samplers)
    : model_(model), device_(device), pool_(pool), samplers_(samplers) {}

bool DecodeSteps::can_follow(std::span<Sequence* const> members) const {
  if (!launched_.empty() && !std::ranges::equal(launched_.back().members, members)) return false;
  return std::ranges::all_of(
      members, [&](const Sequence* sequence) { return sequence->remaining() > pending(); });
}

DecodeSteps::Buffers& DecodeSteps::buffers_for(std::int64_t rows, int axes) {
  const auto found = buffers_.find(rows);
  if (found != buffers_.end()) return found->second;
  Buffers buffers;
  buffers.inputs.token_ids = device_.empty(DType::kI32, {rows});
  buffers.inputs.positions = device_.empty(DType::kI32, {axes, rows});
  buffers.inputs.spans = device_.make_span_table(rows, pool_.num_pages());
  buffers.slots = device_.empty(DType::kI32, {rows});
  buffers.recording = device_.make_recording();
  return buffers_.emplace(rows, std::move(buffers)).first->second;
}

void DecodeSteps::fill_members(Buffers& buffers, std::span<Sequence* const> members,
                               std::int64_t rows) {
  std::vector<std::int32_t> tokens(rows, 0);
  std::vector<std::int32_t> slots(rows, -1);
  for (std::size_t i = 0; i < members.size(); ++i) {
    tokens[i] = members[i]->token(members[i]->known() - 1);
    slots[i] = members[i]->slot;
  }
  device_.upload(buffers.inputs.token_ids, tokens.data());
  device_.upload(buffers.slots, slots.data());
}

void DecodeSteps::fill(Buffers& buffers, std::span<Sequence* const> members, std::int64_t rows) {
  const int axes = members[0]->prompt().axes;
  std::vector<std::int32_t> positions(axes * rows, 0);
  std::vector<compute::SequenceSpan> spans;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::int64_t index = members[i]->known() - 1 + pending();
    for (int axis = 0; axis < axes; ++axis) {
      positions[axis * rows + static_cast<std::int64_t>(i)] = members[i]->position(axis, index);
    }
    spans.push_back({static_cast<std::int64_t>(i), 1, index, members[i]->pages()});
  }
  device_.upload(buffers.inputs.positions, positions.data());
  buffers.inputs.spans->assign(spans);
}

void DecodeSteps::launch(std::span<Sequence* const> members) {
  const std::int64_t rows = device_.padded_rows(static_cast<std::int64_t>(members.size()));
  Buffers& buffers = buffers_for(rows, members[0]->prompt().axes);
  // The tokens of a step that follows another are on the device already.
  if (launched_.empty()) fill_members(buffers, members, rows);
  fill(buffers, members, rows);
  device_.run(*buffers.recording, [&] {
    const Tensor logits = model_.forward(buffers.inputs, pool_.cache());
    device_.sample(buffers.inputs.token_ids, logits, samplers_, buffers.slots);
  });
  launched_.push_back(
      {{members.begin(), members.end()}, device_.read_back(buffers.inputs.token_ids), rows});
}

void DecodeSteps::collect() {
  Launched step = std::move(launched_.front());
  launched_.pop_front();
  std::vector<std::int32_t> tokens(step.rows);
  step.tokens->wait(tokens.data());
  for (std::size_t i = 0; i < step.members.size(); ++i) {
    Sequence* sequence = step.members[i];
    if (!sequence || sequence->finished()) continue;
    sequence->advance(1);
    sequence->accept(tokens[i]);
  }
}

void DecodeSteps::forget(const Sequence* sequence) {
  for (Launched& step : launched_) {
    std::ranges::replace_if(
        step.members, [&](const Sequence* member) { return member == sequence; }, nullptr);
  }
}

}  // namespace saccade::engine
