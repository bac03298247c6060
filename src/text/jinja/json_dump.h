// json.dumps, as the `tojson` filter of chat templates calls it.
#pragma once

#include <optional>
#include <string>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  ///< of one level; nothing keeps all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

/// Raises for what JSON has no form of.
std::string dump_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace saccade::text::jinja
