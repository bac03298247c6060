#include "photos/references.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "photos/tag_values.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

/// The keys of all texts at the paths that a reference may name: "people.name, objects.name".
std::set<std::string> known_keys(const json::value& document, std::string_view paths) {
  std::set<std::string> known;
  while (!paths.empty()) {
    const auto comma = std::min(paths.find(','), paths.size());
    std::string_view path = paths.substr(0, comma);
    while (path.starts_with(' ')) path.remove_prefix(1);
    for (const std::string& text : texts_at(document, path)) known.insert(tag_key(text));
    paths.remove_prefix(std::min(comma + 1, paths.size()));
  }
  return known;
}

/// Takes out elements of lists for which one of the texts at `path` is not known.
void drop_unknown(json::value& value, std::string_view path, const std::set<std::string>& known) {
  if (auto* array = value.if_array()) {
    for (auto element = array->begin(); element != array->end();) {
      const auto texts = texts_at(*element, path);
      const bool good = std::ranges::all_of(
          texts, [&](const std::string& text) { return known.contains(tag_key(text)); });
      element = good ? element + 1 : array->erase(element);
    }
  } else if (auto* object = value.if_object()) {
    const auto dot = path.find('.');
    json::value* member = object->if_contains(path.substr(0, dot));
    if (member == nullptr) return;
    drop_unknown(*member, dot == std::string_view::npos ? "" : path.substr(dot + 1), known);
  } else if (const auto* text = value.if_string()) {
    if (!known.contains(tag_key(*text))) value = nullptr;
  }
}

}  // namespace

std::string broken_reference(const Tier& tier, const json::value& document) {
  for (const Reference& reference : tier.references) {
    const std::set<std::string> known = known_keys(document, reference.to);
    for (const std::string& text : texts_at(document, reference.from)) {
      if (known.contains(tag_key(text))) continue;
      return fmt::format("{} names \"{}\", which is not among {}", reference.from, text,
                         reference.to);
    }
  }
  return "";
}

void drop_broken_references(const Tier& tier, json::value& document) {
  // Dropping an element may take away what another one refers to.
  while (!broken_reference(tier, document).empty()) {
    for (const Reference& reference : tier.references) {
      drop_unknown(document, reference.from, known_keys(document, reference.to));
    }
  }
}

}  // namespace saccade::photos
