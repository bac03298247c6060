#include "compute/cuda/gemm/dense_gemm.h"

#include <algorithm>

#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/tensor_map.cuh"
#include "compute/cuda/gemm/gemm_kernel.cuh"

namespace saccade::compute::cuda {
namespace {

// Groups of a band.
constexpr int kBand = 8;

int parts(std::int64_t size, int part) {
  return static_cast<int>((size + part - 1) / part);
}

/// Blocks share the weights of two neighbouring tiles of rows, or, where these leave one over, the
/// rows of two tiles side by side.
gemm::TileOrder tile_order(int rows, int columns) {
  gemm::TileOrder order{};
  const bool pair_rows = parts(rows, 2) * columns <= rows * parts(columns, 2);
  order.cluster_rows = pair_rows ? 2 : 1;
  order.cluster_columns = pair_rows ? 1 : 2;
  order.rows = parts(rows, order.cluster_rows);
  order.columns = parts(columns, order.cluster_columns);
  order.band = pair_rows ? kBand : 2 * kBand;
  return order;
}

gemm::TileOrder tile_order(const DenseGemmArgs& args) {
  return tile_order(parts(args.rows, gemm::Tile::kRows),
                    parts(args.columns, gemm::columns_of_y(args.epilogue)));
}

template <GemmEpilogue kKind>
cudaError_t launch_gemm(cudaStream_t stream, const DenseGemmArgs& args, int processors) {
  using gemm::Tile;
  constexpr bool kGate = kKind == GemmEpilogue::kGate;
  CUtensorMap x;
  CUtensorMap w;
  CUtensorMap y{};
  cudaError_t error =
      make_map(args.x, args.rows, args.inputs, args.x_stride, x, {Tile::kRows / 2, Tile::kDepth});
  if (error == cudaSuccess) {
    error = make_map(args.w, (kGate ? args.up_row : 0) + args.columns, args.inputs, args.w_stride,
                     w, {Tile::kColumns / 2, Tile::kDepth});
  }
  if (error == cudaSuccess && kKind != GemmEpilogue::kAdd) {
    error = make_map(args.y, args.rows, args.columns, args.y_stride, y,
                     {64, gemm::OutputPart::kColumns});
  }
  if (error != cudaSuccess) return error;
  gemm::KernelArgs kernel{};
  kernel.epilogue.bias = args.bias;
  kernel.epilogue.up_bias = args.up_bias;
  kernel.epilogue.sums = static_cast<float*>(args.y);
  kernel.epilogue.sums_stride = args.y_stride;
  kernel.epilogue.rows = static_cast<int>(args.rows);
  kernel.epilogue.columns = static_cast<int>(args.columns);
  kernel.epilogue.activation = args.activation;
  kernel.order = tile_order(args);
  kernel.depth = parts(args.inputs, Tile::kDepth);
  kernel.half_rows = kGate ? static_cast<int>(args.up_row) : Tile::kColumns / 2;
  const int cluster = kernel.order.cluster_rows * kernel.order.cluster_columns;
  const int clusters = std::min(processors / cluster, kernel.order.rows * kernel.order.columns);
  return launch(gemm::gemm_kernel<kKind>,
                {dim3(static_cast<unsigned>(clusters * cluster)), Tile::kThreads,
                 Tile::kSharedBytes, cluster},
                stream, true, kernel, x, w, y);
}

}  // namespace

bool dense_gemm_runs() {
  return runs_wgmma(reinterpret_cast<const void*>(gemm::gemm_kernel<GemmEpilogue::kGate>));
}

bool dense_gemm_fits(const DenseGemmArgs& args) {
  const bool sums = args.epilogue == GemmEpilogue::kAdd;
  const bool aligned_y = sums ? reinterpret_cast<std::uintptr_t>(args.y) % 8 == 0 &&
                                    args.y_stride % 2 == 0 && args.columns % 2 == 0
                              : is_wide(args.y, args.y_stride, 8);
  return aligned_y && is_wide(args.x, args.x_stride, 8) && is_wide(args.w, args.w_stride, 8) &&
         dense_gemm_runs();
}

double dense_gemm_filled(const DenseGemmArgs& args, int processors) {
  const gemm::TileOrder order = tile_order(args);
  const int cluster = order.cluster_rows * order.cluster_columns;
  const std::int64_t clusters = std::max(1, processors / cluster);
  const std::int64_t groups = std::int64_t{order.rows} * order.columns;
  const std::int64_t rounds = (groups + clusters - 1) / clusters;
  const double tiles = static_cast<double>(rounds * clusters * cluster);
  return static_cast<double>(args.rows * args.columns) /
         (tiles * gemm::Tile::kRows * gemm::columns_of_y(args.epilogue));
}

cudaError_t dense_gemm(cudaStream_t stream, const DenseGemmArgs& args, int processors) {
  switch (args.epilogue) {
    case GemmEpilogue::kGate:
      return launch_gemm<GemmEpilogue::kGate>(stream, args, processors);
    case GemmEpilogue::kStore:
      return launch_gemm<GemmEpilogue::kStore>(stream, args, processors);
    case GemmEpilogue::kAdd:
      return launch_gemm<GemmEpilogue::kAdd>(stream, args, processors);
  }
  return cudaErrorInvalidValue;
}

}  // namespace saccade::compute::cuda
