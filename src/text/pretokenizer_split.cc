#include "text/pretokenizer_split.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::text {
namespace {

struct Part {
  Span span;
  bool delimiter;
};

/// The matches and what lies between them, in order.
std::vector<Part> all_parts(const std::vector<Span>& matches, std::size_t size, bool invert) {
  std::vector<Part> parts;
  parts.reserve(2 * matches.size() + 1);
  std::size_t done = 0;
  for (const Span& match : matches) {
    if (done != match.begin) parts.push_back({{done, match.begin}, invert});
    parts.push_back({match, !invert});
    done = match.end;
  }
  if (done != size) parts.push_back({{done, size}, invert});
  return parts;
}

/// Joins runs of delimiters, and runs of the rest (which an inverted pattern can have).
void join_runs(const std::vector<Part>& all, std::vector<Span>& parts) {
  bool previous = false;
  for (const Part& part : all) {
    if (part.delimiter == previous && !parts.empty()) {
      parts.back().end = part.span.end;
    } else {
      parts.push_back(part.span);
    }
    previous = part.delimiter;
  }
}

/// Joins each delimiter to the part before it, unless that is a delimiter too.
void join_previous(const std::vector<Part>& all, std::vector<Span>& parts) {
  bool previous = false;
  for (const Part& part : all) {
    if (part.delimiter && !previous && !parts.empty()) {
      parts.back().end = part.span.end;
    } else {
      parts.push_back(part.span);
    }
    previous = part.delimiter;
  }
}

/// Joins each delimiter to the part behind it, unless that is a delimiter too.
void join_next(const std::vector<Part>& all, std::vector<Span>& parts) {
  bool previous = false;
  for (auto part = all.rbegin(); part != all.rend(); ++part) {
    if (part->delimiter && !previous && !parts.empty()) {
      parts.back().begin = part->span.begin;
    } else {
      parts.push_back(part->span);
    }
    previous = part->delimiter;
  }
  std::reverse(parts.begin(), parts.end());
}

/// The common case, where every part stands alone, without building the list of parts.
void isolate(const std::vector<Span>& matches, std::size_t size, std::vector<Span>& parts) {
  std::size_t done = 0;
  for (const Span& match : matches) {
    if (done != match.begin) parts.push_back({done, match.begin});
    parts.push_back(match);
    done = match.end;
  }
  if (done != size) parts.push_back({done, size});
}

}  // namespace

SplitBehavior behavior_from_json(const JsonObject& object) {
  const std::string name = object.string("behavior");
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  fail("{}: behavior \"{}\" is not supported", object.where(), name);
}

void split_at(const std::vector<Span>& matches, std::size_t size, SplitBehavior behavior,
              bool invert, std::vector<Span>& parts) {
  parts.clear();
  switch (behavior) {
    case SplitBehavior::kIsolated:
      isolate(matches, size, parts);
      break;
    case SplitBehavior::kRemoved:
      for (const Part& part : all_parts(matches, size, invert)) {
        if (!part.delimiter) parts.push_back(part.span);
      }
      break;
    case SplitBehavior::kContiguous:
      join_runs(all_parts(matches, size, invert), parts);
      break;
    case SplitBehavior::kMergedWithPrevious:
      join_previous(all_parts(matches, size, invert), parts);
      break;
    case SplitBehavior::kMergedWithNext:
      join_next(all_parts(matches, size, invert), parts);
      break;
  }
  std::erase_if(parts, [](const Span& part) { return part.begin == part.end; });
}

}  // namespace saccade::text
