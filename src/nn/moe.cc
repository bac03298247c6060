#include "nn/moe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace saccade::nn {
namespace {

/// In double, so that it does not depend on the C library's float functions.
float sigmoid(float x) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(x))));
}

}  // namespace

std::vector<ExpertShare> choose_experts(std::span<const float> logits, int count, bool normalize) {
  // A NaN, from damaged weights, counts as the smallest, so that there is an order.
  const auto key = [&](int expert) {
    return std::isnan(logits[expert]) ? -INFINITY : logits[expert];
  };
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](int a, int b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  const double largest = logits[order[0]];
  // In double, so that shares do not depend on the C library's float functions.
  const auto weight = [&](int expert) {
    return std::exp(static_cast<double>(logits[expert]) - largest);
  };
  double total = 0.0;
  if (normalize) {
    for (int i = 0; i < count; ++i) total += weight(order[i]);
  } else {
    for (std::size_t i = 0; i < logits.size(); ++i) total += weight(static_cast<int>(i));
  }
  std::sort(order.begin(), order.begin() + count);
  std::vector<ExpertShare> chosen;
  for (int i = 0; i < count; ++i) {
    chosen.push_back({order[i], static_cast<float>(weight(order[i]) / total)});
  }
  return chosen;
}

MixtureOfExperts MixtureOfExperts::load(WeightLoader& weights, const std::string& name,
                                        std::int64_t hidden_size, const MoeConfig& config,
                                        compute::Activation activation) {
  MixtureOfExperts moe;
  moe.config_ = config;
  std::vector<std::string> routers = {name + ".gate"};
  std::vector<std::int64_t> outputs = {config.num_experts};
  if (config.shared_gate) {
    routers.push_back(name + ".shared_expert_gate");
    outputs.push_back(1);
  }
  moe.router_ = Linear::load_stacked(weights, routers, outputs, hidden_size, false);
  moe.load_experts(weights, name, hidden_size, activation);
  if (config.shared_intermediate_size > 0) {
    const char* shared = config.shared_gate ? ".shared_expert" : ".shared_experts";
    moe.experts_.push_back(GatedMlp::load(weights, name + shared, hidden_size,
                                          config.shared_intermediate_size, false, activation));
  }
  return moe;
}

MixtureOfExperts MixtureOfExperts::load_with_router(WeightLoader& weights, const std::string& name,
                                                    std::int64_t hidden_size,
                                                    const MoeConfig& config,
                                                    compute::Activation activation, float eps) {
  Device& device = weights.device();
  const std::string router = name + ".router";
  MixtureOfExperts moe;
  moe.config_ = config;
  moe.router_norm_ = {weights.vector(router + ".scale", hidden_size), eps};
  std::vector<float> factors(hidden_size);
  device.download(factors.data(), moe.router_norm_->weight);
  for (float& factor : factors) factor /= std::sqrt(static_cast<float>(hidden_size));
  device.upload(moe.router_norm_->weight, factors.data());
  moe.router_ = Linear::load(weights, router + ".proj", config.num_experts, hidden_size, false);
  moe.share_factors_.resize(config.num_experts);
  device.download(moe.share_factors_.data(),
                  weights.vector(router + ".per_expert_scale", config.num_experts));
  moe.load_experts(weights, name, hidden_size, activation);
  return moe;
}

void MixtureOfExperts::load_experts(WeightLoader& weights, const std::string& name,
                                    std::int64_t hidden_size, compute::Activation activation) {
  const std::string fused = name + ".experts.gate_up_proj";
  if (weights.has(fused)) {
    const std::int64_t inner = config_.intermediate_size;
    auto gate_up =
        weights.experts(fused, config_.num_experts, 2 * inner, hidden_size, {.gated = true});
    auto down =
        weights.experts(name + ".experts.down_proj", config_.num_experts, hidden_size, inner);
    for (int i = 0; i < config_.num_experts; ++i) {
      experts_.push_back({{std::move(gate_up[i]), {}}, {std::move(down[i]), {}}, activation});
    }
    return;
  }
  for (int i = 0; i < config_.num_experts; ++i) {
    experts_.push_back(GatedMlp::load(weights, fmt::format("{}.experts.{}", name, i), hidden_size,
                                      config_.intermediate_size, false, activation));
  }
}

std::vector<MixtureOfExperts::Assignment> MixtureOfExperts::route(Device& device,
                                                                  const Tensor& x) const {
  const std::int64_t experts = config_.num_experts;
  const std::int64_t outputs = experts + (config_.shared_gate ? 1 : 0);
  std::vector<float> logits(x.rows() * outputs);
  const Tensor on_device = device.empty(DType::kF32, {x.rows(), outputs});
  compute::LinearOptions options;
  options.precise = true;
  device.linear(on_device, router_norm_ ? router_norm_->forward_f32(device, x) : x.view(),
                *router_.weight, options);
  device.download(logits.data(), on_device);
  std::vector<Assignment> assignments(experts_.size());
  for (std::int64_t row = 0; row < x.rows(); ++row) {
    const std::span<const float> of_row(&logits[row * outputs], experts);
    for (const auto& [expert, share] :
         choose_experts(of_row, config_.experts_per_token, config_.normalize)) {
      assignments[expert].rows.push_back(static_cast<std::int32_t>(row));
      const float factor = share_factors_.empty() ? config_.share_scale : share_factors_[expert];
      assignments[expert].shares.push_back(share * factor);
    }
    if (config_.shared_intermediate_size == 0) continue;
    assignments[experts].rows.push_back(static_cast<std::int32_t>(row));
    assignments[experts].shares.push_back(
        config_.shared_gate ? sigmoid(logits[row * outputs + experts]) : 1.0f);
  }
  return assignments;
}

Tensor MixtureOfExperts::forward(Device& device, const Tensor& x, const Tensor& routed) const {
  Tensor y = device.empty(DType::kF32, x.shape());
  device.upload(y, std::vector<float>(x.shape().elements(), 0.0f).data());
  const std::vector<Assignment> assignments = route(device, routed);
  for (std::size_t i = 0; i < experts_.size(); ++i) {
    const auto& [rows, shares] = assignments[i];
    if (rows.empty()) continue;
    Tensor given = device.activations({static_cast<std::int64_t>(rows.size()), x.size(1)});
    device.gather(given, x, rows);
    device.scatter_add(y, experts_[i].forward_f32(device, given), rows, shares);
  }
  return y;
}

}  // namespace saccade::nn
