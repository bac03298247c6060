// XMP sidecar files, by which other photo programs see tags.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace saccade::photos {

struct Sidecar {
  std::vector<std::string> keywords;        ///< dc:subject
  std::vector<std::string> hierarchy = {};  ///< lr:hierarchicalSubject: "objects|cup"
  std::vector<std::string> people;          ///< Iptc4xmpExt:PersonInImage
  std::optional<double> latitude;           ///< exif:GPSLatitude
  std::optional<double> longitude;
};

/// The XMP packet, RDF in XML (ISO 16684-1).
std::string sidecar_text(const Sidecar& sidecar);

/// Writes it. A sidecar that another program wrote stays as it is unless `overwrite`; false then.
/// Throws Error when it cannot be written.
bool write_sidecar(const std::filesystem::path& path, const Sidecar& sidecar, bool overwrite);

}  // namespace saccade::photos
