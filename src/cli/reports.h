// What inspect, devices and tokens print, as text for people and as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "saccade/engine.h"

namespace saccade::cli {

std::string inspect_text(const ModelInfo& info);
boost::json::object inspect_json(const ModelInfo& info);

std::string devices_text(const std::vector<DeviceInfo>& devices);
boost::json::object devices_json(const std::vector<DeviceInfo>& devices);
boost::json::object device_json(const DeviceInfo& device);
/// Whether a device is the processor, and not a GPU.
bool is_processor(const DeviceInfo& device);
/// "avx512, 2 threads"; "compute capability 9.0, 132 multiprocessors".
std::string device_powers(const DeviceInfo& device);

/// What a trial run showed.
struct Measurement {
  DeviceInfo device;
  Usage usage;
  Timings timings;
};

/// The tokens of a request and, if it was tried, its cost.
struct TokenReport {
  TokenMath math;
  std::int64_t max_tokens = 0;  ///< of the answer
  std::optional<Measurement> measurement;

  /// Tokens of the longest answer that max_tokens and the context allow.
  std::int64_t answer_tokens() const;
  /// Milliseconds from the request to the end of the longest answer; only with a measurement.
  double predicted_ms() const;
};

std::string tokens_text(const TokenReport& report);
boost::json::object tokens_json(const TokenReport& report);

}  // namespace saccade::cli
