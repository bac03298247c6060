#include "photos/deck_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>

#include "base/error.h"
#include "base/json.h"
#include "photos/tag_counts.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostValues = 100;

json::value text_or_null(const SQLite::Column& column) {
  return column.isNull() ? json::value() : json::value(column.getString());
}

json::value number_or_null(const SQLite::Column& column) {
  return column.isNull() ? json::value() : json::value(column.getDouble());
}

json::value integer_or_null(const SQLite::Column& column) {
  return column.isNull() ? json::value() : json::value(column.getInt64());
}

json::value time_or_null(const SQLite::Column& column) {
  return column.isNull() ? json::value() : json::value(iso_time(column.getInt64()));
}

json::value optional_json(const std::optional<double>& number) {
  return number ? json::value(*number) : json::value();
}

/// A document of the database; it was JSON when it was put there.
json::value stored_json(const SQLite::Column& column) {
  return column.isNull() ? json::value() : parse_json(column.getString(), "the library");
}

json::array files_json(Connection& connection, std::int64_t photo) {
  json::array files;
  auto rows = sql(connection,
                  "SELECT path, missing_since IS NOT NULL FROM files WHERE photo_id = ?1 ORDER BY "
                  "path",
                  photo);
  while (rows.executeStep()) {
    files.push_back(
        {{"path", rows.getColumn(0).getString()}, {"missing", rows.getColumn(1).getInt() != 0}});
  }
  return files;
}

json::object metadata_json(Connection& connection, std::int64_t photo) {
  auto row =
      sql(connection,
          "SELECT format, width, height, bytes, taken_at, camera, lens, latitude, longitude, "
          "altitude_m, sharpness, brightness, clipped_dark, clipped_light, colours FROM "
          "photos WHERE id = ?1",
          photo);
  row.executeStep();
  return {{"format", text_or_null(row.getColumn(0))},
          {"width", integer_or_null(row.getColumn(1))},
          {"height", integer_or_null(row.getColumn(2))},
          {"bytes", row.getColumn(3).getInt64()},
          {"taken", text_or_null(row.getColumn(4))},
          {"camera", text_or_null(row.getColumn(5))},
          {"lens", text_or_null(row.getColumn(6))},
          {"latitude", number_or_null(row.getColumn(7))},
          {"longitude", number_or_null(row.getColumn(8))},
          {"altitude_m", number_or_null(row.getColumn(9))},
          {"sharpness", number_or_null(row.getColumn(10))},
          {"brightness", number_or_null(row.getColumn(11))},
          {"clipped_dark", number_or_null(row.getColumn(12))},
          {"clipped_light", number_or_null(row.getColumn(13))},
          {"colours",
           row.getColumn(14).isNull() ? json::array() : stored_json(row.getColumn(14)).as_array()}};
}

json::array regions_json(Connection& connection, std::int64_t photo) {
  json::array regions;
  auto rows = sql(connection,
                  "SELECT regions.id, kind, x, y, width, height, text, format, confidence, "
                  "people.id, people.name FROM regions LEFT JOIN people ON people.id = person_id "
                  "WHERE photo_id = ?1 ORDER BY regions.id",
                  photo);
  while (rows.executeStep()) {
    json::value person;
    if (!rows.getColumn(9).isNull()) {
      person = {{"id", rows.getColumn(9).getInt64()}, {"name", rows.getColumn(10).getString()}};
    }
    regions.push_back(
        {{"id", rows.getColumn(0).getInt64()},
         {"kind", rows.getColumn(1).getString()},
         {"box", json::array{rows.getColumn(2).getDouble(), rows.getColumn(3).getDouble(),
                             rows.getColumn(4).getDouble(), rows.getColumn(5).getDouble()}},
         {"text", rows.getColumn(6).getString()},
         {"format", rows.getColumn(7).getString()},
         {"confidence", rows.getColumn(8).getDouble()},
         {"person", std::move(person)}});
  }
  return regions;
}

json::array tags_json(Connection& connection, std::int64_t photo) {
  json::array tags;
  auto rows = sql(connection,
                  "SELECT id, field, value, details, confidence, state, tier, model, prompt, "
                  "created_at, from_photo, original FROM tags WHERE photo_id = ?1 AND state <> "
                  "'merged' ORDER BY id",
                  photo);
  while (rows.executeStep()) {
    tags.push_back({{"id", rows.getColumn(0).getInt64()},
                    {"field", rows.getColumn(1).getString()},
                    {"value", rows.getColumn(2).getString()},
                    {"details", stored_json(rows.getColumn(3))},
                    {"confidence", number_or_null(rows.getColumn(4))},
                    {"state", rows.getColumn(5).getString()},
                    {"source",
                     {{"tier", rows.getColumn(6).getString()},
                      {"model", rows.getColumn(7).getString()},
                      {"prompt", rows.getColumn(8).getString()},
                      {"at", time_or_null(rows.getColumn(9))},
                      {"from_photo", integer_or_null(rows.getColumn(10))},
                      {"original", text_or_null(rows.getColumn(11))}}}});
  }
  return tags;
}

