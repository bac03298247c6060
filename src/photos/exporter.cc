#include "photos/exporter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/json_text.h"
#include "photos/photo_file.h"
#include "photos/xmp_sidecar.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

/// What leaves the library of one photo.
struct ExportedPhoto {
  std::int64_t id = 0;
  std::string digest;
  std::string name;
  std::string taken_at;
  std::string camera;
  std::optional<double> latitude;
  std::optional<double> longitude;
  bool reviewed = false;
  std::vector<std::string> files;
  struct Tag {
    std::string field;
    std::string value;
    std::string state;
    std::string tier;
    std::string model;
    std::string prompt;
    std::optional<double> confidence;
  };
  std::vector<Tag> tags;
  std::vector<std::string> people;
  std::vector<std::string> texts;
};

std::vector<std::string> texts_of(Connection& connection, const std::string& query,
                                  std::int64_t photo) {
  std::vector<std::string> texts;
  auto rows = sql(connection, query, photo);
  while (rows.executeStep()) texts.push_back(rows.getColumn(0).getString());
  return texts;
}

ExportedPhoto read_photo(Connection& connection, std::int64_t id, const ExportOptions& options) {
  auto row = sql(connection,
                 "SELECT digest, name, COALESCE(taken_at, ''), COALESCE(camera, ''), latitude, "
                 "longitude, reviewed_at IS NOT NULL FROM photos WHERE id = ?1",
                 id);
  row.executeStep();
  ExportedPhoto photo{.id = id,
                      .digest = row.getColumn(0).getString(),
                      .name = row.getColumn(1).getString(),
                      .taken_at = row.getColumn(2).getString(),
                      .camera = row.getColumn(3).getString(),
                      .latitude = options.gps ? optional_number(row.getColumn(4)) : std::nullopt,
                      .longitude = options.gps ? optional_number(row.getColumn(5)) : std::nullopt,
                      .reviewed = row.getColumn(6).getInt() != 0,
                      .files = {},
                      .tags = {},
                      .people = {},
                      .texts = {}};
  photo.files = texts_of(connection,
                         "SELECT path FROM files WHERE photo_id = ?1 AND missing_since IS NULL "
                         "ORDER BY path",
                         id);
  photo.people = texts_of(connection,
                          "SELECT DISTINCT people.name FROM regions JOIN people ON people.id = "
                          "person_id WHERE photo_id = ?1 ORDER BY people.name",
                          id);
  // Nobody accepts what was read in a photo; it is what the photo says.
  if (!options.only_accepted) {
    photo.texts =
        texts_of(connection,
                 "SELECT text FROM regions WHERE photo_id = ?1 AND kind <> 'face' ORDER BY "
                 "id",
                 id);
  }
  auto tags = sql(connection,
                  "SELECT field, value, state, tier, model, prompt, confidence FROM tags WHERE "
                  "photo_id = ?1 AND state NOT IN ('rejected', 'merged') AND (NOT ?2 OR state <> "
                  "'proposed') ORDER BY field, id",
                  id, options.only_accepted);
  while (tags.executeStep()) {
    photo.tags.push_back({.field = tags.getColumn(0).getString(),
                          .value = tags.getColumn(1).getString(),
                          .state = tags.getColumn(2).getString(),
                          .tier = tags.getColumn(3).getString(),
                          .model = tags.getColumn(4).getString(),
                          .prompt = tags.getColumn(5).getString(),
                          .confidence = optional_number(tags.getColumn(6))});
  }
  return photo;
}

json::array json_texts(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.push_back(json::value(text));
  return array;
}

std::string json_line(const ExportedPhoto& photo) {
  json::object line{{"photo", photo.id},
                    {"digest", photo.digest},
                    {"name", photo.name},
                    {"files", json_texts(photo.files)},
                    {"taken", photo.taken_at.empty() ? json::value() : json::value(photo.taken_at)},
                    {"camera", photo.camera.empty() ? json::value() : json::value(photo.camera)},
                    {"reviewed", photo.reviewed}};
  if (photo.latitude && photo.longitude) {
    line["latitude"] = *photo.latitude;
    line["longitude"] = *photo.longitude;
  }
  json::array tags;
  for (const auto& tag : photo.tags) {
    tags.push_back({{"field", tag.field},
                    {"value", tag.value},
                    {"state", tag.state},
                    {"tier", tag.tier},
                    {"model", tag.model},
                    {"prompt", tag.prompt},
                    {"confidence", tag.confidence ? json::value(*tag.confidence) : json::value()}});
  }
  line["tags"] = std::move(tags);
  line["people"] = json_texts(photo.people);
  line["text"] = json_texts(photo.texts);
  return json_text(line) + "\n";
}

