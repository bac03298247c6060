// Jinja's filters by name.
#pragma once

#include <string_view>

#include "text/jinja/object.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

/// A filter: the value comes first among the positional arguments.
struct FilterEntry {
  std::string_view name;
  Value (*function)(Runtime&, const Arguments&) = nullptr;
};

/// Null when there is no such filter.
const FilterEntry* find_filter(std::string_view name);

// The tables find_filter looks into, one a file.
const FilterEntry* find_text_filter(std::string_view name);
const FilterEntry* find_layout_filter(std::string_view name);
const FilterEntry* find_sequence_filter(std::string_view name);
const FilterEntry* find_selection_filter(std::string_view name);
const FilterEntry* find_number_filter(std::string_view name);

}  // namespace saccade::text::jinja
