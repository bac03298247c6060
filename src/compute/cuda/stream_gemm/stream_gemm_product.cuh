// What a warp of stream_gemm.h has and does: the activations of an oct (256 inputs) in registers as
// operands of mma, and their products with a stage of weights.
//
// Integers would leave four results of each lane and chunk to be scaled by two numbers; that is
// what most instructions of quant_gemm do. Here a row's codes are multiplied by their chunk's scale
// over the largest of the oct once, as f16, and a weight's codes become f16 by their bits: a nibble
// beside the bits of 1024 is 1024 + code, or four bits higher 1024 + 16 code, whose activations are
// a sixteenth. So results are scaled once for each unit of inputs that shares a weight scale. What
// they are too large, and offsets of weights, are products of an oct's scales and offsets with sums
// of activations: one more product, of tf32, with these sums as three addends.
//
// Weights are mma's first operand, 16 outputs by 16 inputs; activations the second, 16 inputs of 8
// rows. Word t of a chunk's plane of 4-bit codes has quads t and t + 4 in its nibbles, and these
// are the inputs of lane (g, t) of output g: one ldmatrix brings two chunks of sixteen outputs. A
// lane's results are those of outputs g and g + 8 and rows 2 t and 2 t + 1 of each eight.
#pragma once

#include "compute/cuda/stream_gemm/stream_gemm_memory.cuh"
#include "compute/gpu/kernels/unpack.h"

namespace saccade::compute::cuda::streamed {

/// Pairs of f16.
constexpr u32 kHalfOnes = 0x3c003c00u;
constexpr u32 kHalfSixteens = 0x4c004c00u;
constexpr u32 kHalf1024s = 0x64006400u;
constexpr u32 kHalf1152s = 0x64806480u;
constexpr float kCodeBase = 1024.0f;

/// d = a b of f16.
__device__ __forceinline__ void multiply16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%10, %10, %10, %10};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(0.0f));
}
/// d += a b.
__device__ __forceinline__ void multiply_add16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// d += a b of tf32, 8 inputs.
__device__ __forceinline__ void multiply_add8(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ Words4 load_words(u32 address) {
  Words4 words;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
               : "r"(address)
               : "memory");
  return words;
}
__device__ __forceinline__ u32 load_word(u32 address) {
  u32 word;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(address) : "memory");
  return word;
}
__device__ __forceinline__ u32 load_half(u32 address) {
  std::uint16_t half;
  asm volatile("ld.shared.u16 %0, [%1];" : "=h"(half) : "r"(address) : "memory");
  return half;
}

/// Nibbles that `mask` selects as the lowest bits of two f16 from 1024 on.
__device__ __forceinline__ u32 to_halves(u32 word, u32 mask, u32 base) {
  u32 pair;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(pair) : "r"(word), "r"(mask), "r"(base));
  return pair;
}

/// What stands beside the codes of an oct: scale and offset for each pair of chunks.
template <ScaleKind kScales, NumberKind kNumber>
struct OctScales {
  static_assert(kScales == ScaleKind::kScaleOffset);
  /// That share a scale.
  static constexpr u32 kUnitChunks = 2;
  u32 words[4];

  __device__ __forceinline__ float scale(const WeightView& w, u32 unit) const {
    return number<kNumber>(w, kNumber == NumberKind::kBf16 ? words[unit] : words[unit] & 0xffffu);
  }
  /// Two of the numbers that sums of activations are multiplied by, of the output at `address`: the
  /// first four are scales.
  static __device__ __forceinline__ void beside(const WeightView& w, u32 address, u32 t, u32& b0,
                                                u32& b1) {
    const u32 word = load_word(address + t * 4);
    b0 = as_bits(number<kNumber>(w, word & 0xffffu));
    b1 =
        kNumber == NumberKind::kBf16 ? word & 0xffff0000u : as_bits(number<kNumber>(w, word >> 16));
  }
  /// Entry `k` of what these multiply, of bases and sums of activations of units.
  static __device__ __forceinline__ float factor(u32 k, const float* bases, const float* sums) {
    return k < 4 ? -kCodeBase * bases[k] : sums[k - 4];
  }
};

/// One number for each chunk, and a code that stands for zero: 8.
template <NumberKind kNumber>
struct OctScales<ScaleKind::kScale, kNumber> {
  static constexpr u32 kUnitChunks = 1;
  u32 words[4];

  __device__ __forceinline__ float scale(const WeightView& w, u32 unit) const {
    return number<kNumber>(w, words[unit / 2] >> (unit % 2 * 16) & 0xffffu);
  }
  static __device__ __forceinline__ void beside(const WeightView& w, u32 address, u32 t, u32& b0,
                                                u32& b1) {
    b0 = as_bits(number<kNumber>(w, load_half(address + t * 2)));
    b1 = as_bits(number<kNumber>(w, load_half(address + t * 2 + 8)));
  }
  static __device__ __forceinline__ float factor(u32 k, const float* bases, const float* sums) {
    return -kCodeBase * bases[k] - 8.0f * sums[k];
  }
};

