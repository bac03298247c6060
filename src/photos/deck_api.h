// What the review page asks for, and the answers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "photos/library.h"
#include "photos/live_events.h"
#include "photos/workers.h"
#include "server/http.h"

namespace saccade::photos {

/// Answers one request after the other on the threads of whoever calls.
class DeckApi {
 public:
  /// `workers` may be null: another process works on the queue. All must outlive it.
  DeckApi(Library& library, LiveEvents& events, Workers* workers)
      : library_(library), events_(events), workers_(workers) {}

  /// Never throws: what goes wrong is answered.
  void answer(const server::HttpRequest& request, const std::shared_ptr<server::Reply>& reply);

 private:
  using Parts = std::vector<std::string>;  // of the path: {"api", "photos", "12"}

  server::HttpResponse respond(const server::HttpRequest& request, const Parts& parts);
  server::HttpResponse get(const server::HttpRequest& request, const Parts& parts);
  server::HttpResponse get_photo(const server::HttpRequest& request, const Parts& parts);
  server::HttpResponse post(const server::HttpRequest& request, const Parts& parts);
  server::HttpResponse post_photo(const server::HttpRequest& request, const Parts& parts);
  server::HttpResponse list(const server::HttpRequest& request);
  server::HttpResponse edit(const server::HttpRequest& request);
  server::HttpResponse replay(bool again);
  server::HttpResponse retry(const server::HttpRequest& request);
  server::HttpResponse thumbnail(const server::HttpRequest& request, const std::string& name);
  server::HttpResponse picture(const server::HttpRequest& request, const std::string& name);
  void wake_workers();

  Library& library_;
  LiveEvents& events_;
  Workers* workers_;
};

}  // namespace saccade::photos
