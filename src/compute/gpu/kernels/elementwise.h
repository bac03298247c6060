// Functions of single elements of rows. All have the same grid: x() is the row, y() the stretch of
// kUnit * threads() columns; each thread has kUnit of them. No shared memory.
#pragma once

#include "functions.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kElementThreads = 256;

/// The first of the thread's columns.
GPU_FN u32 unit_column(Group group) {
  return (group.y() * group.threads() + group.thread_index()) * kUnit;
}

struct MapArgs {
  GPU_GLOBAL void* x;
  u64 x_stride;  // elements from row to row
  u32 n;
  Function function;
  float parameter;
};

/// x = function(x)
template <typename X>
GPU_FN void map(GPU_CONSTANT MapArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = unit_column(group);
  if (i >= args.n) return;
  const u32 left = args.n - i;
  GPU_GLOBAL X* x = (GPU_GLOBAL X*)args.x + group.x() * args.x_stride + i;
  const bool wide = aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride);
  float v[kUnit];
  load_some((GPU_GLOBAL const X*)x, left, wide, v);
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k) v[k] = apply(args.function, v[k], args.parameter);
  store_some(x, left, wide, v);
}

struct AddArgs {
  GPU_GLOBAL void* y;
  GPU_GLOBAL const void* x;
  u64 y_stride, x_stride;
  u32 n;
};

/// y += x
template <typename Y, typename X>
GPU_FN void add(GPU_CONSTANT AddArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = unit_column(group);
  if (i >= args.n) return;
  const u32 left = args.n - i;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.x() * args.y_stride + i;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + group.x() * args.x_stride + i;
  const bool wide = aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride) &&
                    aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride);
  float a[kUnit];
  float b[kUnit];
  load_some((GPU_GLOBAL const Y*)y, left, wide, a);
  load_some(x, left, wide, b);
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k) a[k] += b[k];
  store_some(y, left, wide, a);
}

struct ScaleColumnsArgs {
  GPU_GLOBAL void* x;
  GPU_GLOBAL const float* factors;  // [n]
  u64 x_stride;
  u32 n;
};

/// Column i of x *= factors[i]
template <typename X>
GPU_FN void scale_columns(GPU_CONSTANT ScaleColumnsArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = unit_column(group);
  if (i >= args.n) return;
  const u32 left = args.n - i;
  GPU_GLOBAL X* x = (GPU_GLOBAL X*)args.x + group.x() * args.x_stride + i;
  const bool wide =
      aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride) && aligned_rows(args.factors, 0);
  float v[kUnit];
  float w[kUnit];
  load_some((GPU_GLOBAL const X*)x, left, wide, v);
  load_some(args.factors + i, left, wide, w);
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k) v[k] *= w[k];
  store_some(x, left, wide, v);
}

struct GateArgs {
  GPU_GLOBAL void* y;              // [rows, n]
  GPU_GLOBAL const void* gate_up;  // [rows, 2 n]
  u64 y_stride, x_stride;
  u32 n;
  Function function;
};

/// y = function(gate) * up; y may be the gate's columns.
template <typename Y, typename X>
GPU_FN void gate(GPU_CONSTANT GateArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = unit_column(group);
  if (i >= args.n) return;
  const u32 left = args.n - i;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.x() * args.y_stride + i;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.gate_up + group.x() * args.x_stride + i;
  const bool wide = aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride) &&
                    aligned_rows((GPU_GLOBAL const X*)args.gate_up, args.x_stride) &&
                    aligned_rows((GPU_GLOBAL const X*)0, args.n);
  float a[kUnit];
  float b[kUnit];
  load_some(x, left, wide, a);
  load_some(x + args.n, left, wide, b);
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k) a[k] = apply(args.function, a[k], 0.0f) * b[k];
  store_some(y, left, wide, a);
}

struct ApplyGateArgs {
  GPU_GLOBAL void* y;
  GPU_GLOBAL const void* gate;
  u64 y_stride, gate_stride;
  u32 n;
  Function function;
};