/// A warp's activations, of kTiles times eight rows.
template <ScaleKind kScales, NumberKind kNumber, u32 kTiles>
struct WarpProduct {
  using Scales = OctScales<kScales, kNumber>;
  static constexpr u32 kUnitChunks = Scales::kUnitChunks;
  static constexpr u32 kUnits = kOctChunks / kUnitChunks;
  /// tf32 has 11 bits.
  static constexpr u32 kAddends = 3;

  // Pairs of row 8 r + g: [chunk][pair][r], of quads 0 .. 3 and of 4 .. 7.
  u32 low[kOctChunks][2][kTiles], high[kOctChunks][2][kTiles];
  u32 beside[kAddends][2][kTiles];  ///< entries t and t + 4 of row 8 r + g
  float largest[kTiles][2];         ///< scale of an oct's chunks, of rows 8 r + 2 t and + 1

  /// Two of four codes of int8 in `quad` (the first and third, or the others), times `ratio`.
  template <u32 kSelect>
  static __device__ __forceinline__ u32 to_half(u32 quad, __half2 ratio) {
    const u32 biased = __byte_perm(quad ^ 0x80808080u, 0x64646464u, kSelect);
    __half2 pair;
    __half2 base;
    *reinterpret_cast<u32*>(&pair) = biased;
    *reinterpret_cast<u32*>(&base) = kHalf1152s;
    pair = __hmul2(__hsub2(pair, base), ratio);
    return *reinterpret_cast<const u32*>(&pair);
  }

  /// d = the sums of a pair's columns times `times`, for rows g and g + 8; or d += these.
  template <bool kAdd>
  static __device__ __forceinline__ void add_up(float (&d)[4], const u32 (&pairs)[2][kTiles],
                                                u32 times) {
    const u32 a[4] = {pairs[0][0], kTiles == 2 ? pairs[0][kTiles - 1] : 0, pairs[1][0],
                      kTiles == 2 ? pairs[1][kTiles - 1] : 0};
    if constexpr (kAdd) {
      multiply_add16(d, a, times, times);
    } else {
      multiply16(d, a, times, times);
    }
  }

  /// Takes them from where Memory has an oct's.
  __device__ __forceinline__ void read_activations(const u8* memory, u32 x_chunks, u32 oct) {
    const u32 lane = threadIdx.x % kLanes;
    float scales[kTiles][kOctChunks];
    float inverse[kTiles];
#pragma unroll
    for (u32 r = 0; r < kTiles; ++r) {
      const u8* row = memory + x_chunks + (oct * kRows + lane / 4 + r * 8) * (kOctChunks * 8);
      float most = 0.0f;
#pragma unroll
      for (u32 c = 0; c < kOctChunks; c += 2) {
        const Words4 words = *reinterpret_cast<const Words4*>(row + c * 8);
        scales[r][c] = as_float(words.x);
        scales[r][c + 1] = as_float(words.z);
        most = fmaxf(most, fmaxf(scales[r][c], scales[r][c + 1]));
      }
      inverse[r] = most > 0.0f ? 1.0f / most : 0.0f;
#pragma unroll
      for (u32 i = 0; i < 2; ++i) {
        largest[r][i] = __shfl_sync(0xffffffffu, most, lane % 4 * 8 + i * 4);
      }
    }
    const u32 from = ptx::shared_address(memory) + Memory::kX + oct * Memory::kXOct +
                     lane % 16 * 128 + ((lane / 16) ^ (lane % 8)) * 16;
    float bases[kUnits][kTiles], sums[kUnits][kTiles];
#pragma unroll
    for (u32 u = 0; u < kUnits; ++u) {
      float base[4], sum[4];
#pragma unroll
      for (u32 i = 0; i < kUnitChunks; ++i) {
        const u32 c = u * kUnitChunks + i;
        u32 quads[4];  // of rows g and g + 8: quads t, then quads t + 4
        ptx::load_matrices(quads, (from ^ c % 4 * 32) + c / 4 * Memory::kXPart);
#pragma unroll
        for (u32 r = 0; r < kTiles; ++r) {
          const float ratio = scales[r][c] * inverse[r];
          const __half2 of_low = __float2half2_rn(ratio);
          const __half2 of_high = __float2half2_rn(ratio * (1.0f / 16.0f));
          low[c][0][r] = to_half<0x4240>(quads[r], of_low);
          low[c][1][r] = to_half<0x4341>(quads[r], of_low);
          high[c][0][r] = to_half<0x4240>(quads[2 + r], of_high);
          high[c][1][r] = to_half<0x4341>(quads[2 + r], of_high);
        }
        if (i == 0) {
          add_up<false>(base, low[c], kHalfOnes);
          add_up<false>(sum, low[c], kHalfOnes);
        } else {
          add_up<true>(base, low[c], kHalfOnes);
          add_up<true>(sum, low[c], kHalfOnes);
        }
        add_up<true>(base, high[c], kHalfOnes);
        add_up<true>(sum, high[c], kHalfSixteens);
      }
#pragma unroll
      for (u32 r = 0; r < kTiles; ++r) bases[u][r] = base[2 * r], sums[u][r] = sum[2 * r];
    }
#pragma unroll
    for (u32 r = 0; r < kTiles; ++r) {
      float of_row[kUnits], sum_of_row[kUnits];
#pragma unroll
      for (u32 u = 0; u < kUnits; ++u) of_row[u] = bases[u][r], sum_of_row[u] = sums[u][r];
#pragma unroll
      for (u32 i = 0; i < 2; ++i) {
        float value = 0.0f;
#pragma unroll
        for (u32 k = 0; k < 4; ++k) {
          const float factor = Scales::factor(k + i * 4, of_row, sum_of_row);
          value = lane % 4 == k ? factor : value;
        }
#pragma unroll
        for (u32 part = 0; part < kAddends; ++part) {
          beside[part][i][r] = as_bits(value) & 0xffffe000u;
          value -= as_float(beside[part][i][r]);
        }
      }
    }
  }

