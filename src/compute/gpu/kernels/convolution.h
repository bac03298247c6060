// Windows over maps: places row by row, the channels of a place side by side
// (compute/convolution.h). Threads of all groups are counted through; each has kUnit columns of one
// output place, those of a place one after the other. No shared memory.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kConvThreads = 256;

/// The part of the output that a thread has.
struct WindowPart {
  u64 place;      // output place, counted over all maps
  u32 column;     // the first of kUnit
  u64 first;      // place of its map's corner in the input
  i32 top, left;  // of the window in the map; may be outside
};

GPU_FN WindowPart window_part(u64 thread_number, u32 columns, u64 first_place, u32 height,
                              u32 width, u32 out_height, u32 out_width, u32 stride, u32 padding) {
  const u32 units = (columns + kUnit - 1) / kUnit;
  WindowPart part;
  part.place = thread_number / units;
  part.column = u32(thread_number % units) * kUnit;
  const u64 windows = u64(out_height) * out_width;
  const u64 place = first_place + part.place;
  const u32 window = u32(place % windows);
  part.first = place / windows * (u64(height) * width);
  part.top = i32(window / out_width * stride) - i32(padding);
  part.left = i32(window % out_width * stride) - i32(padding);
  return part;
}

struct Im2colArgs {
  GPU_GLOBAL void* y;        // [places, side * side * channels]
  GPU_GLOBAL const void* x;  // [places of maps, channels]
  u64 y_stride, x_stride;    // elements from row to row
  u64 places;                // of y
  u64 first;                 // output place of its first row
  u32 channels;
  u32 height, width, out_height, out_width;
  u32 side, stride, padding;  // side: of a window
};

/// Where column `column` of a window begins in x, in elements; ~0 outside of the map.
GPU_FN u64 window_element(GPU_CONSTANT Im2colArgs& args, GPU_THREAD const WindowPart& part,
                          u32 column) {
  const u32 tap = column / args.channels;
  const i32 row = part.top + i32(tap / args.side);
  const i32 place = part.left + i32(tap % args.side);
  if (row < 0 || row >= i32(args.height) || place < 0 || place >= i32(args.width)) return ~u64(0);
  return (part.first + u64(row) * args.width + u32(place)) * args.x_stride + column % args.channels;
}

/// Row i of y = the window of output place first + i
template <typename Y, typename X>
GPU_FN void im2col(GPU_CONSTANT Im2colArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 columns = args.side * args.side * args.channels;
  const WindowPart part = window_part(u64(group.x()) * group.threads() + group.thread_index(),
                                      columns, args.first, args.height, args.width, args.out_height,
                                      args.out_width, args.stride, args.padding);
  if (part.place >= args.places) return;
  const u32 left = columns - part.column;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x;
  float v[kUnit];
  if (args.channels % kUnit == 0) {  // all kUnit lie in one place
    const u64 from = window_element(args, part, part.column);
    const bool inside = from != ~u64(0);
    load_some(x + (inside ? from : u64(0)), inside ? kUnit : 0u, aligned_rows(x, args.x_stride), v);
  } else {
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) {
      const u64 from = k < left ? window_element(args, part, part.column + k) : ~u64(0);
      v[k] = from != ~u64(0) ? Rounded<X>::read(x[from]) : 0.0f;
    }
  }
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + part.place * args.y_stride + part.column;
  store_some(y, left, aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride), v);
}

struct DepthwiseArgs {
  GPU_GLOBAL void* y;              // [places, outputs]
  GPU_GLOBAL const void* x;        // [places of maps, outputs / repeats]
  GPU_GLOBAL const float* weight;  // [side, side, outputs]
  GPU_GLOBAL const float* bias;    // [outputs] or null
  u64 y_stride, x_stride;
  u64 places;  // of y
  u32 outputs;
  u32 repeats;  // outputs of a channel
  u32 height, width, out_height, out_width;
  u32 side, stride, padding;  // side: of a window
};

