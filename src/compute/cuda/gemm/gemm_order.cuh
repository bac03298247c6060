// In which order the tiles of a product are done.
#pragma once

namespace saccade::compute::cuda::gemm {

/// A tile's place, in tiles.
struct TilePlace {
  int row, column;
};

/// Two blocks of a cluster do a pair of tiles that share an operand, and a cluster takes every n-th
/// pair. Pairs that are done at the same time should share operands in the second cache: they are
/// taken from bands of `band` rows of pairs, all rows of a band before the next column.
struct TileOrder {
  int rows, columns;  ///< in pairs
  int band;
  bool pair_rows;  ///< a pair has two tiles of rows and one's weights; otherwise the reverse

  __device__ __forceinline__ int pairs() const { return rows * columns; }

  /// Of block `rank` of the cluster.
  __device__ __forceinline__ TilePlace place(int pair, int rank) const {
    const int first = pair / (band * columns) * band;
    const int height = min(band, rows - first);
    const int within = pair - first * columns;
    const int row = first + within % height;
    const int column = within / height;
    return pair_rows ? TilePlace{2 * row + rank, column} : TilePlace{row, 2 * column + rank};
  }
};

}  // namespace saccade::compute::cuda::gemm
