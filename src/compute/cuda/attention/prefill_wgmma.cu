// Prefill attention over pages on 9.0 devices: pages come in through the tensor memory accelerator.
#include "compute/cuda/attention/launch.cuh"
#include "compute/cuda/attention/wgmma_tile.cuh"

namespace saccade::compute::cuda {
namespace {

template <int kHeadDim, bool kCapped>
__global__ void __launch_bounds__(WgmmaTile<kHeadDim, kCapped>::kThreads, 1)
    prefill_wgmma_kernel(const __grid_constant__ PrefillArgs args,
                         const __grid_constant__ CUtensorMap keys,
                         const __grid_constant__ CUtensorMap values, ScoreMap map) {
#ifdef SACCADE_SM90A
  using Tile = WgmmaTile<kHeadDim, kCapped>;
  extern __shared__ unsigned char shared[];
  const Tile tile(shared);
  ptx::wait_for_previous_kernels();
  const PagedWork work(args, Tile::kRows, blockIdx.x);
  if (work.empty()) return;
  const bool alone = !work.has_row(64);
  tile.init_barriers(1, alone ? 1 : Tile::kConsumers);
  if (threadIdx.x / 128 == 0) {
    hopper::give_registers<24>();
    if (threadIdx.x != 0) return;
    const int end_page = (work.all.end + kPageTokens - 1) / kPageTokens;
    const auto load = [&](const CUtensorMap* matrix, int index, std::uint32_t to,
                          std::uint32_t barrier) {
      hopper::barrier_arrive_expecting(barrier, Tile::Keys::kBytes);
#pragma unroll
      for (int i = 0; i < Tile::kKeys / kPageTokens; ++i) {
        // Where the sequence has no further page, any will do: its keys are masked.
        const int page = min(index * (Tile::kKeys / kPageTokens) + i, end_page - 1);
        const int row = static_cast<int>(work.page_row(page));
#pragma unroll
        for (int part = 0; part < Tile::Keys::kParts; ++part) {
          hopper::copy_box(
              to + part * Tile::Keys::kPartBytes + i * kPageTokens * Tile::Keys::kRowBytes, matrix,
              part * Tile::Keys::kPartColumns, row, barrier);
        }
      }
    };
    tile.produce(
        Tile::tiles_of(work),
        [&](int index, int stage) { load(&keys, index, tile.keys(stage), tile.keys_full(stage)); },
        [&](int index, int stage) {
          load(&values, index, tile.values(stage), tile.values_full(stage));
        });
  } else if (threadIdx.x < 256 || !alone) {
    hopper::take_registers<240>();
    tile.template consume<true>(work, map, args.shape.head_dim, threadIdx.x / 128 - 1, alone);
  }
#endif
}

using EncodeTiled = decltype(&cuTensorMapEncodeTiled);

EncodeTiled find_encode_tiled() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function,
                                                             12000, cudaEnableDefault, &found);
  if (error != cudaSuccess || found != cudaDriverEntryPointSuccess) return nullptr;
  return reinterpret_cast<EncodeTiled>(function);
}

/// Describes keys or values as a matrix of rows of head_dim, in boxes of a page and 64 columns.
cudaError_t make_map(const void* data, const PrefillArgs& args, CUtensorMap& map) {
  static const EncodeTiled encode = find_encode_tiled();
  if (encode == nullptr) return cudaErrorNotSupported;
  const auto head_dim = static_cast<cuuint64_t>(args.shape.head_dim);
  const cuuint64_t sizes[2] = {
      head_dim, static_cast<cuuint64_t>(args.kv.num_pages) * args.shape.num_kv_heads * kPageTokens};
  const cuuint64_t strides[1] = {head_dim * 2};
  const cuuint32_t box[2] = {64, kPageTokens};
  const cuuint32_t steps[2] = {1, 1};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void*>(data), sizes, strides,
             box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

template <int kHeadDim, bool kCapped>
cudaError_t launch_prefill(cudaStream_t stream, const PrefillArgs& args) {
  using Tile = WgmmaTile<kHeadDim, kCapped>;
  CUtensorMap keys;
  CUtensorMap values;
  cudaError_t error = make_map(args.kv.keys, args, keys);
  if (error == cudaSuccess) error = make_map(args.kv.values, args, values);
  if (error != cudaSuccess) return error;
  const std::int64_t blocks = max_tiles(args, Tile::kRows) * args.shape.num_kv_heads;
  return launch(prefill_wgmma_kernel<kHeadDim, kCapped>,
                {dim3(static_cast<unsigned>(blocks)), Tile::kThreads, Tile::kSharedBytes}, stream,
                args.dependent_launch, args, keys, values, score_map(args.shape));
}

template <int kHeadDim>
cudaError_t launch_prefill(cudaStream_t stream, const PrefillArgs& args) {
  return args.shape.softcap != 0.0f ? launch_prefill<kHeadDim, true>(stream, args)
                                    : launch_prefill<kHeadDim, false>(stream, args);
}

}  // namespace

bool prefill_wgmma_fits(const PrefillArgs& args) {
  const int head_dim = args.shape.head_dim;
  return (head_dim == 64 || head_dim == 128 || head_dim == 256) &&
         is_wide(args.queries, args.query_stride, head_dim) &&
         is_wide(args.kv.keys, head_dim, head_dim) && is_wide(args.kv.values, head_dim, head_dim) &&
         runs_wgmma(reinterpret_cast<const void*>(prefill_wgmma_kernel<128, false>));
}

cudaError_t prefill_wgmma(cudaStream_t stream, const PrefillArgs& args) {
  if (args.shape.head_dim == 64) return launch_prefill<64>(stream, args);
  if (args.shape.head_dim == 128) return launch_prefill<128>(stream, args);
  return launch_prefill<256>(stream, args);
}

}  // namespace saccade::compute::cuda
