// The one exception type of Saccade.
#pragma once

#include <stdexcept>
#include <string>

namespace saccade {

enum class ErrorKind {
  kUsage,  ///< the caller asked for something that makes no sense (exit status 2)
  kInput,  ///< a file, picture, checkpoint or text is not as it must be, or a resource is missing
};

/// Says in one line what was wanted, what was found, where, and what to do about it.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ErrorKind kind = ErrorKind::kInput)
      : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace saccade
