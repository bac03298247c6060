// Attention between channels: the products of all pairs of channels of a group over the rows, in
// stretches of rows; their softmax; and the mix of each row's channels with these weights. The
// order of sums depends on the number of rows of the map and on nothing else.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kChannelThreads = 256;
/// Rows of a stretch, which a group sums up by itself.
GPU_CONSTEXPR u32 kChannelStretch = 512;
/// Rows and channels that a group has in shared memory, of queries and of keys.
GPU_CONSTEXPR u32 kChannelTile = 32;
GPU_CONSTEXPR u32 kChannelSharedBytes = 2 * kChannelTile * kChannelTile * 4;

/// Tiles of channels of a group.
GPU_FN_ANYWHERE u32 channel_tiles(u32 channels) {
  return (channels + kChannelTile - 1) / kChannelTile;
}

/// x(): the group of channels, then the tiles of queries and keys; y(): the stretch of rows.
struct ChannelScoresArgs {
  GPU_GLOBAL float* scores;  // [stretches, groups, channels, channels]
  GPU_GLOBAL const void* q;  // [rows, groups * channels]
  GPU_GLOBAL const void* k;
  u64 q_stride, k_stride;
  u32 rows, groups, channels;
};

/// A tile of rows and channels, zeros outside, [kChannelTile, kChannelTile].
template <typename T>
GPU_FN void load_channel_tile(GPU_SHARED float* tile, GPU_GLOBAL const T* from, u64 stride,
                              u32 rows, u32 channels, Group group) {
  for (u32 t = group.thread_index(); t < kChannelTile * kChannelTile; t += group.threads()) {
    const u32 row = t / kChannelTile;
    const u32 channel = t % kChannelTile;
    const bool inside = row < rows && channel < channels;
    tile[t] = inside ? Rounded<T>::read(from[u64(row) * stride + channel]) : 0.0f;
  }
}

template <typename T>
GPU_FN void channel_scores(GPU_CONSTANT ChannelScoresArgs& args, GPU_SHARED u8* shared,
                           Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 tiles = channel_tiles(args.channels);
  const u32 which = group.x() / (tiles * tiles);
  const u32 query = group.x() / tiles % tiles * kChannelTile;
  const u32 key = group.x() % tiles * kChannelTile;
  const u64 column = u64(which) * args.channels;
  GPU_GLOBAL const T* q = (GPU_GLOBAL const T*)args.q + column + query;
  GPU_GLOBAL const T* k = (GPU_GLOBAL const T*)args.k + column + key;
  GPU_SHARED float* queries = (GPU_SHARED float*)shared;
  GPU_SHARED float* keys = queries + kChannelTile * kChannelTile;
  // A thread has the key of its lane and every so many queries.
  const u32 own_key = group.thread_index() % kChannelTile;
  const u32 own_query = group.thread_index() / kChannelTile;
  const u32 step = kChannelThreads / kChannelTile;
  float sums[kChannelTile * kChannelTile / kChannelThreads] = {0.0f, 0.0f, 0.0f, 0.0f};
  const u32 begin = group.y() * kChannelStretch;
  const u32 end = args.rows - begin < kChannelStretch ? args.rows : begin + kChannelStretch;
  for (u32 row = begin; row < end; row += kChannelTile) {
    load_channel_tile(queries, q + row * args.q_stride, args.q_stride, end - row,
                      args.channels - query, group);
    load_channel_tile(keys, k + row * args.k_stride, args.k_stride, end - row, args.channels - key,
                      group);
    group.barrier();
    for (u32 r = 0; r < kChannelTile; ++r) {
      const float value = keys[r * kChannelTile + own_key];
      GPU_UNROLL
      for (u32 s = 0; s < kChannelTile / step; ++s) {
        sums[s] = fused(queries[r * kChannelTile + own_query + s * step], value, sums[s]);
      }
    }
    group.barrier();
  }
  const u64 matrix = u64(args.channels) * args.channels;
  GPU_GLOBAL float* scores = args.scores + (u64(group.y()) * args.groups + which) * matrix;
  for (u32 s = 0; s < kChannelTile / step; ++s) {
    const u32 i = query + own_query + s * step;
    const u32 d = key + own_key;
    if (i < args.channels && d < args.channels) scores[u64(i) * args.channels + d] = sums[s];
  }
}

