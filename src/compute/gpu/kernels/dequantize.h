// Rows of packed weights as plain numbers: for the matrix products of a library, and embeddings.
#pragma once

#include "formats.h"
#include "quantize.h"
#include "unpack.h"

namespace saccade {
namespace gpu {

GPU_CONSTEXPR u32 kDequantizeThreads = 128;
/// Rows of a group.
GPU_CONSTEXPR u32 kDequantizeRows = 4;

/// A group takes kDequantizeRows rows and kDequantizeThreads stretches of columns.
struct DequantizeArgs {
  WeightView weight;
  GPU_GLOBAL void* y;         ///< [rows, stride]
  GPU_GLOBAL const i32* ids;  ///< [rows]: the row of the weight; null: first, first + 1, ...
  u64 y_stride;               ///< >= inputs; what is beyond them becomes zeros
  u32 first;
  u32 rows;
  u32 column_groups;  ///< groups side by side along the columns
  NumberType y_type;
};

/// The row of the weight for row `index` of the result. An id outside the weight, such as that of a
/// token that could not be chosen, counts as 0.
GPU_FN u32 dequantized_row(GPU_CONSTANT DequantizeArgs& args, u32 index) {
  if (!args.ids) return args.first + index;
  const u32 id = u32(args.ids[index]);
  return id < args.weight.outputs ? id : 0;
}

GPU_FN u32 bf16_pair(float low, float high) {
  return u32(float_to_bfloat(low)) | u32(float_to_bfloat(high)) << 16;
}

/// Four values of neighbouring columns to a row of the result, as far as it goes.
GPU_FN void store_columns(GPU_CONSTANT DequantizeArgs& args, u64 row, u32 column, float* values) {
  const u32 inputs = args.weight.inputs;
  const u64 at = row * args.y_stride + column;
  if (column + 4 > inputs) {
    for (u32 i = 0; i < 4; ++i) {
      if (column + i >= inputs) values[i] = 0.0f;
    }
  }
  const bool ordered = args.weight.input_order && column < inputs;
  if (args.y_stride % 4 == 0 && column + 4 <= args.y_stride && !ordered) {
    if (args.y_type == NumberType::kBf16) {
      Words2 words;
      words.x = bf16_pair(values[0], values[1]);
      words.y = bf16_pair(values[2], values[3]);
      *(GPU_GLOBAL Words2*)((GPU_GLOBAL bf16*)args.y + at) = words;
    } else {
      Words4 words;
      words.x = as_bits(values[0]);
      words.y = as_bits(values[1]);
      words.z = as_bits(values[2]);
      words.w = as_bits(values[3]);
      *(GPU_GLOBAL Words4*)((GPU_GLOBAL float*)args.y + at) = words;
    }
    return;
  }
  for (u32 i = 0; i < 4 && column + i < args.y_stride; ++i) {
    const u32 to =
        ordered && column + i < inputs ? u32(args.weight.input_order[column + i]) : column + i;
    if (args.y_type == NumberType::kBf16) {
      ((GPU_GLOBAL bf16*)args.y)[row * args.y_stride + to] = Rounded<bf16>::from(values[i]);
    } else {
      ((GPU_GLOBAL float*)args.y)[row * args.y_stride + to] = values[i];
    }
  }
}

/// Quads q and q + 4 of a chunk, as they lie in memory.
template <CodeKind kCodes, ScaleKind kScales>
struct RawQuads {
  using P = Planes<kCodes>;
  u32 low, high;
  RawScales<kScales> scales;

