// The list of models, and loading and unloading them.
#include <boost/json.hpp>

#include "server/api.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// OpenAI's model object, and what a client may want to know before it asks for an answer.
json::object model_object(const Backend& backend, std::size_t number) {
  const ModelSetup& model = backend.models[number];
  const PooledStatus status = backend.pool->status(number);
  json::object object = {{"id", model.name},
                         {"object", "model"},
                         {"created", backend.started},
                         {"owned_by", "saccade"},
                         {"max_model_len", model.info.context_length},
                         {"state", state_name(status.state)}};
  if (status.state == ModelState::kFailed) object["reason"] = status.reason;
  return object;
}

json::object list_models(const Backend& backend) {
  json::array data;
  for (std::size_t i = 0; i < backend.models.size(); ++i) data.push_back(model_object(backend, i));
  return {{"object", "list"}, {"data", std::move(data)}};
}

/// The model that an admin names.
std::size_t read_model_name(const Backend& backend, const HttpRequest& http) {
  const json::value body = parse_body(http.body);
  Fields fields(body, "", backend.options.lenient);
  const std::string name = fields.need_text("model");
  fields.done();
  return backend.find_model(name);
}

void load_model(Backend& backend, const HttpRequest& http, const std::shared_ptr<Reply>& reply) {
  const std::size_t model = read_model_name(backend, http);
  with_model(backend, {http.id, reply, Dialect::kOpenAi}, model, true,
             [&backend, reply, model](const std::shared_ptr<LoadedModel>&) {
               reply->send({200, json::serialize(model_object(backend, model))});
             });
}

void unload_model(Backend& backend, const HttpRequest& http, const std::shared_ptr<Reply>& reply) {
  const std::size_t model = read_model_name(backend, http);
  answer_in_background(backend, {http.id, reply, Dialect::kOpenAi}, [&backend, model] {
    backend.pool->unload(model);
    return json::serialize(model_object(backend, model));
  });
}

}  // namespace

void add_model_routes(Router& router, Backend& backend) {
  router.add({"GET", "/v1/models", Access::kKey, Dialect::kOpenAi,
              "The models, with `state`: loaded, unloaded, loading, unloading or failed",
              [&backend](const HttpRequest&, const std::shared_ptr<Reply>& reply) {
                reply->send({200, json::serialize(list_models(backend))});
              }});
  router.add({"GET", "/v1/models/{model}", Access::kKey, Dialect::kOpenAi, "A model by its name",
              [&backend](const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
                const std::size_t model = backend.find_model(request.parameter);
                reply->send({200, json::serialize(model_object(backend, model))});
              }});
  router.add({"POST", "/v1/admin/models/load", Access::kAdmin, Dialect::kOpenAi,
              "Loads `model`, also after it failed, and answers when it is there",
              [&backend](const HttpRequest& http, const std::shared_ptr<Reply>& reply) {
                load_model(backend, http, reply);
              }});
  router.add({"POST", "/v1/admin/models/unload", Access::kAdmin, Dialect::kOpenAi,
              "Unloads `model`; 409 while requests use it",
              [&backend](const HttpRequest& http, const std::shared_ptr<Reply>& reply) {
                unload_model(backend, http, reply);
              }});
}

}  // namespace saccade::server
