// What an Engine is made of, for those beside it that take it over.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/loaded_model.h"
#include "saccade/bench.h"

namespace saccade {

class Engine::Impl {
 public:
  explicit Impl(std::unique_ptr<engine::LoadedModel> model) : model_(std::move(model)) {}

  engine::LoadedModel& model() { return *model_; }
  std::unique_ptr<engine::LoadedModel> take_model() { return std::move(model_); }

  BenchReport bench(const BenchOptions& options, BenchListener* listener);
  /// `forced`: the answer of a single request, where it is given.
  std::vector<Result> generate(std::span<const Request> requests, Listener* listener,
                               std::span<const std::int32_t> forced = {});
  Result score(Request request, std::span<const std::int32_t> tokens, Listener* listener);

 private:
  std::unique_ptr<engine::Sequence> make_sequence(const Request& request,
                                                  std::span<const std::int32_t> forced,
                                                  Listener* listener);
  void show_pictures(const engine::Sequence& sequence, Listener& listener);
  void run(std::vector<std::unique_ptr<engine::Sequence>>& sequences, Listener* listener);
  void fill_timings(Result& result, engine::Clock::time_point begin,
                    engine::Clock::time_point start, engine::Clock::time_point first) const;

  std::unique_ptr<engine::LoadedModel> model_;
};

}  // namespace saccade
