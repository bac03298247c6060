// What the server measures, for Prometheus.
#pragma once

#include <memory>
#include <string>

#include "saccade/request.h"
#include "saccade/service.h"

namespace saccade::server {

/// Counters and histograms. Any thread may call.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// An HTTP request is over. `route` is the pattern of its route, or "" where there is none.
  void add_http_request(const std::string& route, int status);
  /// An answer is complete.
  void add_answer(const Result& result);
  /// The time between two pieces of an answer.
  void add_gap(double seconds);

  /// Everything in Prometheus' text format; `status` is null while there is no model.
  std::string text(const ServiceStatus* status) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace saccade::server
