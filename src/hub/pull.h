// pull() with settings that a test can choose.
#pragma once

#include "hub/settings.h"
#include "saccade/hub.h"

namespace saccade::hub {

/// The same as pull(request, listener), but for where the settings come from.
PullResult pull(const PullRequest& request, PullListener& listener, const Settings& settings);

}  // namespace saccade::hub
