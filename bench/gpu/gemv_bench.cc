// Checks the kernels for packed weights on a GPU against the reference, and times them.
//
//   nvcc -std=c++20 -O3 -gencode arch=compute_90a,code=sm_90a -DFMT_HEADER_ONLY -Isrc -Iinclude \
//     -o gemv_bench bench/gpu/gemv_*.cc bench/gpu/gemv_kernels.cu src/compute/cuda/gemv/*.cu \
//     src/compute/gpu/weight_*.cc src/base/thread_pool.cc \
//     src/tensor/{dequantize,ggml_blocks,ggml_type,weight_format,tensor}.cc
//   ./gemv_bench [shared] [check] [kernels] [search] [chains] [dequantize]
//
// Times are of launches in a captured graph, each allowed to start while the one before it ends, on
// weights that no cache holds. The share is of the bandwidth of a copy, measured first, counting
// what it reads and writes; of a product, the bytes of its weights. With `shared`, all products are
// the shared kernels'.
#include "gemv_bench.h"

#include <span>

#include "compute/cuda/gemv/stream_gemv.h"

namespace saccade::compute::gpu {
namespace {

using namespace saccade::bench;  // NOLINT

bool shared_kernels = false;

}  // namespace

void use_shared_kernels() {
  shared_kernels = true;
}

void launch(Kernel kernel, const Grid& grid, void* args, cudaStream_t stream) {
  const void* function = function_of(kernel);
  if (grid.shared_bytes > 48 * 1024) {
    CUDA_CHECK(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(grid.shared_bytes)));
  }
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y, grid.z);
  config.blockDim = dim3(grid.threads);
  config.dynamicSmemBytes = grid.shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  void* pointers[] = {args};
  CUDA_CHECK(cudaLaunchKernelExC(&config, function, pointers));
}

void multiply(saccade::gpu::GemvArgs& args, const GemvPlan& plan, cudaStream_t stream) {
  args.tiling = plan.tiling;
  launch(plan.kernel, plan.grid, &args, stream);
}

void multiply(saccade::gpu::GemvArgs& args, cudaStream_t stream) {
  static const int kProcessors = processors();
  if (!shared_kernels && cuda::stream_gemv_fits(args.weight)) {
    CUDA_CHECK(cuda::stream_gemv(stream, args, 1, kProcessors));
    return;
  }
  multiply(args, gemv_plan(args.weight, args.n, args.gated, 1, kProcessors), stream);
}

double copy_bytes_per_us() {
  constexpr std::size_t kBytes = std::size_t{2} << 30;
  DeviceArray<std::byte> from(kBytes), to(kBytes);
  const double us =
      time_us([&](cudaStream_t stream) { copy(to.get(), from.get(), kBytes, stream); });
  const double copy_us = time_us([&](cudaStream_t stream) {
    CUDA_CHECK(cudaMemcpyAsync(to.get(), from.get(), kBytes, cudaMemcpyDeviceToDevice, stream));
  });
  std::printf("copy: kernel %.2f TB/s, memcpy %.2f TB/s\n", 2e-6 * kBytes / us,
              2e-6 * kBytes / copy_us);
  return 2.0 * kBytes / std::min(us, copy_us);
}

int run(std::span<char*> what) {
  const auto names = [&](std::string_view name) {
    return std::find(what.begin(), what.end(), name) != what.end();
  };
  if (names("shared")) use_shared_kernels();
  const bool all = what.empty() || (names("shared") && what.size() == 1);
  const auto wants = [&](std::string_view name) { return all || names(name); };
  if (wants("check")) check_all();
  const double first_rate = copy_bytes_per_us();  // the clocks rise meanwhile
  const double copy_rate = std::max(first_rate, copy_bytes_per_us());
  if (wants("kernels")) time_kernels(copy_rate);
  if (names("search")) search_plans();
  if (wants("chains")) time_chains(copy_rate);
  if (wants("dequantize")) time_dequantize(copy_rate);
  CUDA_CHECK(cudaDeviceSynchronize());
  return 0;
}

}  // namespace saccade::compute::gpu

int main(int argc, char** argv) {
  return saccade::compute::gpu::run(std::span(argv + 1, argv + argc));
}