json::array tiers_json(Connection& connection, const Settings& settings, std::int64_t photo) {
  json::array tiers;
  for (const Tier& tier : settings.tiers) {
    auto row = sql(connection,
                   "SELECT state, attempts, error, changed_at, duration_ms, CASE WHEN state = "
                   "'failed' THEN not_before END, EXISTS (SELECT 1 FROM results WHERE "
                   "results.photo_id = ?1 AND results.tier = ?2 AND current AND prompt <> '' AND "
                   "prompt <> ?3) FROM jobs WHERE photo_id = ?1 AND tier = ?2",
                   photo, tier.name, tier.kind == Tier::Kind::kVlm ? tier.prompt_version() : "");
    if (!row.executeStep()) continue;
    tiers.push_back({{"name", tier.name},
                     {"title", tier.title},
                     {"state", row.getColumn(0).getString()},
                     {"attempts", row.getColumn(1).getInt64()},
                     {"error", text_or_null(row.getColumn(2))},
                     {"at", time_or_null(row.getColumn(3))},
                     {"duration_ms", number_or_null(row.getColumn(4))},
                     {"next_try", time_or_null(row.getColumn(5))},
                     {"outdated", row.getColumn(6).getInt() != 0}});
  }
  return tiers;
}

json::value cluster_json(Connection& connection, std::int64_t photo) {
  auto row = sql(connection,
                 "SELECT clusters.id, (SELECT COUNT(*) FROM photos AS others WHERE "
                 "others.cluster_id = clusters.id), representative, likeness FROM photos JOIN "
                 "clusters ON clusters.id = photos.cluster_id WHERE photos.id = ?1",
                 photo);
  if (!row.executeStep()) return nullptr;
  return json::object{{"id", row.getColumn(0).getInt64()},
                      {"size", row.getColumn(1).getInt64()},
                      {"representative", row.getColumn(2).getInt64()},
                      {"likeness", number_or_null(row.getColumn(3))}};
}

const char* kind_name(Tier::Kind kind) {
  switch (kind) {
    case Tier::Kind::kImport:
      return "import";
    case Tier::Kind::kVision:
      return "vision";
    case Tier::Kind::kVlm:
      return "vlm";
  }
  return "";
}

std::string picture_name(std::int64_t photo, const std::string& digest) {
  return fmt::format("{}-{}.jpg", photo, digest.substr(0, 12));
}

}  // namespace

