// The error inside the template engine: a message, and the line once it is known.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace saccade::text::jinja {

/// ChatTemplate turns it into a saccade::Error that names the template.
struct Fault : std::runtime_error {
  explicit Fault(const std::string& message, int at_line = 0)
      : std::runtime_error(message), line(at_line) {}

  int line;  ///< of the template, counted from 1; 0 while unknown
};

/// Throws a Fault whose line the statement being rendered fills in.
template <typename... Args>
[[noreturn]] void raise(fmt::format_string<Args...> format, Args&&... args) {
  throw Fault(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws a Fault at a line.
template <typename... Args>
[[noreturn]] void raise_at(int line, fmt::format_string<Args...> format, Args&&... args) {
  throw Fault(fmt::format(format, std::forward<Args>(args)...), line);
}

}  // namespace saccade::text::jinja
