#include "server/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace saccade::server {
namespace {

// Of memory that is free, and that nobody gave a budget for, models leave others a fifth.
constexpr double kShareOfFree = 0.8;

std::int64_t mebibytes(std::int64_t bytes) {
  return (bytes + (1 << 20) - 1) >> 20;
}

class Planner {
 public:
  Planner(std::span<const PlannedModel> models, const ServeOptions& options)
      : models_(models), options_(options), shares_(models.size()) {}

  std::vector<MemoryShare> plan(std::int64_t available_bytes) {
    const std::optional<std::int64_t> budget = options_.memory_budget;
    std::int64_t fixed = 0, least = 0;
    for (const PlannedModel& model : models_) {
      fixed += fixed_bytes(model);
      least += least_kv(model);
    }
    if (!budget && models_.size() == 1) {
      shares_[0] = {std::nullopt, fixed};
      return shares_;
    }
    std::int64_t rest = budget.value_or(available_bytes) - fixed;
    if (!budget) rest = static_cast<std::int64_t>(kShareOfFree * static_cast<double>(rest));
    if (rest >= least) {
      divide(rest);
    } else if (budget) {
      take_turns(*budget);
    } else {
      fail(
          "the models need {} MiB of memory together, {} MiB are free; take fewer or smaller ones, "
          "or let them take turns with --memory-budget SIZE",
          mebibytes(fixed + least), available_bytes >> 20);
    }
    for (std::size_t i = 0; i < models_.size(); ++i) {
      shares_[i].bytes = fixed_bytes(models_[i]) + *shares_[i].kv_bytes;
    }
    return shares_;
  }

 private:
  /// What does not depend on how many sequences there is room for.
  std::int64_t fixed_bytes(const PlannedModel& model) const {
    return model.needs.weights + model.needs.working + options_.engine.vision_cache_bytes;
  }
  std::int64_t least_kv(const PlannedModel& model) const {
    if (options_.engine.kv_memory_bytes) return most_kv(model);
    return std::min(model.needs.least_sequences, model.needs.most_sequences);
  }
  std::int64_t most_kv(const PlannedModel& model) const {
    return std::min(options_.engine.kv_memory_bytes.value_or(model.needs.most_sequences),
                    model.needs.most_sequences);
  }

  /// Even parts of `rest`; what one model has no use for goes to the others, and none gets less
  /// than it needs.
  void divide(std::int64_t rest) {
    std::vector<std::size_t> order(models_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i : order) {
      shares_[i].kv_bytes = least_kv(models_[i]);
      rest -= least_kv(models_[i]);
    }
    const auto more = [&](std::size_t i) { return most_kv(models_[i]) - least_kv(models_[i]); };
    std::ranges::stable_sort(order, {}, more);
    auto left = static_cast<std::int64_t>(order.size());
    for (std::size_t i : order) {
      const std::int64_t part = std::min(more(i), rest / left--);
      *shares_[i].kv_bytes += part;
      rest -= part;
    }
  }

  void take_turns(std::int64_t budget) {
    for (std::size_t i = 0; i < models_.size(); ++i) {
      const PlannedModel& model = models_[i];
      const std::int64_t rest = budget - fixed_bytes(model);
      if (rest < least_kv(model)) {
        fail(
            "--memory-budget: {} needs {} MiB (weights {}, pictures {}, keys and values at least "
            "{}, working memory {}), found a budget of {} MiB; give more, or a smaller "
            "--vision-cache or --kv-memory",
            model.name, mebibytes(fixed_bytes(model) + least_kv(model)),
            mebibytes(model.needs.weights), mebibytes(options_.engine.vision_cache_bytes),
            mebibytes(least_kv(model)), mebibytes(model.needs.working), budget >> 20);
      }
      shares_[i].kv_bytes = std::clamp(rest / 2, least_kv(model), most_kv(model));
    }
  }

  std::span<const PlannedModel> models_;
  const ServeOptions& options_;
  std::vector<MemoryShare> shares_;
};

}  // namespace

std::vector<MemoryShare> plan_memory(std::span<const PlannedModel> models,
                                     const ServeOptions& options, std::int64_t available_bytes) {
  return Planner(models, options).plan(available_bytes);
}

}  // namespace saccade::server
