#include "server/api.h"

#include <fmt/ranges.h>

#include <exception>

#include "server/api_error.h"
#include "server/request_log.h"

namespace saccade::server {
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

/// Calls `call`, and `failed` with what it throws.
template <typename Call, typename Failed>
void tell_errors(const Call& call, const Failed& failed) {
  try {
    call();
  } catch (const ApiError& error) {
    failed(error);
  } catch (const Error& error) {
    failed(api_error(error));
  } catch (const std::bad_alloc&) {
    failed(unavailable("out of memory; send less, or try again in a moment", 1));
  } catch (const std::exception& error) {
    failed(ApiError(500, fmt::format("unexpected error: {}", error.what())));
  }
}

void answer_with(const ApiError& error, const Asked& asked) {
  asked.reply->note("error=" + log_text(error.what()));
  asked.reply->send(error_response(asked.dialect, error, asked.request_id));
}

}  // namespace

ApiContext Backend::context(const LoadedModel& model) const {
  return {options,         model_name,     model.service.info().context_length,
          model.tokenizer, &model.answers, model.service.embedding_size()};
}

Handler generating(Backend& backend, ReadGeneration read) {
  return [&backend, read](const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
    LoadedModel& model = backend.host->need();
    ApiContext context = backend.context(model);
    std::vector<RemotePicture> pictures;
    context.remote_pictures = &pictures;
    const auto generation = std::make_shared<Generation>(read(parse_body(request.body), context));
    with_pictures(backend, {request.id, reply, generation->format->dialect()}, std::move(pictures),
                  [&backend, &model, generation, reply,
                   id = request.id](std::span<const ImageBytes> fetched) {
                    place_pictures(generation->requests, fetched);
                    start_generation(model, backend.metrics, std::move(*generation), id, reply);
                  });
  };
}

void with_pictures(Backend& backend, const Asked& asked, std::vector<RemotePicture> pictures,
                   std::function<void(std::span<const ImageBytes>)> then) {
  if (pictures.empty()) return then({});
  const auto failed = [asked](const ApiError& error) { answer_with(error, asked); };
  const auto job = backend.fetcher->make_job(
      std::move(pictures),
      [then = std::move(then), failed](const std::vector<ImageBytes>& fetched) {
        tell_errors([&] { then(fetched); }, failed);
      },
      failed);
  // Before it starts: what follows the fetching has a callback of its own.
  asked.reply->when_gone([weak = std::weak_ptr(job)] {
    if (const auto still_there = weak.lock()) still_there->cancel();
  });
  backend.fetcher->start(job);
}

void answer_in_background(Backend& backend, const Asked& asked,
                          std::function<std::string()> answer) {
  const bool taken = backend.worker->submit([asked, answer = std::move(answer)] {
    tell_errors(
        [&] {
          asked.reply->send({200, answer()});
        },
        [&](const ApiError& error) { answer_with(error, asked); });
  });
  if (taken) return;
  ApiError full(429, "too many requests of this kind wait", {}, "queue_full");
  full.set_retry_after(1);
  throw full;
}

void count_in_background(Backend& backend, const Asked& asked, const LoadedModel& model,
                         Request request, std::vector<RemotePicture> pictures,
                         std::function<std::string(const TokenMath&)> answer) {
  const auto shared = std::make_shared<Request>(std::move(request));
  with_pictures(backend, asked, std::move(pictures),
                [&backend, &model, asked, shared,
                 answer = std::move(answer)](std::span<const ImageBytes> fetched) {
                  place_pictures({shared.get(), 1}, fetched);
                  answer_in_background(backend, asked, [&model, shared, answer] {
                    return answer(model.service.count_tokens(*shared));
                  });
                });
}

Router make_router(Backend& backend) {
  Router router;
  add_openai_routes(router, backend);
  add_anthropic_routes(router, backend);
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
  tell_errors([&] { route.handler(request, outward); },
              [&](const ApiError& error) {
                answer_with(error, {request.id, outward, route.dialect});
              });
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
