#include "models/processor.h"

#include <algorithm>

namespace saccade::models {

std::vector<std::int64_t> media_end_keys(const std::vector<MediaSpan>& media, std::int64_t begin,
                                         std::int64_t count) {
  std::vector<std::int64_t> ends(count);
  for (std::int64_t i = 0; i < count; ++i) ends[i] = begin + i + 1;
  for (const MediaSpan& span : media) {
    const std::int64_t end = span.begin + span.count;
    for (std::int64_t t = std::max(begin, span.begin); t < std::min(begin + count, end); ++t) {
      ends[t - begin] = end;
    }
  }
  return ends;
}

}  // namespace saccade::models
