#include "models/deepseek_ocr2/encoder.h"

#include <algorithm>
#include <numeric>

#include "nn/encoder_pages.h"

namespace saccade::models::deepseek_ocr2 {
namespace {

/// Consecutive numbers.
std::vector<std::int32_t> counted(std::int64_t first, std::int64_t count) {
  std::vector<std::int32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), static_cast<std::int32_t>(first));
  return numbers;
}

/// The sequences of a batch of views, each its rows and then its queries.
struct Sequences {
  explicit Sequences(const std::vector<Tensor>& views) {
    std::int64_t row = 0;
    for (const Tensor& view : views) {
      const std::int64_t rows = view.rows();
      const std::int64_t length = rows + QueryEncoder::tokens(rows);
      first_rows.push_back(row);
      lengths.push_back(length);
      std::vector<std::int64_t> ends(length, rows);
      std::iota(ends.begin() + rows, ends.end(), rows + 1);
      end_keys.push_back(std::move(ends));
      for (std::int64_t i = 0; i < length; ++i) positions.push_back(static_cast<int>(i));
      for (std::int64_t i = rows; i < length; ++i) {
        queries.push_back(static_cast<std::int32_t>(row + i));
      }
      row += length;
    }
    total = row;
  }

  std::vector<std::int64_t> first_rows;
  std::vector<std::int64_t> lengths;
  std::vector<std::vector<std::int64_t>> end_keys;
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> queries;  // rows of all of them
  std::int64_t total = 0;
};

}  // namespace

QueryEncoder::QueryEncoder(const nn::DecoderConfig& config, nn::WeightLoader& weights,
                           const std::string& prefix)
    : layers_(config, weights, prefix + "model.model", ""),
      small_queries_(
          weights.table(prefix + "query_768.weight", kSmallViewTokens, config.hidden_size)),
      large_queries_(
          weights.table(prefix + "query_1024.weight", kLargeViewTokens, config.hidden_size)) {}

Tensor QueryEncoder::forward(nn::Device& device, const std::vector<Tensor>& views) const {
  const Sequences sequences(views);
  const std::int64_t hidden = layers_.config().hidden_size;
  const Tensor hidden_states = device.empty(DType::kF32, {sequences.total, hidden});
  const nn::EncoderPages pages(device, layers_.config().kv_layout(), sequences.lengths);
  std::vector<compute::SequenceSpan> spans;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const std::int64_t rows = views[i].rows();
    const Tensor& queries = rows <= kSmallViewTokens ? small_queries_ : large_queries_;
    const std::int64_t first = sequences.first_rows[i];
    device.scatter(hidden_states, views[i], counted(first, rows));
    device.scatter(hidden_states, queries, counted(first + rows, queries.rows()));
    spans.push_back({first, sequences.lengths[i], 0, pages.pages(i), sequences.end_keys[i]});
  }
  const auto table = device.make_span_table(0, 0);
  table->assign(spans);
  const Tensor positions = device.indices(sequences.positions).view_as({1, sequences.total});
  return layers_.normed(
      device, layers_.forward_rows(device, hidden_states, positions, pages.cache(), *table,
                                   Tensor(), {}, sequences.queries));
}

}  // namespace saccade::models::deepseek_ocr2
