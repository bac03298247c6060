#include "photos/tag_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <set>
#include <utility>

#include "base/json.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 3> kNames = {"name", "value", "label"};

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

/// A text, number or boolean as a person reads it; nothing for others.
std::optional<std::string> scalar_text(const json::value& value) {
  if (const auto* text = value.if_string()) return trimmed(*text);
  if (value.is_bool()) return value.get_bool() ? "yes" : "no";
  if (value.is_number()) return json::serialize(value);
  return std::nullopt;
}

class Collector {
 public:
  void add(const std::string& field, const json::value& value) {
    if (const auto* object = value.if_object()) {
      for (const auto& [name, member] : *object) {
        add(field.empty() ? std::string(name) : field + "." + std::string(name), member);
      }
    } else if (const auto* array = value.if_array()) {
      for (const json::value& element : *array) {
        if (element.is_object()) {
          add_object(field, element.get_object());
        } else {
          add(field, element);
        }
      }
    } else if (const auto text = scalar_text(value)) {
      push({.field = field, .value = *text, .details = {}, .confidence = {}});
    }
  }

  std::vector<TagValue> take() { return std::move(tags_); }

 private:
  /// An element of a list: one statement.
  void add_object(const std::string& field, const json::object& object) {
    TagValue tag{.field = field, .value = {}, .details = {}, .confidence = {}};
    std::string_view named;
    for (const std::string_view name : kNames) {
      const json::value* member = object.if_contains(name);
      if (member == nullptr || !member->is_string()) continue;
      named = name;
      tag.value = trimmed(member->get_string());
      break;
    }
    json::object details;
    for (const auto& [name, member] : object) {
      if (name == named) continue;
      if (name == "confidence" && member.is_number()) {
        tag.confidence = std::clamp(member.to_number<double>(), 0.0, 1.0);
      } else if (!named.empty()) {
        details[name] = member;
      } else if (const auto text = scalar_text(member)) {
        if (!tag.value.empty() && !text->empty()) tag.value += ' ';
        tag.value += *text;
        details[name] = member;
      }
    }
    if (!details.empty()) tag.details = json::serialize(details);
    push(std::move(tag));
  }

  void push(TagValue tag) {
    if (tag.field.empty() || tag.value.empty()) return;
    if (seen_.insert(fmt::format("{}\n{}", tag.field, tag_key(tag.value))).second) {
      tags_.push_back(std::move(tag));
    }
  }

  std::vector<TagValue> tags_;
  std::set<std::string> seen_;
};

void collect_texts(const json::value& value, std::string_view path,
                   std::vector<std::string>& texts) {
  if (const auto* array = value.if_array()) {
    for (const json::value& element : *array) collect_texts(element, path, texts);
  } else if (path.empty()) {
    if (const auto text = scalar_text(value)) texts.push_back(*text);
  } else if (const auto* object = value.if_object()) {
    const auto dot = path.find('.');
    const json::value* member = object->if_contains(path.substr(0, dot));
    if (member == nullptr) return;
    collect_texts(*member, dot == std::string_view::npos ? "" : path.substr(dot + 1), texts);
  }
}

}  // namespace

std::vector<TagValue> tag_values(const json::value& document) {
  Collector collector;
  collector.add("", document);
  return collector.take();
}

std::string tag_key(std::string_view value) {
  std::string key;
  for (const char c : trimmed(value)) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (blank && key.ends_with(' ')) continue;
    // Letters beyond ASCII are compared as they are.
    key += blank ? ' ' : (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return key;
}

std::vector<std::string> texts_at(const json::value& document, std::string_view path) {
  std::vector<std::string> texts;
  collect_texts(document, path, texts);
  return texts;
}

}  // namespace saccade::photos
