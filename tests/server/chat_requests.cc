#include "server/chat_requests.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "saccade/engine.h"

namespace saccade::server {

namespace json = boost::json;

std::string picture_path(const std::string& name) {
  return std::string(SACCADE_SOURCE_DIR) + "/assets/pictures/" + name;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (int k = 0; k < 4; ++k) {
      text += i + static_cast<std::size_t>(k) > bytes.size() ? '='
                                                             : kAlphabet[bits >> (18 - 6 * k) & 63];
    }
  }
  return text;
}

json::object text_part(const std::string& text) {
  return {{"type", "text"}, {"text", text}};
}

json::object picture_part(std::string_view jpeg) {
  return {{"type", "image_url"},
          {"image_url", json::object{{"url", "data:image/jpeg;base64," + base64(jpeg)}}}};
}

json::object user_message(json::array content) {
  return {{"role", "user"}, {"content", std::move(content)}};
}

json::object question(const std::string& picture, const std::string& text) {
  const std::string jpeg = read_text_file(picture_path(picture));
  return {{"model", "glance"},
          {"messages", json::array{user_message({picture_part(jpeg), text_part(text)})}}};
}

json::value chat(const RunningServer& server, const json::object& request) {
  const TestResponse response =
      server.ask("POST", "/v1/chat/completions", json::serialize(request));
  EXPECT_EQ(response.status, 200) << response.body;
  return json::parse(response.body);
}

std::string content_of(const json::value& answer, std::size_t choice) {
  return std::string(answer.at("choices").at(choice).at("message").at("content").as_string());
}

json::value status_of(const RunningServer& server) {
  return json::parse(server.ask("GET", "/v1/admin/status").body);
}

std::string lone_answer(const std::string& picture, const std::string& text) {
  Engine engine = Engine::load("glance", {.device = "cpu"});
  Request request;
  request.messages.push_back({"user", {read_image(picture_path(picture)), text}});
  return engine.generate(request).text;
}

}  // namespace saccade::server
