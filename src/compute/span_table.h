// Which rows of a ragged batch are which tokens of which sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace saccade::compute {

/// Consecutive tokens of one sequence in a ragged batch.
struct SequenceSpan {
  std::int64_t row = 0;    ///< of the span's first token in the batch
  std::int64_t count = 0;  ///< tokens in the span
  std::int64_t start = 0;  ///< index of the span's first token in its sequence
  /// Page i holds tokens [i * page_tokens, (i + 1) * page_tokens) of the sequence; long enough for
  /// start + count tokens.
  std::span<const std::int32_t> pages;
  /// For each token one past the last key that it sees, which may lie after it inside the span
  /// (tokens of one picture that see each other); empty: each sees itself and what came before.
  std::span<const std::int64_t> end_keys = {};
  /// Where the sequence's recurrent state lies (StateStore); -1: it has none.
  std::int32_t state_slot = -1;
};

/// The spans of a batch, made ready once for all layers. Made by Device::make_span_table.
class SpanTable {
 public:
  SpanTable() = default;
  /// With room for this many spans and pages without taking new memory.
  SpanTable(std::int64_t spans, std::int64_t pages) {
    spans_.reserve(spans);
    pages_.reserve(pages);
  }
  SpanTable(const SpanTable&) = delete;
  SpanTable& operator=(const SpanTable&) = delete;
  virtual ~SpanTable() = default;

  /// Takes these spans, with copies of what they point to, in place of the ones before.
  virtual void assign(std::span<const SequenceSpan> spans);

  std::span<const SequenceSpan> spans() const { return spans_; }
  /// Rows that the spans cover at most.
  std::int64_t rows() const { return rows_; }

 private:
  std::vector<SequenceSpan> spans_;
  std::vector<std::int32_t> pages_;
  std::vector<std::int64_t> end_keys_;
  std::int64_t rows_ = 0;
};

}  // namespace saccade::compute
