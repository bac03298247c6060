// Attention of single rows without matrix units: any head size up to 512, any window, in pages or
// in segments.
//
// The running-maximum softmax of Milakov and Gimelshein (2018) over blocks of kPageTokens keys that
// begin at multiples of kPageTokens in the sequence. Warp w of the group takes blocks w, w + warps,
// ... of the sequence, and the warps' parts are put together in their order, so a row's arithmetic
// depends on its position in its sequence and the number of threads, and on nothing else.
#pragma once

#include "kv.h"
#include "portable.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kAttentionThreads = 256;
GPU_CONSTEXPR u32 kMaxHeadDim = 512;

/// Bytes of shared memory that a group of `threads` needs.
GPU_FN_ANYWHERE u32 attention_shared_bytes(u32 threads, u32 head_dim) {
  const u32 warps = (threads + 31) / 32;
  return (head_dim + warps * (kPageTokens + head_dim + 2)) * u32(sizeof(float));
}

/// One head's query and the keys it sees.
struct AttentionParams {
  u32 num_heads, num_kv_heads;
  u32 head_dim;
  float scale;
  float softcap;  // 0: none
  i32 window;     // 0: none
};

GPU_FN AttentionParams thread_copy(GPU_CONSTANT AttentionParams& args) {
  AttentionParams copy;
  copy.num_heads = args.num_heads;
  copy.num_kv_heads = args.num_kv_heads;
  copy.head_dim = args.head_dim;
  copy.scale = args.scale;
  copy.softcap = args.softcap;
  copy.window = args.window;
  return copy;
}

/// A block of keys and values, `stride` elements from token to token.
template <typename T>
struct KeyBlock {
  GPU_GLOBAL const T* keys;
  GPU_GLOBAL const T* values;
  u64 key_stride, value_stride;
  u32 low, high;  // the keys that count: [low, high), at least one
  bool wide;      // keys begin at multiples of 16 bytes
};

/// The shared memory of a group.
struct AttentionScratch {
  GPU_SHARED float* query;    // [head_dim]
  GPU_SHARED float* weights;  // [kPageTokens] of this warp
  GPU_SHARED float* maxima;   // [warps]
  GPU_SHARED float* sums;     // [warps]
  GPU_SHARED float* parts;    // [warps, head_dim]
};

GPU_FN AttentionScratch attention_scratch(GPU_SHARED u8* shared, u32 head_dim, Group group) {
  AttentionScratch s;
  s.query = (GPU_SHARED float*)shared;
  s.weights = s.query + head_dim + group.warp() * kPageTokens;
  s.maxima = s.query + head_dim + group.warps() * kPageTokens;
  s.sums = s.maxima + group.warps();
  s.parts = s.sums + group.warps();
  return s;
}

template <typename X>
GPU_FN void load_query(AttentionScratch scratch, GPU_GLOBAL const X* q, u32 head_dim, Group group) {
  for (u32 d = group.thread_index(); d < head_dim; d += group.threads()) {
    scratch.query[d] = to_float(q[d]);
  }
  group.barrier();
}

/// What a lane carries from block to block.
struct AttentionState {
  float maximum;
  float sum;                        // of the warp's weights
  float acc[kMaxHeadDim / kLanes];  // columns lane, lane + 32, ...
};

GPU_CONSTEXPR float kLowest = -3.0e38f;

