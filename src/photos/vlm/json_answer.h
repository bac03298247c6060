// A model's answer as JSON: what stands around it is taken off, and it is held against its schema.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "saccade/grammar.h"

namespace saccade::photos {

struct JsonAnswer {
  boost::json::value value;
  std::string text;  ///< the JSON alone, as the model wrote it
};

/// The first object or array in `answer` that `schema` accepts: servers that do not hold answers to
/// a schema put words, reasoning or a code fence around it. With a null schema, the first there is.
/// Throws Error, one line that begins with `where` and says what was wrong: nothing that is JSON,
/// or where what comes nearest leaves the schema. Answers of more than 1 MiB and JSON that is
/// nested deeper than 64 are refused.
JsonAnswer read_json_answer(std::string_view answer, const Grammar* schema, std::string_view where);

/// A text on one line, valid UTF-8 without control characters, cut after `max_bytes`: for errors
/// that quote what somebody else wrote.
std::string excerpt(std::string_view text, std::size_t max_bytes = 120);

}  // namespace saccade::photos
