// Activations as int8.
#pragma once

#include "weight.h"

namespace saccade {
namespace gpu {

/// Element types of activations.
enum class NumberType : u32 { kF32, kF16 };

/// Columns that a lane reads and quantizes at a time.
GPU_CONSTEXPR u32 kColumns = 8;
/// Lanes that share the 32 inputs of a chunk.
GPU_CONSTEXPR u32 kChunkLanes = kChunk / kColumns;

/// Element `column` of a row, 0 beyond its end; column i being element input_order[i], if not null.
GPU_FN float read_element(GPU_GLOBAL const u8* x, GPU_GLOBAL const i32* input_order,
                          NumberType type, u32 inputs, u32 column) {
  if (column >= inputs) return 0.0f;
  const u32 at = input_order ? u32(input_order[column]) : column;
  return type == NumberType::kF32 ? ((GPU_GLOBAL const float*)x)[at]
                                  : Rounded<f16>::read(((GPU_GLOBAL const f16*)x)[at]);
}

/// How rows can be read.
enum class RowKind : u32 {
  kAny,     ///< element by element
  kFloats,  ///< f32; starts at a multiple of 16 bytes, whole kColumns, columns in order
  kPairs,   ///< the same with f16
};

GPU_FN RowKind row_kind(GPU_GLOBAL const i32* input_order, u64 x_stride, u32 inputs,
                        NumberType type) {
  if (input_order || x_stride % kColumns != 0 || inputs % kColumns != 0) return RowKind::kAny;
  return type == NumberType::kF32 ? RowKind::kFloats : RowKind::kPairs;
}

/// A row of activations, times the weights of a norm where there is one.
template <RowKind kKind>
struct RowReader {
  /// Eight columns as they are read: floats, or pairs of f16.
  struct Raw {
    u32 words[kKind == RowKind::kPairs ? kColumns / 2 : kColumns];
  };

  static constexpr u32 kSecond = kKind == RowKind::kPairs ? 0 : 4;

  GPU_GLOBAL const u8* x;  ///< the row
  GPU_GLOBAL const float* norm_weight;
  GPU_GLOBAL const i32* input_order;
  NumberType type;
  u32 inputs;

  GPU_FN void read_words(GPU_GLOBAL const u8* from, GPU_THREAD u32* to) const {
    const Words4 words = *(GPU_GLOBAL const Words4*)from;
    to[0] = words.x;
    to[1] = words.y;
    to[2] = words.z;
    to[3] = words.w;
  }
  GPU_FN void read_elements(GPU_GLOBAL const u8* from, NumberType of, u32 column,
                            GPU_THREAD u32* to) const {
    for (u32 i = 0; i < kColumns; ++i) {
      to[i] = as_bits(read_element(from, input_order, of, inputs, column + i));
    }
  }

  /// Columns `column` .. column + 7, a multiple of 8; zeros beyond the row's end.
  GPU_FN Raw read(u32 column) const {
    Raw raw = {};
    if (column >= inputs) return raw;
    if (kKind == RowKind::kPairs) {
      read_words(x + 2 * column, raw.words);
    } else if (kKind == RowKind::kFloats) {
      read_words(x + 4 * column, raw.words);
      read_words(x + 4 * column + 16, raw.words + kSecond);
    } else {
      read_elements(x, type, column, raw.words);
    }
    return raw;
  }

  GPU_FN void unpack(GPU_THREAD const Raw& raw, GPU_THREAD float* to) const {
    GPU_UNROLL
    for (u32 i = 0; i < kColumns; ++i) {
      if (kKind == RowKind::kPairs) {
        const u32 pair = held_halves(raw.words[i / 2]);
        to[i] = half_to_float(u16(i % 2 == 0 ? pair : pair >> 16));
      } else {
        to[i] = as_float(raw.words[i % (sizeof(Raw) / 4)]);
      }
    }
  }

  /// The norm's weights of eight columns, which no launch writes.
  struct NormWeights {
    u32 words[kColumns];
  };
  /// Of columns that there are; the norm is one.
  GPU_FN NormWeights read_norm_inside(u32 column) const {
    NormWeights weights;
    GPU_GLOBAL const u8* from = (GPU_GLOBAL const u8*)norm_weight;
    if (kKind != RowKind::kAny) {
      read_words(from + 4 * column, weights.words);
      read_words(from + 4 * column + 16, weights.words + 4);
    } else {
      read_elements(from, NumberType::kF32, column, weights.words);
    }
    return weights;
  }
  /// Of any columns, and none where there is no norm.
  GPU_FN NormWeights read_norm(u32 column) const {
    if (norm_weight && column < inputs) return read_norm_inside(column);
    return NormWeights{};
  }