std::string iso_time(std::int64_t ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

std::string thumbnail_url(std::int64_t photo, const std::string& digest) {
  return "/thumbnails/" + picture_name(photo, digest);
}

std::string picture_url(std::int64_t photo, const std::string& digest) {
  return "/pictures/" + picture_name(photo, digest);
}

json::object library_json(Connection& connection, const Library& library) {
  json::array tiers;
  for (const Tier& tier : library.settings().tiers) {
    tiers.push_back({{"name", tier.name},
                     {"title", tier.title},
                     {"kind", kind_name(tier.kind)},
                     {"model", tier.vlm.model},
                     {"url", tier.vlm.url}});
  }
  json::array fields;
  for (const std::string& field : tag_fields(connection)) fields.push_back(json::value(field));
  return {{"name", library.name()},
          {"photos", query_integer(connection, "SELECT COUNT(*) FROM photos")},
          {"reviewed",
           query_integer(connection, "SELECT COUNT(*) FROM photos WHERE reviewed_at IS NOT NULL")},
          {"tiers", std::move(tiers)},
          {"fields", std::move(fields)}};
}

json::object summary_json(const PhotoSummary& photo) {
  json::object tiers;
  for (const auto& [tier, state] : photo.tiers) tiers[tier] = state;
  json::array tags;
  for (const std::string& tag : photo.tags) tags.push_back(json::value(tag));
  json::value cluster;
  if (photo.cluster) cluster = {{"id", *photo.cluster}, {"size", photo.cluster_size}};
  return {{"id", photo.id},
          {"name", photo.name},
          {"taken", photo.taken_at.empty() ? json::value() : json::value(photo.taken_at)},
          {"width", photo.width},
          {"height", photo.height},
          {"thumbnail",
           photo.width > 0 ? json::value(thumbnail_url(photo.id, photo.digest)) : json::value()},
          {"tiers", std::move(tiers)},
          {"reviewed", photo.reviewed},
          {"cluster", std::move(cluster)},
          {"low_confidence", photo.low_confidence},
          {"tags", std::move(tags)}};
}

json::object photo_json(Connection& connection, const Library& library, std::int64_t photo) {
  auto row =
      sql(connection,
          "SELECT name, digest, width IS NOT NULL, reviewed_at, warnings, added_at, revision "
          "FROM photos WHERE id = ?1",
          photo);
  if (!row.executeStep()) fail("there is no photo {}", photo);
  const std::string digest = row.getColumn(1).getString();
  return {{"id", photo},
          {"name", row.getColumn(0).getString()},
          {"digest", digest},
          {"revision", row.getColumn(6).getInt64()},
          {"files", files_json(connection, photo)},
          {"metadata", metadata_json(connection, photo)},
          {"picture", row.getColumn(2).getInt() != 0 ? json::value(picture_url(photo, digest))
                                                     : json::value()},
          {"regions", regions_json(connection, photo)},
          {"tags", tags_json(connection, photo)},
          {"tiers", tiers_json(connection, library.settings(), photo)},
          {"reviewed", !row.getColumn(3).isNull()},
          {"cluster", cluster_json(connection, photo)},
          {"added", time_or_null(row.getColumn(5))},
          {"notes",
           row.getColumn(4).isNull() ? json::array() : stored_json(row.getColumn(4)).as_array()}};
}

json::object facets_json(Connection& connection) {
  json::array people;
  auto named = sql(connection,
                   "SELECT people.id, name, COUNT(DISTINCT photo_id) AS photos FROM people JOIN "
                   "regions ON person_id = people.id GROUP BY people.id ORDER BY photos DESC, name "
                   "LIMIT 200");
  while (named.executeStep()) {
    people.push_back({{"id", named.getColumn(0).getInt64()},
                      {"name", named.getColumn(1).getString()},
                      {"count", named.getColumn(2).getInt64()}});
  }
  json::array months;
  auto counted = sql(connection,
                     "SELECT substr(taken_at, 1, 7) AS month, COUNT(*) FROM photos WHERE taken_at "
                     "IS NOT NULL GROUP BY month ORDER BY month DESC");
  while (counted.executeStep()) {
    months.push_back(
        {{"month", counted.getColumn(0).getString()}, {"count", counted.getColumn(1).getInt64()}});
  }
  json::array places;
  for (const ValueCount& place : frequent_places(connection, kMostValues)) {
    places.push_back({{"name", place.value}, {"count", place.photos}});
  }
  json::array values;
  for (const ValueCount& value : frequent_values(connection, kMostValues)) {
    values.push_back({{"field", value.field}, {"value", value.value}, {"count", value.photos}});
  }
  return {{"people", std::move(people)},
          {"places", std::move(places)},
          {"months", std::move(months)},
          {"values", std::move(values)}};
}

json::object progress_json(const Progress& progress) {
  json::array tiers;
  for (const TierProgress& tier : progress.tiers) {
    tiers.push_back({{"name", tier.name},
                     {"title", tier.title},
                     {"blocked", tier.blocked},
                     {"waiting", tier.waiting},
                     {"running", tier.running},
                     {"done", tier.done},
                     {"failed", tier.failed},
                     {"set_aside", tier.set_aside},
                     {"shared", tier.shared},
                     {"per_minute", tier.per_minute},
                     {"eta_seconds", optional_json(tier.eta_seconds)},
                     {"p50_ms", optional_json(tier.p50_ms)},
                     {"p95_ms", optional_json(tier.p95_ms)},
                     {"p99_ms", optional_json(tier.p99_ms)}});
  }
  return {{"tiers", std::move(tiers)},     {"photos", progress.photos},
          {"reviewed", progress.reviewed}, {"clusters", progress.clusters},
          {"errors", progress.errors},     {"missing_files", progress.missing_files}};
}

json::object problems_json(const std::vector<Problem>& problems) {
  json::array errors;
  for (const Problem& problem : problems) {
    errors.push_back({{"photo", problem.photo ? json::value(*problem.photo) : json::value()},
                      {"path", problem.path},
                      {"name", problem.name},
                      {"tier", problem.tier},
                      {"state", problem.state},
                      {"error", problem.error},
                      {"attempts", problem.attempts},
                      {"next_try", problem.next_try ? json::value(iso_time(*problem.next_try))
                                                    : json::value()}});
  }
  return {{"errors", std::move(errors)}};
}

}  // namespace saccade::photos
