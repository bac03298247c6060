// Which rows of a ragged batch are which tokens of which sequence, and which keys they see.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace saccade::compute {

/// Heads of an attention and how far they look.
struct AttentionShape {
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  float scale = 0.0f;       ///< of the query-key products
  std::int64_t window = 0;  ///< keys a query sees at most, itself included; 0: all
  /// A score s becomes softcap * tanh(s / softcap) (Gemma 2); 0: it stays.
  float softcap = 0.0f;
  /// Every token sees up to itself, whatever end and first keys its span has: for layers of a model
  /// in which only some let the tokens of a picture see each other (Gemma 4).
  bool causal = false;

  /// Columns of a token's queries, and of its keys.
  std::int64_t query_size() const { return std::int64_t{num_heads} * head_dim; }
  std::int64_t key_size() const { return std::int64_t{num_kv_heads} * head_dim; }
};

/// Keys [begin, end) of a sequence.
struct KeyRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Consecutive tokens of one sequence in a ragged batch.
struct SequenceSpan {
  std::int64_t row = 0;    ///< of the span's first token in the batch
  std::int64_t count = 0;  ///< tokens in the span
  std::int64_t start = 0;  ///< index of the span's first token in its sequence
  /// Page i holds tokens [i * page_tokens, (i + 1) * page_tokens) of the sequence; long enough for
  /// start + count tokens.
  std::span<const std::int32_t> pages;
  /// For each token one past the last key that it sees: inside the span and after the token (tokens
  /// of one picture that see each other), or before it (a decoder that looks at its encoder's
  /// keys); empty: each sees itself and what came before.
  std::span<const std::int64_t> end_keys = {};
  /// Where the sequence's recurrent state lies (StateStore); -1: it has none.
  std::int32_t state_slot = -1;
  /// For each token the first key that it sees, whatever the layer's window; -1, or empty for all:
  /// as the window says, which reaches back from the token itself, and the sequence's first without
  /// one.
  std::span<const std::int64_t> first_keys = {};

  /// The keys that token i of the span sees in a layer with such attention.
  KeyRange keys_of(std::int64_t i, const AttentionShape& shape) const;
  /// Whether some token does not see just up to itself, or as far back as the window says.
  bool has_key_ranges() const { return !end_keys.empty() || !first_keys.empty(); }
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

  /// Takes these spans, with copies of what they point to, in place of the ones before. In a table
  /// that a recorded step reads, spans have end keys always or never; likewise first keys.
  virtual void assign(std::span<const SequenceSpan> spans);

  std::span<const SequenceSpan> spans() const { return spans_; }
  /// Rows that the spans cover at most.
  std::int64_t rows() const { return rows_; }

 private:
  std::vector<SequenceSpan> spans_;
  std::vector<std::int32_t> pages_;
  std::vector<std::int64_t> end_keys_;
  std::vector<std::int64_t> first_keys_;
  std::int64_t rows_ = 0;
};

}  // namespace saccade::compute
