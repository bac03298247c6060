#include "compute/span_table.h"

#include <algorithm>

namespace saccade::compute {

void SpanTable::assign(std::span<const SequenceSpan> spans) {
  spans_.assign(spans.begin(), spans.end());
  pages_.clear();
  end_keys_.clear();
  rows_ = 0;
  for (const SequenceSpan& span : spans) {
    pages_.insert(pages_.end(), span.pages.begin(), span.pages.end());
    end_keys_.insert(end_keys_.end(), span.end_keys.begin(), span.end_keys.end());
    rows_ = std::max(rows_, span.row + span.count);
  }
  // Only now do the copies stay where they are.
  std::size_t page = 0;
  std::size_t end_key = 0;
  for (SequenceSpan& span : spans_) {
    span.pages = std::span(pages_).subspan(page, span.pages.size());
    page += span.pages.size();
    if (span.end_keys.empty()) continue;
    span.end_keys = std::span(end_keys_).subspan(end_key, span.end_keys.size());
    end_key += span.end_keys.size();
  }
}

}  // namespace saccade::compute
