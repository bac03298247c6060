// Layers that keep a state: a causal convolution and the gated delta rule (Yang et al., 2025).
#pragma once

#include "functions.h"
#include "kv.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kCausalConvThreads = 256;

/// Where the recurrent states of a layer lie, in device memory.
struct StateView {
  GPU_GLOBAL float* values;            // of this layer and kind, of slot 0
  GPU_GLOBAL const i32* slots;         // of each span
  GPU_GLOBAL const DeviceSpan* spans;  // those of no tokens are left alone
  u64 stride;                          // elements from slot to slot
};

/// x(): the row, of keep_inputs the span; y(): stretches of threads() channels.
struct CausalConvArgs {
  GPU_GLOBAL void* y;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* taps;     // [num_taps, channels]
  GPU_GLOBAL const i32* row_spans;  // the span of each row; -1: padding, which does nothing
  StateView kept;                   // [num_taps - 1, channels]
  u64 y_stride, x_stride;           // elements from row to row
  u32 channels;
  u32 num_taps;
  Function function;
};

/// The input `back` tokens before token `index` of a span: in the batch, or kept from an earlier
/// step; zero before the sequence's first.
template <typename T>
GPU_FN float conv_input(GPU_CONSTANT CausalConvArgs& args, u32 span, i32 index, i32 back,
                        u32 channel) {
  const i32 at = index - back;
  if (args.kept.spans[span].start + at < 0) return 0.0f;
  if (at >= 0) {
    GPU_GLOBAL const T* x = (GPU_GLOBAL const T*)args.x;
    return Rounded<T>::read(x[u64(args.kept.spans[span].row + at) * args.x_stride + channel]);
  }
  const u64 row = u64(i32(args.num_taps) - 1 + at);
  return args.kept
      .values[u64(args.kept.slots[span]) * args.kept.stride + row * args.channels + channel];
}

/// y = function(the sum over t of taps[t] * the input num_taps - 1 - t tokens before)
template <typename T>
GPU_FN void causal_conv(GPU_CONSTANT CausalConvArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 channel = group.y() * group.threads() + group.thread_index();
  const i32 span = args.row_spans[group.x()];
  if (channel >= args.channels || span < 0) return;
  const i32 index = i32(group.x()) - args.kept.spans[span].row;
  float sum = 0.0f;
  for (u32 t = 0; t < args.num_taps; ++t) {
    sum = fused(conv_input<T>(args, u32(span), index, i32(args.num_taps - 1 - t), channel),
                args.taps[u64(t) * args.channels + channel], sum);
  }
  GPU_GLOBAL T* y = (GPU_GLOBAL T*)args.y;
  y[group.x() * args.y_stride + channel] = Rounded<T>::from(apply(args.function, sum, 0.0f));
}

/// Keeps the last inputs of each span, when all of it has been convolved.
template <typename T>
GPU_FN void keep_inputs(GPU_CONSTANT CausalConvArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 channel = group.y() * group.threads() + group.thread_index();
  const i32 count = args.kept.spans[group.x()].count;
  if (channel >= args.channels || count == 0) return;
  GPU_GLOBAL float* kept = args.kept.values + u64(args.kept.slots[group.x()]) * args.kept.stride;
  // The oldest first: one that was kept before moves to a place that has been read.
  for (u32 i = 0; i + 1 < args.num_taps; ++i) {
    kept[u64(i) * args.channels + channel] =
        conv_input<T>(args, group.x(), count, i32(args.num_taps - 1 - i), channel);
  }
}

// A group has the columns of a head's state that it keeps in registers: four threads share one, so
// that all of a warp's sums are two exchanges. Queries, keys and values of a few tokens at a time
// lie in shared memory.
GPU_CONSTEXPR u32 kDeltaThreads = 128;
GPU_CONSTEXPR u32 kDeltaShares = 4;
GPU_CONSTEXPR u32 kDeltaColumns = kDeltaThreads / kDeltaShares;
GPU_CONSTEXPR u32 kDeltaTokens = 8;
GPU_CONSTEXPR u32 kStatePanel = 16;
GPU_CONSTEXPR u32 kMaxKeyDim = 256;