  /// Multiplies columns by the norm's weights; returns the sum of their squares before.
  GPU_FN float apply_norm(u32 column, GPU_THREAD float* values) const {
    float squares = 0.0f;
    if (!norm_weight || column >= inputs) return squares;
    const NormWeights weights = read_norm_inside(column);
    GPU_UNROLL
    for (u32 i = 0; i < kColumns; ++i) {
      squares = fused(values[i], values[i], squares);
      values[i] *= as_float(weights.words[i]);
    }
    return squares;
  }
};

/// Eight codes of a lane and what it knows of the chunk.
struct QuantizedColumns {
  Words2 codes;  ///< int8
  ActivationChunk chunk;
};

/// Quantizes the 32 values of a chunk, eight of each of four neighbouring lanes: symmetric, to the
/// nearest, the largest becoming 127. Short, because each group of a product does it for all of its
/// row. `chunk` is right in the first lane.
GPU_FN QuantizedColumns quantize_columns(GPU_THREAD const float* values, Group group) {
  float largest = absolute(values[0]);
  GPU_UNROLL
  for (u32 i = 1; i < kColumns; ++i) largest = max_of(largest, absolute(values[i]));
  largest = max_of(largest, group.shuffle_xor(largest, 1));
  largest = max_of(largest, group.shuffle_xor(largest, 2));
  const float inverse = largest > 1e-30f ? quotient(127.0f, largest) : 0.0f;
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

/// The sum of the squares of a chunk, of which a lane has eight values, in the first of its lanes:
/// of four values, then of pairs of these sums. A lane with four values gets the same bits.
GPU_FN float quad_squares(GPU_THREAD const float* values) {
  float sum = 0.0f;
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) sum = fused(values[i], values[i], sum);
  return sum;
}
GPU_FN float chunk_squares(GPU_THREAD const float* values, Group group) {
  float sum = rounded_sum(quad_squares(values), quad_squares(values + 4));
  sum = rounded_sum(sum, group.shuffle_xor(sum, 1));
  return rounded_sum(sum, group.shuffle_xor(sum, 2));
}

GPU_CONSTEXPR u32 kQuantizeThreads = 512;

/// The groups of a row (y) side by side (x) share its columns: int8 codes [rows, chunks * 32], the
/// last chunk filled up with zeros, and ActivationChunk [rows, chunks].
struct QuantizeArgs {
  GPU_GLOBAL u32* codes;
  GPU_GLOBAL ActivationChunk* chunks;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* norm_weight;  ///< [inputs]; null: no norm
  GPU_GLOBAL float* squares;            ///< [rows, chunks], of x; where there is a norm
  GPU_GLOBAL const i32* input_order;    ///< column i is input_order[i] of x; null: the same
  u64 x_stride;                         ///< elements, from row to row
  NumberType x_type;
  u32 inputs;
  u32 chunks_of_row;
};

template <RowKind kKind>
GPU_FN void quantize_row(GPU_CONSTANT QuantizeArgs& args, Group group) {
  const u64 row = group.y();
  const u64 first = row * args.x_stride * (args.x_type == NumberType::kF32 ? 4 : 2);
  const RowReader<kKind> reader = {(GPU_GLOBAL const u8*)args.x + first, args.norm_weight,
                                   args.input_order, args.x_type, args.inputs};
  const u32 first_item = group.x() * group.threads() + group.thread_index();
  // The norm's weights are there before the inputs are.
  typename RowReader<kKind>::NormWeights weights = reader.read_norm(kColumns * first_item);
  group.wait_for_inputs();
  typename RowReader<kKind>::Raw raw = reader.read(kColumns * first_item);
  // Whole warps take part in the shuffles, also where the row ends.
  const u32 rounded = (args.chunks_of_row * kChunkLanes + kLanes - 1) / kLanes * kLanes;
  for (u32 i = first_item; i < rounded; i += group.groups_x() * group.threads()) {
    if (i != first_item) {
      raw = reader.read(kColumns * i);
      weights = reader.read_norm(kColumns * i);
    }
    float values[kColumns];
    reader.unpack(raw, values);
    const float squares = args.norm_weight ? chunk_squares(values, group) : 0.0f;
    GPU_UNROLL
    for (u32 k = 0; args.norm_weight && k < kColumns; ++k) values[k] *= as_float(weights.words[k]);
    const QuantizedColumns columns = quantize_columns(values, group);
    const u32 chunk = i / kChunkLanes;
    if (chunk >= args.chunks_of_row) continue;
    GPU_GLOBAL u32* codes = args.codes + (row * args.chunks_of_row * kChunkLanes + i) * 2;
    codes[0] = columns.codes.x;
    codes[1] = columns.codes.y;
    if (i % kChunkLanes == 0) {
      const u64 to = row * args.chunks_of_row + chunk;
      args.chunks[to].scale = columns.chunk.scale;
      args.chunks[to].sums = columns.chunk.sums;
      if (args.norm_weight) args.squares[to] = squares;
    }
  }
}

/// Codes of x, or of x * norm_weight. A factor of a whole row changes no codes: a norm's,
/// 1 / sqrt(mean(x^2) + eps), is left to the product, which finds it from the squares.
GPU_FN void quantize_rows(GPU_CONSTANT QuantizeArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  switch (row_kind(args.input_order, args.x_stride, args.inputs, args.x_type)) {
    case RowKind::kAny:
      return quantize_row<RowKind::kAny>(args, group);
    case RowKind::kFloats:
      return quantize_row<RowKind::kFloats>(args, group);
    case RowKind::kPairs:
      return quantize_row<RowKind::kPairs>(args, group);
  }
}

#define SACCADE_QUANTIZE_KERNELS(X) \
  X(quantize_rows, (quantize_rows), QuantizeArgs, kQuantizeThreads)

}  // namespace gpu
}  // namespace saccade
