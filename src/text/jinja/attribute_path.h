// The `attribute` argument of filters: "user.name", "items.0" or 1.
#pragma once

#include <string_view>
#include <vector>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

class AttributePath {
 public:
  /// `attribute` is a text, an index, or none at all: then the item itself is meant.
  /// `fallback` stands in for what is undefined on the way.
  explicit AttributePath(const Value& attribute, Value fallback = {});

  Value get(Runtime& runtime, Value item) const;
  /// The value to compare items by: text in lower case unless `case_sensitive`.
  Value key(Runtime& runtime, const Value& item, bool case_sensitive) const;

 private:
  std::vector<Value> parts_;
  Value fallback_;
};

/// Text in lower case; everything else as it is.
Value ignore_case(Runtime& runtime, const Value& value);

/// The positions of `keys` in ascending order, equal keys in their order; `reverse`: descending.
std::vector<std::size_t> sorted_order(Runtime& runtime, const std::vector<Value>& keys,
                                      bool reverse);

}  // namespace saccade::text::jinja
