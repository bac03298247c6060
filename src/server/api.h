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
#include "server/picture_fetcher.h"
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
  std::unique_ptr<PictureFetcher> fetcher = {};
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

/// Who is answered, and how errors are said.
struct Asked {
  std::string request_id;
  std::shared_ptr<Reply> reply;
  Dialect dialect;
};

/// Fetches pictures, if there are any, and then calls `then`, on whatever thread that is; errors
/// that it throws there are answered. A client that leaves ends the fetching. Throws ApiError (429)
/// when too many wait.
void with_pictures(Backend& backend, const Asked& asked, std::vector<RemotePicture> pictures,
                   std::function<void(std::span<const ImageBytes> fetched)> then);

/// Answers with what `answer` gives, which may take its time: the backend's worker calls it. Throws
/// ApiError (429) when too many wait for that.
void answer_in_background(Backend& backend, const Asked& asked,
                          std::function<std::string()> answer);

/// The same with what `answer` makes of the tokens of a request, whose `pictures` are fetched
/// before they are counted.
void count_in_background(Backend& backend, const Asked& asked, const LoadedModel& model,
                         Request request, std::vector<RemotePicture> pictures,
                         std::function<std::string(const TokenMath& math)> answer);

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
