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

/// Eight values of neighbouring columns to a row of the result, as far as it goes.
GPU_FN void store_columns(GPU_CONSTANT DequantizeArgs& args, u32 row, u32 column,
                          GPU_THREAD float* values) {
  const u32 inputs = args.weight.inputs;
  const u64 at = row * args.y_stride + column;
  if (column + kColumns > inputs) {
    for (u32 i = 0; i < kColumns; ++i) {
      if (column + i >= inputs) values[i] = 0.0f;
    }
  }
  const bool ordered = args.weight.input_order && column < inputs;
  if (args.y_stride % kColumns == 0 && column + kColumns <= args.y_stride && !ordered) {
    if (args.y_type == NumberType::kF16) {
      Words4 words;
      words.x = f16_pair(values[0], values[1]);
      words.y = f16_pair(values[2], values[3]);
      words.z = f16_pair(values[4], values[5]);
      words.w = f16_pair(values[6], values[7]);
      *(GPU_GLOBAL Words4*)((GPU_GLOBAL f16*)args.y + at) = words;
    } else {
      GPU_UNROLL
      for (u32 i = 0; i < kColumns; i += 4) {
        Words4 words;
        words.x = as_bits(values[i]);
        words.y = as_bits(values[i + 1]);
        words.z = as_bits(values[i + 2]);
        words.w = as_bits(values[i + 3]);
        *(GPU_GLOBAL Words4*)((GPU_GLOBAL float*)args.y + at + i) = words;
      }
    }
    return;
  }
  for (u32 i = 0; i < kColumns && column + i < args.y_stride; ++i) {
    const u32 to =
        ordered && column + i < inputs ? u32(args.weight.input_order[column + i]) : column + i;
    if (args.y_type == NumberType::kF16) {
      ((GPU_GLOBAL f16*)args.y)[row * args.y_stride + to] = Rounded<f16>::from(values[i]);
    } else {
      ((GPU_GLOBAL float*)args.y)[row * args.y_stride + to] = values[i];
    }
  }
}

template <u32 kBits, u32 kWords>
GPU_FN void read_eighth(GPU_THREAD u32* to, GPU_GLOBAL const u8* array, u32 chunk, u32 e) {
  to[0] = to[1] = 0;
  if (kWords == 0) return;
  GPU_GLOBAL const u32* from =
      (GPU_GLOBAL const u32*)array + u64(chunk) * kWords + eighth_word<kBits>(e);
  if (kWords == 1) {
    to[0] = read_once(from);
  } else {
    const Words2 both = read_once((GPU_GLOBAL const Words2*)from);
    to[0] = both.x;
    to[1] = both.y;
  }
}

/// Eight neighbouring inputs of a chunk, as they lie in memory.
template <CodeKind kCodes, ScaleKind kScales>
struct RawEighth {
  using P = Planes<kCodes>;
  EighthWords words;
  RawScales<kScales> scales;

  GPU_FN void read(GPU_CONSTANT WeightView& w, u32 row, u32 chunk, u32 e) {
    const WeightRow start = weight_row(w, row);
    const u32 index = start.first_chunk + chunk;
    // Of bytes, each array has a half of the chunk.
    if (P::kLowBits < 8 || e < 2) {
      read_eighth<P::kLowBits, P::kLowWords>(words.low, w.low, index, e);
    }
    if (P::kLowBits < 8 || e >= 2) {
      read_eighth<P::kHighBits, P::kHighWords>(words.high, w.high, index, e);
    }
    scales.read(w, start, chunk);
  }
};

/// The weights of a quad by the formula of the format, products and sums rounded once each.
template <CodeKind kCodes, ScaleKind kScales>
GPU_FN void dequantize_quad(GPU_CONSTANT WeightView& w, u32 quad,
                            GPU_THREAD const ChunkScales& scales, u32 which,
                            GPU_THREAD float* values) {
  using S = ScaleTraits<kScales>;
  const u32 part = S::kTwoParts ? which : 0;
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
  const u32 item = group.x() % args.column_groups * group.threads() + group.thread_index();
  const u32 first = group.x() / args.column_groups * kDequantizeRows;
  const u32 chunk = item / 4, e = item % 4;
  RawEighth<kCodes, kScales> raw[kDequantizeRows];
  GPU_UNROLL
  for (u32 r = 0; r < kDequantizeRows; ++r) {
    if (first + r >= args.rows) break;
    const u32 row = args.ids ? u32(args.ids[first + r]) : args.first + first + r;
    raw[r].read(w, row, chunk < w.chunks ? chunk : w.chunks - 1, e);
  }
  GPU_UNROLL
  for (u32 r = 0; r < kDequantizeRows; ++r) {
    if (first + r >= args.rows) break;
    const QuadPair quads = unpack_eighth<kCodes>(w, raw[r].words, e);
    const ChunkScales scales = unpack_scales<kScales, kNumber>(w, raw[r].scales);
    float values[kColumns];
    dequantize_quad<kCodes, kScales>(w, quads.first, scales, e / 2, values);
    dequantize_quad<kCodes, kScales>(w, quads.second, scales, e / 2, values + 4);
    store_columns(args, first + r, kColumns * item, values);
  }
}

/// Plain floats, eight columns a thread.
template <CodeKind kCodes>
GPU_FN void convert_rows(GPU_CONSTANT DequantizeArgs& args, GPU_SHARED u8*, Group group) {
  group.allow_next();
  group.wait_for_inputs();
  GPU_CONSTANT WeightView& w = args.weight;
  const u32 column =
      kColumns * (group.x() % args.column_groups * group.threads() + group.thread_index());
  const u32 first = group.x() / args.column_groups * kDequantizeRows;
  for (u32 r = 0; r < kDequantizeRows && first + r < args.rows; ++r) {
    const u32 row = args.ids ? u32(args.ids[first + r]) : args.first + first + r;
    float values[kColumns];
    for (u32 i = 0; i < kColumns; ++i) {
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
