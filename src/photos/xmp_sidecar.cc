#include "photos/xmp_sidecar.h"

#include <fmt/format.h>

#include <cmath>
#include <exiv2/exiv2.hpp>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "photos/photo_file.h"

namespace saccade::photos {
namespace {

constexpr const char* kToolkit = "Saccade";

/// "52,31.0000N": degrees and minutes as XMP writes them.
std::string xmp_angle(double degrees, char positive, char negative) {
  const double size = std::abs(degrees);
  const double whole = std::floor(size);
  return fmt::format("{:.0f},{:.6f}{}", whole, (size - whole) * 60.0,
                     degrees < 0.0 ? negative : positive);
}

void add_bag(Exiv2::XmpData& data, const char* key, const std::vector<std::string>& texts) {
  auto bag = Exiv2::Value::create(Exiv2::xmpBag);
  std::set<std::string> seen;
  for (const std::string& text : texts) {
    if (seen.insert(text).second) bag->read(text);
  }
  if (bag->count() > 0) data.add(Exiv2::XmpKey(key), bag.get());
}

void register_namespaces() {
  // exiv2 keeps them for the process; once is enough.
  static const bool registered = [] {
    Exiv2::XmpParser::initialize();
    Exiv2::XmpProperties::registerNs("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "Iptc4xmpExt");
    return true;
  }();
  static_cast<void>(registered);
}

}  // namespace

std::string sidecar_text(const Sidecar& sidecar) {
  register_namespaces();
  Exiv2::XmpData data;
  data["Xmp.xmp.CreatorTool"] = std::string(kToolkit);
  add_bag(data, "Xmp.dc.subject", sidecar.keywords);
  add_bag(data, "Xmp.lr.hierarchicalSubject", sidecar.hierarchy);
  add_bag(data, "Xmp.Iptc4xmpExt.PersonInImage", sidecar.people);
  if (sidecar.latitude && sidecar.longitude) {
    data["Xmp.exif.GPSLatitude"] = xmp_angle(*sidecar.latitude, 'N', 'S');
    data["Xmp.exif.GPSLongitude"] = xmp_angle(*sidecar.longitude, 'E', 'W');
  }
  std::string packet;
  if (Exiv2::XmpParser::encode(packet, data, Exiv2::XmpParser::useCompactFormat) != 0) {
    fail("the tags cannot be written as XMP");
  }
  return packet;
}

bool write_sidecar(const std::filesystem::path& path, const Sidecar& sidecar, bool overwrite) {
  std::error_code error;
  if (!overwrite && std::filesystem::exists(path, error) &&
      read_text_file(path).find(fmt::format("\"{}\"", kToolkit)) == std::string::npos) {
    return false;
  }
  const std::string text = sidecar_text(sidecar);
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  write_whole_file(path, std::vector<std::byte>(bytes, bytes + text.size()));
  return true;
}

}  // namespace saccade::photos
