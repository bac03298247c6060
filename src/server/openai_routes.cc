// OpenAI's routes.
#include "server/api.h"
#include "server/openai_chat.h"
#include "server/openai_completions.h"
#include "server/openai_embeddings.h"
#include "server/openai_responses.h"

namespace saccade::server {

void add_openai_routes(Router& router, Backend& backend) {
  router.add({"POST", "/v1/chat/completions", Access::kKey, Dialect::kOpenAi,
              "OpenAI chat completions with pictures; streams",
              generating(backend, Dialect::kOpenAi, read_chat_completion)});
  router.add({"POST", "/v1/completions", Access::kKey, Dialect::kOpenAi,
              "OpenAI completions of plain text; streams",
              generating(backend, Dialect::kOpenAi, read_completion)});
  router.add({"POST", "/v1/responses", Access::kKey, Dialect::kOpenAi,
              "OpenAI responses with pictures and tools, without stored state; streams",
              generating(backend, Dialect::kOpenAi, read_response)});
  router.add({"POST", "/v1/embeddings", Access::kKey, Dialect::kOpenAi,
              "OpenAI embeddings of texts, of tokens, and of pictures",
              generating(backend, Dialect::kOpenAi, read_embeddings)});
}

}  // namespace saccade::server
