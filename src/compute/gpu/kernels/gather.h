// Rows and columns chosen by ids in device memory. x() is the row of the side without ids, y() the
// stretch of kUnit * threads() columns (threads() columns for gather_columns). No shared memory.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kGatherThreads = 256;

struct GatherArgs {
  GPU_GLOBAL void* y;         // [x(), n]
  GPU_GLOBAL const void* x;   // [any, n]
  GPU_GLOBAL const i32* ids;  // a row of x for each row of y; negative: zeros
  u64 y_stride, x_stride;     // elements from row to row
  u32 n;
};

/// Row i of y = row ids[i] of x
template <typename Y, typename X>
GPU_FN void gather(GPU_CONSTANT GatherArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = (group.y() * group.threads() + group.thread_index()) * kUnit;
  if (i >= args.n) return;
  const u32 left = args.n - i;
  const i32 id = args.ids[group.x()];
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + (id < 0 ? 0u : u64(id) * args.x_stride) + i;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.x() * args.y_stride + i;
  float v[kUnit];
  load_some(x, id < 0 ? 0u : left, aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride), v);
  store_some(y, left, aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride), v);
}

struct GatherColumnsArgs {
  GPU_GLOBAL void* y;         // [rows, n]
  GPU_GLOBAL const void* x;   // [rows, any]
  GPU_GLOBAL const i32* ids;  // [n]
  u64 y_stride, x_stride;
  u32 n;
};

/// Column i of y = column ids[i] of x
template <typename T>
GPU_FN void gather_columns(GPU_CONSTANT GatherColumnsArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = group.y() * group.threads() + group.thread_index();
  if (i >= args.n) return;
  GPU_GLOBAL const T* x = (GPU_GLOBAL const T*)args.x + group.x() * args.x_stride;
  GPU_GLOBAL T* y = (GPU_GLOBAL T*)args.y + group.x() * args.y_stride;
  y[i] = x[args.ids[i]];
}

struct ScatterArgs {
  GPU_GLOBAL void* y;               // [any, n]
  GPU_GLOBAL const void* x;         // [x(), n]
  GPU_GLOBAL const i32* ids;        // a row of y for each row of x; negative: none
  GPU_GLOBAL const float* factors;  // of each row of x; scatter_add only
  u64 y_stride, x_stride;
  u32 n;
};

/// Row ids[i] of y = row i of x, or += factors[i] * it; no two ids are the same.
template <typename Y, typename X, bool kAdd>
GPU_FN void scatter(GPU_CONSTANT ScatterArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = (group.y() * group.threads() + group.thread_index()) * kUnit;
  if (i >= args.n) return;
  const u32 left = args.n - i;
  const i32 id = args.ids[group.x()];
  if (id < 0) return;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + group.x() * args.x_stride + i;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + u64(id) * args.y_stride + i;
  const bool wide_x = aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride);
  const bool wide_y = aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride);
  float v[kUnit];
  load_some(x, left, wide_x, v);
  if (kAdd) {
    float old[kUnit];
    load_some((GPU_GLOBAL const Y*)y, left, wide_y, old);
    const float factor = args.factors[group.x()];
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) v[k] = fused(factor, v[k], old[k]);
  }
  store_some(y, left, wide_y, v);
}

#define SACCADE_GATHER_KERNELS(X)                                                    \
  X(gather_f32_f32, (gather<float, float>), GatherArgs, kGatherThreads)              \
  X(gather_f32_f16, (gather<float, f16>), GatherArgs, kGatherThreads)                \
  X(gather_f16_f32, (gather<f16, float>), GatherArgs, kGatherThreads)                \
  X(gather_f16_f16, (gather<f16, f16>), GatherArgs, kGatherThreads)                  \
  X(gather_columns_f32, (gather_columns<float>), GatherColumnsArgs, kGatherThreads)  \
  X(gather_columns_f16, (gather_columns<f16>), GatherColumnsArgs, kGatherThreads)    \
  X(scatter_f32_f32, (scatter<float, float, false>), ScatterArgs, kGatherThreads)    \
  X(scatter_f32_f16, (scatter<float, f16, false>), ScatterArgs, kGatherThreads)      \
  X(scatter_f16_f32, (scatter<f16, float, false>), ScatterArgs, kGatherThreads)      \
  X(scatter_f16_f16, (scatter<f16, f16, false>), ScatterArgs, kGatherThreads)        \
  X(scatter_add_f32_f32, (scatter<float, float, true>), ScatterArgs, kGatherThreads) \
  X(scatter_add_f32_f16, (scatter<float, f16, true>), ScatterArgs, kGatherThreads)   \
  X(scatter_add_f16_f16, (scatter<f16, f16, true>), ScatterArgs, kGatherThreads)

}  // namespace gpu
}  // namespace saccade
