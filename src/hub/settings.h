// What a pull takes from its environment, and the numbers it works with.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace saccade::hub {

struct Tuning {
  /// Enough that one slow connection does not set the pace, few enough not to be a nuisance.
  int connections = 8;
  /// A request's round trip and redirect cost little beside it, and eight are in the air soon.
  std::int64_t piece_bytes = std::int64_t{32} << 20;
  /// Failures in a row, without gaining min_gain_bytes, after which a piece is given up.
  int max_attempts = 6;
  std::int64_t min_gain_bytes = std::int64_t{1} << 20;
  std::chrono::milliseconds first_retry{1000};  ///< doubles with each failure
  std::chrono::milliseconds max_retry{30'000};
  /// A server that asks for a longer wait is taken at its word: the pull ends.
  std::chrono::seconds max_retry_after{300};
  std::chrono::seconds connect_timeout{20};
  std::chrono::seconds stall_timeout{60};  ///< without a byte
};

struct Settings {
  std::string endpoint;  ///< without a slash at its end
  std::string token;     ///< empty: none
  std::filesystem::path cache;
  std::string certificates;  ///< file of those to trust; empty: the system's
  bool offline = false;
  Tuning tuning;
};

/// Reads HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, and what
/// names a file of certificates elsewhere: SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE.
/// Throws Error (usage) for an endpoint or a token that cannot be one.
Settings settings_from_environment();

}  // namespace saccade::hub