  /// The warp's products with a stage's sixteen outputs: results[r][2 h + i] of output 8 h + g and
  /// row 8 r + 2 t + i. The addresses are those of the stage: of the lane's codes, of output lane %
  /// 16 and chunk lane / 16, swizzled, and of the scales of output g; `second_scales` bytes on are
  /// those of output g + 8.
  __device__ __forceinline__ void multiply(const WeightView& w, u32 codes_at, u32 scales_at,
                                           u32 second_scales, float (&results)[kTiles][4]) const {
    const u32 t = threadIdx.x % 4;
    // In a register, which the compiler does not know: an instruction has room for one constant.
    u32 base = kHalf1024s;
    asm volatile("" : "+r"(base));
    u32 words[4];
    ptx::load_matrices(words, codes_at);
    u32 a[4];
    Scales::beside(w, scales_at, t, a[0], a[2]);
    Scales::beside(w, scales_at + second_scales, t, a[1], a[3]);
    Scales weights[2];
#pragma unroll
    for (u32 h = 0; h < 2; ++h) {
      const Words4 four = load_words(scales_at + h * second_scales);
      weights[h].words[0] = four.x, weights[h].words[1] = four.y;
      weights[h].words[2] = four.z, weights[h].words[3] = four.w;
    }
#pragma unroll
    for (u32 r = 0; r < kTiles; ++r) {
#pragma unroll
      for (u32 i = 0; i < 4; ++i) results[r][i] = 0.0f;
#pragma unroll
      for (u32 part = 0; part < kAddends; ++part) {
        multiply_add8(results[r], a, beside[part][0][r], beside[part][1][r]);
      }
    }
#pragma unroll
    for (u32 pair = 0; pair < kOctChunks / 2; ++pair) {
      u32 next[4] = {};
      if (pair + 1 < kOctChunks / 2) ptx::load_matrices(next, codes_at ^ (pair + 1) * 32);
      float d[kTiles][4];
#pragma unroll
      for (u32 i = 0; i < 2; ++i) {
        const u32 c = pair * 2 + i;
        const u32 first = words[2 * i], second = words[2 * i + 1];
        const u32 lows[4] = {
            to_halves(first, 0x000f000fu, base), to_halves(second, 0x000f000fu, base),
            to_halves(first >> 8, 0x000f000fu, base), to_halves(second >> 8, 0x000f000fu, base)};
        const u32 highs[4] = {
            to_halves(first, 0x00f000f0u, base), to_halves(second, 0x00f000f0u, base),
            to_halves(first >> 8, 0x00f000f0u, base), to_halves(second >> 8, 0x00f000f0u, base)};
#pragma unroll
        for (u32 r = 0; r < kTiles; ++r) {
          if (c % kUnitChunks == 0) {
            multiply16(d[r], lows, low[c][0][r], low[c][1][r]);
          } else {
            multiply_add16(d[r], lows, low[c][0][r], low[c][1][r]);
          }
          multiply_add16(d[r], highs, high[c][0][r], high[c][1][r]);
        }
        if ((c + 1) % kUnitChunks != 0) continue;
        const u32 unit = c / kUnitChunks;
        const float scale[2] = {weights[0].scale(w, unit), weights[1].scale(w, unit)};
#pragma unroll
        for (u32 r = 0; r < kTiles; ++r) {
#pragma unroll
          for (u32 k = 0; k < 4; ++k) {
            results[r][k] = fmaf(d[r][k], scale[k / 2], results[r][k]);
          }
        }
      }
#pragma unroll
      for (u32 i = 0; i < 4; ++i) words[i] = next[i];
    }
#pragma unroll
    for (u32 r = 0; r < kTiles; ++r) {
#pragma unroll
      for (u32 k = 0; k < 4; ++k) results[r][k] *= largest[r][k % 2];
    }
  }
};

}  // namespace saccade::compute::cuda::streamed
