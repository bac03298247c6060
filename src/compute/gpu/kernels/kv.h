// Keys and values of new tokens into pages.
//
// A page holds kPageTokens tokens of one sequence, keys and values in separate arrays: token t of
// head h of page p begins at element ((p * kv_heads + h) * kPageTokens + t) * head_dim of both.
#pragma once

#include "portable.h"
#include "rotary.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kKvThreads = 256;
GPU_CONSTEXPR u32 kPageTokens = 64;

/// Consecutive tokens of one sequence in a batch.
struct DeviceSpan {
  i32 row;         ///< of the first token in the batch
  i32 count;       ///< of tokens
  i32 start;       ///< index of the first token in its sequence
  i32 first_page;  ///< where the sequence's pages begin in the array of page ids
};

/// What rows are in a batch, in device memory.
struct BatchView {
  GPU_GLOBAL const DeviceSpan* spans;
  GPU_GLOBAL const i32* page_ids;   // of one sequence after the other
  GPU_GLOBAL const i32* row_spans;  // the span of each row; -1: padding, which does nothing
};

/// Where token `index` of a span's sequence lies in keys and values: elements to its first head.
GPU_FN u64 page_offset(GPU_GLOBAL const i32* page_ids, i32 first_page, i32 index, u32 kv_heads,
                       u32 head_dim) {
  const i32 page = page_ids[first_page + index / i32(kPageTokens)];
  return (u64(page) * kv_heads * kPageTokens + u64(index) % kPageTokens) * head_dim;
}

/// x(): the row; y(): stretches of threads() units, of which a head has ceil(head_dim / kUnit).
struct WriteKvArgs {
  GPU_GLOBAL const void* k;  // [rows, kv_heads * head_dim]
  GPU_GLOBAL const void* v;
  GPU_GLOBAL void* keys;  // of one layer
  GPU_GLOBAL void* values;
  BatchView batch;
  u64 k_stride, v_stride;  // elements from row to row
  u32 kv_heads;
  u32 head_dim;
};

template <typename T, typename X>
GPU_FN void write_kv(GPU_CONSTANT WriteKvArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 units = (args.head_dim + kUnit - 1) / kUnit;
  const u32 unit = group.y() * group.threads() + group.thread_index();
  const i32 span = args.batch.row_spans[group.x()];
  if (unit >= units * args.kv_heads || span < 0) return;
  GPU_GLOBAL const DeviceSpan* s = args.batch.spans + span;
  const u32 head = unit / units;
  const u32 i = unit % units * kUnit;
  const u32 left = args.head_dim - i;
  const u64 to = page_offset(args.batch.page_ids, s->first_page, s->start + i32(group.x()) - s->row,
                             args.kv_heads, args.head_dim) +
                 u64(head) * kPageTokens * args.head_dim + i;
  const u64 column = u64(head) * args.head_dim + i;
  GPU_GLOBAL const X* k = (GPU_GLOBAL const X*)args.k;
  GPU_GLOBAL const X* v = (GPU_GLOBAL const X*)args.v;
  GPU_GLOBAL T* keys = (GPU_GLOBAL T*)args.keys;
  GPU_GLOBAL T* values = (GPU_GLOBAL T*)args.values;
  const bool whole = args.head_dim % kUnit == 0;
  float unit_of[kUnit];
  load_some(k + group.x() * args.k_stride + column, left, whole && aligned_rows(k, args.k_stride),
            unit_of);
  store_some(keys + to, left, whole && aligned_rows((GPU_GLOBAL const T*)keys, 0), unit_of);
  load_some(v + group.x() * args.v_stride + column, left, whole && aligned_rows(v, args.v_stride),
            unit_of);
  store_some(values + to, left, whole && aligned_rows((GPU_GLOBAL const T*)values, 0), unit_of);
}

/// x(): the row; y(): stretches of threads() units, of which each of the heads + 2 kv_heads has
/// ceil(n / kUnit) + ceil((head_dim - 2 n) / kUnit).
struct RotaryKvArgs {
  GPU_GLOBAL void* qkv;             // [rows, (heads + 2 kv_heads) * head_dim]; q is turned in place
  GPU_GLOBAL const float* cosines;  // [rows, n]
  GPU_GLOBAL const float* sines;
  GPU_GLOBAL void* keys;  // of one layer
  GPU_GLOBAL void* values;
  BatchView batch;
  u64 stride, table_stride;  // elements from row to row
  u32 heads;
  u32 kv_heads;
  u32 head_dim;
  u32 n;
};

