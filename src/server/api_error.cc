#include "server/api_error.h"

#include <boost/json.hpp>

namespace saccade::server {
namespace json = boost::json;
namespace {

/// OpenAI's `type`.
std::string_view openai_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/// Anthropic's `type`.
std::string_view anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

ApiError api_error(const Error& error) {
  return ApiError(error.kind() == ErrorKind::kUsage ? 400 : 422, error.what());
}

ApiError unavailable(const std::string& message, int seconds) {
  ApiError error(503, message);
  error.set_retry_after(seconds);
  return error;
}

std::string error_json(Dialect dialect, const ApiError& error, const std::string& request_id) {
  if (dialect == Dialect::kAnthropic) {
    return json::serialize(json::object{
        {"type", "error"},
        {"error",
         json::object{{"type", anthropic_type(error.status())}, {"message", error.what()}}},
        {"request_id", request_id}});
  }
  return json::serialize(
      json::object{{"error", json::object{{"message", error.what()},
                                          {"type", openai_type(error.status())},
                                          {"param", text_or_null(error.param())},
                                          {"code", text_or_null(error.code())}}}});
}

HttpResponse error_response(Dialect dialect, const ApiError& error, const std::string& request_id) {
  HttpResponse response{error.status(), error_json(dialect, error, request_id)};
  if (error.retry_after()) {
    response.headers.emplace_back("Retry-After", std::to_string(*error.retry_after()));
  }
  // RFC 9110, 11.6.1: each 401 says how to do better.
  if (error.status() == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace saccade::server
