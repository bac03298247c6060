// The routes of the server and what stands before them: access, methods, content types, errors.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "server/generation.h"
#include "server/http.h"
#include "server/metrics.h"
#include "server/model_host.h"
#include "server/options.h"
#include "server/request_fields.h"
#include "server/router.h"
#include "server/worker.h"

namespace saccade::server {

/// What route handlers work with. Host and worker are there before the first request.
struct Backend {
  const ServeOptions& options;
  std::string model_name;
  Metrics metrics = {};
  std::unique_ptr<ModelHost> host = {};
  std::unique_ptr<Worker> worker = {};  ///< for what takes longer than a thread of the network may
  std::int64_t started = unix_time();

  ApiContext context(const LoadedModel& model) const;
};

/// OpenAI's routes: chat completions, completions, models.
void add_openai_routes(Router& router, Backend& backend);
/// Anthropic's: messages and their tokens counted.
void add_anthropic_routes(Router& router, Backend& backend);
/// Text to tokens and back.
void add_token_routes(Router& router, Backend& backend);
/// Health, metrics, status, caches.
void add_operation_routes(Router& router, Backend& backend);

/// Reads a request for answers. Throws ApiError.
using ReadGeneration = Generation (*)(const boost::json::value& body, const ApiContext& context);
/// A handler that has the answers made that `read` finds asked for.
Handler generating(Backend& backend, ReadGeneration read);

/// Answers with what `answer` gives, which may take its time: the backend's worker calls it. Throws
/// ApiError (429) when too many wait for that.
void answer_in_background(Backend& backend, const HttpRequest& http,
                          const std::shared_ptr<Reply>& reply, Dialect dialect,
                          std::function<std::string()> answer);

/// Every route, for serving and for docs/server.md.
Router make_router(Backend& backend);

/// The server's side of HTTP: finds the route of a request and has it answered.
class Api : public HttpHandler {
 public:
  explicit Api(Backend& backend);

  std::optional<HttpResponse> refuse(HttpRequest& head) override;
  void handle(HttpRequest request, std::shared_ptr<Reply> reply) override;
  HttpResponse transport_error(const HttpRequest& request, int status,
                               const std::string& message) override;
  void finished(const RequestRecord& record) override;

 private:
  HttpResponse with_headers(const HttpRequest& request, HttpResponse response) const;

  Backend& backend_;
  Router router_;
};

}  // namespace saccade::server
