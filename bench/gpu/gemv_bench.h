// The parts of gemv_bench.cc: launches of products, checks, times.
#pragma once

#include <string_view>

#include "compute/gpu/weight_kernels.h"
#include "cuda_timing.h"
#include "gemv_kernels.h"

namespace saccade::compute::gpu {

/// A launch that may start while the one before it ends.
void launch(Kernel kernel, const Grid& grid, void* args, cudaStream_t stream);

/// The product of args' row as a GPU of this kind would have it: streamed where it fits, else by
/// the shared kernel, with gemv_plan's launch.
void multiply(saccade::gpu::GemvArgs& args, cudaStream_t stream);
/// By the shared kernel.
void multiply(saccade::gpu::GemvArgs& args, const GemvPlan& plan, cudaStream_t stream);
/// Has the shared kernel do all products from now on.
void use_shared_kernels();

/// Both kernels and dequantizing against the reference, in every format that this build has.
void check_all();

/// Bytes that a copy reads and writes in a microsecond.
double copy_bytes_per_us();
void time_kernels(double copy_rate);
void search_plans();
void time_chains(double copy_rate);
void time_dequantize(double copy_rate);

}  // namespace saccade::compute::gpu
