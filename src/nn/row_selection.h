// Some rows of a batch on their own: a smaller batch over the same sequences.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compute/span_table.h"

namespace saccade::nn {

/// The rows whose outputs are wanted, and those after them whose keys they see: a span ends no
/// earlier than the keys of its tokens do (SequenceSpan::end_keys).
class RowSelection {
 public:
  /// `wanted`: rows of the batch that the spans cover, ascending, each once.
  RowSelection(std::span<const compute::SequenceSpan> spans, std::span<const std::int32_t> wanted);

  /// Rows of the batch, ascending.
  const std::vector<std::int32_t>& rows() const { return rows_; }
  /// The wanted ones among them, as indices of rows().
  const std::vector<std::int32_t>& wanted() const { return wanted_; }
  /// Spans of rows(), whose row numbers are indices of it. They refer to what the batch's refer to.
  const std::vector<compute::SequenceSpan>& spans() const { return spans_; }

 private:
  /// Tokens [begin, end) of a span.
  void add(const compute::SequenceSpan& span, std::int64_t begin, std::int64_t end);

  std::vector<std::int32_t> rows_;
  std::vector<std::int32_t> wanted_;
  std::vector<compute::SequenceSpan> spans_;
};

}  // namespace saccade::nn
