// What a server says of itself and of its models.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "server/api.h"

namespace saccade::server {

/// `status`: "loading" (no model is there yet), "ready", "busy" (requests wait), "draining" or
/// "failed" (none can be had), with what belongs to it.
boost::json::object health_json(const Backend& backend);
/// Whether requests are taken, by what health_json() says.
bool is_ready(const boost::json::object& health);

/// Requests, tokens, memory and caches of all models together, and of each.
boost::json::object status_json(const Backend& backend);
/// The caches alone.
boost::json::object all_caches_json(const Backend& backend);
/// Everything that is measured, in Prometheus' text format.
std::string metrics_text(const Backend& backend);

}  // namespace saccade::server
