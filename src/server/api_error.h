// What went wrong with a request, and how each API says it.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "saccade/error.h"
#include "server/http.h"

namespace saccade::server {

/// Whose shapes an answer has.
enum class Dialect { kOpenAi, kAnthropic };

/// A request that is answered with an error.
class ApiError : public std::runtime_error {
 public:
  /// `status` of HTTP; `param` is the field that is wrong, such as "messages[0].role"; `code` a
  /// word for programs, such as "model_not_found". Both may be empty.
  ApiError(int status, const std::string& message, std::string param = {}, std::string code = {})
      : std::runtime_error(message),
        status_(status),
        param_(std::move(param)),
        code_(std::move(code)) {}

  int status() const { return status_; }
  const std::string& param() const { return param_; }
  const std::string& code() const { return code_; }
  /// Seconds after which to ask again.
  std::optional<int> retry_after() const { return retry_after_; }
  void set_retry_after(int seconds) { retry_after_ = seconds; }

 private:
  int status_;
  std::string param_;
  std::string code_;
  std::optional<int> retry_after_;
};

/// Throws an ApiError with status 400 about a field.
template <typename... Args>
[[noreturn]] void refuse_field(const std::string& param, fmt::format_string<Args...> format,
                               Args&&... args) {
  throw ApiError(400, fmt::format(format, std::forward<Args>(args)...), param);
}

/// An error of the engine about a request: 400 for values that make no sense, 422 for content that
/// cannot be processed, such as a broken picture.
ApiError api_error(const Error& error);

/// Nobody can answer just now; come again after `seconds`.
ApiError unavailable(const std::string& message, int seconds);

/// The error object in the shape of an API, as JSON text.
std::string error_json(Dialect dialect, const ApiError& error, const std::string& request_id);

HttpResponse error_response(Dialect dialect, const ApiError& error, const std::string& request_id);

}  // namespace saccade::server
