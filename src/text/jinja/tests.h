// Jinja's tests, `value is name`, by name.
#pragma once

#include <string_view>

#include "text/jinja/object.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

/// A test: the value comes first among the positional arguments.
struct TestEntry {
  std::string_view name;
  bool (*function)(Runtime&, const Arguments&) = nullptr;
};

/// Null when there is no such test.
const TestEntry* find_test(std::string_view name);

}  // namespace saccade::text::jinja
