#include "text/jinja/filters.h"

namespace saccade::text::jinja {

const FilterEntry* find_filter(std::string_view name) {
  for (const auto find : {find_text_filter, find_layout_filter, find_sequence_filter,
                          find_selection_filter, find_number_filter}) {
    if (const FilterEntry* found = find(name)) return found;
  }
  return nullptr;
}

}  // namespace saccade::text::jinja
