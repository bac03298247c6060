// Rotary positions (Su et al., 2021): pairs (i, i + n) of a head turn by an angle of their own.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kRotaryThreads = 256;

/// x(): the row; y(): stretches of threads() values of [0, n).
struct RotaryTableArgs {
  GPU_GLOBAL float* cosines;            // [rows, n]
  GPU_GLOBAL float* sines;              // [rows, n]
  GPU_GLOBAL const i32* positions;      // [axes, rows]
  GPU_GLOBAL const float* frequencies;  // [n]
  GPU_GLOBAL const i32* axes;           // [n], or null: all the first
  u32 rows;
  u32 n;
  float scale;  // of cosines and sines
};

/// The cosine and sine of position * frequency, the product rounded to a float.
GPU_FN void rotary_table(GPU_CONSTANT RotaryTableArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 i = group.y() * group.threads() + group.thread_index();
  if (i >= args.n) return;
  const u64 axis = args.axes ? u64(args.axes[i]) : 0u;
  const float position = float(args.positions[axis * args.rows + group.x()]);
  const float angle = position * args.frequencies[i];
  const u64 at = u64(group.x()) * args.n + i;
  args.cosines[at] = cosine(angle) * args.scale;
  args.sines[at] = sine(angle) * args.scale;
}

/// Turns kUnit pairs. Roundings are spelled out, so that all kernels have the same.
GPU_FN void turn_pairs(GPU_THREAD float* a, GPU_THREAD float* b, GPU_THREAD const float* c,
                       GPU_THREAD const float* s) {
  GPU_UNROLL
  for (u32 k = 0; k < kUnit; ++k) {
    const float first = fused(a[k], c[k], -(b[k] * s[k]));
    b[k] = fused(b[k], c[k], a[k] * s[k]);
    a[k] = first;
  }
}

/// x(): the row; y(): stretches of threads() units, of which a head has ceil(n / kUnit).
struct RotaryArgs {
  GPU_GLOBAL void* x;               // [rows, heads * head_dim], in place
  GPU_GLOBAL const float* cosines;  // [rows, n]
  GPU_GLOBAL const float* sines;
  u64 x_stride, table_stride;  // elements from row to row
  u32 heads;
  u32 head_dim;
  u32 n;  // 2 n is at most head_dim; what is behind stays
};

template <typename X>
GPU_FN void rotary(GPU_CONSTANT RotaryArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 units = (args.n + kUnit - 1) / kUnit;
  const u32 unit = group.y() * group.threads() + group.thread_index();
  if (unit >= units * args.heads) return;
  const u32 i = unit % units * kUnit;
  const u32 left = args.n - i;
  GPU_GLOBAL X* x =
      (GPU_GLOBAL X*)args.x + group.x() * args.x_stride + u64(unit / units) * args.head_dim + i;
  const u64 at = group.x() * args.table_stride + i;
  const bool wide_table =
      aligned_rows(args.cosines, args.table_stride) && aligned_rows(args.sines, 0);
  const bool wide = aligned_rows((GPU_GLOBAL const X*)args.x, args.x_stride) &&
                    args.head_dim % kUnit == 0 && args.n % kUnit == 0;
  float a[kUnit];
  float b[kUnit];
  float c[kUnit];
  float s[kUnit];
  load_some((GPU_GLOBAL const X*)x, left, wide, a);
  load_some((GPU_GLOBAL const X*)x + args.n, left, wide, b);
  load_some(args.cosines + at, left, wide_table, c);
  load_some(args.sines + at, left, wide_table, s);
  turn_pairs(a, b, c, s);
  store_some(x, left, wide, a);
  store_some(x + args.n, left, wide, b);
}

#define SACCADE_ROTARY_KERNELS(X)                                  \
  X(rotary_table, (rotary_table), RotaryTableArgs, kRotaryThreads) \
  X(rotary_f32, (rotary<float>), RotaryArgs, kRotaryThreads)       \
  X(rotary_f16, (rotary<f16>), RotaryArgs, kRotaryThreads)

}  // namespace gpu
}  // namespace saccade
