// Small parts that the files of SchemaValues share.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "grammar/value_set.h"

namespace saccade::grammar {

inline std::string_view view(const boost::json::value& value) {
  return value.get_string();
}

inline bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

inline ValueSet of_numbers(std::vector<NumberSet> sets) {
  ValueSet set;
  set.numbers = std::move(sets);
  return set;
}

inline NumberSet at_least(Decimal low, bool excluded) {
  NumberSet set;
  set.low = std::move(low);
  set.low_excluded = excluded;
  return set;
}

inline NumberSet at_most(Decimal high, bool excluded) {
  NumberSet set;
  set.high = std::move(high);
  set.high_excluded = excluded;
  return set;
}

}  // namespace saccade::grammar
