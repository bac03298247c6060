// The routes of the server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/access.h"
#include "server/http.h"

namespace saccade::server {

/// Answers a request, now or later. May throw ApiError and Error in place of answering.
using Handler =
    std::function<void(const HttpRequest& request, const std::shared_ptr<Reply>& reply)>;

struct Route {
  std::string method;  ///< "GET", "POST", "DELETE"
  /// "/v1/models", or "/v1/models/{model}", where the last part stands for the rest of a path
  std::string path;
  Access access = Access::kKey;
  Dialect dialect = Dialect::kOpenAi;
  std::string description;  ///< for docs/server.md
  Handler handler;
};

class Router {
 public:
  void add(Route route) { routes_.push_back(std::move(route)); }
  const std::vector<Route>& routes() const { return routes_; }

  struct Match {
    const Route* route = nullptr;      ///< null: none
    std::string parameter;             ///< what stands for {...}
    std::vector<std::string> allowed;  ///< methods of the path's routes, when none has the method
  };
  Match match(const std::string& method, const std::string& path) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace saccade::server
