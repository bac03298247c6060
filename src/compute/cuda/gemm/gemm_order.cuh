// In which order the tiles of a product are done.
#pragma once

namespace saccade::compute::cuda::gemm {

/// A tile's place, in tiles.
struct TilePlace {
  int row, column;
};

/// A cluster of blocks does tiles that lie side by side, and takes every n-th such group. Groups
/// that are done at the same time should share operands in the second cache: they are taken from
/// bands of `band` groups of rows, all rows of a band before the next column.
struct TileOrder {
  int rows, columns;                  ///< in groups
  int band;                           ///< in groups
  int cluster_rows, cluster_columns;  ///< of a group, in tiles: 1 or 2

  __device__ __forceinline__ int groups() const { return rows * columns; }

  /// Of block `rank` of the cluster.
  __device__ __forceinline__ TilePlace place(int group, int rank) const {
    const int first = group / (band * columns) * band;
    const int height = min(band, rows - first);
    const int within = group - first * columns;
    return {(first + within % height) * cluster_rows + rank % cluster_rows,
            within / height * cluster_columns + rank / cluster_rows};
  }
};

}  // namespace saccade::compute::cuda::gemm
