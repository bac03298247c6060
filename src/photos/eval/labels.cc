#include "photos/eval/labels.h"

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"

namespace saccade::photos::eval {
namespace json = boost::json;
namespace {

constexpr std::size_t kSeveral = static_cast<std::size_t>(-1);

/// Finds photos by what people call them.
class PhotoIndex {
 public:
  explicit PhotoIndex(std::span<const PhotoName> photos) {
    for (std::size_t i = 0; i < photos.size(); ++i) {
      exact_.emplace(photos[i].name, i);
      exact_.emplace(photos[i].digest, i);
      const std::string_view path = photos[i].name;
      for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
           slash = path.find('/', slash + 1)) {
        const auto [entry, fresh] = ends_.emplace(path.substr(slash + 1), i);
        if (!fresh) entry->second = kSeveral;
      }
    }
  }

  /// kSeveral: more than one photo is called so.
  std::optional<std::size_t> find(const std::string& name) const {
    for (const auto* names : {&exact_, &ends_}) {
      if (const auto entry = names->find(name); entry != names->end()) return entry->second;
    }
    return std::nullopt;
  }

 private:
  std::unordered_map<std::string_view, std::size_t> exact_;
  std::unordered_map<std::string_view, std::size_t> ends_;
};

}  // namespace

Labels read_labels(std::string_view text, std::string_view where,
                   std::span<const PhotoName> photos) {
  const PhotoIndex index(photos);
  std::map<std::size_t, json::object> found;
  Labels labels;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = fmt::format("{}: label in line {}", where, number);
    const json::value document = parse_json(line, place);
    const JsonObject label(document, place);
    const std::string name = label.string("photo");
    const JsonObject fields = label.object("fields");
    const auto photo = index.find(name);
    if (!photo) {
      labels.unknown.push_back(name);
      continue;
    }
    if (*photo == kSeveral) {
      fail("{}: \"{}\" may be several photos; name it by more of its path, or by its digest", place,
           name);
    }
    if (!found.emplace(*photo, fields.raw()).second) {
      fail("{}: \"{}\" has a label already", place, name);
    }
  }
  for (auto& [photo, fields] : found) {
    labels.photos.push_back(photo);
    labels.fields.push_back(std::move(fields));
  }
  if (labels.photos.empty()) {
    fail("{}: wanted labels of photos in the library, found {}", where,
         labels.unknown.empty()
             ? std::string("none")
             : fmt::format("only others, such as \"{}\"", labels.unknown.front()));
  }
  return labels;
}

}  // namespace saccade::photos::eval