template <typename T>
GPU_FN float attention_score(GPU_SHARED const float* query, GPU_GLOBAL const T* key, u32 head_dim,
                             bool wide) {
  float sums[kUnit] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  float k[kUnit];
  for (u32 d = 0; d < head_dim; d += kUnit) {
    load_some(key + d, head_dim - d, wide, k);
    GPU_UNROLL
    for (u32 i = 0; i < kUnit; ++i) {
      if (d + i < head_dim) sums[i] = fused(query[d + i], k[i], sums[i]);
    }
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// Folds a block into the state.
template <typename T>
GPU_FN void attend_block(GPU_THREAD AttentionState& state, AttentionScratch scratch,
                         KeyBlock<T> block, AttentionParams params, Group group) {
  const u32 lane = group.lane();
  float scores[2];
  GPU_UNROLL
  for (u32 part = 0; part < 2; ++part) {
    const u32 t = part * kLanes + lane;
    scores[part] = kLowest;
    if (t >= block.low && t < block.high) {
      float score = params.scale * attention_score(scratch.query, block.keys + t * block.key_stride,
                                                   params.head_dim, block.wide);
      if (params.softcap > 0.0f) {
        score = params.softcap * tangent_hyperbolic(score / params.softcap);
      }
      scores[part] = score;
    }
  }
  const float block_maximum = warp_max(max_of(scores[0], scores[1]), group);
  const float maximum = max_of(state.maximum, block_maximum);
  const float correction = exponential(state.maximum - maximum);
  float block_sum = 0.0f;
  GPU_UNROLL
  for (u32 part = 0; part < 2; ++part) {
    const u32 t = part * kLanes + lane;
    const float weight =
        t >= block.low && t < block.high ? exponential(scores[part] - maximum) : 0.0f;
    scratch.weights[t] = weight;
    block_sum += weight;
  }
  state.sum = state.sum * correction + warp_sum(block_sum, group);
  state.maximum = maximum;
  GPU_UNROLL
  for (u32 j = 0; j < kMaxHeadDim / kLanes; ++j) state.acc[j] *= correction;
  group.warp_barrier();
  for (u32 t = block.low; t < block.high; ++t) {
    const float weight = scratch.weights[t];
    GPU_GLOBAL const T* value = block.values + t * block.value_stride;
    GPU_UNROLL
    for (u32 j = 0; j < kMaxHeadDim / kLanes; ++j) {
      const u32 d = j * kLanes + lane;
      if (d < params.head_dim) state.acc[j] = fused(weight, to_float(value[d]), state.acc[j]);
    }
  }
  group.warp_barrier();
}

/// Puts the warps' parts together and writes the row's output of this head.
template <typename Y>
GPU_FN void finish_attention(GPU_THREAD const AttentionState& state, AttentionScratch scratch,
                             GPU_GLOBAL Y* out, u32 head_dim, Group group) {
  if (group.lane() == 0) {
    scratch.maxima[group.warp()] = state.maximum;
    scratch.sums[group.warp()] = state.sum;
  }
  GPU_UNROLL
  for (u32 j = 0; j < kMaxHeadDim / kLanes; ++j) {
    const u32 d = j * kLanes + group.lane();
    if (d < head_dim) scratch.parts[group.warp() * head_dim + d] = state.acc[j];
  }
  group.barrier();
  float maximum = kLowest;
  for (u32 w = 0; w < group.warps(); ++w) maximum = max_of(maximum, scratch.maxima[w]);
  float total = 0.0f;
  for (u32 w = 0; w < group.warps(); ++w) {
    total = fused(scratch.sums[w], exponential(scratch.maxima[w] - maximum), total);
  }
  // A row that sees nothing is zeros.
  const float factor = total > 0.0f ? 1.0f / total : 0.0f;
  for (u32 d = group.thread_index(); d < head_dim; d += group.threads()) {
    float sum = 0.0f;
    for (u32 w = 0; w < group.warps(); ++w) {
      sum = fused(scratch.parts[w * head_dim + d], exponential(scratch.maxima[w] - maximum), sum);
    }
    out[d] = Rounded<Y>::from(sum * factor);
  }
}

GPU_FN void begin_attention(GPU_THREAD AttentionState& state) {
  state.maximum = kLowest;
  state.sum = 0.0f;
  GPU_UNROLL
  for (u32 j = 0; j < kMaxHeadDim / kLanes; ++j) state.acc[j] = 0.0f;
}

/// x(): the row; y(): the query head.
struct PagedAttentionArgs {
  GPU_GLOBAL void* out;         // [rows, num_heads * head_dim]
  GPU_GLOBAL const void* q;     // [rows, num_heads * head_dim]
  GPU_GLOBAL const void* keys;  // of one layer, as in kv.h
  GPU_GLOBAL const void* values;
  BatchView batch;
  GPU_GLOBAL const i32* end_keys;    // of each row: one past the last key it sees; or null
  GPU_GLOBAL const i32* first_keys;  // of each row: the first key it sees, or -1; or null
  u64 out_stride, q_stride;          // elements from row to row
  AttentionParams shape;
};

/// Attention to the keys [first, end) of a row's sequence: first is first_keys of the row, or
/// max(0, own_end - window) where that is negative, with own_end one past the row's own token; end
/// is end_keys of the row, or own_end.
template <typename X, typename T>
GPU_FN void attention_paged(GPU_CONSTANT PagedAttentionArgs& args, GPU_SHARED u8* shared,
                            Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const i32 row = i32(group.x());
  const u32 head = group.y();
  const i32 span = args.batch.row_spans[row];
  if (span < 0) return;
  GPU_GLOBAL const DeviceSpan* s = args.batch.spans + span;
  const AttentionParams params = thread_copy(args.shape);
  const u32 head_dim = params.head_dim;
  const u32 kv_head = head / (params.num_heads / params.num_kv_heads);
  const i32 own_end = s->start + row - s->row + 1;
  const i32 end = args.end_keys ? args.end_keys[row] : own_end;
  const i32 said = args.first_keys ? args.first_keys[row] : -1;
  const i32 in_window = params.window > 0 && own_end > params.window ? own_end - params.window : 0;
  const i32 first = said >= 0 ? said : in_window;
  GPU_GLOBAL const T* keys = (GPU_GLOBAL const T*)args.keys;
  GPU_GLOBAL const T* values = (GPU_GLOBAL const T*)args.values;
  GPU_GLOBAL const X* q = (GPU_GLOBAL const X*)args.q + row * args.q_stride + u64(head) * head_dim;
  const AttentionScratch scratch = attention_scratch(shared, head_dim, group);
  load_query(scratch, q, head_dim, group);
  const bool wide = aligned_rows(keys, head_dim);
  AttentionState state;
  begin_attention(state);
  const i32 size = i32(kPageTokens);
  for (i32 b = i32(group.warp()); b * size < end; b += i32(group.warps())) {
    if ((b + 1) * size <= first) continue;
    const u64 at =
        page_offset(args.batch.page_ids, s->first_page, b * size, params.num_kv_heads, head_dim) +
        u64(kv_head) * kPageTokens * head_dim;
    KeyBlock<T> block;
    block.keys = keys + at;
    block.values = values + at;
    block.key_stride = head_dim;
    block.value_stride = head_dim;
    block.low = first > b * size ? u32(first - b * size) : 0u;
    block.high = end - b * size < size ? u32(end - b * size) : kPageTokens;
    block.wide = wide;
    if (block.low < block.high) attend_block(state, scratch, block, params, group);
  }
  GPU_GLOBAL X* out = (GPU_GLOBAL X*)args.out + row * args.out_stride + u64(head) * head_dim;
  finish_attention(state, scratch, out, head_dim, group);
}

/// x(): the row; y(): the query head.
struct SegmentAttentionArgs {
  GPU_GLOBAL void* out;      // [rows, num_heads * head_dim]
  GPU_GLOBAL const void* q;  // [rows, num_heads * head_dim]
  GPU_GLOBAL const void* k;  // [rows, num_kv_heads * head_dim]
  GPU_GLOBAL const void* v;
  GPU_GLOBAL const i32* ends;          // rows [ends[i - 1], ends[i]) are segment i
  GPU_GLOBAL const i32* row_segments;  // the segment of each row; -1: padding, which does nothing
  u64 out_stride, q_stride, k_stride, v_stride;  // elements from row to row
  AttentionParams shape;                         // without a window
};

/// Attention without mask inside each segment.
template <typename X, typename T>
GPU_FN void attention_segments(GPU_CONSTANT SegmentAttentionArgs& args, GPU_SHARED u8* shared,
                               Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 head = group.y();
  const i32 segment = args.row_segments[group.x()];
  if (segment < 0) return;
  const AttentionParams params = thread_copy(args.shape);
  const u32 head_dim = params.head_dim;
  const u64 column = u64(head / (params.num_heads / params.num_kv_heads)) * head_dim;
  const u32 begin = segment > 0 ? u32(args.ends[segment - 1]) : 0u;
  const u32 length = u32(args.ends[segment]) - begin;
  GPU_GLOBAL const T* k = (GPU_GLOBAL const T*)args.k + column;
  GPU_GLOBAL const T* v = (GPU_GLOBAL const T*)args.v + column;
  GPU_GLOBAL const X* q =
      (GPU_GLOBAL const X*)args.q + group.x() * args.q_stride + u64(head) * head_dim;
  const AttentionScratch scratch = attention_scratch(shared, head_dim, group);
  load_query(scratch, q, head_dim, group);
  const bool wide =
      aligned_rows((GPU_GLOBAL const T*)args.k, args.k_stride) && head_dim % kUnit == 0;
  AttentionState state;
  begin_attention(state);
  for (u32 b = group.warp() * kPageTokens; b < length; b += group.warps() * kPageTokens) {
    KeyBlock<T> block;
    block.keys = k + u64(begin + b) * args.k_stride;
    block.values = v + u64(begin + b) * args.v_stride;
    block.key_stride = args.k_stride;
    block.value_stride = args.v_stride;
    block.low = 0;
    block.high = length - b < kPageTokens ? length - b : kPageTokens;
    block.wide = wide;
    attend_block(state, scratch, block, params, group);
  }
  GPU_GLOBAL X* out = (GPU_GLOBAL X*)args.out + group.x() * args.out_stride + u64(head) * head_dim;
  finish_attention(state, scratch, out, head_dim, group);
}

#define SACCADE_ATTENTION_KERNELS(X)                                                               \
  X(attention_paged_f32_f32, (attention_paged<float, float>), PagedAttentionArgs,                  \
    kAttentionThreads)                                                                             \
  X(attention_paged_f32_f16, (attention_paged<float, f16>), PagedAttentionArgs, kAttentionThreads) \
  X(attention_paged_f16_f16, (attention_paged<f16, f16>), PagedAttentionArgs, kAttentionThreads)   \
  X(attention_segments_f32, (attention_segments<float, float>), SegmentAttentionArgs,              \
    kAttentionThreads)                                                                             \
  X(attention_segments_f16, (attention_segments<f16, f16>), SegmentAttentionArgs, kAttentionThreads)

}  // namespace gpu
}  // namespace saccade