/// Column o of y = the convolution of column o / repeats of x
template <typename Y, typename X>
GPU_FN void depthwise(GPU_CONSTANT DepthwiseArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const WindowPart part = window_part(u64(group.x()) * group.threads() + group.thread_index(),
                                      args.outputs, 0, args.height, args.width, args.out_height,
                                      args.out_width, args.stride, args.padding);
  if (part.place >= args.places) return;
  const u32 left = args.outputs - part.column;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x;
  const bool wide_x = aligned_rows(x, args.x_stride);
  const bool wide_weight = aligned_rows(args.weight, args.outputs);
  float sums[kUnit];
  float v[kUnit];
  float w[kUnit];
  for (u32 k = 0; k < kUnit; ++k) sums[k] = 0.0f;
  if (args.bias) load_some(args.bias + part.column, left, aligned_rows(args.bias, 0), sums);
  for (u32 i = 0; i < args.side; ++i) {
    const i32 row = part.top + i32(i);
    if (row < 0 || row >= i32(args.height)) continue;
    for (u32 j = 0; j < args.side; ++j) {
      const i32 column = part.left + i32(j);
      if (column < 0 || column >= i32(args.width)) continue;
      GPU_GLOBAL const X* from =
          x + (part.first + u64(row) * args.width + u32(column)) * args.x_stride;
      if (args.repeats == 1) {
        load_some(from + part.column, left, wide_x, v);
      } else {
        GPU_UNROLL
        for (u32 k = 0; k < kUnit; ++k) {
          v[k] = k < left ? Rounded<X>::read(from[(part.column + k) / args.repeats]) : 0.0f;
        }
      }
      load_some(args.weight + u64(i * args.side + j) * args.outputs + part.column, left,
                wide_weight, w);
      GPU_UNROLL
      for (u32 k = 0; k < kUnit; ++k) sums[k] = fused(v[k], w[k], sums[k]);
    }
  }
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + part.place * args.y_stride + part.column;
  store_some(y, left, aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride), sums);
}

struct MeanRowsArgs {
  GPU_GLOBAL void* y;        // [groups, n]
  GPU_GLOBAL const void* x;  // [groups * count, n]
  u64 y_stride, x_stride;
  u64 groups, count;
  u32 n;
};

/// Row i of y = the mean of rows [i * count, (i + 1) * count) of x
template <typename Y, typename X>
GPU_FN void mean_rows(GPU_CONSTANT MeanRowsArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 units = (args.n + kUnit - 1) / kUnit;
  const u64 number = u64(group.x()) * group.threads() + group.thread_index();
  const u64 row = number / units;
  if (row >= args.groups) return;
  const u32 column = u32(number % units) * kUnit;
  const u32 left = args.n - column;
  GPU_GLOBAL const X* x = (GPU_GLOBAL const X*)args.x + row * args.count * args.x_stride + column;
  const bool wide = aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride);
  float sums[kUnit];
  float v[kUnit];
  for (u32 k = 0; k < kUnit; ++k) sums[k] = 0.0f;
  for (u64 i = 0; i < args.count; ++i) {
    load_some(x + i * args.x_stride, left, wide, v);
    GPU_UNROLL
    for (u32 k = 0; k < kUnit; ++k) sums[k] += v[k];
  }
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k) sums[k] /= float(args.count);
  GPU_GLOBAL Y* y = (GPU_GLOBAL Y*)args.y + row * args.y_stride + column;
  store_some(y, left, aligned_rows((GPU_GLOBAL const Y*)args.y, args.y_stride), sums);
}

#define SACCADE_CONVOLUTION_KERNELS(X)                                         \
  X(im2col_f32_f32, (im2col<float, float>), Im2colArgs, kConvThreads)          \
  X(im2col_f16_f32, (im2col<f16, float>), Im2colArgs, kConvThreads)            \
  X(im2col_f16_f16, (im2col<f16, f16>), Im2colArgs, kConvThreads)              \
  X(mean_rows_f32_f32, (mean_rows<float, float>), MeanRowsArgs, kConvThreads)  \
  X(mean_rows_f16_f32, (mean_rows<f16, float>), MeanRowsArgs, kConvThreads)    \
  X(mean_rows_f16_f16, (mean_rows<f16, f16>), MeanRowsArgs, kConvThreads)      \
  X(depthwise_f32_f32, (depthwise<float, float>), DepthwiseArgs, kConvThreads) \
  X(depthwise_f16_f32, (depthwise<f16, float>), DepthwiseArgs, kConvThreads)   \
  X(depthwise_f16_f16, (depthwise<f16, f16>), DepthwiseArgs, kConvThreads)

}  // namespace gpu
}  // namespace saccade
