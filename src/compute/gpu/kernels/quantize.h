// Activations as int8.
#pragma once

#include "weight.h"

namespace saccade {
namespace gpu {

/// Element types of activations.
enum class NumberType : u32 { kF32, kBf16 };

/// Lanes that share the 32 inputs of a chunk, four for each.
constexpr u32 kChunkLanes = 8;

/// Four activations of a row, times the weights of a norm where there is one.
struct RowReader {
  GPU_GLOBAL const u8* x;  ///< the row
  GPU_GLOBAL const float* norm_weight;
  GPU_GLOBAL const i32* input_order;
  NumberType type;
  u32 inputs;
  bool aligned;  ///< rows start at multiples of 16 bytes

  GPU_FN float one(u32 input) const {
    return type == NumberType::kF32 ? ((GPU_GLOBAL const float*)x)[input]
                                    : to_float(((GPU_GLOBAL const bf16*)x)[input]);
  }

  /// Columns `column` .. column + 3 to `to`, zeros beyond the row's end.
  GPU_FN void read(u32 column, float* to) const {
    if (aligned && column + 4 <= inputs && !input_order) {
      if (type == NumberType::kF32) {
        const Words4 words = *((GPU_GLOBAL const Words4*)x + column / 4);
        to[0] = as_float(words.x);
        to[1] = as_float(words.y);
        to[2] = as_float(words.z);
        to[3] = as_float(words.w);
      } else {
        const Words2 words = *((GPU_GLOBAL const Words2*)x + column / 4);
        to[0] = as_float(words.x << 16);
        to[1] = as_float(words.x & 0xffff0000u);
        to[2] = as_float(words.y << 16);
        to[3] = as_float(words.y & 0xffff0000u);
      }
      return;
    }
    for (u32 i = 0; i < 4; ++i) {
      to[i] =
          column + i < inputs ? one(input_order ? u32(input_order[column + i]) : column + i) : 0.0f;
    }
  }

  /// Multiplies values of columns `column` .. by the norm's weights; returns the sum of their
  /// squares before.
  GPU_FN float apply_norm(u32 column, float* values) const {
    float squares = 0.0f;
    if (!norm_weight) return squares;
    GPU_UNROLL
    for (u32 i = 0; i < 4; ++i) squares = fused(values[i], values[i], squares);
    if (column + 4 <= inputs && !input_order) {
      const Words4 words = *((GPU_GLOBAL const Words4*)norm_weight + column / 4);
      values[0] *= as_float(words.x);
      values[1] *= as_float(words.y);
      values[2] *= as_float(words.z);
      values[3] *= as_float(words.w);
      return squares;
    }
    for (u32 i = 0; i < 4; ++i) {
      if (column + i < inputs) {
        values[i] *= norm_weight[input_order ? u32(input_order[column + i]) : column + i];
      }
    }
    return squares;
  }
};

/// Four codes of a lane and what it knows of the chunk.
struct QuantizedQuad {
  u32 codes;  ///< four int8
  ActivationChunk chunk;
};

/// Quantizes the 32 values of a chunk, four of each of eight neighbouring lanes: symmetric, to the
/// nearest, the largest becoming 127.
GPU_FN QuantizedQuad quantize_quad(const float* values, Group group) {
  float largest = max_of(max_of(absolute(values[0]), absolute(values[1])),
                         max_of(absolute(values[2]), absolute(values[3])));
  for (u32 mask = 1; mask < kChunkLanes; mask *= 2) {
    largest = max_of(largest, group.shuffle_xor(largest, mask));
  }
  const float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
  QuantizedQuad quad;
  quad.codes = 0;
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) {
    quad.codes |= (u32(nearest(values[i] * inverse)) & 0xffu) << (8 * i);
  }
  u32 sum = u32(dot4(quad.codes, 0x01010101u, 0));
  sum += group.shuffle_xor(sum, 1);
  sum += group.shuffle_xor(sum, 2);
  const u32 other = group.shuffle_xor(sum, 4);
  quad.chunk.scale = largest / 127.0f;
  quad.chunk.sums = (sum & 0xffffu) | other << 16;  // as the first half's lanes see it
  return quad;
}

constexpr u32 kQuantizeThreads = 256;

/// One group for each row (y): int8 codes [rows, chunks * 32], the last chunk filled up with zeros,
/// and ActivationChunk [rows, chunks].
struct QuantizeArgs {
  GPU_GLOBAL u32* codes;
  GPU_GLOBAL ActivationChunk* chunks;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* norm_weight;  ///< [inputs]; null: no norm
  GPU_GLOBAL const i32* input_order;    ///< column i is input_order[i] of x; null: the same
  u64 x_stride;                         ///< elements, from row to row
  NumberType x_type;
  u32 inputs;
  u32 chunks_of_row;
  float eps;
};

/// Codes of x, or of x / sqrt(mean(x^2) + eps) * norm_weight. A factor of a whole row changes no
/// codes, so the norm's only enters the scales.
GPU_FN void quantize_rows(GPU_CONSTANT QuantizeArgs& args, GPU_SHARED u8* shared, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  const u32 element = args.x_type == NumberType::kF32 ? 4 : 2;
  const u64 row = group.y();
  const RowReader reader = {(GPU_GLOBAL const u8*)args.x + row * args.x_stride * element,
                            args.norm_weight,
                            args.input_order,
                            args.x_type,
                            args.inputs,
                            args.x_stride * element % 16 == 0};
  float factor = 1.0f;
  if (args.norm_weight) {
    float squares = 0.0f;
    for (u32 column = 4 * group.thread(); column < args.inputs; column += 4 * group.threads()) {
      float values[4];
      reader.read(column, values);
      for (u32 i = 0; i < 4; ++i) squares = fused(values[i], values[i], squares);
    }
    squares = group_sum(squares, (GPU_SHARED float*)shared, group);
    factor = 1.0f / square_root(squares / float(args.inputs) + args.eps);
  }
  // Whole warps take part in the shuffles, also where the row ends.
  const u32 rounded = (args.chunks_of_row * kChunkLanes + kLanes - 1) / kLanes * kLanes;
  for (u32 i = group.thread(); i < rounded; i += group.threads()) {
    float values[4];
    reader.read(4 * i, values);
    reader.apply_norm(4 * i, values);
    const QuantizedQuad quad = quantize_quad(values, group);
    const u32 chunk = i / kChunkLanes;
    if (chunk >= args.chunks_of_row) continue;
    args.codes[row * args.chunks_of_row * kQuads + i] = quad.codes;
    if (i % kChunkLanes == 0) {
      GPU_GLOBAL ActivationChunk* to = args.chunks + row * args.chunks_of_row + chunk;
      to->scale = quad.chunk.scale * factor;
      to->sums = quad.chunk.sums;
    }
  }
}

#define SACCADE_QUANTIZE_KERNELS(X) \
  X(quantize_rows, (quantize_rows), QuantizeArgs, kQuantizeThreads)

}  // namespace gpu
}  // namespace saccade