  GPU_FN void read(GPU_CONSTANT WeightView& w, u32 row, u32 chunk, u32 q) {
    const WeightRow start = weight_row(w, row);
    const u32 index = start.first_chunk + chunk;
    low = read_once((GPU_GLOBAL const u32*)w.low + u64(index) * P::kLowWords +
                    plane_word<P::kLowBits>(q));
    high = 0;
    if (P::kHighBits > 0) {
      high = read_once((GPU_GLOBAL const u32*)w.high + u64(index) * P::kHighWords +
                       plane_word<P::kHighBits>(q));
    }
    scales.read(w, start, chunk);
  }
};

/// The weights of a quad by the formula of the format, products and sums rounded once each.
template <CodeKind kCodes, ScaleKind kScales>
GPU_FN void dequantize_quad(GPU_CONSTANT WeightView& w, u32 quad, const ChunkScales& scales,
                            u32 half, float* values) {
  using S = ScaleTraits<kScales>;
  const u32 part = S::kTwoParts ? half : 0;
  float base = code_base(w);
  if (S::kZero) base += scales.offset[0];
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) {
    values[i] = rounded_product(value_of<kCodes>(quad, i, base), scales.scale[part]);
    if (S::kOffset) values[i] = rounded_sum(values[i], scales.offset[part]);
  }
}

/// Four threads share a chunk.
template <CodeKind kCodes, ScaleKind kScales, NumberKind kNumber>
GPU_FN void dequantize(GPU_CONSTANT DequantizeArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  GPU_CONSTANT WeightView& w = args.weight;
  const u32 item = group.x() % args.column_groups * group.threads() + group.thread();
  const u32 first = group.x() / args.column_groups * kDequantizeRows;
  const u32 chunk = item / 4, q = item % 4;
  RawQuads<kCodes, kScales> raw[kDequantizeRows];
  GPU_UNROLL
  for (u32 r = 0; r < kDequantizeRows; ++r) {
    if (first + r >= args.rows) break;
    const u32 row = dequantized_row(args, first + r);
    raw[r].read(w, row, chunk < w.chunks ? chunk : w.chunks - 1, q);
  }
  GPU_UNROLL
  for (u32 r = 0; r < kDequantizeRows; ++r) {
    if (first + r >= args.rows) break;
    const QuadPair quads = unpack_words<kCodes>(w, raw[r].low, raw[r].high, q);
    const ChunkScales scales = unpack_scales<kScales, kNumber>(w, raw[r].scales);
    float values[4];
    dequantize_quad<kCodes, kScales>(w, quads.first, scales, 0, values);
    store_columns(args, first + r, chunk * kChunk + 4 * q, values);
    dequantize_quad<kCodes, kScales>(w, quads.second, scales, 1, values);
    store_columns(args, first + r, chunk * kChunk + 4 * q + 16, values);
  }
}

/// Plain floats, four columns a thread.
template <CodeKind kCodes>
GPU_FN void convert_rows(GPU_CONSTANT DequantizeArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  GPU_CONSTANT WeightView& w = args.weight;
  const u32 column = 4 * (group.x() % args.column_groups * group.threads() + group.thread());
  const u32 first = group.x() / args.column_groups * kDequantizeRows;
  for (u32 r = 0; r < kDequantizeRows && first + r < args.rows; ++r) {
    const u32 row = dequantized_row(args, first + r);
    float values[4];
    for (u32 i = 0; i < 4; ++i) {
      const u64 at = u64(row) * w.stride + column + i;
      if (column + i >= w.inputs) {
        values[i] = 0.0f;
      } else if (kCodes == CodeKind::kF32) {
        values[i] = ((GPU_GLOBAL const float*)w.low)[at];
      } else if (kCodes == CodeKind::kF16) {
        values[i] = to_float(((GPU_GLOBAL const f16*)w.low)[at]);
      } else {
        values[i] = to_float(((GPU_GLOBAL const bf16*)w.low)[at]);
      }
    }
    store_columns(args, first + r, column, values);
  }
}

#define SACCADE_DEQUANTIZE_CODES(X, name, codes, scales, numbers)                             \
  X(dequantize_##name, (dequantize<CodeKind::codes, ScaleKind::scales, NumberKind::numbers>), \
    DequantizeArgs, kDequantizeThreads)
#define SACCADE_DEQUANTIZE_FLOATS(X, name, codes) \
  X(dequantize_##name, (convert_rows<CodeKind::codes>), DequantizeArgs, kDequantizeThreads)
#define SACCADE_DEQUANTIZE_KERNELS(X)                      \
  SACCADE_INTEGER_FORMATS(SACCADE_DEQUANTIZE_CODES, X)     \
  SACCADE_SMALL_FLOAT_FORMATS(SACCADE_DEQUANTIZE_CODES, X) \
  SACCADE_FLOAT_FORMATS(SACCADE_DEQUANTIZE_FLOATS, X)

}  // namespace gpu
}  // namespace saccade
