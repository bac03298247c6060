#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace saccade::engine {
namespace {

/// Length of the longest end of `text` that is a beginning of `stop`.
std::size_t overlap(const std::string& text, const std::string& stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.compare(text.size() - n, n, stop, 0, n) == 0) return n;
  }
  return 0;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopMatcher::add(const std::string& piece) {
  if (matched()) return {};
  held_ += piece;
  std::size_t first = std::string::npos;
  std::size_t keep = 0;
  for (const std::string& stop : stops_) {
    const std::size_t found = held_.find(stop);
    if (found < first) {
      first = found;
      matched_ = stop;
    }
    keep = std::max(keep, overlap(held_, stop));
  }
  if (matched()) return std::exchange(held_, {}).substr(0, first);
  std::string shown = held_.substr(0, held_.size() - keep);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopMatcher::finish() {
  return std::exchange(held_, {});
}

}  // namespace saccade::engine
