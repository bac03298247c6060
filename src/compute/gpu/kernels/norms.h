// Norms of rows. Any number of threads that is a multiple of 32 will do; the order of the sums
// depends on it, so it may depend on the width of a row and on nothing else.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kNormThreads = 256;
/// Shared memory of a group.
GPU_CONSTEXPR u32 kNormSharedBytes = 256;

/// x(): the row.
struct RmsNormArgs {
  GPU_GLOBAL void* y;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* weight;  // [n]
  u64 y_stride, x_stride;          // elements from row to row
  u32 n;
  float eps;
};

/// y = x / sqrt(mean(x^2) + eps) * weight; y may be x.
template <typename Y, typename X>
GPU_FN void rms_norm(GPU_CONSTANT RmsNormArgs& args, GPU_SHARED u8* shared, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + group.x() * args.x_stride;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.x() * args.y_stride;
  const bool wide = aligned_rows(x, args.x_stride) && aligned_rows(y, args.y_stride) &&
                    aligned_rows(args.weight, 0);
  const u32 step = group.threads() * kUnit;
  float v[kUnit];
  float w[kUnit];
  float squares = 0.0f;
  for (u32 i = group.thread_index() * kUnit; i < args.n; i += step) {
    load_some(x + i, args.n - i, wide, v);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) squares += v[k] * v[k];
  }
  squares = group_sum(squares, (GPU_SHARED float*)shared, group);
  const float scale = 1.0f / square_root(squares / float(args.n) + args.eps);
  for (u32 i = group.thread_index() * kUnit; i < args.n; i += step) {
    load_some(x + i, args.n - i, wide, v);
    load_some(args.weight + i, args.n - i, wide, w);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) v[k] = v[k] * scale * w[k];
    store_some(y + i, args.n - i, wide, v);
  }
}

/// x(): the row; y(): as many stretches of `n` columns as a group has warps, which take one each.
/// In place.
struct RmsNormHeadsArgs {
  GPU_GLOBAL void* x;
  GPU_GLOBAL const float* weight;  // [n]
  u64 x_stride;
  u32 heads;
  u32 n;
  float eps;
};

/// Norms each head of a row by itself. No shared memory.
template <typename X>
GPU_FN void rms_norm_heads(GPU_CONSTANT RmsNormHeadsArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 head = group.y() * group.warps() + group.warp();
  if (head >= args.heads) return;
  GPU_GLOBAL X* x = (GPU_GLOBAL X*)args.x + group.x() * args.x_stride + u64(head) * u64(args.n);
  const bool wide = aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride) &&
                    aligned_rows((GPU_GLOBAL const X*)0, args.n) && aligned_rows(args.weight, 0);
  float v[kUnit];
  float w[kUnit];
  float squares = 0.0f;
  for (u32 i = group.lane() * kUnit; i < args.n; i += kLanes * kUnit) {
    load_some((GPU_GLOBAL const X*)x + i, args.n - i, wide, v);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) squares += v[k] * v[k];
  }
  squares = warp_sum(squares, group);
  const float scale = 1.0f / square_root(squares / float(args.n) + args.eps);
  for (u32 i = group.lane() * kUnit; i < args.n; i += kLanes * kUnit) {
    load_some((GPU_GLOBAL const X*)x + i, args.n - i, wide, v);
    load_some(args.weight + i, args.n - i, wide, w);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) v[k] = v[k] * scale * w[k];
    store_some(x + i, args.n - i, wide, v);
  }
}

/// x(): the row.
struct LayerNormArgs {
  GPU_GLOBAL void* y;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* weight;  // [n]
  GPU_GLOBAL const float* bias;    // [n], or null
  u64 y_stride, x_stride;
  u32 n;
  float eps;
};

/// y = (x - mean) / sqrt(variance + eps) * weight + bias; y may be x.
template <typename Y, typename X>
GPU_FN void layer_norm(GPU_CONSTANT LayerNormArgs& args, GPU_SHARED u8* shared, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + group.x() * args.x_stride;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.x() * args.y_stride;
  const bool wide = aligned_rows(x, args.x_stride) && aligned_rows(y, args.y_stride) &&
                    aligned_rows(args.weight, 0) && aligned_rows(args.bias, 0);
  const u32 step = group.threads() * kUnit;
  GPU_SHARED float* scratch = (GPU_SHARED float*)shared;
  float v[kUnit];
  float w[kUnit];
  float sum = 0.0f;
  for (u32 i = group.thread_index() * kUnit; i < args.n; i += step) {
    load_some(x + i, args.n - i, wide, v);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) sum += v[k];
  }
  const float mean = group_sum(sum, scratch, group) / float(args.n);
  float squares = 0.0f;
  for (u32 i = group.thread_index() * kUnit; i < args.n; i += step) {
    load_some(x + i, args.n - i, wide, v);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) {
      const float from_mean = i + k < args.n ? v[k] - mean : 0.0f;
      squares += from_mean * from_mean;
    }
  }
  squares = group_sum(squares, scratch + kLanes, group);
  const float scale = 1.0f / square_root(squares / float(args.n) + args.eps);
  for (u32 i = group.thread_index() * kUnit; i < args.n; i += step) {
    load_some(x + i, args.n - i, wide, v);
    load_some(args.weight + i, args.n - i, wide, w);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) v[k] = (v[k] - mean) * scale * w[k];
    if (args.bias) {
      load_some(args.bias + i, args.n - i, wide, w);
      GPU_UNROLL
      for (u32 k = 0; k < kUnit; ++k) v[k] += w[k];
    }
    store_some(y + i, args.n - i, wide, v);
  }
}

#define SACCADE_NORM_KERNELS(X)                                                  \
  X(rms_norm_f32_f32, (rms_norm<float, float>), RmsNormArgs, kNormThreads)       \
  X(rms_norm_f16_f32, (rms_norm<f16, float>), RmsNormArgs, kNormThreads)         \
  X(rms_norm_f16_f16, (rms_norm<f16, f16>), RmsNormArgs, kNormThreads)           \
  X(rms_norm_heads_f32, (rms_norm_heads<float>), RmsNormHeadsArgs, kNormThreads) \
  X(rms_norm_heads_f16, (rms_norm_heads<f16>), RmsNormHeadsArgs, kNormThreads)   \
  X(layer_norm_f32_f32, (layer_norm<float, float>), LayerNormArgs, kNormThreads) \
  X(layer_norm_f16_f32, (layer_norm<f16, float>), LayerNormArgs, kNormThreads)   \
  X(layer_norm_f16_f16, (layer_norm<f16, f16>), LayerNormArgs, kNormThreads)

}  // namespace gpu
}  // namespace saccade
