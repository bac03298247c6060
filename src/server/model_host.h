// The model of a server: loaded beside the open socket, asked, and drained.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "saccade/service.h"
#include "saccade/tokenizer.h"
#include "server/answer_syntax.h"
#include "server/options.h"

namespace saccade::server {

/// What is there once a model is loaded.
struct LoadedModel {
  Service service;
  Tokenizer tokenizer;
  DeviceInfo device;
  AnswerTemplate answers;
};

enum class Phase { kLoading, kReady, kDraining, kFailed };

struct HostState {
  Phase phase = Phase::kLoading;
  double progress = 0.0;  ///< of loading, 0 to 1
  std::string reason;     ///< why it failed
};

class ModelHost {
 public:
  /// Begins to load on a thread of its own. `loaded` is called there at the end, with the reason if
  /// it failed, or an empty text.
  ModelHost(const ServeOptions& options, std::function<void(const std::string& reason)> loaded);
  /// Ends loading, and cancels what runs.
  ~ModelHost();
  ModelHost(const ModelHost&) = delete;
  ModelHost& operator=(const ModelHost&) = delete;

  HostState state() const;
  /// The model, also while it is drained; null while there is none.
  LoadedModel* find() const;
  /// The model. Throws ApiError (503) unless it takes requests.
  LoadedModel& need() const;

  /// Takes no more requests, and waits up to `limit_ms` for those there are; then they end.
  void drain(std::int64_t limit_ms);

 private:
  class Progress;
  void load();

  const ServeOptions& options_;
  std::function<void(const std::string&)> loaded_;
  std::atomic<double> progress_ = 0.0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::unique_ptr<LoadedModel> model_;  // set once, under mutex_
  std::optional<std::string> failure_;  // likewise
  std::thread thread_;
};

}  // namespace saccade::server
