// Norms of rows.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

constexpr u32 kNormThreads = 256;

/// One group for each stretch of `n` columns of a row: x() is the stretch, y() the row.
struct RmsNormArgs {
  GPU_GLOBAL void* y;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* weight;  // [n]
  u64 y_stride, x_stride;          // elements from row to row
  u32 n;
  float eps;
};

/// y = x / sqrt(mean(x^2) + eps) * weight
template <typename Y, typename X>
GPU_FN void rms_norm(GPU_CONSTANT RmsNormArgs& args, GPU_SHARED u8* shared, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u64 column = u64(group.x()) * args.n;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + group.y() * args.x_stride + column;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.y() * args.y_stride + column;
  float squares = 0.0f;
  for (u32 i = group.thread(); i < args.n; i += group.threads()) {
    const float value = to_float(x[i]);
    squares += value * value;
  }
  squares = group_sum(squares, (GPU_SHARED float*)shared, group);
  const float scale = 1.0f / square_root(squares / float(args.n) + args.eps);
  for (u32 i = group.thread(); i < args.n; i += group.threads()) {
    y[i] = Rounded<Y>::from(to_float(x[i]) * scale * args.weight[i]);
  }
}

#define SACCADE_NORM_KERNELS(X)                                            \
  X(rms_norm_f32_f32, (rms_norm<float, float>), RmsNormArgs, kNormThreads) \
  X(rms_norm_bf16_f32, (rms_norm<bf16, float>), RmsNormArgs, kNormThreads) \
  X(rms_norm_bf16_bf16, (rms_norm<bf16, bf16>), RmsNormArgs, kNormThreads)

}  // namespace gpu
}  // namespace saccade
