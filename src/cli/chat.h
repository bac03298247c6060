// A conversation on a terminal.
#pragma once

#include "cli/options.h"

namespace saccade::cli {

/// Loads the model and talks until the input ends; returns the exit status.
int chat(const PromptOptions& options);

}  // namespace saccade::cli
