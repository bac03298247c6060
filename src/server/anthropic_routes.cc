// Anthropic's routes.
#include <boost/json.hpp>

#include "server/anthropic_messages.h"
#include "server/api.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

void count_tokens(Backend& backend, const ModelCall& call) {
  Request request = read_anthropic_count(call.body, call.context);
  count_in_background(backend, call, std::move(request), [](const TokenMath& math) {
    return json::serialize(json::object{{"input_tokens", math.prompt_tokens}});
  });
}

}  // namespace

void add_anthropic_routes(Router& router, Backend& backend) {
  router.add({"POST", "/v1/messages", Access::kKey, Dialect::kAnthropic,
              "Anthropic messages with pictures; streams",
              generating(backend, Dialect::kAnthropic, read_anthropic_message)});
  router.add({"POST", "/v1/messages/count_tokens", Access::kKey, Dialect::kAnthropic,
              "The tokens that a message's prompt would have",
              asking_model(backend, Dialect::kAnthropic,
                           [&backend](const ModelCall& call) { count_tokens(backend, call); })});
}

}  // namespace saccade::server
