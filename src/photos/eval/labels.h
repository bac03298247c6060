// What people say is in photos: the file that answers are held against.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::photos::eval {

struct PhotoName {
  std::string name;    ///< its path
  std::string digest;  ///< SHA-256 of the file, hexadecimal
};

struct Labels {
  /// Indices of the photos that have a label, in their order, and the labels beside them.
  std::vector<std::size_t> photos;
  std::vector<boost::json::object> fields;
  std::vector<std::string> unknown;  ///< what labels call photos that are not there
};

/// Reads labels, JSON lines: {"photo": "holiday/beach.jpg", "fields": {"entities": ["dog"]}}. A
/// photo is named by its path, the end of its path from a folder's or the file's name on, or its
/// digest. Throws Error with the line's number: no JSON, a name that several photos have, a photo
/// that has a label already, no label at all.
Labels read_labels(std::string_view text, std::string_view where,
                   std::span<const PhotoName> photos);

}  // namespace saccade::photos::eval
