#include "photos/deck_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <boost/url.hpp>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/json_text.h"
#include "media/thumbnail.h"
#include "photos/clock.h"
#include "photos/deck_json.h"
#include "photos/edits.h"
#include "photos/importer.h"
#include "photos/jobs.h"
#include "photos/photo_file.h"
#include "photos/photo_list.h"
#include "photos/picture_source.h"
#include "photos/progress.h"
#include "photos/web/files.h"

namespace saccade::photos {
namespace {

namespace json = boost::json;
using server::HttpRequest;
using server::HttpResponse;

constexpr std::int64_t kMostListed = 500;
constexpr int kPictureSize = 2048;
constexpr int kSmallestPicture = 64;

/// What a request gets that asks for something that is not there, or makes no sense.
struct Refusal {
  int status = 400;
  std::string message;
};

HttpResponse json_response(const json::object& body, int status = 200) {
  return {.status = status, .body = json_text(body), .headers = {{"Cache-Control", "no-store"}}};
}

HttpResponse error_response(int status, const std::string& message) {
  return json_response({{"error", message}}, status);
}

std::vector<std::string> path_parts(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::int64_t number_of(const std::string& text, const std::string& what) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    throw Refusal{400, fmt::format("{}: {} is no number", what, text)};
  }
  return number;
}

/// The query's parameters; each is asked for by name, and what nobody asked for is refused.
class Parameters {
 public:
  explicit Parameters(const std::string& query) {
    const auto parsed = boost::urls::parse_query(query);
    if (!parsed) throw Refusal{400, "the query is malformed"};
    for (const auto& parameter : *parsed) {
      // A form's "+" is a blank.
      boost::urls::encoding_opts options;
      options.space_as_plus = true;
      values_[parameter.key.decode()] = parameter.value.decode(options);
    }
  }
  std::string text(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) return "";
    std::string value = found->second;
    values_.erase(found);
    return value;
  }
  std::optional<std::int64_t> number(const std::string& name) {
    const std::string value = text(name);
    return value.empty() ? std::nullopt : std::optional(number_of(value, name));
  }
  /// One of `words`, or empty.
  std::string word(const std::string& name, std::initializer_list<std::string_view> words) {
    const std::string value = text(name);
    if (!value.empty() && std::find(words.begin(), words.end(), value) == words.end()) {
      throw Refusal{400, fmt::format("{}: {} is not known", name, value)};
    }
    return value;
  }
  void done() const {
    if (!values_.empty()) {
      throw Refusal{400, fmt::format("there is no parameter {}", values_.begin()->first)};
    }
  }

 private:
  std::map<std::string, std::string> values_;
};

/// For what has no parameters.
void refuse_parameters(const HttpRequest& request) {
  Parameters(request.query).done();
}

PhotoFilter read_filter(Parameters& parameters) {
  PhotoFilter filter;
  filter.text = parameters.text("q");
  filter.person = parameters.text("person");
  filter.field = parameters.text("field");
  filter.value = parameters.text("value");
  filter.place = parameters.text("place");
  filter.from = parameters.text("from");
  filter.to = parameters.text("to");
  const std::string reviewed = parameters.word("reviewed", {"yes", "no"});
  if (!reviewed.empty()) filter.reviewed = reviewed == "yes";
  filter.low_confidence = parameters.word("confidence", {"low"}) == "low";
  filter.state = parameters.word("state", {"failed", "waiting"});
  filter.cluster = parameters.number("cluster");
  return filter;
}

PhotoOrder read_order(Parameters& parameters) {
  const std::string order =
      parameters.word("order", {"taken", "-taken", "added", "-added", "relevance"});
  if (order == "taken") return PhotoOrder::kTaken;
  if (order == "added") return PhotoOrder::kAdded;
  if (order == "-added") return PhotoOrder::kAddedLast;
  if (order == "relevance") return PhotoOrder::kRelevance;
  return PhotoOrder::kTakenLast;
}

json::object summaries_json(const std::vector<PhotoSummary>& photos) {
  json::array array;
  for (const PhotoSummary& photo : photos) array.push_back(summary_json(photo));
  return {{"photos", std::move(array)}};
}

Edit read_edit(const JsonObject& body) {
  Edit edit;
  edit.kind = parse_edit_kind(body.string("action"));
  edit.photo = body.integer("photo");
  if (body.has("tags")) edit.tags = body.integers("tags");
  edit.field = body.string_or("field", "");
  edit.value = body.string_or("value", "");
  if (body.has("region")) edit.region = body.integer("region");
  return edit;
}

