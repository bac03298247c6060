#include "models/deepseek_ocr2/grid_attention.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace saccade::models::deepseek_ocr2 {
namespace {

/// Rows of heads: every row of `rows` becomes `heads` consecutive ones.
std::vector<std::int32_t> head_rows(const std::vector<std::int32_t>& rows, int heads) {
  std::vector<std::int32_t> all;
  all.reserve(rows.size() * heads);
  for (const std::int32_t row : rows) {
    for (int head = 0; head < heads; ++head) all.push_back(row * heads + head);
  }
  return all;
}

std::vector<std::int32_t> counted(std::int64_t count) {
  std::vector<std::int32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

}  // namespace

GridLayout::GridLayout(std::int64_t grids, int grid_side) : side(grid_side) {
  const std::int64_t places = std::int64_t{side} * side;
  for (std::int64_t grid = 1; grid <= grids; ++grid) ends.push_back(grid * places);
  for (int first = 0; first < side; ++first) {
    for (std::int64_t grid = 0; grid < grids; ++grid) {
      for (int second = 0; second < side; ++second) {
        by_row.push_back(static_cast<std::int32_t>(grid * places + first * side + second));
        by_column.push_back(static_cast<std::int32_t>(grid * places + second * side + first));
      }
    }
  }
}

std::vector<float> scale_table(const std::vector<float>& table, std::int64_t from, std::int64_t to,
                               std::int64_t n) {
  if (from == to) return table;
  std::vector<float> scaled(to * n);
  const float ratio = static_cast<float>(from) / static_cast<float>(to);
  for (std::int64_t row = 0; row < to; ++row) {
    const float place = std::max(0.0f, (static_cast<float>(row) + 0.5f) * ratio - 0.5f);
    const auto low = std::min(static_cast<std::int64_t>(place), from - 1);
    const std::int64_t high = std::min(low + 1, from - 1);
    const float share = place - static_cast<float>(low);
    for (std::int64_t i = 0; i < n; ++i) {
      scaled[row * n + i] = (1.0f - share) * table[low * n + i] + share * table[high * n + i];
    }
  }
  return scaled;
}

GridAttention GridAttention::load(nn::WeightLoader& weights, const std::string& name,
                                  std::int64_t hidden_size, int num_heads, int side,
                                  bool qkv_bias) {
  GridAttention attention;
  attention.hidden_size_ = hidden_size;
  attention.num_heads_ = num_heads;
  attention.qkv_ = nn::Linear::load(weights, name + "qkv", 3 * hidden_size, hidden_size, qkv_bias);
  attention.output_ = nn::Linear::load(weights, name + "proj", hidden_size, hidden_size, true);
  const auto load_table = [&](Relative& relative, const char* which) {
    relative.side = side;
    relative.table =
        weights.values(name + which, {2 * std::int64_t{side} - 1, attention.head_dim()});
  };
  load_table(attention.rows_, "rel_pos_h");
  load_table(attention.columns_, "rel_pos_w");
  return attention;
}

const std::vector<std::shared_ptr<const compute::Weight>>& GridAttention::Relative::maps_for(
    nn::Device& device, int grid_side, std::int64_t head_dim) {
  auto& known = maps[grid_side];
  if (!known.empty()) return known;
  const std::int64_t rows = 2 * std::int64_t{grid_side} - 1;
  const std::vector<float> scaled = scale_table(table, 2 * std::int64_t{side} - 1, rows, head_dim);
  // The last first: then the rows for keys 0, 1, ... of one query follow each other.
  std::vector<float> reversed(scaled.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(&scaled[(rows - 1 - row) * head_dim], head_dim, &reversed[row * head_dim]);
  }
  for (int query = 0; query < grid_side; ++query) {
    const float* first = &reversed[(grid_side - 1 - query) * head_dim];
    const HostMatrix matrix = float_matrix(
        {DType::kF32, {grid_side, head_dim}, reinterpret_cast<const std::byte*>(first)});
    known.push_back(device.pack({&matrix, 1}));
  }
  return known;
}

void GridAttention::add_terms(nn::Device& device, Relative& relative, const Tensor& query,
                              const Tensor& wide_query, const GridLayout& layout,
                              const std::vector<std::int32_t>& order, std::int64_t column) {
  const auto& maps = relative.maps_for(device, layout.side, head_dim());
  const Tensor ordered = device.activations(query.shape());
  device.gather(ordered, query, order);
  const std::int64_t heads = layout.rows() * num_heads_;
  const Tensor queries = ordered.view_as({heads, head_dim()});
  const Tensor terms = device.activations({heads, layout.side});
  const std::int64_t count = heads / layout.side;
  for (int i = 0; i < layout.side; ++i) {
    device.linear(terms.view_rows(i * count, count), queries.view_rows(i * count, count), *maps[i]);
  }
  device.scatter(wide_query.view_columns(column, layout.side), terms, head_rows(order, num_heads_));
}

Tensor GridAttention::forward(nn::Device& device, const Tensor& x, const GridLayout& layout) {
  const std::int64_t rows = layout.rows();
  const std::int64_t heads = rows * num_heads_;
  const std::int64_t dim = head_dim();
  const int side = layout.side;
  const std::int64_t wide = wide_head(side);
  const std::int64_t behind = wide - dim;  // columns behind a head's own features
  const std::vector<std::int32_t> all = counted(rows);
  const std::vector<std::int32_t> all_heads = counted(heads);
  const std::vector<std::int32_t> first(heads, 0);
  const auto upload = [&](const std::vector<float>& values) {
    Tensor table =
        device.empty(DType::kF32, {static_cast<std::int64_t>(values.size()) / behind, behind});
    device.upload(table, values.data());
    return table;
  };
  const Tensor zeros = upload(std::vector<float>(behind, 0.0f));
  // Scores are scaled, terms are not.
  const float one = std::sqrt(static_cast<float>(dim));
  std::vector<float> places(std::int64_t{side} * side * behind, 0.0f);
  for (int place = 0; place < side * side; ++place) {
    places[place * behind + place / side] = one;
    places[place * behind + side + place % side] = one;
  }
  std::vector<std::int32_t> place_of(heads);
  for (std::int64_t i = 0; i < heads; ++i) {
    place_of[i] = static_cast<std::int32_t>(i / num_heads_ % (side * side));
  }
  const Tensor qkv = qkv_.forward(device, x);
  const auto part = [&](int which) {
    Tensor dense = device.activations({rows, hidden_size_});
    device.gather(dense, qkv.view_columns(which * hidden_size_, hidden_size_), all);
    return dense;
  };
  /// Heads with what stands behind them: rows `ids` of `tail`.
  const auto widened = [&](const Tensor& dense, const Tensor& tail,
                           const std::vector<std::int32_t>& ids) {
    Tensor y = device.activations({heads, wide});
    device.gather(y.view_columns(0, dim), dense.view_as({heads, dim}), all_heads);
    device.gather(y.view_columns(dim, behind), tail, ids);
    return y;
  };
  const Tensor query = part(0);
  const Tensor wide_query = widened(query, zeros, first);
  add_terms(device, rows_, query, wide_query, layout, layout.by_row, dim);
  add_terms(device, columns_, query, wide_query, layout, layout.by_column, dim + side);
  const Tensor wide_key = widened(part(1), upload(places), place_of);
  const Tensor wide_value = widened(part(2), zeros, first);
  const Shape by_row{rows, num_heads_ * wide};
  const Tensor attended = device.activations(by_row);
  device.attention_segments(
      attended, wide_query.view_as(by_row), wide_key.view_as(by_row), wide_value.view_as(by_row),
      {num_heads_, num_heads_, static_cast<int>(wide), 1.0f / one}, layout.ends);
  const Tensor narrow = device.activations({heads, dim});
  device.gather(narrow, attended.view_as({heads, wide}).view_columns(0, dim), all_heads);
  return output_.forward_f32(device, narrow.view_as({rows, hidden_size_}));
}

}  // namespace saccade::models::deepseek_ocr2
