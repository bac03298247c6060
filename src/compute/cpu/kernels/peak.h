// What a core can do at best: products of what lies in registers, and reading memory.
//
// The same wrappers as in the kernels with nothing around them, so that the peak of an instruction
// set is that of the instructions its kernels are made of.
#pragma once

#include <cstdint>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace saccade::compute::cpu::SACCADE_ISA {

// Sums that do not wait for each other: two units with a latency of five cycles want ten registers
// of them, and some more, since instructions are not dealt out evenly: on a Sapphire Rapids twelve
// give 91 % of what sixteen do. Sixteen vectors of one register, or five of the two of AVX2 and the
// four of NEON. AVX2 without VNNI needs registers for products of bytes, whose sums take a cycle.
#if defined(__AVX512F__)
inline constexpr int kPeakRows = 8;
inline constexpr int kPeakPanels = 2;
#elif defined(__AVX2__) && !defined(__AVXVNNI__)
inline constexpr int kPeakRows = 4;
inline constexpr int kPeakPanels = 1;
#else
inline constexpr int kPeakRows = 5;
inline constexpr int kPeakPanels = 1;
#endif
inline constexpr int kPeakSums = kPeakRows * kPeakPanels;
static_assert(kPeakSums <= kPeakMemory / (4 * kPanel));

/// Whatever was in memory may have changed, for all the compiler knows: it has to do every round.
inline void forget_memory() {
  asm volatile("" : : : "memory");
}

inline std::int64_t peak_f32(std::int64_t rounds, void* memory) {
  auto* values = static_cast<float*>(memory);
  F32x16 sums[kPeakSums];
#pragma GCC unroll 16
  for (int i = 0; i < kPeakSums; ++i) sums[i] = load(values + i * kPanel);
  for (std::int64_t round = 0; round < rounds; ++round) {
    forget_memory();
    const F32x16 a = load(values);
    const F32x16 b = load(values + kPanel);
#pragma GCC unroll 16
    for (int i = 0; i < kPeakSums; ++i) sums[i] = fma(a, b, sums[i]);
  }
#pragma GCC unroll 16
  for (int i = 1; i < kPeakSums; ++i) sums[0] = add(sums[0], sums[i]);
  store(values, sums[0]);
  return rounds * kPeakSums * kPanel * 2;
}

/// A tile as in quant_gemm.h: rows of four signed bytes with panels of unsigned ones below 128.
inline std::int64_t peak_int8(std::int64_t rounds, void* memory) {
  const auto* x = static_cast<const std::uint8_t*>(memory);
  const auto* codes = static_cast<const std::int8_t*>(memory);
  I32x16 sums[kPeakSums];
#pragma GCC unroll 16
  for (int i = 0; i < kPeakSums; ++i) sums[i] = load_unsigned(x + i * kPanel);
  for (std::int64_t round = 0; round < rounds; ++round) {
    forget_memory();
    U8x64 panels[kPeakPanels];
#pragma GCC unroll 2
    for (int p = 0; p < kPeakPanels; ++p) panels[p] = load_bytes(x + p * 4 * kPanel);
#pragma GCC unroll 8
    for (int r = 0; r < kPeakRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPeakPanels; ++p) {
        I32x16& sum = sums[r * kPeakPanels + p];
        sum = dot<false>(sum, panels[p], load_four(codes + 4 * r));
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 1; i < kPeakSums; ++i) sums[0] = add(sums[0], sums[i]);
  store(static_cast<float*>(memory), to_float(sums[0]));
  return rounds * kPeakSums * kPanel * 4 * 2;
}

/// The same of pairs of 16-bit integers, as attention has them.
inline std::int64_t peak_int16(std::int64_t rounds, void* memory) {
  const auto* x = static_cast<const std::int16_t*>(memory);
  I32x16 sums[kPeakSums];
#pragma GCC unroll 16
  for (int i = 0; i < kPeakSums; ++i) sums[i] = broadcast_int(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
    forget_memory();
    I16x32 panels[kPeakPanels];
#pragma GCC unroll 2
    for (int p = 0; p < kPeakPanels; ++p) panels[p] = load_words(x + p * 2 * kPanel);
#pragma GCC unroll 8
    for (int r = 0; r < kPeakRows; ++r) {
#pragma GCC unroll 2
      for (int p = 0; p < kPeakPanels; ++p) {
        I32x16& sum = sums[r * kPeakPanels + p];
        sum = dot(sum, panels[p], x + 2 * r);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 1; i < kPeakSums; ++i) sums[0] = add(sums[0], sums[i]);
  store(static_cast<float*>(memory), to_float(sums[0]));
  return rounds * kPeakSums * kPanel * 2 * 2;
}

#if defined(__AVX512BF16__)
inline std::int64_t peak_bf16(std::int64_t rounds, void* memory) {
  auto* values = static_cast<float*>(memory);
  __m512 sums[kPeakSums];
#pragma GCC unroll 16
  for (int i = 0; i < kPeakSums; ++i) sums[i] = _mm512_loadu_ps(values + i * kPanel);
  for (std::int64_t round = 0; round < rounds; ++round) {
    forget_memory();
    const auto a = reinterpret_cast<__m512bh>(_mm512_loadu_ps(values));
    const auto b = reinterpret_cast<__m512bh>(_mm512_loadu_ps(values + kPanel));
#pragma GCC unroll 16
    for (int i = 0; i < kPeakSums; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
  }
#pragma GCC unroll 16
  for (int i = 1; i < kPeakSums; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  _mm512_storeu_ps(values, sums[0]);
  return rounds * kPeakSums * kPanel * 2 * 2;
}
#endif

/// Reads four streams at once and 4 KiB ahead of each. On two cores of a Sapphire Rapids that is
/// 44 GB/s, one stream 30 with or without looking ahead, four without 39.
inline float peak_read(const float* from, std::int64_t count) {
  constexpr int kStreams = 4;
  constexpr int kVectors = 4;  // of a step
  constexpr std::int64_t kAhead = 1024;
  const std::int64_t length = count / kStreams;
  F32x16 largest[kStreams];
#pragma GCC unroll 4
  for (int stream = 0; stream < kStreams; ++stream) largest[stream] = broadcast(0.0f);
  for (std::int64_t i = 0; i + kVectors * kPanel <= length; i += kVectors * kPanel) {
#pragma GCC unroll 4
    for (int stream = 0; stream < kStreams; ++stream) {
      const float* p = from + stream * length + i;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        __builtin_prefetch(p + kAhead + v * kPanel);
        largest[stream] = max(largest[stream], load(p + v * kPanel));
      }
    }
  }
#pragma GCC unroll 4
  for (int stream = 1; stream < kStreams; ++stream) largest[0] = max(largest[0], largest[stream]);
  return reduce_max(largest[0]);
}

inline constexpr PeakKernels kPeak = {peak_f32, peak_int8, peak_int16,
#if defined(__AVX512BF16__)
                                      peak_bf16,
#else
                                      nullptr,
#endif
                                      peak_read};

}  // namespace saccade::compute::cpu::SACCADE_ISA