/// What never changes under its name: a file's digest is part of it.
HttpResponse lasting(std::string body, std::string content_type) {
  return {.status = 200,
          .body = std::move(body),
          .content_type = std::move(content_type),
          .headers = {{"Cache-Control", "private, max-age=31536000, immutable"}}};
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The photo that "12-ab12cd34.jpg" names.
std::int64_t photo_of_name(const std::string& name) {
  return number_of(name.substr(0, name.find_first_of("-.")), "photo");
}

HttpResponse web_file(const HttpRequest& request, const std::string& name) {
  for (const WebFile& file : web_files()) {
    if (file.path != name) continue;
    const std::string tag = fmt::format("\"{}\"", file.digest);
    server::Headers headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}};
    if (request.if_none_match == tag) {
      return {.status = 304, .body = "", .content_type = "", .headers = std::move(headers)};
    }
    return {
        .status = 200,
        .body = std::string(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()),
        .content_type = std::string(file.content_type),
        .headers = std::move(headers)};
  }
  throw Refusal{404, "there is no such page"};
}

}  // namespace

void DeckApi::answer(const HttpRequest& request, const std::shared_ptr<server::Reply>& reply) {
  HttpResponse response;
  try {
    const Parts parts = path_parts(request.path);
    if (request.method == "GET" && parts == Parts{"api", "events"}) {
      refuse_parameters(request);
      events_.subscribe(reply);
      return;
    }
    response = respond(request, parts);
  } catch (const Refusal& refusal) {
    response = error_response(refusal.status, refusal.message);
  } catch (const LibraryError& error) {
    response = error_response(503, error.what());
  } catch (const Error& error) {
    response = error_response(400, error.what());
  } catch (const std::exception& error) {
    response = error_response(500, error.what());
  }
  reply->send(std::move(response));
}

HttpResponse DeckApi::respond(const HttpRequest& request, const Parts& parts) {
  if (request.method == "GET" || request.method == "HEAD") return get(request, parts);
  if (request.method == "POST" && !parts.empty() && parts[0] == "api") return post(request, parts);
  throw Refusal{405, fmt::format("{} is not answered here", request.method)};
}

HttpResponse DeckApi::get(const HttpRequest& request, const Parts& parts) {
  if (parts.empty()) return web_file(request, "index.html");
  if (parts.size() == 2 && parts[0] == "assets") return web_file(request, parts[1]);
  if (parts.size() == 2 && parts[0] == "thumbnails") return thumbnail(request, parts[1]);
  if (parts.size() == 2 && parts[0] == "pictures") return picture(request, parts[1]);
  if (parts[0] != "api" || parts.size() < 2) throw Refusal{404, "there is no such page"};
  if (parts[1] == "photos") return parts.size() == 2 ? list(request) : get_photo(request, parts);
  if (parts.size() != 2) throw Refusal{404, "there is no such page"};
  refuse_parameters(request);
  return library_.database().read([&](Connection& connection) {
    if (parts[1] == "library") return json_response(library_json(connection, library_));
    if (parts[1] == "facets") return json_response(facets_json(connection));
    if (parts[1] == "errors") {
      return json_response(problems_json(read_problems(connection, kMostListed)));
    }
    if (parts[1] == "progress") {
      json::object progress =
          progress_json(read_progress(connection, library_.settings(), now_ms()));
      json::object troubles;
      if (workers_ != nullptr) {
        for (const auto& [tier, trouble] : workers_->troubles()) troubles[tier] = trouble;
      }
      progress["troubles"] = std::move(troubles);
      return json_response(progress);
    }
    throw Refusal{404, "there is no such page"};
  });
}

HttpResponse DeckApi::list(const HttpRequest& request) {
  Parameters parameters(request.query);
  const PhotoFilter filter = read_filter(parameters);
  const PhotoOrder order = read_order(parameters);
  const std::int64_t offset = parameters.number("offset").value_or(0);
  const std::int64_t limit = parameters.number("limit").value_or(200);
  const auto similar = parameters.number("similar");
  parameters.done();
  if (limit > kMostListed) throw Refusal{400, fmt::format("limit: it is at most {}", kMostListed)};
  return library_.database().read([&](Connection& connection) {
    const auto photos = similar ? similar_photos(connection, *similar, limit)
                                : list_photos(connection, filter, order, offset, limit);
    json::object body = summaries_json(photos);
    body["total"] =
        similar ? static_cast<std::int64_t>(photos.size()) : count_photos(connection, filter);
    body["offset"] = similar ? 0 : offset;
    return json_response(body);
  });
}

HttpResponse DeckApi::get_photo(const HttpRequest& request, const Parts& parts) {
  refuse_parameters(request);
  const std::int64_t photo = number_of(parts[2], "photo");
  return library_.database().read([&](Connection& connection) {
    if (query_integer(connection, "SELECT EXISTS (SELECT 1 FROM photos WHERE id = ?1)", photo) ==
        0) {
      throw Refusal{404, fmt::format("there is no photo {}", photo)};
    }
    if (parts.size() == 3) return json_response(photo_json(connection, library_, photo));
    if (parts.size() != 4 || parts[3] != "similar") throw Refusal{404, "there is no such page"};
    const auto similar = similar_photos(connection, photo, 24);
    json::object body = summaries_json(similar);
    json::array& array = body["photos"].as_array();
    for (std::size_t i = 0; i < similar.size(); ++i) {
      array[i].as_object()["distance"] = 1.0 - similar[i].likeness;
    }
    return json_response(body);
  });
}

