#include "photos/tag_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace saccade::photos {
namespace {

constexpr int kLongestValue = 40;  // characters
constexpr int kAnyLength = 1'000'000'000;

/// The most frequent values of one field.
void add_frequent(Connection& connection, const std::string& field, int longest, std::size_t limit,
                  std::vector<ValueCount>& counts) {
  auto rows =
      sql(connection,
          "SELECT key, photos, (SELECT value FROM tags WHERE tags.field = ?1 AND tags.key = "
          "tag_counts.key AND state NOT IN ('rejected', 'merged') LIMIT 1) FROM tag_counts "
          "WHERE field = ?1 AND length(key) <= ?2 ORDER BY photos DESC, key LIMIT ?3",
          field, longest, static_cast<std::int64_t>(limit));
  while (rows.executeStep()) {
    counts.push_back({.field = field,
                      .key = rows.getColumn(0).getString(),
                      .value = rows.getColumn(2).getString(),
                      .photos = rows.getColumn(1).getInt64()});
  }
}

void keep_most_frequent(std::vector<ValueCount>& counts, std::size_t limit) {
  std::ranges::sort(counts, [](const ValueCount& a, const ValueCount& b) {
    return std::tie(b.photos, a.key, a.field) < std::tie(a.photos, b.key, b.field);
  });
  counts.resize(std::min(counts.size(), limit));
}

}  // namespace

std::vector<std::string> tag_fields(Connection& connection) {
  // From one field to the next through the index, past all values between.
  auto rows = sql(connection,
                  "WITH RECURSIVE fields (field) AS (SELECT MIN(field) FROM tag_counts UNION ALL "
                  "SELECT (SELECT MIN(tag_counts.field) FROM tag_counts WHERE tag_counts.field > "
                  "fields.field) FROM fields WHERE field IS NOT NULL) SELECT field FROM fields "
                  "WHERE field IS NOT NULL LIMIT 100");
  std::vector<std::string> fields;
  while (rows.executeStep()) fields.push_back(rows.getColumn(0).getString());
  return fields;
}

std::vector<ValueCount> frequent_values(Connection& connection, std::size_t limit) {
  std::vector<ValueCount> counts;
  for (const std::string& field : tag_fields(connection)) {
    add_frequent(connection, field, kLongestValue, limit, counts);
  }
  keep_most_frequent(counts, limit);
  return counts;
}

std::vector<ValueCount> frequent_places(Connection& connection, std::size_t limit) {
  std::vector<ValueCount> candidates;
  auto fields =
      sql(connection, fmt::format("SELECT value FROM json_each(json_array{})", kPlaceFields));
  while (fields.executeStep()) {
    add_frequent(connection, fields.getColumn(0).getString(), kAnyLength, limit, candidates);
  }
  std::vector<ValueCount> places;
  std::set<std::string> seen;
  for (ValueCount& candidate : candidates) {
    if (!seen.insert(candidate.key).second) continue;
    candidate.photos = query_integer(
        connection,
        fmt::format("SELECT TOTAL(photos) FROM tag_counts WHERE field IN {} AND key = ?1",
                    kPlaceFields),
        candidate.key);
    places.push_back(std::move(candidate));
  }
  keep_most_frequent(places, limit);
  return places;
}

}  // namespace saccade::photos
