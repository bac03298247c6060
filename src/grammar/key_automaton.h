// The keys of objects: which of them the schema names, and what holds of the others.
#pragma once

#include "grammar/schema_values.h"

namespace saccade::grammar {

/// The keys that a set of objects knows, before it is clear which of them can have a value.
struct Keys {
  std::vector<std::string> names;         ///< in the schema's order
  std::vector<Conjunction> name_values;   ///< what holds of the value of each
  std::vector<bool> name_possible;        ///< "propertyNames" lets it through
  std::vector<Conjunction> class_values;  ///< of keys without a name, by the patterns they match
  /// Labels: indices of `names`, then names.size() + class.
  DfaPtr dfa;
};

/// Throws Error, naming `where`, when patterns come to too many states.
Keys keys_of(const ObjectSet& set, SchemaValues& values, std::string_view where);

}  // namespace saccade::grammar