/// x(): the channel among those of all groups, a warp each.
struct ChannelSoftmaxArgs {
  GPU_GLOBAL float* weights;  // [groups, channels, channels]: the last is who takes
  GPU_GLOBAL float* scores;   // as channel_scores leaves them; the first stretch is overwritten
  u32 stretches, groups, channels;
  float scale;
};

GPU_FN void channel_softmax(GPU_CONSTANT ChannelSoftmaxArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u64 channels = args.channels;
  const u64 all = u64(args.groups) * channels * channels;
  GPU_GLOBAL float* scores = args.scores + u64(group.x()) * channels;
  float largest = -3.0e38f;
  for (u32 d = group.lane(); d < args.channels; d += kLanes) {
    float sum = 0.0f;
    for (u32 i = 0; i < args.stretches; ++i) sum += scores[i * all + d];
    scores[d] = sum * args.scale;
    largest = max_of(largest, scores[d]);
  }
  largest = warp_max(largest, group);
  float total = 0.0f;
  for (u32 d = group.lane(); d < args.channels; d += kLanes) {
    scores[d] = exponential(scores[d] - largest);
    total += scores[d];
  }
  total = warp_sum(total, group);
  GPU_GLOBAL float* weights = args.weights + group.x() / args.channels * channels * channels;
  const u32 own = group.x() % args.channels;
  for (u32 d = group.lane(); d < args.channels; d += kLanes) {
    weights[d * channels + own] = scores[d] / total;
  }
}

/// x(): as many rows as a group has warps; y(): the group of channels, then the tile of them.
struct ChannelMixArgs {
  GPU_GLOBAL void* out;             // [rows, groups * channels]
  GPU_GLOBAL const void* v;         // [rows, groups * channels]
  GPU_GLOBAL const float* weights;  // [groups, channels, channels]
  u64 out_stride, v_stride;
  u32 rows, channels;
};

template <typename T>
GPU_FN void channel_mix(GPU_CONSTANT ChannelMixArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 tiles = channel_tiles(args.channels);
  const u32 row = group.x() * group.warps() + group.warp();
  const u32 own = group.y() % tiles * kChannelTile + group.lane();
  if (row >= args.rows || own >= args.channels) return;
  const u64 channels = args.channels;
  const u64 column = group.y() / tiles * channels;
  GPU_GLOBAL const T* v = (GPU_GLOBAL const T*)args.v + row * args.v_stride + column;
  GPU_GLOBAL const float* weights = args.weights + column * channels + own;
  float sum = 0.0f;
  for (u32 d = 0; d < args.channels; ++d) {
    sum = fused(Rounded<T>::read(v[d]), weights[d * channels], sum);
  }
  GPU_GLOBAL T* out = (GPU_GLOBAL T*)args.out + row * args.out_stride + column;
  out[own] = Rounded<T>::from(sum);
}

#define SACCADE_CHANNEL_KERNELS(X)                                                   \
  X(channel_scores_f32, (channel_scores<float>), ChannelScoresArgs, kChannelThreads) \
  X(channel_scores_f16, (channel_scores<f16>), ChannelScoresArgs, kChannelThreads)   \
  X(channel_softmax, (channel_softmax), ChannelSoftmaxArgs, kLanes)                  \
  X(channel_mix_f32, (channel_mix<float>), ChannelMixArgs, kChannelThreads)          \
  X(channel_mix_f16, (channel_mix<f16>), ChannelMixArgs, kChannelThreads)

}  // namespace gpu
}  // namespace saccade
