#include "photos/photo_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <variant>

#include "photos/tag_counts.h"
#include "photos/tag_values.h"

namespace saccade::photos {
namespace {

constexpr int kTagsShown = 6;

/// Words as FTS5 wants them: quoted, so that nothing in them is an operator.
std::vector<std::string> quoted_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  const auto take = [&] {
    if (!word.empty()) words.push_back("\"" + word + "\"");
    word.clear();
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = byte >= 0x80 || std::isalnum(byte) != 0;
    if (letter) {
      word += c;
    } else {
      take();
    }
  }
  take();
  return words;
}

/// All words, if some photo has them all, otherwise any of them; empty: the text has no words.
std::string match_expression(Connection& connection, const std::string& text) {
  const auto words = quoted_words(text);
  if (words.empty()) return "";
  const std::string all = fmt::format("{}", fmt::join(words, " AND "));
  const bool found = query_integer(connection,
                                   "SELECT EXISTS (SELECT 1 FROM photo_text WHERE photo_text "
                                   "MATCH ?1)",
                                   all) != 0;
  return found ? all : fmt::format("{}", fmt::join(words, " OR "));
}

/// WHERE and its values.
class Query {
 public:
  using Value = std::variant<std::int64_t, double, std::string>;

  void add(const std::string& condition) { conditions_.push_back(condition); }
  /// `condition` has a {} for its value.
  void add(const std::string& condition, Value value) {
    conditions_.push_back(fmt::format(fmt::runtime(condition), place(std::move(value))));
  }
  std::string place(Value value) {
    values_.push_back(std::move(value));
    return fmt::format("?{}", values_.size());
  }
  std::string where() const {
    return conditions_.empty() ? "" : fmt::format(" WHERE {}", fmt::join(conditions_, " AND "));
  }
  SQLite::Statement statement(Connection& connection, const std::string& text) const {
    SQLite::Statement statement(connection, text);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      std::visit([&](const auto& value) { statement.bind(static_cast<int>(i) + 1, value); },
                 values_[i]);
    }
    return statement;
  }

 private:
  std::vector<std::string> conditions_;
  std::vector<Value> values_;
};

struct Source {
  Query query;
  std::string from = "photos";
  bool nothing = false;  ///< nothing can match
};

Source source_of(Connection& connection, const PhotoFilter& filter) {
  Source source;
  Query& query = source.query;
  if (!filter.text.empty()) {
    const std::string expression = match_expression(connection, filter.text);
    source.nothing = expression.empty();
    source.from = "photo_text JOIN photos ON photos.id = photo_text.rowid";
    query.add("photo_text MATCH {}", expression);
  }
  if (!filter.person.empty()) {
    query.add(
        "EXISTS (SELECT 1 FROM regions JOIN people ON people.id = person_id WHERE photo_id = "
        "photos.id AND people.name = {})",
        filter.person);
  }
  if (!filter.value.empty()) {
    const std::string field =
        filter.field.empty() ? "" : fmt::format("field = {} AND ", query.place(filter.field));
    query.add(
        fmt::format("EXISTS (SELECT 1 FROM tags WHERE photo_id = photos.id AND {}key = {} "
                    "AND state NOT IN ('rejected', 'merged'))",
                    field, query.place(tag_key(filter.value))));
  }
  if (!filter.place.empty()) {
    query.add(
        fmt::format("EXISTS (SELECT 1 FROM tags WHERE photo_id = photos.id AND field IN {} "
                    "AND key = {} AND state NOT IN ('rejected', 'merged'))",
                    kPlaceFields, query.place(tag_key(filter.place))));
  }
  if (!filter.from.empty()) query.add("taken_at >= {}", filter.from);
  // Every time on that day comes before "2024-05-01~".
  if (!filter.to.empty()) query.add("taken_at <= {}", filter.to + "~");
  if (filter.reviewed) {
    query.add(*filter.reviewed ? "reviewed_at IS NOT NULL" : "reviewed_at IS NULL");
  }
  if (filter.low_confidence) {
    query.add(
        "EXISTS (SELECT 1 FROM tags WHERE photo_id = photos.id AND state = 'proposed' AND "
        "confidence < {})",
        kLowConfidence);
  }
  if (filter.state == "failed") {
    query.add(
        "EXISTS (SELECT 1 FROM jobs WHERE photo_id = photos.id AND state IN ('failed', "
        "'set_aside'))");
  } else if (filter.state == "waiting") {
    query.add(
        "EXISTS (SELECT 1 FROM jobs WHERE photo_id = photos.id AND state IN ('waiting', "
        "'running', 'blocked'))");
  }
  if (filter.cluster) query.add("cluster_id = {}", *filter.cluster);
  return source;
}

