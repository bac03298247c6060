// Chat requests about pictures as clients write them, and what the engine alone answers.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "server/running_server.h"

namespace saccade::server {

/// Where a picture of assets/pictures is.
std::string picture_path(const std::string& name);
std::string base64(std::string_view bytes);

boost::json::object text_part(const std::string& text);
/// Of a JPEG file with these bytes.
boost::json::object picture_part(std::string_view jpeg);
/// A message of the user's.
boost::json::object user_message(boost::json::array content);
/// A chat request about a picture of assets/pictures.
boost::json::object question(const std::string& picture, const std::string& text);

/// Asks and expects an answer.
boost::json::value chat(const RunningServer& server, const boost::json::object& request);
std::string content_of(const boost::json::value& answer, std::size_t choice = 0);
boost::json::value status_of(const RunningServer& server);

/// What the engine alone answers about a picture of assets/pictures.
std::string lone_answer(const std::string& picture, const std::string& text);

}  // namespace saccade::server
