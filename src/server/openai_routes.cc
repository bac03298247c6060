// OpenAI's routes.
#include <boost/json.hpp>

#include "server/api.h"
#include "server/openai_chat.h"
#include "server/openai_completions.h"
#include "server/openai_embeddings.h"
#include "server/openai_responses.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

json::object model_object(const Backend& backend) {
  json::object object = {{"id", backend.model_name},
                         {"object", "model"},
                         {"created", backend.started},
                         {"owned_by", "saccade"}};
  if (const LoadedModel* model = backend.host->find()) {
    object["max_model_len"] = model->service.info().context_length;
  }
  return object;
}

}  // namespace

void add_openai_routes(Router& router, Backend& backend) {
  router.add({"POST", "/v1/chat/completions", Access::kKey, Dialect::kOpenAi,
              "OpenAI chat completions with pictures; streams",
              generating(backend, read_chat_completion)});
  router.add({"POST", "/v1/completions", Access::kKey, Dialect::kOpenAi,
              "OpenAI completions of plain text; streams", generating(backend, read_completion)});
  router.add({"POST", "/v1/responses", Access::kKey, Dialect::kOpenAi,
              "OpenAI responses with pictures and tools, without stored state; streams",
              generating(backend, read_response)});
  router.add({"POST", "/v1/embeddings", Access::kKey, Dialect::kOpenAi,
              "OpenAI embeddings of texts, of tokens, and of pictures",
              generating(backend, read_embeddings)});
  router.add({"GET", "/v1/models", Access::kKey, Dialect::kOpenAi, "The model, as a list of one",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                const json::object list = {{"object", "list"},
                                           {"data", json::array{model_object(backend)}}};
                reply->send({200, json::serialize(list)});
              }});
  router.add({"GET", "/v1/models/{model}", Access::kKey, Dialect::kOpenAi, "The model by its name",
              [&backend](const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
                if (request.parameter != backend.model_name) {
                  throw ApiError(
                      404, fmt::format("this server has the model \"{}\"", backend.model_name),
                      "model", "model_not_found");
                }
                reply->send({200, json::serialize(model_object(backend))});
              }});
}

}  // namespace saccade::server
