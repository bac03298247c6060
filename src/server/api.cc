#include "server/api.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <exception>

#include "server/api_error.h"
#include "server/request_log.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// Every answer to one request carries the same headers besides.
class ReplyWithHeaders : public Reply {
 public:
  ReplyWithHeaders(std::shared_ptr<Reply> reply, Headers headers)
      : reply_(std::move(reply)), headers_(std::move(headers)) {}
  void send(HttpResponse response) override { reply_->send(with_headers(std::move(response))); }
  void begin_stream(HttpResponse head) override {
    reply_->begin_stream(with_headers(std::move(head)));
  }
  void write(std::string_view piece) override { reply_->write(piece); }
  void end_stream() override { reply_->end_stream(); }
  void when_gone(std::function<void()> callback) override {
    reply_->when_gone(std::move(callback));
  }
  void note(std::string fields) override { reply_->note(std::move(fields)); }

 private:
  HttpResponse with_headers(HttpResponse response) const {
    response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
    return response;
  }

  const std::shared_ptr<Reply> reply_;
  const Headers headers_;
};

Headers common_headers(const HttpRequest& request, const ServeOptions& options) {
  Headers headers = cors_headers(request, options);
  headers.emplace_back("x-request-id", request.id);
  return headers;
}

ApiError route_error(const HttpRequest& request, const Router::Match& match) {
  if (match.allowed.empty()) {
    return ApiError(404, fmt::format("there is nothing at {}; docs/server.md lists the routes",
                                     log_text(request.path)));
  }
  return ApiError(405, fmt::format("{} takes {}, found {}", request.path,
                                   fmt::join(match.allowed, " or "), log_text(request.method)));
}

void answer_with(const ApiError& error, const Asked& asked) {
  asked.reply->note("error=" + log_text(error.what()));
  asked.reply->send(error_response(asked.dialect, error, asked.request_id));
}

/// A request that waits for its model.
class WaitingRequest : public ModelRequest {
 public:
  using Act = std::function<void(const std::shared_ptr<LoadedModel>&)>;

  WaitingRequest(Asked asked, Act act) : asked_(std::move(asked)), act_(std::move(act)) {}

  void granted(ModelUse use) override {
    const auto model = std::static_pointer_cast<LoadedModel>(use);
    const std::chrono::duration<double, std::milli> waited = Clock::now() - since_;
    asked_.reply->note(
        fmt::format("model={} load_wait_ms={:.1f}", log_text(model->about.name), waited.count()));
    answer_errors(asked_, [&] { act_(model); });
  }
  void refused(const ApiError& error) override {
    answer_errors(asked_, [&] { throw error; });
  }

 private:
  using Clock = std::chrono::steady_clock;

  const Asked asked_;
  const Act act_;
  const Clock::time_point since_ = Clock::now();
};

/// Which model a request names; the first one without a name.
std::size_t requested_model(const Backend& backend, const json::value& body) {
  // What is no object, or no text, is found wrong when the request is read.
  const auto* object = body.if_object();
  const auto* name = object ? object->if_contains("model") : nullptr;
  return name && name->is_string() ? backend.find_model(std::string(name->get_string())) : 0;
}

}  // namespace

std::size_t Backend::find_model(const std::string& name) const {
  const auto found = std::ranges::find(models, name, &ModelSetup::name);
  if (found != models.end()) return static_cast<std::size_t>(found - models.begin());
  throw ApiError(
      404,
      fmt::format("there is no model \"{}\" here; this server has {}", name, served_names(options)),
      "model", "model_not_found");
}

Handler asking_model(Backend& backend, Dialect dialect, ModelHandler handle) {
  return [&backend, dialect, handle = std::move(handle)](const HttpRequest& http,
                                                         const std::shared_ptr<Reply>& reply) {
    const auto body = std::make_shared<const json::value>(parse_body(http.body));
    const std::size_t number = requested_model(backend, *body);
    const Asked asked = {http.id, reply, dialect};
    with_model(backend, asked, number, false,
               [&backend, handle, body, asked](const std::shared_ptr<LoadedModel>& model) {
                 std::vector<RemotePicture> pictures;
                 const Service& service = model->service;
                 const ApiContext context = {
                     backend.options,  model->about.name, service.info().context_length,
                     model->tokenizer, &model->answers,   service.embedding_size(),
                     &pictures};
                 handle({*body, asked, model, context, pictures});
               });
  };
}

void with_model(Backend& backend, const Asked& asked, std::size_t model, bool retry,
                std::function<void(const std::shared_ptr<LoadedModel>&)> act) {
  const auto waiting = std::make_shared<WaitingRequest>(asked, std::move(act));
  asked.reply->when_gone([&backend, weak = std::weak_ptr(waiting)] {
    if (const auto still_there = weak.lock()) backend.pool->drop(still_there.get());
  });
  backend.pool->ask(model, waiting, retry);
}

Handler generating(Backend& backend, Dialect dialect, ReadGeneration read) {
  return asking_model(backend, dialect, [&backend, read](const ModelCall& call) {
    const auto generation = std::make_shared<Generation>(read(call.body, call.context));
    with_pictures(
        backend, call.asked, std::move(call.pictures),
        [model = call.model, asked = call.asked, generation](std::span<const ImageBytes> fetched) {
          place_pictures(generation->requests, fetched);
          start_generation(model, std::move(*generation), asked.request_id, asked.reply);
        });
  });
}