std::string order_clause(PhotoOrder order, bool searched) {
  constexpr const char* kTime = "COALESCE(taken_seconds, added_at / 1000)";
  switch (order) {
    case PhotoOrder::kTaken:
      return fmt::format("{} , photos.id", kTime);
    case PhotoOrder::kTakenLast:
      return fmt::format("{} DESC, photos.id DESC", kTime);
    case PhotoOrder::kAdded:
      return "added_at, photos.id";
    case PhotoOrder::kAddedLast:
      return "added_at DESC, photos.id DESC";
    case PhotoOrder::kRelevance:
      return searched ? "photo_text.rank, photos.id" : order_clause(PhotoOrder::kTakenLast, false);
  }
  return "";
}

void add_details(Connection& connection, PhotoSummary& photo) {
  auto tiers = sql(connection, "SELECT tier, state FROM jobs WHERE photo_id = ?1", photo.id);
  while (tiers.executeStep()) {
    photo.tiers.emplace_back(tiers.getColumn(0).getString(), tiers.getColumn(1).getString());
  }
  auto tags = sql(connection,
                  "SELECT value FROM tags WHERE photo_id = ?1 AND state NOT IN ('rejected', "
                  "'merged') AND length(value) <= 40 ORDER BY state = 'proposed', id LIMIT ?2",
                  photo.id, kTagsShown);
  while (tags.executeStep()) photo.tags.push_back(tags.getColumn(0).getString());
  photo.low_confidence = query_integer(connection,
                                       "SELECT EXISTS (SELECT 1 FROM tags WHERE photo_id = ?1 AND "
                                       "state = 'proposed' AND confidence < ?2)",
                                       photo.id, kLowConfidence) != 0;
  if (!photo.cluster) return;
  photo.cluster_size = query_integer(
      connection, "SELECT COUNT(*) FROM photos WHERE cluster_id = ?1", *photo.cluster);
}

constexpr const char* kColumns =
    "photos.id, digest, photos.name, COALESCE(taken_at, ''), COALESCE(width, 0), COALESCE(height, "
    "0), reviewed_at IS NOT NULL, cluster_id";

PhotoSummary read_summary(const SQLite::Statement& row) {
  return {.id = row.getColumn(0).getInt64(),
          .digest = row.getColumn(1).getString(),
          .name = row.getColumn(2).getString(),
          .taken_at = row.getColumn(3).getString(),
          .width = row.getColumn(4).getInt64(),
          .height = row.getColumn(5).getInt64(),
          .reviewed = row.getColumn(6).getInt() != 0,
          .low_confidence = false,
          .cluster = optional_integer(row.getColumn(7)),
          .cluster_size = 0,
          .tiers = {},
          .tags = {},
          .likeness = 0.0};
}

}  // namespace

std::int64_t count_photos(Connection& connection, const PhotoFilter& filter) {
  const Source source = source_of(connection, filter);
  if (source.nothing) return 0;
  auto row = source.query.statement(
      connection, fmt::format("SELECT COUNT(*) FROM {}{}", source.from, source.query.where()));
  row.executeStep();
  return row.getColumn(0).getInt64();
}

std::vector<PhotoSummary> list_photos(Connection& connection, const PhotoFilter& filter,
                                      PhotoOrder order, std::int64_t offset, std::int64_t limit) {
  Source source = source_of(connection, filter);
  std::vector<PhotoSummary> photos;
  if (source.nothing) return photos;
  const std::string count = source.query.place(limit);
  const std::string first = source.query.place(offset);
  auto rows = source.query.statement(
      connection,
      fmt::format("SELECT {} FROM {}{} ORDER BY {} LIMIT {} OFFSET {}", kColumns, source.from,
                  source.query.where(), order_clause(order, !filter.text.empty()), count, first));
  while (rows.executeStep()) photos.push_back(read_summary(rows));
  for (PhotoSummary& photo : photos) add_details(connection, photo);
  return photos;
}

std::vector<PhotoSummary> similar_photos(Connection& connection, std::int64_t photo,
                                         std::int64_t limit) {
  auto rows =
      sql(connection,
          fmt::format("WITH me AS (SELECT embedding AS mine, embedding_model AS model, "
                      "perceptual_hash AS hash FROM photos WHERE id = ?1) SELECT {}, "
                      "COALESCE(CASE WHEN embedding_model = model THEN dot(embedding, "
                      "mine) END, 1.0 - hamming(perceptual_hash, hash) / 64.0) AS alike FROM "
                      "photos, me WHERE photos.id <> ?1 AND alike IS NOT NULL ORDER BY "
                      "alike DESC, photos.id LIMIT ?2",
                      kColumns),
          photo, limit);
  std::vector<PhotoSummary> photos;
  while (rows.executeStep()) {
    photos.push_back(read_summary(rows));
    photos.back().likeness = rows.getColumn(8).getDouble();
  }
  for (PhotoSummary& similar : photos) add_details(connection, similar);
  return photos;
}

}  // namespace saccade::photos
