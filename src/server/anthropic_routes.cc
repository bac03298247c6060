// Anthropic's routes.
#include <boost/json.hpp>

#include "server/anthropic_messages.h"
#include "server/api.h"

namespace saccade::server {
namespace json = boost::json;

void add_anthropic_routes(Router& router, Backend& backend) {
  router.add({"POST", "/v1/messages", Access::kKey, Dialect::kAnthropic,
              "Anthropic messages with pictures; streams",
              generating(backend, read_anthropic_message)});
  router.add({"POST", "/v1/messages/count_tokens", Access::kKey, Dialect::kAnthropic,
              "The tokens that a message's prompt would have",
              [&backend](const HttpRequest& http, const std::shared_ptr<Reply>& reply) {
                LoadedModel& model = backend.host->need();
                ApiContext context = backend.context(model);
                std::vector<RemotePicture> pictures;
                context.remote_pictures = &pictures;
                Request request = read_anthropic_count(parse_body(http.body), context);
                count_in_background(
                    backend, {http.id, reply, Dialect::kAnthropic}, model, std::move(request),
                    std::move(pictures), [](const TokenMath& math) {
                      return json::serialize(json::object{{"input_tokens", math.prompt_tokens}});
                    });
              }});
}

}  // namespace saccade::server
