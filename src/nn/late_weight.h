// Weights that are packed when they are first needed.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "compute/weight.h"

namespace saccade::nn {

/// A packed matrix, or one that will be. Copies are the same matrix. Not thread-safe: it is packed
/// on the thread that runs the model.
class LateWeight {
 public:
  using Pack = std::function<std::shared_ptr<const compute::Weight>()>;

  LateWeight() = default;
  LateWeight(std::shared_ptr<const compute::Weight> weight)  // NOLINT: a packed one is one
      : state_(std::make_shared<State>(State{nullptr, std::move(weight)})) {}
  explicit LateWeight(Pack pack) : state_(std::make_shared<State>(State{std::move(pack), {}})) {}

  /// Packs the matrix if it is not; throws what that throws, and tries again the next time.
  const compute::Weight& operator*() const {
    if (!state_->weight) {
      state_->weight = state_->pack();
      state_->pack = nullptr;  // and with it the file, if nothing else wants it
    }
    return *state_->weight;
  }
  const compute::Weight* operator->() const { return &**this; }

 private:
  struct State {
    Pack pack;
    std::shared_ptr<const compute::Weight> weight;
  };
  std::shared_ptr<State> state_;
};

/// The weights of a model's towers while nobody has shown it a picture.
class DeferredWeights {
 public:
  void add(LateWeight weight, std::int64_t bytes) {
    weights_.push_back(std::move(weight));
    bytes_ += bytes;
  }
  /// Of the files' bytes, those that are still to be packed.
  std::int64_t bytes() const { return bytes_; }
  /// Packs all of them; `on_weight`, when given, is called before each with its index and their
  /// number.
  void load(const std::function<void(std::int64_t, std::int64_t)>& on_weight = {}) {
    const auto count = static_cast<std::int64_t>(weights_.size());
    for (std::int64_t i = 0; i < count; ++i) {
      if (on_weight) on_weight(i, count);
      *weights_[i];
    }
    weights_.clear();
    bytes_ = 0;
  }

 private:
  std::vector<LateWeight> weights_;
  std::int64_t bytes_ = 0;
};

}  // namespace saccade::nn
