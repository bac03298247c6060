#include "cli/chat_line.h"

#include <cstdlib>

#include "base/error.h"

namespace saccade::cli {
namespace {

using Kind = ChatLine::Kind;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

/// A path as people type it or drop it on a terminal: perhaps in quotes, perhaps from home.
std::string typed_path(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                      (text.front() == '"' || text.front() == '\'');
  if (quoted) return std::string(text.substr(1, text.size() - 2));
  const char* home = std::getenv("HOME");
  if (home && text.starts_with("~/")) return home + std::string(text.substr(1));
  return std::string(text);
}

}  // namespace

ChatLine parse_chat_line(std::string_view line) {
  if (!line.starts_with('/')) {
    const std::string_view text = trimmed(line);
    return text.empty() ? ChatLine{} : ChatLine{Kind::kSay, std::string(text)};
  }
  const std::string_view command = line.substr(0, line.find_first_of(" \t\r"));
  const std::string_view rest = trimmed(line.substr(command.size()));
  if (command == "/image") {
    if (rest.empty()) fail_usage("/image: which file?");
    return {Kind::kImage, typed_path(rest)};
  }
  if (command == "/system") return {Kind::kSystem, std::string(rest)};
  if (command == "/reset" || command == "/clear") return {Kind::kReset, ""};
  if (command == "/help") return {Kind::kHelp, ""};
  if (command == "/quit" || command == "/exit") return {Kind::kQuit, ""};
  fail_usage("{}: no such command; /help lists them", command);
}

}  // namespace saccade::cli
