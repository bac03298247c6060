// A model that answers, with what the routes ask about it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "saccade/service.h"
#include "saccade/tokenizer.h"
#include "server/answer_syntax.h"
#include "server/metrics.h"
#include "server/model_pool.h"
#include "server/options.h"

namespace saccade::server {

/// A model as a server is told to have it.
struct ModelSetup {
  std::string model;       ///< what Engine::load takes
  std::string name;        ///< how requests call it
  EngineOptions engine;    ///< with its share of the memory
  ModelInfo info;          ///< what its files say
  std::int64_t bytes = 0;  ///< that it takes while it is loaded
};

/// What is there once a model is loaded.
class LoadedModel : public HostedModel {
 public:
  LoadedModel(Engine engine, const ServiceOptions& options, const ModelSetup& setup,
              Metrics& all_metrics);
  void drain(std::int64_t limit_ms) override { service.drain(limit_ms); }

  const ModelSetup& about;
  ModelMetrics& metrics;
  const DeviceInfo device;
  const Tokenizer tokenizer;
  const AnswerTemplate answers;
  // Last, so that it ends first: its requests use the others.
  Service service;
};

/// Loads a model. `on_progress` hears from 0 to 1 how far that is, and may throw. Throws Error.
std::unique_ptr<LoadedModel> load_model(const ModelSetup& about, const ServiceOptions& options,
                                        Metrics& metrics,
                                        const std::function<void(double)>& on_progress);

}  // namespace saccade::server
