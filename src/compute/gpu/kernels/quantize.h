// Activations as int8.
#pragma once

#include "weight.h"

namespace saccade {
namespace gpu {

/// Element types of activations.
enum class NumberType : u32 { kF32, kBf16 };

/// Columns that a lane reads and quantizes at a time.
GPU_CONSTEXPR u32 kColumns = 8;
/// Lanes that share the 32 inputs of a chunk.
GPU_CONSTEXPR u32 kChunkLanes = kChunk / kColumns;

GPU_FN void read_floats(GPU_GLOBAL const float* from, float* to) {
  GPU_UNROLL
  for (u32 i = 0; i < kColumns; i += 4) {
    const Words4 words = *(GPU_GLOBAL const Words4*)(from + i);
    to[i] = as_float(words.x);
    to[i + 1] = as_float(words.y);
    to[i + 2] = as_float(words.z);
    to[i + 3] = as_float(words.w);
  }
}

/// A row of activations, times the weights of a norm where there is one.
struct RowReader {
  GPU_GLOBAL const u8* x;  ///< the row
  GPU_GLOBAL const float* norm_weight;
  GPU_GLOBAL const i32* input_order;
  NumberType type;
  u32 inputs;
  bool aligned;  ///< rows start at multiples of 16 bytes

  GPU_FN bool whole(u32 column) const {
    return aligned && column + kColumns <= inputs && !input_order;
  }

  /// Columns `column` .. column + 7, a multiple of 8, to `to`, zeros beyond the row's end.
  GPU_FN void read(u32 column, float* to) const {
    if (!whole(column)) {
      for (u32 i = 0; i < kColumns; ++i) {
        to[i] = 0.0f;
        if (column + i >= inputs) continue;
        const u32 at = input_order ? u32(input_order[column + i]) : column + i;
        to[i] = type == NumberType::kF32 ? ((GPU_GLOBAL const float*)x)[at]
                                         : to_float(((GPU_GLOBAL const bf16*)x)[at]);
      }
    } else if (type == NumberType::kF32) {
      read_floats((GPU_GLOBAL const float*)x + column, to);
    } else {
      const Words4 words = *((GPU_GLOBAL const Words4*)x + column / kColumns);
      const u32 pairs[4] = {words.x, words.y, words.z, words.w};
      GPU_UNROLL
      for (u32 i = 0; i < 4; ++i) {
        to[2 * i] = as_float(pairs[i] << 16);
        to[2 * i + 1] = as_float(pairs[i] & 0xffff0000u);
      }
    }
  }

  /// The norm's weights of these columns, or ones.
  GPU_FN void read_norm(u32 column, float* to) const {
    if (norm_weight && whole(column)) return read_floats(norm_weight + column, to);
    for (u32 i = 0; i < kColumns; ++i) {
      to[i] = 1.0f;
      if (!norm_weight || column + i >= inputs) continue;
      to[i] = norm_weight[input_order ? u32(input_order[column + i]) : column + i];
    }
  }
};

/// Multiplies values by the norm's weights; returns the sum of their squares before.
GPU_FN float apply_norm(const float* weights, float* values) {
  float squares = 0.0f;
  GPU_UNROLL
  for (u32 i = 0; i < kColumns; ++i) {
    squares = fused(values[i], values[i], squares);
    values[i] *= weights[i];
  }
  return squares;
}

/// Eight codes of a lane and what it knows of the chunk.
struct QuantizedColumns {
  Words2 codes;  ///< int8
  ActivationChunk chunk;
};

/// Quantizes the 32 values of a chunk, eight of each of four neighbouring lanes: symmetric, to the
/// nearest, the largest becoming 127. Short, because each group of a product does it for all of its
/// row. `chunk` is right in the first lane.
GPU_FN QuantizedColumns quantize_columns(const float* values, Group group) {
  float largest = absolute(values[0]);
  GPU_UNROLL
  for (u32 i = 1; i < kColumns; ++i) largest = max_of(largest, absolute(values[i]));
  largest = max_of(largest, group.shuffle_xor(largest, 1));
  largest = max_of(largest, group.shuffle_xor(largest, 2));
  const float inverse = largest > 1e-30f ? quick_quotient(127.0f, largest) : 0.0f;
  u32 bits[kColumns];
  GPU_UNROLL
  for (u32 i = 0; i < kColumns; ++i) {
    // Beside 1.5 * 2^23, a float has no room for fractions: the sum's lowest byte is the code.
    bits[i] = as_bits(fused(values[i], inverse, 12582912.0f));
  }
  QuantizedColumns to;
  to.codes.x = pack_bytes(bits[0], bits[1], bits[2], bits[3]);
  to.codes.y = pack_bytes(bits[4], bits[5], bits[6], bits[7]);
  u32 sum = u32(dot4(to.codes.y, 0x01010101u, dot4(to.codes.x, 0x01010101u, 0)));
  sum += group.shuffle_xor(sum, 1);
  to.chunk.sums = (sum & 0xffffu) | group.shuffle_xor(sum, 2) << 16;
  to.chunk.scale = largest * (1.0f / 127.0f);
  return to;
}

GPU_CONSTEXPR u32 kQuantizeThreads = 256;

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
    for (u32 column = kColumns * group.thread(); column < args.inputs;
         column += kColumns * group.threads()) {
      float values[kColumns];
      reader.read(column, values);
      for (u32 i = 0; i < kColumns; ++i) squares = fused(values[i], values[i], squares);
    }
    squares = group_sum(squares, (GPU_SHARED float*)shared, group);
    factor = 1.0f / square_root(squares / float(args.inputs) + args.eps);
  }
  // Whole warps take part in the shuffles, also where the row ends.
  const u32 rounded = (args.chunks_of_row * kChunkLanes + kLanes - 1) / kLanes * kLanes;
  for (u32 i = group.thread(); i < rounded; i += group.threads()) {
    float values[kColumns], weights[kColumns];
    reader.read(kColumns * i, values);
    reader.read_norm(kColumns * i, weights);
    apply_norm(weights, values);
    const QuantizedColumns columns = quantize_columns(values, group);
    const u32 chunk = i / kChunkLanes;
    if (chunk >= args.chunks_of_row) continue;
    GPU_GLOBAL u32* codes = args.codes + (row * args.chunks_of_row * kChunkLanes + i) * 2;
    codes[0] = columns.codes.x;
    codes[1] = columns.codes.y;
    if (i % kChunkLanes == 0) {
      GPU_GLOBAL ActivationChunk* to = args.chunks + row * args.chunks_of_row + chunk;
      to->scale = columns.chunk.scale * factor;
      to->sums = columns.chunk.sums;
    }
  }
}

#define SACCADE_QUANTIZE_KERNELS(X) \
  X(quantize_rows, (quantize_rows), QuantizeArgs, kQuantizeThreads)

}  // namespace gpu
}  // namespace saccade
