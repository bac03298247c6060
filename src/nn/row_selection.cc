#include "nn/row_selection.h"

#include <algorithm>

namespace saccade::nn {

RowSelection::RowSelection(std::span<const compute::SequenceSpan> spans,
                           std::span<const std::int32_t> wanted) {
  for (const compute::SequenceSpan& span : spans) {
    const auto row_of = [&](std::int64_t token) { return span.row + token; };
    auto next = std::lower_bound(wanted.begin(), wanted.end(), span.row);
    while (next != wanted.end() && *next < row_of(span.count)) {
      // One stretch: wanted tokens side by side, and as far as they see.
      const std::int64_t begin = *next - span.row;
      std::int64_t end = begin;
      for (std::int64_t token = begin; token <= end && token < span.count; ++token) {
        if (next != wanted.end() && *next == row_of(token)) {
          wanted_.push_back(static_cast<std::int32_t>(rows_.size()) +
                            static_cast<std::int32_t>(token - begin));
          ++next;
          end = std::max(end, token + 1);
        }
        if (token < end && !span.end_keys.empty()) {
          end = std::max(end, span.end_keys[token] - span.start);
        }
      }
      add(span, begin, end);
    }
  }
}

void RowSelection::add(const compute::SequenceSpan& span, std::int64_t begin, std::int64_t end) {
  compute::SequenceSpan part = span;
  part.row = static_cast<std::int64_t>(rows_.size());
  part.count = end - begin;
  part.start = span.start + begin;
  if (!span.end_keys.empty()) part.end_keys = span.end_keys.subspan(begin, part.count);
  if (!span.first_keys.empty()) part.first_keys = span.first_keys.subspan(begin, part.count);
  spans_.push_back(part);
  for (std::int64_t token = begin; token < end; ++token) {
    rows_.push_back(static_cast<std::int32_t>(span.row + token));
  }
}

}  // namespace saccade::nn
