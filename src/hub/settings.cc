#include "hub/settings.h"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "base/error.h"
#include "base/hub_cache.h"

namespace saccade::hub {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEndpoint = "https://huggingface.co";

std::string first_of(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string value = environment_variable(name); !value.empty()) return value;
  }
  return "";
}

std::string endpoint() {
  std::string url = first_of({"HF_ENDPOINT"});
  if (url.empty()) return kEndpoint;
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    fail_usage("HF_ENDPOINT: wanted a URL such as {}, found \"{}\"", kEndpoint, url);
  }
  return url;
}

/// The token without the line break that comes with a file. A header line must hold it, so anything
/// but visible characters is refused; the token itself is in no message.
std::string checked_token(std::string token, const std::string& where) {
  const auto blank = [](unsigned char letter) { return std::isspace(letter) != 0; };
  while (!token.empty() && blank(token.back())) token.pop_back();
  while (!token.empty() && blank(token.front())) token.erase(token.begin());
  const bool visible = std::all_of(token.begin(), token.end(),
                                   [](unsigned char letter) { return std::isgraph(letter) != 0; });
  if (!visible) fail_usage("{}: wanted a token in visible ASCII characters, found others", where);
  return token;
}

std::string token() {
  const std::string given = first_of({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"});
  if (!given.empty()) return checked_token(given, "HF_TOKEN");
  const std::string path = first_of({"HF_TOKEN_PATH"});
  const fs::path file = path.empty() ? hub_home() / "token" : fs::path(path);
  std::string line;
  std::ifstream stream(file);
  std::getline(stream, line);
  return checked_token(line, file.string());
}

bool is_true(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

}  // namespace

Settings settings_from_environment() {
  Settings settings;
  settings.endpoint = endpoint();
  settings.token = token();
  settings.cache = hub_cache();
  if (!settings.cache.is_absolute() && environment_variable("HOME").empty()) {
    fail_usage("no place for the Hugging Face cache: HOME is not set; set HF_HOME");
  }
  settings.cache = fs::absolute(settings.cache);
  settings.certificates = first_of({"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"});
  settings.offline = is_true(first_of({"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}));
  return settings;
}

}  // namespace saccade::hub
