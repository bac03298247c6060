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
void tokenize(Backend& backend, const ModelCall& call) {
  Fields fields(call.body, "", backend.options.lenient);
  read_model(fields, call.context);
  const auto prompt = fields.text("prompt");
  const bool has_messages = fields.find("messages") != nullptr;
  if (prompt.has_value() == has_messages) {
    refuse_field("prompt", "wanted either prompt, a text, or messages");
  }
  if (prompt) {
    const bool add_special = fields.boolean("add_special_tokens").value_or(true);
    fields.done();
    const auto ids = call.model->tokenizer.encode(*prompt, add_special);
    call.asked.reply->send({200, json::serialize(token_list(ids, call.context))});
    return;
  }
  Request request;
  read_pixel_budget(fields, request);
  read_chat_messages(fields, call.context, request);
  read_chat_tools(fields, request);
  read_template_variables(fields, request);
  fields.done();
  count_in_background(backend, call, std::move(request),
                      [context = call.context](const TokenMath& math) {
                        json::object answer = token_list(math.token_ids, context);
                        answer["image_tokens"] = math.image_tokens;
                        return json::serialize(answer);
                      });
}

void detokenize(Backend& backend, const ModelCall& call) {
  Fields fields(call.body, "", backend.options.lenient);
  read_model(fields, call.context);
  fields.need("tokens");
  std::vector<std::int32_t> ids;
  for (const json::value& token : *fields.list("tokens")) {
    const std::int64_t vocab_size = call.model->tokenizer.vocab_size();
    const std::int64_t id = token.is_int64() ? token.get_int64() : -1;
    if (id < 0 || id >= vocab_size) {
      refuse_field("tokens", "tokens: wanted ids from 0 to {}, found {}", vocab_size - 1,
                   shown(token));
    }
    ids.push_back(static_cast<std::int32_t>(id));
  }
  fields.done();
  call.asked.reply->send(
      {200, json::serialize(json::object{{"prompt", call.model->tokenizer.decode(ids)}})});
}

}  // namespace

void add_token_routes(Router& router, Backend& backend) {
  router.add({"POST", "/tokenize", Access::kKey, Dialect::kOpenAi,
              "The token ids of a text, or of messages with their pictures",
              asking_model(backend, Dialect::kOpenAi,
                           [&backend](const ModelCall& call) { tokenize(backend, call); })});
  router.add({"POST", "/detokenize", Access::kKey, Dialect::kOpenAi, "The text of token ids",
              asking_model(backend, Dialect::kOpenAi,
                           [&backend](const ModelCall& call) { detokenize(backend, call); })});
}

}  // namespace saccade::server
