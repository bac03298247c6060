// The fields that the requests of several APIs share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "saccade/request.h"
#include "saccade/tokenizer.h"
#include "server/answer_syntax.h"
#include "server/fields.h"
#include "server/options.h"
#include "server/remote_picture.h"

namespace saccade::server {

/// What a request is read against.
struct ApiContext {
  const ServeOptions& options;
  std::string model_name;                   ///< how requests call the model
  std::int64_t context_length = 0;          ///< in tokens
  const Tokenizer& tokenizer;               ///< the model's
  const AnswerTemplate* answers = nullptr;  ///< the model's; null: nothing is told from answers
  std::int64_t embedding_size = 0;          ///< numbers of an embedding
  /// Gets the pictures that are to be fetched; their ImageBytes are empty until then. Null: none
  /// are.
  std::vector<RemotePicture>* remote_pictures = nullptr;
};

/// Checks "model", which may be missing. Throws ApiError (404) for another one than the server's.
void read_model(Fields& fields, const ApiContext& context);
/// Throws ApiError (404) unless `name` is the server's model.
void check_model_name(const std::string& name, const ApiContext& context);

/// temperature, top_p, top_k, min_p, penalties, logit_bias, seed and ignore_eos.
void read_sampling(Fields& fields, const ApiContext& context, Request& request);
/// A text or a list of texts that end the answer.
void read_stop(Fields& fields, std::string_view name, Request& request);
/// The longest answer under the first of `names` that is there; `otherwise` without.
void read_max_tokens(Fields& fields, std::initializer_list<std::string_view> names,
                     std::int64_t otherwise, const ApiContext& context, Request& request);
/// min_pixels and max_pixels: the budget of each picture.
void read_pixel_budget(Fields& fields, Request& request);
/// chat_template_kwargs: variables of the chat template.
void read_template_variables(Fields& fields, Request& request);

/// OpenAI's stream_options: whether a stream ends with what it took.
bool read_include_usage(Fields& fields, bool stream);

/// `count` requests like this one that differ in their seeds, if it has one.
std::vector<Request> choices_of(const Request& request, std::int64_t count);

/// "stop" or "length", as OpenAI's APIs call them.
std::string_view finish_reason_name(FinishReason reason);

/// Seconds since 1970.
std::int64_t unix_time();

/// Parses a request's body. Throws ApiError (400), also for a key that is there twice: which of its
/// values was meant nobody knows.
boost::json::value parse_body(const std::string& body);

}  // namespace saccade::server
