// Which files of a repository a pull takes.
#pragma once

#include <string>
#include <vector>

#include "hub/revision.h"
#include "saccade/hub.h"

namespace saccade::hub {

/// The files that a request asks for: those that match one of its patterns, or, without patterns,
/// what Saccade (and transformers) reads of a safetensors checkpoint. When that leaves it open what
/// is wanted, tells the listener what there is and throws Error. Throws Error for a chosen file
/// whose name is not safe as a path.
std::vector<RemoteFile> select_files(const PullRequest& request,
                                     const std::vector<RemoteFile>& files, PullListener& listener);

}  // namespace saccade::hub
