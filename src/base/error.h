// Throwing saccade::Error with a formatted message.
#pragma once

#include <fmt/format.h>

#include <utility>

#include "saccade/error.h"

namespace saccade {

/// Throws an Error of kind kInput.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws an Error of kind kUsage.
template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), ErrorKind::kUsage);
}

}  // namespace saccade
