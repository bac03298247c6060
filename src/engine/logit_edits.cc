#include "engine/logit_edits.h"

#include <cmath>

#include "base/error.h"

namespace saccade::engine {
namespace {

// More would say what a vocabulary says.
constexpr double kMaxPenalty = 1e4;

double penalty(const std::optional<double>& value, std::string_view name) {
  const double given = value.value_or(0.0);
  if (!(std::abs(given) <= kMaxPenalty)) {
    fail_usage("{}: wanted a number from {} to {}, found {}", name, -kMaxPenalty, kMaxPenalty,
               given);
  }
  return given;
}

}  // namespace

LogitEdits::LogitEdits(const Sampling& sampling, std::int64_t vocab_size)
    : presence_(penalty(sampling.presence_penalty, "presence-penalty")),
      frequency_(penalty(sampling.frequency_penalty, "frequency-penalty")) {
  for (const auto& [id, bias] : sampling.logit_bias) {
    if (id < 0 || id >= vocab_size) {
      fail_usage("logit-bias: wanted a token from 0 to {}, found {}", vocab_size - 1, id);
    }
    if (!std::isfinite(bias)) fail_usage("logit-bias of token {}: wanted a finite number", id);
    bias_[id] += bias;
  }
}

void LogitEdits::note(std::int32_t id) {
  if (presence_ != 0.0 || frequency_ != 0.0) ++counts_[id];
}

void LogitEdits::collect(Batch& batch, std::int64_t row, std::int64_t vocab_size) const {
  const auto add = [&](std::int32_t id, double value) {
    batch.places.push_back(static_cast<std::int32_t>(row * vocab_size + id));
    batch.values.push_back(static_cast<float>(value));
  };
  for (const auto& [id, count] : counts_) {
    const auto bias = bias_.find(id);
    add(id, (bias == bias_.end() ? 0.0 : bias->second) - presence_ -
                frequency_ * static_cast<double>(count));
  }
  for (const auto& [id, bias] : bias_) {
    if (!counts_.contains(id)) add(id, bias);
  }
}

void apply_edits(compute::Device& device, const Tensor& logits, const LogitEdits::Batch& batch) {
  const auto count = static_cast<std::int64_t>(batch.places.size());
  if (count == 0) return;
  const Tensor values = device.empty(DType::kF32, {count, 1});
  device.upload(values, batch.values.data());
  // Logits as so many rows of one column.
  device.scatter_add(logits.view_as({logits.shape().elements(), 1}), values, batch.places,
                     std::vector<float>(batch.places.size(), 1.0f));
}

}  // namespace saccade::engine