void with_pictures(Backend& backend, const Asked& asked, std::vector<RemotePicture> pictures,
                   std::function<void(std::span<const ImageBytes>)> then) {
  if (pictures.empty()) return then({});
  const auto job = backend.fetcher->make_job(
      std::move(pictures),
      [then = std::move(then), asked](const std::vector<ImageBytes>& fetched) {
        answer_errors(asked, [&] { then(fetched); });
      },
      [asked](const ApiError& error) { answer_with(error, asked); });
  // Before it starts: what follows the fetching has a callback of its own.
  asked.reply->when_gone([weak = std::weak_ptr(job)] {
    if (const auto still_there = weak.lock()) still_there->cancel();
  });
  backend.fetcher->start(job);
}

void answer_errors(const Asked& asked, const std::function<void()>& act) {
  try {
    act();
  } catch (const ApiError& error) {
    answer_with(error, asked);
  } catch (const Error& error) {
    answer_with(api_error(error), asked);
  } catch (const std::bad_alloc&) {
    answer_with(unavailable("out of memory; send less, or try again in a moment", 1), asked);
  } catch (const std::exception& error) {
    answer_with(ApiError(500, fmt::format("unexpected error: {}", error.what())), asked);
  }
}

void answer_in_background(Backend& backend, const Asked& asked,
                          std::function<std::string()> answer) {
  const bool taken = backend.worker->submit([asked, answer = std::move(answer)] {
    answer_errors(asked, [&] { asked.reply->send({200, answer()}); });
  });
  if (taken) return;
  ApiError full(429, "too many requests of this kind wait", {}, "queue_full");
  full.set_retry_after(1);
  throw full;
}

void count_in_background(Backend& backend, const ModelCall& call, Request request,
                         std::function<std::string(const TokenMath&)> answer) {
  const auto shared = std::make_shared<Request>(std::move(request));
  with_pictures(backend, call.asked, std::move(call.pictures),
                [&backend, model = call.model, asked = call.asked, shared,
                 answer = std::move(answer)](std::span<const ImageBytes> fetched) {
                  place_pictures({shared.get(), 1}, fetched);
                  answer_in_background(backend, asked, [model, shared, answer] {
                    return answer(model->service.count_tokens(*shared));
                  });
                });
}

Router make_router(Backend& backend) {
  Router router;
  add_openai_routes(router, backend);
  add_anthropic_routes(router, backend);
  add_model_routes(router, backend);
  add_token_routes(router, backend);
  add_operation_routes(router, backend);
  return router;
}

Api::Api(Backend& backend) : backend_(backend), router_(make_router(backend)) {}

HttpResponse Api::with_headers(const HttpRequest& request, HttpResponse response) const {
  const Headers headers = common_headers(request, backend_.options);
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  return response;
}

std::optional<HttpResponse> Api::refuse(HttpRequest& head) {
  // A browser asks before it sends a page's request. It sends no key with that.
  if (head.method == "OPTIONS" && !head.requested_method.empty() &&
      !cors_headers(head, backend_.options).empty()) {
    return with_headers(head, {204, "", ""});
  }
  const Router::Match match = router_.match(head.method, head.path);
  const auto refusal = [&](Dialect dialect, const ApiError& error) {
    return with_headers(head, error_response(dialect, error, head.id));
  };
  if (!match.route) {
    HttpResponse response = refusal(Dialect::kOpenAi, route_error(head, match));
    if (!match.allowed.empty()) {
      response.headers.emplace_back("Allow", fmt::format("{}", fmt::join(match.allowed, ", ")));
    }
    return response;
  }
  const Route& route = *match.route;
  if (const auto error = access_error(head, route.access, backend_.options)) {
    HttpResponse response = refusal(route.dialect, *error);
    if (error->status() == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  if (route.method == "POST" && head.content_type != "application/json") {
    return refusal(
        route.dialect,
        ApiError(415,
                 fmt::format("wanted Content-Type: application/json, found {}",
                             head.content_type.empty() ? "none" : log_text(head.content_type))));
  }
  head.parameter = match.parameter;
  return std::nullopt;
}

void Api::handle(HttpRequest request, std::shared_ptr<Reply> reply) {
  const auto outward = std::make_shared<ReplyWithHeaders>(
      std::move(reply), common_headers(request, backend_.options));
  const Router::Match match = router_.match(request.method, request.path);
  const Route& route = *match.route;  // refuse() has let it through
  const Asked asked = {request.id, outward, route.dialect};
  answer_errors(asked, [&] { route.handler(request, outward); });
}

HttpResponse Api::transport_error(const HttpRequest& request, int status,
                                  const std::string& message) {
  const Router::Match match = router_.match(request.method, request.path);
  const Dialect dialect = match.route ? match.route->dialect : Dialect::kOpenAi;
  return with_headers(request, error_response(dialect, ApiError(status, message), request.id));
}

void Api::finished(const RequestRecord& record) {
  const Router::Match match = router_.match(record.method, record.path);
  backend_.metrics.add_http_request(match.route ? match.route->path : "", record.status);
  if (backend_.options.log) log_request(record);
}

}  // namespace saccade::server
