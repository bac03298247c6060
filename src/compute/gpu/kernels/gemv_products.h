// Products of weights with activations in shared memory, for each kind of codes: what gemv.h works
// through.
#pragma once

#include "quantize.h"
#include "unpack.h"

namespace saccade {
namespace gpu {

/// The pieces of a weight row that one lane takes at a time ("units"), and the shared memory for
/// the activations. Rows are filled up to whole steps of as many units as an output has lanes.
///
/// Integer codes: a unit is a chunk.
template <CodeKind kCodes, ScaleKind kScales, NumberKind kNumber>
struct IntegerProduct {
  static constexpr u32 kUnitInputs = kChunk;
  /// 16 bytes of codes of inputs 0 .. 15, 16 of the others, and an ActivationChunk.
  static constexpr u32 kUnitBytes = 40;
  static constexpr u32 kWords = sizeof(RawCodes<kCodes>) / 4;
  using Row = WeightRow;

  struct Unit {
    RawCodes<kCodes> codes;
    RawScales<kScales> scales;

    GPU_FN void read(GPU_CONSTANT WeightView& w, WeightRow row, u32 unit) {
      codes.read(w, row.first_chunk + unit);
      scales.read(w, row, unit);
    }
  };

  static GPU_FN WeightRow row(GPU_CONSTANT WeightView& w, u32 r) { return weight_row(w, r); }

  /// Quantizes eight columns of the row.
  static GPU_FN void fill(GPU_SHARED u8* x, u32 units, u32 item, GPU_THREAD const float* values,
                          Group group) {
    store(x, units, item, quantize_columns(values, group));
  }

  /// Where the codes of eight columns stand, and what stands beside a unit's; in bytes.
  static GPU_FN u32 codes_at(u32 units, u32 item) {
    const u32 unit = item / kChunkLanes, part = item % kChunkLanes;
    return ((part / 2 * units + unit) * 2 + part % 2) * 8;
  }
  static GPU_FN u32 beside_at(u32 units, u32 unit) { return units * 32 + unit * 8; }

  static GPU_FN Words2 beside(GPU_THREAD const QuantizedColumns& columns) {
    Words2 words;
    words.x = as_bits(columns.chunk.scale);
    words.y = columns.chunk.sums;
    return words;
  }

  static GPU_FN void store(GPU_SHARED u8* x, u32 units, u32 item,
                           GPU_THREAD const QuantizedColumns& columns) {
    *(GPU_SHARED Words2*)(x + codes_at(units, item)) = columns.codes;
    if (item % kChunkLanes != 0) return;
    *(GPU_SHARED Words2*)(x + beside_at(units, item / kChunkLanes)) = beside(columns);
  }

  /// Activations of a unit.
  struct X {
    u32 first[4], second[4];
    float scale;
    i32 sums[2];

    GPU_FN void read(GPU_SHARED const u8* x, u32 units, u32 unit) {
      const Words4 low = *((GPU_SHARED const Words4*)x + unit);
      const Words4 high = *((GPU_SHARED const Words4*)x + units + unit);
      const Words2 beside = *((GPU_SHARED const Words2*)(x + units * 32) + unit);
      first[0] = low.x, first[1] = low.y, first[2] = low.z, first[3] = low.w;
      second[0] = high.x, second[1] = high.y, second[2] = high.z, second[3] = high.w;
      scale = as_float(beside.x);
      sums[0] = half_sum(beside.y, 0);
      sums[1] = half_sum(beside.y, 1);
      if (!ScaleTraits<kScales>::kTwoParts) sums[0] += sums[1];
    }
  };

  static GPU_FN i32 dot(u32 codes, u32 x, i32 sum) {
    return kCodes == CodeKind::kTable4 ? dot4(codes, x, sum) : dot4_unsigned(codes, x, sum);
  }

  /// Sums of the products of codes of both halves.
  static GPU_FN void dot_halves(GPU_CONSTANT WeightView& w,
                                GPU_THREAD const RawCodes<kCodes>& codes, GPU_THREAD const X& x,
                                GPU_THREAD i32* dots) {
    GPU_UNROLL
    for (u32 q = 0; q < 4; ++q) {
      if (kCodes == CodeKind::kInt4) {
        // High nibbles stay where they are: their sum is sixteen times too large.
        const u32 word = codes.words[q % RawCodes<kCodes>::kCount];
        dots[0] = dot(word & 0x0f0f0f0fu, x.first[q], dots[0]);
        dots[1] = dot(word & 0xf0f0f0f0u, x.second[q], dots[1]);
      } else {
        const QuadPair quads = unpack_quads<kCodes>(w, codes, q);
        dots[0] = dot(quads.first, x.first[q], dots[0]);
        dots[1] = dot(quads.second, x.second[q], dots[1]);
      }
    }
    if (kCodes == CodeKind::kInt4) dots[1] >>= 4;
  }

