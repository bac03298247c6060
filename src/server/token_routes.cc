// Text to tokens and back.
#include <boost/json.hpp>

#include "server/api.h"
#include "server/chat_messages.h"
#include "server/tool_use.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

json::object token_list(const std::vector<std::int32_t>& ids, const ApiContext& context) {
  return {{"tokens", json::array(ids.begin(), ids.end())},
          {"count", ids.size()},
          {"max_model_len", context.context_length}};
}

/// The tokens of a plain text, or of messages behind the chat template with their pictures.
void tokenize(Backend& backend, const HttpRequest& http, const std::shared_ptr<Reply>& reply) {
  LoadedModel& model = backend.host->need();
  ApiContext context = backend.context(model);
  std::vector<RemotePicture> pictures;
  context.remote_pictures = &pictures;
  const json::value body = parse_body(http.body);
  Fields fields(body, "", backend.options.lenient);
  read_model(fields, context);
  const auto prompt = fields.text("prompt");
  const bool has_messages = fields.find("messages") != nullptr;
  if (prompt.has_value() == has_messages) {
    refuse_field("prompt", "wanted either prompt, a text, or messages");
  }
  if (prompt) {
    const bool add_special = fields.boolean("add_special_tokens").value_or(true);
    fields.done();
    const auto ids = model.tokenizer.encode(*prompt, add_special);
    reply->send({200, json::serialize(token_list(ids, context))});
    return;
  }
  Request request;
  read_pixel_budget(fields, request);
  read_chat_messages(fields, context, request);
  read_chat_tools(fields, request);
  read_template_variables(fields, request);
  fields.done();
  count_in_background(backend, {http.id, reply, Dialect::kOpenAi}, model, std::move(request),
                      std::move(pictures), [context](const TokenMath& math) {
                        json::object answer = token_list(math.token_ids, context);
                        answer["image_tokens"] = math.image_tokens;
                        return json::serialize(answer);
                      });
}

void detokenize(Backend& backend, const HttpRequest& http, const std::shared_ptr<Reply>& reply) {
  LoadedModel& model = backend.host->need();
  const json::value body = parse_body(http.body);
  Fields fields(body, "", backend.options.lenient);
  read_model(fields, backend.context(model));
  fields.need("tokens");
  std::vector<std::int32_t> ids;
  for (const json::value& token : *fields.list("tokens")) {
    const std::int64_t vocab_size = model.tokenizer.vocab_size();
    const std::int64_t id = token.is_int64() ? token.get_int64() : -1;
    if (id < 0 || id >= vocab_size) {
      refuse_field("tokens", "tokens: wanted ids from 0 to {}, found {}", vocab_size - 1,
                   shown(token));
    }
    ids.push_back(static_cast<std::int32_t>(id));
  }
  fields.done();
  reply->send({200, json::serialize(json::object{{"prompt", model.tokenizer.decode(ids)}})});
}

}  // namespace

void add_token_routes(Router& router, Backend& backend) {
  router.add({"POST", "/tokenize", Access::kKey, Dialect::kOpenAi,
              "The token ids of a text, or of messages with their pictures",
              [&backend](const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
                tokenize(backend, request, reply);
              }});
  router.add({"POST", "/detokenize", Access::kKey, Dialect::kOpenAi, "The text of token ids",
              [&backend](const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
                detokenize(backend, request, reply);
              }});
}

}  // namespace saccade::server
