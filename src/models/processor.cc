#include "models/processor.h"

#include <algorithm>

namespace saccade::models {

std::vector<std::int64_t> end_keys(const std::vector<TokenRun>& mutual, std::int64_t begin,
                                   std::int64_t count) {
  std::vector<std::int64_t> ends(count);
  for (std::int64_t i = 0; i < count; ++i) ends[i] = begin + i + 1;
  for (const TokenRun& run : mutual) {
    const std::int64_t end = run.begin + run.count;
    for (std::int64_t t = std::max(begin, run.begin); t < std::min(begin + count, end); ++t) {
      ends[t - begin] = end;
    }
  }
  return ends;
}

}  // namespace saccade::models
