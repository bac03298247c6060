// The kernels of gemv_bench.cc.
#include "gemv_kernels.h"

#include <cuda_runtime.h>

namespace saccade::compute::gpu {
namespace {

using namespace saccade::gpu;  // NOLINT: the kernels' arguments

// A tuning build has the few kernels that the tables need.
#if defined(SACCADE_BENCH_FEW)
#define SACCADE_BENCH_INTEGERS(Y, X)                 \
  Y(X, int4_offset_bf16, kInt4, kScaleOffset, kBf16) \
  Y(X, int4_scale, kInt4, kScale, kF16)              \
  Y(X, int4_parts8_min, kInt4, kParts8Min, kAny)     \
  Y(X, int8_scale, kInt8, kScale, kF16)
#define SACCADE_BENCH_KERNELS(X)                   \
  SACCADE_NORM_KERNELS(X)                          \
  SACCADE_BENCH_INTEGERS(SACCADE_GEMV_INTEGERS, X) \
  SACCADE_GEMV_FLOATS(X, bf16, kBf16)              \
  SACCADE_DEQUANTIZE_CODES(X, int4_offset_bf16, kInt4, kScaleOffset, kBf16)
#else
#define SACCADE_BENCH_KERNELS(X) SACCADE_GPU_KERNELS(X)
#endif

#define SACCADE_BENCH_GLOBAL(name, body, Args, threads)                                         \
  __global__ void __launch_bounds__(threads) global_##name(const __grid_constant__ Args args) { \
    extern __shared__ __align__(16) u8 shared[];                                                \
    body(args, shared, Group{});                                                                \
  }
SACCADE_BENCH_KERNELS(SACCADE_BENCH_GLOBAL)

__global__ void wait_only() {
  Group{}.allow_next();
  Group{}.wait_for_inputs();
}

__global__ void copy_words(Words4* to, const Words4* from, std::size_t count) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
       i += std::size_t{gridDim.x} * blockDim.x) {
    to[i] = from[i];
  }
}

/// Random bits, of which `keep` are kept and `set` are set.
__global__ void fill_words(u32* to, std::size_t count, u32 keep, u32 set) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
       i += std::size_t{gridDim.x} * blockDim.x) {
    u32 bits = static_cast<u32>(i) * 2654435761u + 12345u;
    bits ^= bits >> 15;
    bits *= 2246822519u;
    bits ^= bits >> 13;
    to[i] = (bits & keep) | set;
  }
}

}  // namespace

const void* function_of(Kernel kernel) {
  switch (kernel) {
#define SACCADE_BENCH_CASE(name, body, Args, threads) \
  case Kernel::name:                                  \
    return reinterpret_cast<const void*>(&global_##name);
    SACCADE_BENCH_KERNELS(SACCADE_BENCH_CASE)
    default:
      return nullptr;
  }
}

const void* wait_function() {
  return reinterpret_cast<const void*>(&wait_only);
}

void copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  copy_words<<<132 * 16, 512, 0, stream>>>(static_cast<Words4*>(to),
                                           static_cast<const Words4*>(from), bytes / 16);
}

void fill(void* to, std::size_t bytes, std::uint32_t keep, std::uint32_t set) {
  fill_words<<<1024, 256>>>(static_cast<u32*>(to), (bytes + 3) / 4, keep, set);
}

}  // namespace saccade::compute::gpu
