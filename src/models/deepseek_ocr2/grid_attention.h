// Attention over square grids with decomposed relative positions (Li et al., "MViTv2", 2022).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace saccade::models::deepseek_ocr2 {

/// Grids of side x side rows each, one after the other, every grid row by row.
struct GridLayout {
  GridLayout(std::int64_t grids, int side);

  int side;
  std::vector<std::int64_t> ends;       ///< the rows of each grid are a segment
  std::vector<std::int32_t> by_row;     ///< all rows, those of the first row of each grid first
  std::vector<std::int32_t> by_column;  ///< likewise of columns

  std::int64_t rows() const { return ends.back(); }
};

/// `table` [from, n] scaled to [to, n] as PyTorch's interpolate(mode="linear") does it, without
/// aligned corners.
std::vector<float> scale_table(const std::vector<float>& table, std::int64_t from, std::int64_t to,
                               std::int64_t n);

/// Self-attention in which the score of query (y, x) and key (v, u) is
///   scale q.k + q.R[y - v + side - 1] + q.C[x - u + side - 1].
/// The two terms of position are 2 side numbers of a query, one for each v and each u. They stand
/// behind the query as further features, and a key has ones where it is (v, u), so that their
/// product is the score, and any attention will do.
class GridAttention {
 public:
  /// Loads `name`qkv, `name`proj, `name`rel_pos_h and `name`rel_pos_w, which are for grids of
  /// `side`.
  static GridAttention load(nn::WeightLoader& weights, const std::string& name,
                            std::int64_t hidden_size, int num_heads, int side, bool qkv_bias);

  /// x [layout.rows(), hidden_size] -> the same as f32. For grids of another side, tables are
  /// scaled, once.
  Tensor forward(nn::Device& device, const Tensor& x, const GridLayout& layout);

 private:
  /// A table of relative positions, and what it makes of queries.
  struct Relative {
    std::vector<float> table;  // [2 * side - 1, head_dim]
    int side = 0;
    /// By the side of a grid: for each row (column) of queries the map to its terms, [side,
    /// head_dim].
    std::map<int, std::vector<std::shared_ptr<const compute::Weight>>> maps;

    const std::vector<std::shared_ptr<const compute::Weight>>& maps_for(nn::Device& device,
                                                                        int grid_side,
                                                                        std::int64_t head_dim);
  };
  std::int64_t head_dim() const { return hidden_size_ / num_heads_; }
  /// Columns of a head: its own features, the terms of position, and zeros up to a multiple of 8.
  std::int64_t wide_head(int side) const { return (head_dim() + 2 * side + 7) / 8 * 8; }
  void add_terms(nn::Device& device, Relative& relative, const Tensor& query,
                 const Tensor& wide_query, const GridLayout& layout,
                 const std::vector<std::int32_t>& order, std::int64_t column);

  std::int64_t hidden_size_ = 0;
  int num_heads_ = 0;
  nn::Linear qkv_;
  nn::Linear output_;
  Relative rows_;
  Relative columns_;
};

}  // namespace saccade::models::deepseek_ocr2