/// Floats of shared memory of a token: query, key, values, decay and share.
GPU_FN_ANYWHERE u32 delta_token_floats(u32 most_keys) {
  return 2 * most_keys + kDeltaColumns + 2;
}

/// x(): the span; y(): the value head; z(): stretches of kDeltaColumns columns.
struct DeltaRuleArgs {
  GPU_GLOBAL float* out;          // [rows, heads * value_dim]
  GPU_GLOBAL const void* qkv;     // [rows, 2 key_heads * key_dim + heads * value_dim]
  GPU_GLOBAL const float* gates;  // [rows, 2 heads]
  GPU_GLOBAL const float* rates;  // [heads]
  GPU_GLOBAL const float* bias;   // [heads]
  StateView states;               // [heads, panels, key_dim, kStatePanel]
  u64 out_stride, qkv_stride, gates_stride;
  u32 heads;
  u32 key_heads;
  u32 key_dim;
  u32 value_dim;
};

/// log(1 + e^x), exact to a few roundings also where it is small (the logarithm of 1 + e alone has
/// lost the digits of e by then: Kahan's correction).
GPU_FN float softplus(float x) {
  const float e = exponential(-absolute(x));
  const float u = 1.0f + e;
  const float log1p = u == 1.0f ? e : logarithm(u) * e / (u - 1.0f);
  return max_of(x, 0.0f) + log1p;
}

/// Puts `n` numbers, filled up to `most`, into shared memory, scaled to length `length`. By a warp.
template <typename T>
GPU_FN void load_scaled(GPU_SHARED float* to, GPU_GLOBAL const T* from, u32 n, u32 most,
                        float length, Group group) {
  float squares = 0.0f;
  for (u32 i = group.lane(); i < most; i += kLanes) {
    const float value = i < n ? Rounded<T>::read(from[i]) : 0.0f;
    to[i] = value;
    squares += value * value;
  }
  const float scale = length / square_root(warp_sum(squares, group) + 1e-6f);
  for (u32 i = group.lane(); i < most; i += kLanes) to[i] *= scale;
}

/// Puts what a group needs of one row into shared memory. By a warp.
template <typename T>
GPU_FN void load_token(GPU_CONSTANT DeltaRuleArgs& args, GPU_SHARED float* to, u32 most_keys,
                       u64 row, Group group) {
  const u32 head = group.y();
  const u32 first = group.z() * kDeltaColumns;
  const u32 keys = args.key_heads * args.key_dim;
  GPU_GLOBAL const T* qkv = (GPU_GLOBAL const T*)args.qkv + row * args.qkv_stride;
  GPU_GLOBAL const T* q = qkv + u64(head / (args.heads / args.key_heads)) * args.key_dim;
  load_scaled(to, q, args.key_dim, most_keys, 1.0f / square_root(float(args.key_dim)), group);
  load_scaled(to + most_keys, q + keys, args.key_dim, most_keys, 1.0f, group);
  GPU_SHARED float* values = to + 2 * most_keys;
  GPU_GLOBAL const T* v = qkv + 2 * keys + u64(head) * args.value_dim + first;
  for (u32 i = group.lane(); i < kDeltaColumns; i += kLanes) {
    values[i] = first + i < args.value_dim ? Rounded<T>::read(v[i]) : 0.0f;
  }
  if (group.lane() != 0) return;
  GPU_GLOBAL const float* gates = args.gates + row * args.gates_stride;
  const float a = gates[args.heads + head] + args.bias[head];
  values[kDeltaColumns] = exponential(-args.rates[head] * softplus(a));
  values[kDeltaColumns + 1] = sigmoid(gates[head]);
}

/// The sum over the threads that share a column, in each of them.
GPU_FN float share_sum(float value, Group group) {
  for (u32 mask = kDeltaShares / 2; mask > 0; mask /= 2) value += group.shuffle_xor(value, mask);
  return value;
}