/// y *= function(gate)
template <typename Y, typename X>
GPU_FN void apply_gate(GPU_CONSTANT ApplyGateArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = unit_column(group);
  if (i >= args.n) return;
  const u32 left = args.n - i;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.x() * args.y_stride + i;
  GPU_GLOBAL const X* gate = (GPU_GLOBAL const X*)args.gate + group.x() * args.gate_stride + i;
  const bool wide = aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride) &&
                    aligned_rows((GPU_GLOBAL const X*)args.gate, args.gate_stride);
  float a[kUnit];
  float b[kUnit];
  load_some((GPU_GLOBAL const Y*)y, left, wide, a);
  load_some(gate, left, wide, b);
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k) a[k] *= apply(args.function, b[k], 0.0f);
  store_some(y, left, wide, a);
}

struct ClampArgs {
  GPU_GLOBAL void* y;
  GPU_GLOBAL const void* x;
  u64 y_stride, x_stride;
  u32 n;
  float low, high;
};

/// y = x, or the bound that it is beyond
template <typename X>
GPU_FN void clamp(GPU_CONSTANT ClampArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = unit_column(group);
  if (i >= args.n) return;
  const u32 left = args.n - i;
  GPU_GLOBAL X* y = (GPU_GLOBAL X*)args.y + group.x() * args.y_stride + i;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + group.x() * args.x_stride + i;
  const bool wide = aligned_rows((GPU_GLOBAL const X*)args.y, args.y_stride) &&
                    aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride);
  float v[kUnit];
  load_some(x, left, wide, v);
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k)
    v[k] = v[k] < args.low ? args.low : v[k] > args.high ? args.high : v[k];
  store_some(y, left, wide, v);
}

struct ConvertArgs {
  GPU_GLOBAL void* y;        // [rows, width]
  GPU_GLOBAL const void* x;  // [rows, n]
  u64 y_stride, x_stride;
  u32 n;
  u32 width;  // at least n; y() counts stretches of these
};

/// y = x, zeros in the columns from n on.
template <typename Y, typename X>
GPU_FN void convert(GPU_CONSTANT ConvertArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = unit_column(group);
  if (i >= args.width) return;
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + group.x() * args.y_stride + i;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + group.x() * args.x_stride + i;
  float v[kUnit];
  load_some(x, i < args.n ? args.n - i : 0u,
            aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride), v);
  store_some(y, args.width - i, aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride), v);
}

#define SACCADE_ELEMENTWISE_KERNELS(X)                                              \
  X(map_f32, (map<float>), MapArgs, kElementThreads)                                \
  X(map_f16, (map<f16>), MapArgs, kElementThreads)                                  \
  X(add_f32_f32, (add<float, float>), AddArgs, kElementThreads)                     \
  X(add_f32_f16, (add<float, f16>), AddArgs, kElementThreads)                       \
  X(add_f16_f32, (add<f16, float>), AddArgs, kElementThreads)                       \
  X(add_f16_f16, (add<f16, f16>), AddArgs, kElementThreads)                         \
  X(scale_columns_f32, (scale_columns<float>), ScaleColumnsArgs, kElementThreads)   \
  X(scale_columns_f16, (scale_columns<f16>), ScaleColumnsArgs, kElementThreads)     \
  X(gate_f32_f32, (gate<float, float>), GateArgs, kElementThreads)                  \
  X(gate_f16_f32, (gate<f16, float>), GateArgs, kElementThreads)                    \
  X(gate_f16_f16, (gate<f16, f16>), GateArgs, kElementThreads)                      \
  X(apply_gate_f32_f32, (apply_gate<float, float>), ApplyGateArgs, kElementThreads) \
  X(apply_gate_f32_f16, (apply_gate<float, f16>), ApplyGateArgs, kElementThreads)   \
  X(apply_gate_f16_f32, (apply_gate<f16, float>), ApplyGateArgs, kElementThreads)   \
  X(apply_gate_f16_f16, (apply_gate<f16, f16>), ApplyGateArgs, kElementThreads)     \
  X(clamp_f32, (clamp<float>), ClampArgs, kElementThreads)                          \
  X(clamp_f16, (clamp<f16>), ClampArgs, kElementThreads)                            \
  X(convert_f32_f32, (convert<float, float>), ConvertArgs, kElementThreads)         \
  X(convert_f32_f16, (convert<float, f16>), ConvertArgs, kElementThreads)           \
  X(convert_f16_f32, (convert<f16, float>), ConvertArgs, kElementThreads)           \
  X(convert_f16_f16, (convert<f16, f16>), ConvertArgs, kElementThreads)

}  // namespace gpu
}  // namespace saccade