/// A field of a CSV file (RFC 4180). What a spreadsheet would take for a formula gets a ' before
/// it.
std::string csv_field(const std::string& text) {
  std::string field = text;
  if (!field.empty() && std::string_view("=+-@\t\r").find(field[0]) != std::string_view::npos) {
    field.insert(field.begin(), '\'');
  }
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string csv_header(bool gps) {
  return fmt::format("photo,digest,name,taken,camera,{}field,value,state,confidence,tier,model\r\n",
                     gps ? "latitude,longitude," : "");
}

/// One line a tag: spreadsheets filter those.
std::string csv_lines(const ExportedPhoto& photo, bool gps) {
  std::string head = fmt::format("{},{},{},{},{},", photo.id, photo.digest, csv_field(photo.name),
                                 csv_field(photo.taken_at), csv_field(photo.camera));
  if (gps) {
    head += photo.latitude ? fmt::format("{}", *photo.latitude) : "";
    head += ",";
    head += photo.longitude ? fmt::format("{},", *photo.longitude) : ",";
  }
  std::string lines;
  const auto add = [&](const std::string& field, const std::string& value,
                       const std::string& rest) {
    lines += fmt::format("{}{},{},{}\r\n", head, csv_field(field), csv_field(value), rest);
  };
  for (const auto& tag : photo.tags) {
    add(tag.field, tag.value,
        fmt::format("{},{},{},{}", tag.state,
                    tag.confidence ? fmt::format("{:.3f}", *tag.confidence) : "",
                    csv_field(tag.tier), csv_field(tag.model)));
  }
  for (const std::string& person : photo.people) add("person", person, "added,,person,");
  for (const std::string& text : photo.texts) add("text", text, "proposed,,vision,");
  return lines;
}

Sidecar sidecar_of(const ExportedPhoto& photo) {
  Sidecar sidecar{.keywords = {},
                  .people = photo.people,
                  .latitude = photo.latitude,
                  .longitude = photo.longitude};
  for (const auto& tag : photo.tags) {
    sidecar.keywords.push_back(tag.value);
    sidecar.hierarchy.push_back(tag.field + "|" + tag.value);
  }
  return sidecar;
}

}  // namespace

ExportFormat parse_export_format(const std::string& word) {
  if (word == "jsonl") return ExportFormat::kJsonLines;
  if (word == "csv") return ExportFormat::kCsv;
  if (word == "xmp") return ExportFormat::kXmp;
  fail_usage("--format: {} is none of jsonl, csv, xmp", word);
}

ExportCounts export_library(const Library& library, const ExportOptions& options,
                            const std::function<void(std::string_view)>& write) {
  ExportCounts counts;
  const auto ids = library.database().read([](Connection& connection) {
    std::vector<std::int64_t> photos;
    auto rows = sql(connection, "SELECT id FROM photos ORDER BY id");
    while (rows.executeStep()) photos.push_back(rows.getColumn(0).getInt64());
    return photos;
  });
  if (options.format == ExportFormat::kCsv) write(csv_header(options.gps));
  for (const std::int64_t id : ids) {
    const ExportedPhoto photo = library.database().read(
        [&](Connection& connection) { return read_photo(connection, id, options); });
    ++counts.photos;
    switch (options.format) {
      case ExportFormat::kJsonLines:
        write(json_line(photo));
        break;
      case ExportFormat::kCsv:
        write(csv_lines(photo, options.gps));
        break;
      case ExportFormat::kXmp:
        for (const std::string& file : photo.files) {
          const std::string path = file + ".xmp";
          if (write_sidecar(path, sidecar_of(photo), options.overwrite)) {
            write(path + "\n");
          } else {
            ++counts.skipped;
          }
        }
        if (photo.files.empty()) ++counts.skipped;
        break;
    }
  }
  return counts;
}

}  // namespace saccade::photos