  /// sum + weights * activations of a unit.
  static GPU_FN float multiply(GPU_CONSTANT WeightView& w, GPU_THREAD const Unit& weights,
                               GPU_THREAD const X& x, float sum) {
    using S = ScaleTraits<kScales>;
    i32 dots[2] = {0, 0};
    dot_halves(w, weights.codes, x, dots);
    const ChunkScales scales = unpack_scales<kScales, kNumber>(w, weights.scales);
    constexpr u32 kParts = S::kTwoParts ? 2 : 1;
    if (!S::kTwoParts) dots[0] += dots[1];
    GPU_UNROLL
    for (u32 p = 0; p < kParts; ++p) {
      float products = 0.0f;
      if (S::kZero) {
        products = float(dots[p]) - scales.offset[p] * float(x.sums[p]);
      } else if (S::kOffset || kCodes == CodeKind::kTable4) {
        products = float(dots[p]);
      } else {
        products = float(dots[p] - w.zero * x.sums[p]);
      }
      sum = fused(products, scales.scale[p] * x.scale, sum);
      if (S::kOffset) sum = fused(scales.offset[p], x.scale * float(x.sums[p]), sum);
    }
    return sum;
  }
};

/// Activations as floats: quad q of unit u at [q][u].
template <u32 kQuadsOfUnit>
struct FloatActivations {
  static constexpr u32 kUnitInputs = 4 * kQuadsOfUnit;
  static constexpr u32 kUnitBytes = 16 * kQuadsOfUnit;

  static GPU_FN void fill(GPU_SHARED u8* x, u32 units, u32 item, GPU_THREAD const float* values,
                          Group) {
    GPU_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      const u32 quad = 2 * item + i;
      Words4 words;
      words.x = as_bits(values[4 * i]);
      words.y = as_bits(values[4 * i + 1]);
      words.z = as_bits(values[4 * i + 2]);
      words.w = as_bits(values[4 * i + 3]);
      ((GPU_SHARED Words4*)x)[quad % kQuadsOfUnit * units + quad / kQuadsOfUnit] = words;
    }
  }

  struct X {
    float values[kUnitInputs];

    GPU_FN void read(GPU_SHARED const u8* x, u32 units, u32 unit) {
      GPU_UNROLL
      for (u32 q = 0; q < kQuadsOfUnit; ++q) {
        const Words4 words = *((GPU_SHARED const Words4*)x + q * units + unit);
        values[4 * q] = as_float(words.x);
        values[4 * q + 1] = as_float(words.y);
        values[4 * q + 2] = as_float(words.z);
        values[4 * q + 3] = as_float(words.w);
      }
    }
  };
};

/// E4M3 codes: a unit is a chunk.
template <ScaleKind kScales>
struct SmallFloatProduct : FloatActivations<8> {
  static constexpr u32 kWords = 8;
  using Row = WeightRow;
  using Unit = typename IntegerProduct<CodeKind::kE4m3, kScales, NumberKind::kAny>::Unit;

  static GPU_FN WeightRow row(GPU_CONSTANT WeightView& w, u32 r) { return weight_row(w, r); }

  static GPU_FN float multiply(GPU_CONSTANT WeightView& w, GPU_THREAD const Unit& weights,
                               GPU_THREAD const X& x, float sum) {
    float products = 0.0f;
    GPU_UNROLL
    for (u32 i = 0; i < kChunk; ++i) {
      products =
          fused(e4m3((weights.codes.words[i / 4] >> (i % 4 * 8)) & 0xffu), x.values[i], products);
    }
    return fused(products, unpack_scales<kScales>(w, weights.scales).scale[0], sum);
  }
};

/// Plain floats: a unit is 16 bytes.
template <CodeKind kCodes>
struct FloatProduct : FloatActivations<kCodes == CodeKind::kF32 ? 1 : 2> {
  using Activations = FloatActivations<kCodes == CodeKind::kF32 ? 1 : 2>;
  using X = typename Activations::X;
  static constexpr u32 kWords = 4;
  using Row = u32;  // its first unit

  struct Unit {
    u32 words[4];

    GPU_FN void read(GPU_CONSTANT WeightView& w, u32 row, u32 unit) {
      WordReader<4>::read(words, w.low, row + unit);
    }
  };

  static GPU_FN u32 row(GPU_CONSTANT WeightView& w, u32 r) {
    return r * (w.stride / Activations::kUnitInputs);
  }

  static GPU_FN float value(GPU_THREAD const Unit& weights, u32 i) {
    if (kCodes == CodeKind::kF32) return as_float(weights.words[i % 4]);
    const u32 word = weights.words[i / 2];
    if (kCodes == CodeKind::kF16) return half_to_float(u16(i % 2 == 0 ? word : word >> 16));
    return as_float(i % 2 == 0 ? word << 16 : word & 0xffff0000u);
  }

  static GPU_FN float multiply(GPU_CONSTANT WeightView&, GPU_THREAD const Unit& weights,
                               GPU_THREAD const X& x, float sum) {
    GPU_UNROLL
    for (u32 i = 0; i < Activations::kUnitInputs; ++i) {
      sum = fused(value(weights, i), x.values[i], sum);
    }
    return sum;
  }
};

}  // namespace gpu
}  // namespace saccade
