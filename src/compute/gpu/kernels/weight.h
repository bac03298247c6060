// How weight matrices lie in a GPU's memory, agreed between packing (gpu/weight_pack.h) and
// kernels.
//
// A matrix [outputs, inputs] keeps its file's codes and scales, reordered. Rows stay together, so
// that any row can be read alone. Plain floats are rows of numbers, each row filled up to 16 bytes.
// Integer codes and small floats are cut into chunks of 32 inputs; the last one may be filled up
// with codes 0. What belongs to a chunk lies in separate arrays, in each of them one chunk after
// the other and one row after the other, so that neighbouring lanes read neighbouring chunks and a
// lane reads 16 bytes at once where it can:
//
//   low    the widest plane: 4 bits a code (16 bytes a chunk) of 4, 5 and 6 bits,
//          2 bits a code (8 bytes a chunk) of 2 and 3 bits,
//          bytes: the codes of inputs 0 .. 15 of the chunk (16 bytes)
//   high   the bits above: 1 bit a code (4 bytes a chunk) of 3 and 5 bits,
//          2 bits a code (8 bytes a chunk) of 6 bits,
//          bytes: the codes of inputs 16 .. 31 of the chunk (16 bytes)
//
// Let quad q be the codes of inputs 4q .. 4q + 3 of a chunk, in the bytes of a word from low to
// high: what meets one word of int8 activations in dot4. Word h of a b-bit plane holds quads h,
// h + b, h + 2b, ... in the b-bit fields of its bytes from the low bits up: a 4-bit chunk is four
// words of which word h has quad h in the low nibbles and quad h + 4 in the high ones.
//
// Scales are kept in the file's own type, one record for each group of inputs (ScaleKind).
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

/// Inputs of a chunk: those that share one activation scale.
GPU_CONSTEXPR u32 kChunk = 32;
/// Words of a chunk with a code in each byte.
GPU_CONSTEXPR u32 kQuads = 8;

enum class CodeKind : u8 {
  kInt2,
  kInt3,
  kInt4,
  kInt5,
  kInt6,
  kInt8,
  kTable4,  ///< four bits choose one of sixteen signed bytes, `table`
  kE4m3,    ///< bytes are floats, see e4m3 in unpack.h
  kF32,
  kF16,
  kBf16,
};

/// What array `scales` holds for each group of inputs, and `parts` for each chunk. "Number" is an
/// f16 or bf16 (WeightView::half); kinds ending in 32 have f32 instead.
///   weight = scale * (code - zero) + offset, scales and offsets being those of the group times
///   those of the part, and times `factor`.
enum class ScaleKind : u8 {
  kNone,           ///< plain floats
  kScale,          ///< number
  kScaleOffset,    ///< two numbers, scale and offset
  kScaleZero,      ///< two numbers, scale and zero
  kScale32,        ///< the same with f32
  kScaleOffset32,  ///<
  kScaleZero32,    ///<
  kE8m0,           ///< u8
  kE4m3,           ///< two u8, scales of inputs 0 .. 15 and 16 .. 31 of a chunk
  // GGUF's blocks of 256 inputs, the group: f16 d, or f16 d and f16 m. The chunk is cut into one
  // or two parts; scale = d * part scale, offset = -m * part min.
  kParts8,      ///< d; parts: i8 scale
  kParts8Min,   ///< d, m; parts: u8 scale, u8 min
  kParts16,     ///< d; parts: two i8 scales
  kParts16Min,  ///< d, m; parts: two u8, each scale | min << 4
  kParts16Six,  ///< d; six-bit scales, 32 too large: parts: the low nibbles of both in a u8;
                ///< parts_high, one u32 a block: bits 4c and 4c + 2 on: both's high two of chunk c
};

/// A segment of a matrix in device memory: consecutive outputs of one format.
struct WeightView {
  GPU_GLOBAL const u8* low;  ///< or the floats themselves
  GPU_GLOBAL const u8* high;
  GPU_GLOBAL const u8* scales;
  GPU_GLOBAL const u8* parts;
  GPU_GLOBAL const u8* parts_high;
  GPU_GLOBAL const i32* input_order;  ///< [inputs]: column i is of this input; null: of input i
  u32 outputs;
  u32 inputs;
  u32 chunks;       ///< of a row; in integer and small float codes
  u32 stride;       ///< floats from row to row, of plain floats
  u32 groups;       ///< scale records of a row
  u32 group_shift;  ///< chunk c belongs to group c >> group_shift
  u32 row_shift;    ///< row r has the scale records of row r >> row_shift (kScale32 only)
  i32 zero;         ///< code of weight 0 where there is none beside the scale
  float factor;     ///< of all scales; a power of two unless the file has a scale of all weights
  u32 table[4];     ///< kTable4: signed bytes
  CodeKind codes;
  ScaleKind scale_kind;
  bool is_f16;  ///< 16-bit numbers are f16, not bf16
};

/// What stands beside the 32 int8 codes of a chunk of activations: value = scale * code, the
/// largest code being 127, and the sums of the codes of inputs 0 .. 15 and 16 .. 31, as i16 in the
/// low and the high half of `sums`.
struct ActivationChunk {
  float scale;
  u32 sums;
};

/// The sum of the codes of half 0 or 1.
GPU_FN i32 half_sum(u32 sums, u32 which) {
  return which == 0 ? i32(sums << 16) >> 16 : i32(sums) >> 16;
}

}  // namespace gpu
}  // namespace saccade