/// All tokens of a span, one after the other. `kKeys` is a multiple of 32 and at least key_dim.
template <typename T, u32 kKeys>
GPU_FN void delta_rule(GPU_CONSTANT DeltaRuleArgs& args, GPU_SHARED u8* shared_bytes, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const i32 row = args.states.spans[group.x()].row;
  const u32 count = u32(args.states.spans[group.x()].count);
  const bool fresh = args.states.spans[group.x()].start == 0;
  if (count == 0) return;
  GPU_SHARED float* shared = (GPU_SHARED float*)shared_bytes;
  const u32 share = group.lane() % kDeltaShares;
  const u32 own = group.thread_index() / kDeltaShares;  // column of the group's
  const u32 column = group.z() * kDeltaColumns + own;
  const u32 panels = (args.value_dim + kStatePanel - 1) / kStatePanel;
  GPU_GLOBAL float* state =
      args.states.values + u64(args.states.slots[group.x()]) * args.states.stride +
      (u64(group.y()) * panels + column / kStatePanel) * args.key_dim * kStatePanel +
      column % kStatePanel;
  float s[kKeys / kDeltaShares];  // of keys share, share + 4, ...
  GPU_UNROLL
  for (u32 i = 0; i < kKeys / kDeltaShares; ++i) {
    const u32 key = i * kDeltaShares + share;
    s[i] =
        !fresh && column < args.value_dim && key < args.key_dim ? state[key * kStatePanel] : 0.0f;
  }
  const u32 token_floats = delta_token_floats(kKeys);
  for (u32 first = 0; first < count; first += kDeltaTokens) {
    const u32 tokens = count - first < kDeltaTokens ? count - first : kDeltaTokens;
    group.barrier();
    for (u32 t = group.warp(); t < tokens; t += group.warps()) {
      load_token<T>(args, shared + t * token_floats, kKeys, u64(row) + first + t, group);
    }
    group.barrier();
    for (u32 t = 0; t < tokens; ++t) {
      GPU_SHARED const float* q = shared + t * token_floats + share;
      GPU_SHARED const float* k = q + kKeys;
      GPU_SHARED const float* values = shared + t * token_floats + 2 * kKeys;
      const float decay = values[kDeltaColumns];
      float found = 0.0f;
      GPU_UNROLL
      for (u32 i = 0; i < kKeys / kDeltaShares; ++i) {
        s[i] *= decay;
        found = fused(s[i], k[i * kDeltaShares], found);
      }
      const float delta = values[kDeltaColumns + 1] * (values[own] - share_sum(found, group));
      float out = 0.0f;
      GPU_UNROLL
      for (u32 i = 0; i < kKeys / kDeltaShares; ++i) {
        s[i] = fused(k[i * kDeltaShares], delta, s[i]);
        out = fused(s[i], q[i * kDeltaShares], out);
      }
      out = share_sum(out, group);
      if (share == 0 && column < args.value_dim) {
        GPU_GLOBAL float* to = args.out + (u64(row) + first + t) * args.out_stride;
        to[u64(group.y()) * args.value_dim + column] = out;
      }
    }
  }
  if (column >= args.value_dim) return;
  GPU_UNROLL
  for (u32 i = 0; i < kKeys / kDeltaShares; ++i) {
    const u32 key = i * kDeltaShares + share;
    if (key < args.key_dim) state[key * kStatePanel] = s[i];
  }
}

#define SACCADE_RECURRENT_KERNELS(X)                                                    \
  X(causal_conv_f32, (causal_conv<float>), CausalConvArgs, kCausalConvThreads)          \
  X(causal_conv_f16, (causal_conv<f16>), CausalConvArgs, kCausalConvThreads)            \
  X(keep_inputs_f32, (keep_inputs<float>), CausalConvArgs, kCausalConvThreads)          \
  X(keep_inputs_f16, (keep_inputs<f16>), CausalConvArgs, kCausalConvThreads)            \
  X(delta_rule_f32, (delta_rule<float, 128>), DeltaRuleArgs, kDeltaThreads)             \
  X(delta_rule_f16, (delta_rule<f16, 128>), DeltaRuleArgs, kDeltaThreads)               \
  X(delta_rule_wide_f32, (delta_rule<float, kMaxKeyDim>), DeltaRuleArgs, kDeltaThreads) \
  X(delta_rule_wide_f16, (delta_rule<f16, kMaxKeyDim>), DeltaRuleArgs, kDeltaThreads)

}  // namespace gpu
}  // namespace saccade
