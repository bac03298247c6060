// What the tests of requests share: reading them for the model that comes with Saccade.
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <string>

#include "server/answer_syntax.h"
#include "server/generation.h"
#include "server/request_fields.h"
#include "temporary_directory.h"

namespace saccade::server {

/// Requests of one API. Without use_template nothing is told from answers.
class RequestTest : public testing::Test {
 protected:
  using Read = std::function<Generation(const boost::json::value& body, const ApiContext& context)>;
  explicit RequestTest(Read read) : read_(std::move(read)) {}

  /// A request with these fields.
  Generation read(const std::string& fields) const {
    return read_(parse_body("{" + fields + "}"), context());
  }
  /// "400 field: message", or "no error".
  std::string error_of(const std::string& fields) const {
    try {
      read(fields);
    } catch (const ApiError& error) {
      return fmt::format("{} {}: {}", error.status(), error.param(), error.what());
    }
    return "no error";
  }
  ApiContext context() const {
    return {options_, "glance", 4096, tokenizer_, answers_ ? &*answers_ : nullptr};
  }

  void use_template(const std::string& text) {
    const TemporaryDirectory directory;
    read_template(directory.write("chat_template.jinja", text).string());
  }
  void read_template(const std::string& path) {
    answers_.emplace(ChatTemplate::read(path), tokenizer_);
  }

  const Read read_;
  ServeOptions options_;
  const Tokenizer tokenizer_ = Tokenizer::load(SACCADE_SOURCE_DIR "/assets/glance");
  std::optional<AnswerTemplate> answers_;
};

/// The names of a stream's events, in their order.
inline std::vector<std::string> event_names(const std::string& stream) {
  std::vector<std::string> names;
  for (std::size_t at = 0; (at = stream.find("event: ", at)) != std::string::npos;) {
    const std::size_t end = stream.find('\n', at);
    names.push_back(stream.substr(at + 7, end - at - 7));
    at = end;
  }
  return names;
}

}  // namespace saccade::server
