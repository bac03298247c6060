// Having answers made and sent: between a service, which says what becomes of each answer, and the
// shape in which an API tells it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "saccade/request.h"
#include "server/api_error.h"
#include "server/http.h"
#include "server/loaded_model.h"

namespace saccade::server {

/// The shape of an API's answers. Calls come one at a time. What stream functions return is sent
/// as it is, and may be empty.
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;
  virtual Dialect dialect() const = 0;
  /// Everything at once, as JSON.
  virtual std::string whole(std::span<const Result> results) = 0;
  /// A stream: the prompt of a choice has been read.
  virtual std::string stream_prompt(int choice, const Usage& usage) = 0;
  virtual std::string stream_piece(int choice, const std::string& text,
                                   std::span<const GeneratedLogprob> logprobs) = 0;
  virtual std::string stream_choice_end(int choice, const Result& result) = 0;
  virtual std::string stream_end(std::span<const Result> results) = 0;
  /// In place of all that would follow.
  virtual std::string stream_error(const ApiError& error) = 0;
};

/// What a request for answers comes down to.
struct Generation {
  std::vector<Request> requests;  ///< one for each choice
  bool stream = false;
  std::unique_ptr<AnswerFormat> format;
};

/// Has the answers made and sent to `reply`; ends them when the client goes away. The model is used
/// until the last one has ended. Throws ApiError when they cannot be had now: nothing has been
/// answered then.
void start_generation(const std::shared_ptr<LoadedModel>& model, Generation generation,
                      const std::string& request_id, const std::shared_ptr<Reply>& reply);

/// One server-sent event; without a name the client sees a plain message.
std::string server_sent_event(const std::string& data, const std::string& name = {});

}  // namespace saccade::server