/// rotary of queries and keys, then write_kv, in one launch. The keys in qkv stay as they were.
template <typename T, typename X>
GPU_FN void rotary_kv(GPU_CONSTANT RotaryKvArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 pair_units = (args.n + kUnit - 1) / kUnit;
  const u32 units = pair_units + (args.head_dim - 2 * args.n + kUnit - 1) / kUnit;
  const u32 unit = group.y() * group.threads() + group.thread_index();
  const u32 head = unit / units;
  const i32 span = args.batch.row_spans[group.x()];
  if (head >= args.heads + 2 * args.kv_heads || span < 0) return;
  GPU_GLOBAL const DeviceSpan* s = args.batch.spans + span;
  const bool whole = args.head_dim % kUnit == 0 && args.n % kUnit == 0;
  GPU_GLOBAL X* row = (GPU_GLOBAL X*)args.qkv + group.x() * args.stride;
  GPU_GLOBAL X* x = row + u64(head) * args.head_dim;
  const bool wide_x = whole && aligned_rows((GPU_GLOBAL const X*)args.qkv, args.stride);
  // Where it goes: back for queries, into pages for keys and values.
  const bool is_query = head < args.heads;
  const bool is_value = head >= args.heads + args.kv_heads;
  const u32 kv_head = is_value ? head - args.heads - args.kv_heads : head - args.heads;
  GPU_GLOBAL T* pages = (GPU_GLOBAL T*)(is_value ? args.values : args.keys);
  const bool wide_pages = whole && aligned_rows((GPU_GLOBAL const T*)pages, 0);
  if (!is_query) {
    pages += page_offset(args.batch.page_ids, s->first_page, s->start + i32(group.x()) - s->row,
                         args.kv_heads, args.head_dim) +
             u64(kv_head) * kPageTokens * args.head_dim;
  }
  float a[kUnit];
  float b[kUnit];
  const u32 own = unit % units;
  if (own >= pair_units) {
    if (is_query) return;
    const u32 i = 2 * args.n + (own - pair_units) * kUnit;
    load_some((GPU_GLOBAL const X*)x + i, args.head_dim - i, wide_x, a);
    store_some(pages + i, args.head_dim - i, wide_pages, a);
    return;
  }
  const u32 i = own * kUnit;
  const u32 left = args.n - i;
  load_some((GPU_GLOBAL const X*)x + i, left, wide_x, a);
  load_some((GPU_GLOBAL const X*)x + i + args.n, left, wide_x, b);
  if (!is_value) {
    float c[kUnit];
    float t[kUnit];
    const u64 at = group.x() * args.table_stride + i;
    const bool wide_table =
        aligned_rows(args.cosines, args.table_stride) && aligned_rows(args.sines, 0);
    load_some(args.cosines + at, left, wide_table, c);
    load_some(args.sines + at, left, wide_table, t);
    turn_pairs(a, b, c, t);
  }
  if (is_query) {
    store_some(x + i, left, wide_x, a);
    store_some(x + i + args.n, left, wide_x, b);
  } else {
    store_some(pages + i, left, wide_pages, a);
    store_some(pages + i + args.n, left, wide_pages, b);
  }
}

#define SACCADE_KV_KERNELS(X)                                               \
  X(write_kv_f32_f32, (write_kv<float, float>), WriteKvArgs, kKvThreads)    \
  X(write_kv_f16_f32, (write_kv<f16, float>), WriteKvArgs, kKvThreads)      \
  X(write_kv_f16_f16, (write_kv<f16, f16>), WriteKvArgs, kKvThreads)        \
  X(rotary_kv_f32_f32, (rotary_kv<float, float>), RotaryKvArgs, kKvThreads) \
  X(rotary_kv_f16_f32, (rotary_kv<f16, float>), RotaryKvArgs, kKvThreads)   \
  X(rotary_kv_f16_f16, (rotary_kv<f16, f16>), RotaryKvArgs, kKvThreads)

}  // namespace gpu
}  // namespace saccade
