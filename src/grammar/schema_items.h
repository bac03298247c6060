// Items of arrays that must be told apart: "uniqueItems" and "contains".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/schema_document.h"
#include "grammar/value_set.h"

namespace saccade::grammar {

/// A class of items, of which an array has between `min` and `max`.
struct ItemClassSet {
  Conjunction values;
  std::uint64_t min = 0;
  std::uint64_t max = kUnbounded;
};

/// Classes that every item belongs to exactly one of, so that to count them is to hold an array to
/// its "uniqueItems" (a class for each value that an item may be, in order of the schema's list) or
/// "contains" (those that it holds of, and the others); none where the array has neither. Throws
/// Error, naming `where`, for arrays that they cannot be found for.
std::vector<ItemClassSet> item_classes(const ArraySet& array, SchemaDocument& document,
                                       const std::string& where);

}  // namespace saccade::grammar