HttpResponse DeckApi::post(const HttpRequest& request, const Parts& parts) {
  refuse_parameters(request);
  if (parts.size() >= 3 && parts[1] == "photos") return post_photo(request, parts);
  if (parts.size() != 2) throw Refusal{404, "there is no such page"};
  if (parts[1] == "actions") return edit(request);
  if (parts[1] == "undo") return replay(false);
  if (parts[1] == "redo") return replay(true);
  if (parts[1] == "retry") return retry(request);
  throw Refusal{404, "there is no such page"};
}

HttpResponse DeckApi::post_photo(const HttpRequest& request, const Parts& parts) {
  if (parts.size() != 4) throw Refusal{404, "there is no such page"};
  const std::int64_t photo = number_of(parts[2], "photo");
  const std::string& what = parts[3];
  if (what == "open") {
    library_.database().write([&](Connection& connection) {
      raise_priority(connection, photo, kOpenedPriority, now_ms());
    });
    wake_workers();
    return {.status = 204, .body = "", .content_type = ""};
  }
  if (what != "retry" && what != "run") throw Refusal{404, "there is no such page"};
  const json::value value = parse_json(request.body, "the request");
  const std::string tier = JsonObject(value, "the request").string("tier");
  if (library_.settings().find(tier) == nullptr) {
    throw Refusal{400, fmt::format("there is no tier {}", tier)};
  }
  library_.database().write([&](Connection& connection) {
    if (what == "run") {
      run_alone(connection, tier, photo, now_ms());
    } else if (retry_jobs(connection, library_.settings(), photo, tier, now_ms()) == 0) {
      throw Refusal{409, fmt::format("tier {} of photo {} is under way", tier, photo)};
    }
  });
  if (workers_ != nullptr) workers_->try_again(tier);
  return json_response({{"photo", photo}, {"tier", tier}}, 202);
}

HttpResponse DeckApi::edit(const HttpRequest& request) {
  const json::value value = parse_json(request.body, "the request");
  const Edit edit = read_edit(JsonObject(value, "the request"));
  const Action action = library_.database().write(
      [&](Connection& connection) { return apply_edit(connection, edit, now_ms()); });
  events_.publish("action", fmt::format(R"({{"id":{},"photo":{}}})", action.id, action.photo));
  return library_.database().read([&](Connection& connection) {
    return json_response({{"id", action.id},
                          {"what", action.what},
                          {"photo", photo_json(connection, library_, action.photo)}});
  });
}

HttpResponse DeckApi::replay(bool again) {
  const auto action = library_.database().write(
      [&](Connection& connection) { return again ? redo(connection) : undo(connection); });
  if (!action) return error_response(409, again ? "nothing was taken back" : "nothing was done");
  events_.publish("action", fmt::format(R"({{"id":{},"photo":{}}})", action->id, action->photo));
  return json_response({{"id", action->id}, {"photo", action->photo}, {"what", action->what}});
}

HttpResponse DeckApi::retry(const HttpRequest& request) {
  const json::value value = parse_json(request.body.empty() ? "{}" : request.body, "the request");
  const std::string tier = JsonObject(value, "the request").string_or("tier", "");
  const int jobs = library_.database().write([&](Connection& connection) {
    return retry_jobs(connection, library_.settings(), 0, tier, now_ms());
  });
  if (workers_ != nullptr) workers_->try_again(tier);
  return json_response({{"jobs", jobs}});
}

HttpResponse DeckApi::thumbnail(const HttpRequest& request, const std::string& name) {
  refuse_parameters(request);
  const std::int64_t photo = photo_of_name(name);
  const std::string digest = library_.database().read([&](Connection& connection) {
    return query_text(connection, "SELECT digest FROM photos WHERE id = ?1", photo);
  });
  std::error_code error;
  if (digest.empty() || !std::filesystem::exists(library_.thumbnail_path(digest), error)) {
    throw Refusal{404, fmt::format("photo {} has no small picture", photo)};
  }
  return lasting(text_of(read_photo_file(library_.thumbnail_path(digest))), "image/jpeg");
}

HttpResponse DeckApi::picture(const HttpRequest& request, const std::string& name) {
  Parameters parameters(request.query);
  const auto size = parameters.number("size").value_or(kPictureSize);
  parameters.done();
  const std::int64_t photo = photo_of_name(name);
  std::filesystem::path path;
  try {
    path = file_of_photo(library_.database(), photo);
  } catch (const LibraryError&) {
    throw;
  } catch (const Error& error) {
    throw Refusal{404, error.what()};
  }
  const auto picture = encoded_picture(read_photo_file(path), path.string());
  return lasting(
      text_of(media::make_thumbnail(
          picture, path.string(),
          static_cast<int>(std::clamp<std::int64_t>(size, kSmallestPicture, kPictureSize)), 85)),
      "image/jpeg");
}

void DeckApi::wake_workers() {
  if (workers_ != nullptr) workers_->wake();
}

}  // namespace saccade::photos
