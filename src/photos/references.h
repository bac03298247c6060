// What an answer must hold beyond its schema: names that it refers to must exist in it.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "photos/settings.h"

namespace saccade::photos {

/// Which of the tier's references an answer breaks, one line; empty: none.
std::string broken_reference(const Tier& tier, const boost::json::value& document);

/// Takes the elements of lists that break a reference out of an answer.
void drop_broken_references(const Tier& tier, boost::json::value& document);

}  // namespace saccade::photos
