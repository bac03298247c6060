#include "photos/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/json.h"
#include "photos/revision.h"
#include "photos/tag_values.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

/// Whether a person has already said something about this value.
bool is_decided(Connection& connection, std::int64_t photo, const std::string& field,
                const std::string& key) {
  return query_integer(connection,
                       "SELECT EXISTS (SELECT 1 FROM tags WHERE photo_id = ?1 AND field = ?2 AND "
                       "state <> 'proposed' AND (key = ?3 OR original_key = ?3))",
                       photo, field, key) != 0;
}

void store_tags(Connection& connection, const StoredAnswer& answer, const json::value& document,
                std::int64_t now) {
  execute(connection, "DELETE FROM tags WHERE photo_id = ?1 AND tier = ?2 AND state = 'proposed'",
          answer.photo, answer.tier);
  for (const TagValue& tag : tag_values(document)) {
    const std::string key = tag_key(tag.value);
    if (is_decided(connection, answer.photo, tag.field, key)) continue;
    std::optional<double> confidence = tag.confidence;
    if (answer.from_photo) confidence = confidence.value_or(1.0) * answer.likeness;
    // Of two tiers that say the same the later one knows more about it.
    execute(connection,
            "INSERT INTO tags (photo_id, field, value, key, state, details, confidence, tier, "
            "model, prompt, created_at, from_photo) VALUES (?1, ?2, ?3, ?4, 'proposed', ?5, ?6, "
            "?7, ?8, ?9, ?10, ?11) ON CONFLICT (photo_id, field, key) DO UPDATE SET value = "
            "excluded.value, details = excluded.details, confidence = excluded.confidence, tier = "
            "excluded.tier, model = excluded.model, prompt = excluded.prompt, created_at = "
            "excluded.created_at, from_photo = excluded.from_photo",
            answer.photo, tag.field, tag.value, key,
            tag.details.empty() ? std::nullopt : std::optional(tag.details), confidence,
            answer.tier, answer.model, answer.prompt, now, answer.from_photo);
  }
}

json::array colours_json(const std::vector<Colour>& colours) {
  json::array array;
  for (const Colour& colour : colours) {
    array.push_back(
        {{"name", colour.name},
         {"hex", fmt::format("#{:02x}{:02x}{:02x}", colour.red, colour.green, colour.blue)},
         {"share", colour.share}});
  }
  return array;
}

const char* kind_name(Region::Kind kind) {
  switch (kind) {
    case Region::Kind::kFace:
      return "face";
    case Region::Kind::kText:
      return "text";
    case Region::Kind::kBarcode:
      return "barcode";
  }
  return "";
}

/// The person whose face a region shows by the regions that are there now: the boxes overlap by
/// half or more of both together.
std::optional<std::int64_t> known_person(Connection& connection, std::int64_t photo,
                                         const Box& box) {
  auto named = sql(connection,
                   "SELECT x, y, width, height, person_id FROM regions WHERE photo_id = ?1 AND "
                   "person_id IS NOT NULL",
                   photo);
  while (named.executeStep()) {
    const Box other{named.getColumn(0).getDouble(), named.getColumn(1).getDouble(),
                    named.getColumn(2).getDouble(), named.getColumn(3).getDouble()};
    const double width =
        std::min(box.x + box.width, other.x + other.width) - std::max(box.x, other.x);
    const double height =
        std::min(box.y + box.height, other.y + other.height) - std::max(box.y, other.y);
    const double common = std::max(width, 0.0) * std::max(height, 0.0);
    const double both = box.width * box.height + other.width * other.height - common;
    if (both > 0.0 && common >= 0.5 * both) return named.getColumn(4).getInt64();
  }
  return std::nullopt;
}

void store_regions(Connection& connection, std::int64_t photo, const std::vector<Region>& regions) {
  std::vector<std::optional<std::int64_t>> people;
  people.reserve(regions.size());
  for (const Region& region : regions) {
    people.push_back(region.kind == Region::Kind::kFace
                         ? known_person(connection, photo, region.box)
                         : std::nullopt);
  }
  execute(connection, "DELETE FROM regions WHERE photo_id = ?1", photo);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    execute(connection,
            "INSERT INTO regions (photo_id, kind, x, y, width, height, text, format, confidence, "
            "person_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            photo, kind_name(region.kind), region.box.x, region.box.y, region.box.width,
            region.box.height, region.text, region.format, region.confidence, people[i]);
  }
}

void store_result(Connection& connection, const StoredAnswer& answer, std::int64_t now) {
  execute(connection,
          "UPDATE results SET current = 0 WHERE photo_id = ?1 AND tier = ?2 AND current",
          answer.photo, answer.tier);
  execute(connection,
          "INSERT INTO results (photo_id, tier, model, prompt, created_at, document, from_photo) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
          answer.photo, answer.tier, answer.model, answer.prompt, now, answer.document,
          answer.from_photo);
}

}  // namespace

