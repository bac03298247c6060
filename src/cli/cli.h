// The command line of Saccade.
#pragma once

#include <string_view>

namespace saccade::cli {

/// What the program says about its end.
enum ExitStatus {
  kSuccess = 0,
  kFailure = 1,       ///< an input or a resource is not as it must be
  kUsageError = 2,    ///< the command line makes no sense
  kInterrupted = 130  ///< Ctrl-C: 128 + SIGINT, as shells count it; of other signals 128 + theirs
};

/// Runs one command line and returns the exit status. Never throws: whatever goes wrong becomes one
/// line on standard error.
int run_cli(int argc, const char* const* argv);

}  // namespace saccade::cli
