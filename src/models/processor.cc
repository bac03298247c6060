#include "models/processor.h"

#include <algorithm>

namespace saccade::models {
namespace {

/// Calls set(i) for those of `count` tokens from `begin` on that belong to the run.
template <typename Set>
void for_tokens_of(const TokenRun& run, std::int64_t begin, std::int64_t count, const Set& set) {
  const std::int64_t end = std::min(begin + count, run.begin + run.count);
  for (std::int64_t t = std::max(begin, run.begin); t < end; ++t) set(t - begin);
}

}  // namespace

std::vector<std::int64_t> end_keys(const std::vector<TokenRun>& mutual, std::int64_t begin,
                                   std::int64_t count) {
  std::vector<std::int64_t> ends(count);
  for (std::int64_t i = 0; i < count; ++i) ends[i] = begin + i + 1;
  for (const TokenRun& run : mutual) {
    for_tokens_of(run, begin, count, [&](std::int64_t i) { ends[i] = run.begin + run.count; });
  }
  return ends;
}

std::vector<std::int64_t> first_keys(const std::vector<TokenRun>& mutual, std::int64_t begin,
                                     std::int64_t count) {
  if (std::ranges::none_of(mutual, &TokenRun::past_windows)) return {};
  std::vector<std::int64_t> firsts(count, -1);
  for (const TokenRun& run : mutual) {
    if (!run.past_windows) continue;
    for_tokens_of(run, begin, count, [&](std::int64_t i) { firsts[i] = run.begin; });
  }
  return firsts;
}

}  // namespace saccade::models
