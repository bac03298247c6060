// A JSON Schema validator of the plain kind: it looks at parsed values and shares nothing with the
// automata under test. Slow and small; numbers are long doubles, patterns std::regex over ASCII.
#pragma once

#include <boost/json.hpp>
#include <string_view>

namespace saccade::grammar {

/// Whether `value` fulfils `schema`; `root` is where its references lead.
bool is_valid(const boost::json::value& value, const boost::json::value& schema,
              const boost::json::value& root);

/// Whether a text is JSON without duplicate keys in any object.
bool is_plain_json(std::string_view text);

}  // namespace saccade::grammar
