// What becomes of the delimiters when text is split at the matches of a pattern.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pretokenizer_regex.h"

namespace saccade::text {

/// Of "the-final--countdown" split at "-": Removed `the final countdown`; Isolated
/// `the - final - - countdown`; MergedWithPrevious `the- final- - countdown`; MergedWithNext
/// `the -final - -countdown`; Contiguous `the - final -- countdown`.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// Reads "behavior" of an object. Throws Error naming an unknown one.
SplitBehavior behavior_from_json(const JsonObject& object);

/// Puts the parts of a text of `size` bytes into `parts`, in order and none empty. `matches` are in
/// order and do not overlap; with `invert` the text between them counts as the delimiters.
void split_at(const std::vector<Span>& matches, std::size_t size, SplitBehavior behavior,
              bool invert, std::vector<Span>& parts);

}  // namespace saccade::text
