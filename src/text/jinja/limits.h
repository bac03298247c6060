// What a template may cost. A template comes with a checkpoint, that is, from strangers: one that
// does not end, or builds a value that fills the memory, must end in an error.
#pragma once

#include <cstddef>
#include <cstdint>

namespace saccade::text::jinja {

/// Containers inside containers: walking through a value recurses that deep.
constexpr int kMaxNesting = 150;
/// Nested expressions or tags of one template; Python's own parser stops at 100 to 200.
constexpr int kMaxSyntaxDepth = 150;
/// Evaluations inside evaluations. A frame takes up to 1 KiB of stack, several under a sanitizer.
constexpr int kMaxEvaluationDepth = 1200;
/// The longest text a template may build, and the heaviest container when printed.
constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxSourceBytes = std::size_t{2} << 20;

struct Limits {
  std::uint64_t steps = 50'000'000;                   ///< expressions and statements evaluated
  std::uint64_t work_bytes = std::uint64_t{1} << 30;  ///< bytes made or looked through in all
};

}  // namespace saccade::text::jinja
