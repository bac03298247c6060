// The models in this process, each loaded once for all who ask it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "saccade/engine.h"
#include "saccade/service.h"

namespace saccade::photos {

/// Models that are loaded while somebody holds them. Threads may share it.
class LocalModels {
 public:
  /// The model with these options: the one that is loaded, or else a new one (others who want a
  /// model wait meanwhile, so that two are never loaded at a time). `on_warning` makes no
  /// difference between options; the first caller's is the one that hears. Throws Error.
  std::shared_ptr<Service> get(const std::string& model, const EngineOptions& options);

 private:
  struct Entry {
    std::string model;
    EngineOptions options;
    std::weak_ptr<Service> service;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_
};

}  // namespace saccade::photos
