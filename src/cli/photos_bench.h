// saccade photos bench: how soon photos are visible and described.
#pragma once

#include <CLI/App.hpp>

#include "cli/commands.h"

namespace saccade::cli {

void add_photos_bench(CLI::App& photos, Action& action);

}  // namespace saccade::cli
