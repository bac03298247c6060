// What the server measures, for Prometheus.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "saccade/request.h"
#include "saccade/service.h"

namespace saccade::server {

/// What is measured of the answers of one model. Any thread may call.
class ModelMetrics {
 public:
  virtual ~ModelMetrics() = default;
  /// An answer is complete.
  virtual void add_answer(const Result& result) = 0;
  /// The time between two pieces of an answer.
  virtual void add_gap(double seconds) = 0;
};

/// A model at the moment at which the measurements are asked for.
struct MeasuredModel {
  std::string name;
  std::optional<ServiceStatus> status;  ///< while it is loaded
};

/// Counters and histograms. Any thread may call.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// An HTTP request is over. `route` is the pattern of its route, or "" where there is none.
  void add_http_request(const std::string& route, int status);
  /// Those of the model with that name, also while it is not loaded.
  ModelMetrics& of(const std::string& model);

  /// Everything in Prometheus' text format; `ready`: requests are taken.
  std::string text(bool ready, std::span<const MeasuredModel> models) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace saccade::server
