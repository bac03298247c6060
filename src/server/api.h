// The routes of the server and what stands before them: access, methods, content types, errors.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/generation.h"
#include "server/http.h"
#include "server/loaded_model.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/picture_fetcher.h"
#include "server/request_fields.h"
#include "server/router.h"
#include "server/worker.h"

namespace saccade::server {

/// What route handlers work with. Pool and worker are there before the first request.
struct Backend {
  const ServeOptions& options;
  std::vector<ModelSetup> models = {};
  Metrics metrics = {};
  std::unique_ptr<ModelPool> pool = {};  ///< of the models, in the same order
  std::unique_ptr<Worker> worker = {};   ///< for what takes longer than a thread of the network may
  std::unique_ptr<PictureFetcher> fetcher = {};
  std::int64_t started = unix_time();

  /// Which model has that name. Throws ApiError (404) that names those there are.
  std::size_t find_model(const std::string& name) const;
};

/// OpenAI's routes: chat completions, completions, responses.
void add_openai_routes(Router& router, Backend& backend);
/// Anthropic's: messages and their tokens counted.
void add_anthropic_routes(Router& router, Backend& backend);
/// The list of models, and loading and unloading them.
void add_model_routes(Router& router, Backend& backend);
/// Text to tokens and back.
void add_token_routes(Router& router, Backend& backend);
/// Health, metrics, status, caches.
void add_operation_routes(Router& router, Backend& backend);

/// Who is answered, and how errors are said.
struct Asked {
  std::string request_id;
  std::shared_ptr<Reply> reply;
  Dialect dialect;
};

/// A request whose model is there.
struct ModelCall {
  const boost::json::value& body;
  const Asked& asked;
  const std::shared_ptr<LoadedModel>& model;  ///< whoever answers later keeps a copy until then
  const ApiContext& context;
  std::vector<RemotePicture>& pictures;  ///< what was read with `context` wants fetched
};
/// Answers such a request, now or later, or throws ApiError or Error.
using ModelHandler = std::function<void(const ModelCall&)>;

/// A handler that parses a request's body and has `handle` called with the model that it names, or
/// the first one if it names none: at once, or, on another thread, when it has been loaded.
Handler asking_model(Backend& backend, Dialect dialect, ModelHandler handle);

/// Has `act` called with a model by its number, as above; `retry`: also where it could not be
/// loaded before. Throws ApiError when that cannot be waited for.
void with_model(Backend& backend, const Asked& asked, std::size_t model, bool retry,
                std::function<void(const std::shared_ptr<LoadedModel>&)> act);

/// Reads a request for answers. Throws ApiError.
using ReadGeneration = Generation (*)(const boost::json::value& body, const ApiContext& context);
/// A handler that has the answers made that `read` finds asked for.
Handler generating(Backend& backend, Dialect dialect, ReadGeneration read);

/// Calls `act`; what it throws is answered.
void answer_errors(const Asked& asked, const std::function<void()>& act);

/// Fetches pictures, if there are any, and then calls `then`, on whatever thread that is; errors
/// that it throws there are answered. A client that leaves ends the fetching. Throws ApiError (429)
/// when too many wait.
void with_pictures(Backend& backend, const Asked& asked, std::vector<RemotePicture> pictures,
                   std::function<void(std::span<const ImageBytes> fetched)> then);

/// Answers with what `answer` gives, which may take its time: the backend's worker calls it. Throws
/// ApiError (429) when too many wait for that.
void answer_in_background(Backend& backend, const Asked& asked,
                          std::function<std::string()> answer);

/// The same with what `answer` makes of the tokens of a request, whose pictures are fetched before
/// they are counted.
void count_in_background(Backend& backend, const ModelCall& call, Request request,
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
