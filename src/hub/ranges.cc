#include "hub/ranges.h"

#include <algorithm>
#include <iterator>

namespace saccade::hub {

void ByteRanges::add(ByteRange range) {
  if (range.begin >= range.end) return;
  auto next = ends_.upper_bound(range.begin);
  if (next != ends_.begin() && std::prev(next)->second >= range.begin) {
    next = std::prev(next);
    range.begin = next->first;
  }
  while (next != ends_.end() && next->first <= range.end) {
    range.end = std::max(range.end, next->second);
    next = ends_.erase(next);
  }
  ends_.emplace_hint(next, range.begin, range.end);
}

std::int64_t ByteRanges::size() const {
  std::int64_t bytes = 0;
  for (const auto& [begin, end] : ends_) bytes += end - begin;
  return bytes;
}

std::vector<ByteRange> ByteRanges::ranges() const {
  std::vector<ByteRange> list;
  for (const auto& [begin, end] : ends_) list.push_back({begin, end});
  return list;
}

std::vector<ByteRange> ByteRanges::missing(std::int64_t total) const {
  std::vector<ByteRange> gaps;
  std::int64_t at = 0;
  for (const auto& [begin, end] : ends_) {
    if (begin > at) gaps.push_back({at, begin});
    at = end;
  }
  if (at < total) gaps.push_back({at, total});
  return gaps;
}

}  // namespace saccade::hub
