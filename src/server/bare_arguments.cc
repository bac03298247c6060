#include "server/bare_arguments.h"

#include <algorithm>
#include <boost/json.hpp>

#include "server/answer_syntax.h"
#include "server/json_text.h"

namespace saccade::server {
namespace {

constexpr std::string_view kDelimiters = "{}[],:<";

/// How much of the end of `text` the mark around texts may begin with.
std::size_t held_size(std::string_view text) {
  std::size_t size = std::min(text.size(), kBareQuote.size() - 1);
  while (size > 0 && !kBareQuote.starts_with(text.substr(text.size() - size))) --size;
  return size;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

/// A word outside of texts: a key if a colon follows.
std::string word_json(std::string_view word, bool key) {
  const std::string json = python_literal(word);
  if (key) return '"' + escaped_json(word) + "\": ";
  boost::system::error_code error;
  boost::json::parse(json, error);
  return error ? '"' + escaped_json(word) + '"' : json;
}

}  // namespace

std::string BareArguments::read(std::string& text) {
  std::string out;
  std::string_view rest = text;
  while (!complete_) {
    const std::size_t size = step(rest, out);
    if (size == 0) break;
    rest.remove_prefix(size);
  }
  text.erase(0, text.size() - rest.size());
  return out;
}

/// Reads the next piece of `text`; gives its size, 0 where more text must say what it is.
std::size_t BareArguments::step(std::string_view text, std::string& out) {
  if (text.empty()) return 0;
  if (text.starts_with(kBareQuote)) {
    out += '"';
    in_text_ = !in_text_;
    return kBareQuote.size();
  }
  if (in_text_) {
    const std::size_t quote = text.find(kBareQuote);
    const std::size_t size =
        quote == std::string_view::npos ? text.size() - held_size(text) : quote;
    out += escaped_json(text.substr(0, size));
    return size;
  }
  const char c = text.front();
  // What begins no mark is left out.
  if (c == '<') return kBareQuote.starts_with(text) ? 0 : 1;
  const std::size_t size = text.find_first_of(kDelimiters);
  if (size == std::string_view::npos) return 0;  // a word is known by what follows it
  if (size > 0) {
    const bool key = text[size] == ':';
    if (const std::string_view word = trimmed(text.substr(0, size)); !word.empty()) {
      out += word_json(word, key);
    }
    return size + (key ? 1 : 0);
  }
  if (c == ',') {
    out += ", ";
  } else if (c == ':') {
    out += ": ";  // behind a key that is a text
  } else {
    out += c;
    depth_ += c == '{' || c == '[' ? 1 : -1;
    complete_ = depth_ == 0;
  }
  return 1;
}

}  // namespace saccade::server
