// Photos and the library as the review page reads them: docs/photos.md has the shapes.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>

#include "photos/library.h"
#include "photos/photo_list.h"
#include "photos/progress.h"

namespace saccade::photos {

/// "2024-05-01T12:00:00.000Z"
std::string iso_time(std::int64_t ms);

boost::json::object library_json(Connection& connection, const Library& library);
boost::json::object summary_json(const PhotoSummary& photo);
/// Everything about a photo. Throws Error when there is none of this number.
boost::json::object photo_json(Connection& connection, const Library& library, std::int64_t photo);
/// What there is to choose from: people, places, months and the most frequent tags.
boost::json::object facets_json(Connection& connection);
boost::json::object progress_json(const Progress& progress);
boost::json::object problems_json(const std::vector<Problem>& problems);

/// Where the page gets a photo's small picture, and a large one.
std::string thumbnail_url(std::int64_t photo, const std::string& digest);
std::string picture_url(std::int64_t photo, const std::string& digest);

}  // namespace saccade::photos
