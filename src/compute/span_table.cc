#include "compute/span_table.h"

#include <algorithm>

namespace saccade::compute {

KeyRange SequenceSpan::keys_of(std::int64_t i, const AttentionShape& shape) const {
  const std::int64_t own_end = start + i + 1;
  KeyRange keys{shape.window > 0 ? std::max<std::int64_t>(0, own_end - shape.window) : 0, own_end};
  if (shape.causal) return keys;
  if (!first_keys.empty() && first_keys[i] >= 0) keys.begin = first_keys[i];
  if (!end_keys.empty()) keys.end = end_keys[i];
  return keys;
}

void SpanTable::assign(std::span<const SequenceSpan> spans) {
  spans_.assign(spans.begin(), spans.end());
  pages_.clear();
  end_keys_.clear();
  first_keys_.clear();
  rows_ = 0;
  for (const SequenceSpan& span : spans) {
    pages_.insert(pages_.end(), span.pages.begin(), span.pages.end());
    end_keys_.insert(end_keys_.end(), span.end_keys.begin(), span.end_keys.end());
    first_keys_.insert(first_keys_.end(), span.first_keys.begin(), span.first_keys.end());
    rows_ = std::max(rows_, span.row + span.count);
  }
  // Only now do the copies stay where they are.
  std::size_t page = 0;
  std::size_t end_key = 0;
  std::size_t first_key = 0;
  const auto move_to = [](auto& part, const auto& copies, std::size_t& at) {
    part = std::span(copies).subspan(at, part.size());
    at += part.size();
  };
  for (SequenceSpan& span : spans_) {
    move_to(span.pages, pages_, page);
    move_to(span.end_keys, end_keys_, end_key);
    move_to(span.first_keys, first_keys_, first_key);
  }
}

}  // namespace saccade::compute
