// What `saccade photos eval` prints.
#pragma once

#include <string>

#include "photos/eval/evaluation.h"

namespace saccade::cli {

/// The report's tables, the notes, and the decision as the last line.
std::string evaluation_text(const photos::eval::Evaluation& evaluation);

}  // namespace saccade::cli
