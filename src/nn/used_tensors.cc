#include "nn/used_tensors.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::nn {
namespace {

/// Whether a tensor is computed, kept or scaled by training and by other programs, and of no use
/// here whatever the model.
bool is_buffer(std::string_view name) {
  static constexpr std::string_view kSuffixes[] = {
      ".inv_freq",             // rotary frequencies, which follow from config.json
      "position_ids",          // 0, 1, 2 ...: transformers before 4.31 saved them
      ".num_batches_tracked",  // PyTorch's counter beside the averages of a batch norm
      ".k_scale",              // of key-value caches in 8 bits: ours keeps floats
      ".v_scale",
      ".kv_scale",
  };
  return std::ranges::any_of(kSuffixes,
                             [&](std::string_view suffix) { return name.ends_with(suffix); });
}

/// Whether a tensor is a bias that adds nothing: GPTQ's tools write one for every map, those of
/// architectures without biases too.
bool is_zero_bias(const checkpoint::Checkpoint& checkpoint, const std::string& name) {
  if (!name.ends_with(".bias") || checkpoint.info(name).shape.rank() != 1) return false;
  const HostTensor bias = checkpoint.tensor(name);
  return std::all_of(bias.data, bias.data + bias.bytes(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

bool UsedTensors::accounts_for(const checkpoint::Checkpoint& checkpoint,
                               const std::string& name) const {
  return names_.contains(name) || is_buffer(name) ||
         std::ranges::any_of(left_out_,
                             [&](const std::string& prefix) { return name.starts_with(prefix); }) ||
         is_zero_bias(checkpoint, name);
}

void UsedTensors::expect_all_of(const checkpoint::Checkpoint& checkpoint) const {
  std::vector<std::string> others;
  for (const auto& [name, info] : checkpoint.tensors()) {
    if (!accounts_for(checkpoint, name)) others.push_back(name);
  }
  if (others.empty()) return;
  const std::size_t more = others.size() - 1;
  fail(
      "{}: tensor {} {}{} in the weights: config.json implies none of that name; check that both "
      "are of the same model",
      checkpoint.where(), others[0], checkpoint.info(others[0]).shape.text(),
      more > 0 ? fmt::format(" and {} more are", more) : " is");
}

}  // namespace saccade::nn