void store_answer(Connection& connection, const StoredAnswer& answer, std::int64_t now) {
  store_result(connection, answer, now);
  store_tags(connection, answer, parse_json(answer.document, "an answer"), now);
  index_photo(connection, answer.photo);
  touch_photo(connection, answer.photo);
  if (answer.from_photo) return;
  auto sharing = sql(connection,
                     "SELECT photo_id, COALESCE(likeness, 1.0) FROM results JOIN photos ON "
                     "photos.id = photo_id WHERE from_photo = ?1 AND tier = ?2 AND current",
                     answer.photo, answer.tier);
  std::vector<StoredAnswer> copies;
  while (sharing.executeStep()) {
    StoredAnswer copy = answer;
    copy.photo = sharing.getColumn(0).getInt64();
    copy.from_photo = answer.photo;
    copy.likeness = sharing.getColumn(1).getDouble();
    copies.push_back(std::move(copy));
  }
  for (const StoredAnswer& copy : copies) store_answer(connection, copy, now);
}

void store_metadata(Connection& connection, std::int64_t photo, const PhotoMetadata& metadata) {
  const auto text = [](const std::string& value) {
    return value.empty() ? std::nullopt : std::optional(value);
  };
  json::array warnings;
  for (const std::string& warning : metadata.warnings) warnings.push_back(json::value(warning));
  execute(connection,
          "UPDATE photos SET format = ?2, width = ?3, height = ?4, taken_at = ?5, taken_seconds = "
          "?6, camera = ?7, lens = ?8, latitude = ?9, longitude = ?10, altitude_m = ?11, warnings "
          "= ?12 WHERE id = ?1",
          photo, metadata.format, metadata.width, metadata.height, text(metadata.taken_at),
          metadata.taken_seconds, text(metadata.camera), text(metadata.lens), metadata.latitude,
          metadata.longitude, metadata.altitude_m, json::serialize(warnings));
  index_photo(connection, photo);
  touch_photo(connection, photo);
}

void store_findings(Connection& connection, std::int64_t photo, const std::string& tier,
                    const std::string& model, const VisionFindings& findings, std::int64_t now) {
  const std::string colours = json::serialize(colours_json(findings.colours));
  execute(connection,
          "UPDATE photos SET sharpness = ?2, brightness = ?3, clipped_dark = ?4, clipped_light = "
          "?5, colours = ?6, perceptual_hash = ?7 WHERE id = ?1",
          photo, findings.sharpness, findings.brightness, findings.clipped_dark,
          findings.clipped_light, colours, static_cast<std::int64_t>(findings.perceptual_hash));
  execute(connection, "DELETE FROM miniatures WHERE photo_id = ?1", photo);
  if (!findings.miniature.empty()) {
    execute(connection, "INSERT INTO miniatures (photo_id, pixels) VALUES (?1, ?2)", photo,
            findings.miniature);
  }
  store_regions(connection, photo, findings.regions);
  store_result(connection,
               {.photo = photo,
                .tier = tier,
                .model = model,
                .prompt = "",
                .document = json::serialize(json::object{{"regions", findings.regions.size()},
                                                         {"sharpness", findings.sharpness}})},
               now);
  index_photo(connection, photo);
  touch_photo(connection, photo);
}

void store_embedding(Connection& connection, std::int64_t photo, const std::string& model,
                     const std::vector<float>& embedding) {
  execute(connection, "UPDATE photos SET embedding = ?2, embedding_model = ?3 WHERE id = ?1", photo,
          embedding, model);
}

void index_photo(Connection& connection, std::int64_t photo) {
  execute(connection, "DELETE FROM photo_text WHERE rowid = ?1", photo);
  execute(connection,
          "INSERT INTO photo_text (rowid, tags, people, text, name, camera) SELECT id, (SELECT "
          "group_concat(value || ' ' || COALESCE((SELECT group_concat(atom, ' ') FROM "
          "json_tree(details) WHERE atom IS NOT NULL AND type = 'text'), ''), ' ; ') FROM tags "
          "WHERE photo_id = ?1 AND state NOT IN ('rejected', 'merged')), (SELECT "
          "group_concat(people.name, ' ; ') FROM regions JOIN people ON people.id = person_id "
          "WHERE photo_id = ?1), (SELECT group_concat(text, ' ; ') FROM regions WHERE photo_id = "
          "?1 AND kind <> 'face'), name, COALESCE(camera, '') FROM photos WHERE id = ?1",
          photo);
}

}  // namespace saccade::photos
