// What the soak test asks, with the answers that the engine gives alone.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace saccade::server {

struct SoakQuestion {
  std::string path;          ///< of the route
  boost::json::object body;  ///< of the request, without "stream"
  std::string answer;        ///< of an engine without caches that answers nothing else
};

/// Questions of the built-in model about pictures of many sizes, several at once, over several
/// turns, about none, sampled, stopped, held to a form and long, in the shapes of three APIs.
std::vector<SoakQuestion> soak_questions();

/// The text in a whole answer of the route.
std::string answer_in(const std::string& path, const boost::json::value& response);
/// The text in the data of one event of a stream of the route's; empty where it has none.
std::string piece_in(const std::string& path, const boost::json::value& event);

}  // namespace saccade::server
