// How quant_gemm_product.cuh comes to the scales of weights: a lane reads what its output needs for
// a stage, in whatever form the format has it, and stores scales and offsets as floats.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm_kernel.h"
#include "compute/gpu/kernels/unpack.h"

namespace saccade::compute::cuda {

SACCADE_EVERYWHERE constexpr u32 units_of_stage(ScaleUnit unit) {
  return unit == ScaleUnit::kHalf    ? 2 * kStageChunks
         : unit == ScaleUnit::kChunk ? kStageChunks
                                     : kStageChunks / 2;
}

/// Scale records of a row for a stage, as they lie in memory.
template <u32 kRecords>
struct StageScales {
  u32 record[kRecords], second[kRecords], third[kRecords];
};

/// Kinds of which a lane keeps neighbouring 16-bit numbers together: they can be read at once.
template <ScaleKind kScales, u32 kRecords>
constexpr bool kPackedNumbers = kScales == ScaleKind::kScale&& kRecords == kStageChunks;
template <ScaleKind kScales, u32 kRecords>
constexpr bool kPackedParts = kScales == ScaleKind::kParts8Min&& kRecords == kStageChunks;

/// Eight numbers of 16 bits, or as many as there are, in four words.
GPU_FN void read_numbers(u32* to, const u8* array, u64 index, u32 count) {
  const u16* from = (const u16*)array + index;
  if (index % 8 == 0 && count >= 8) {
    const Words4 words = read_kept((const Words4*)from);
    to[0] = words.x;
    to[1] = words.y;
    to[2] = words.z;
    to[3] = words.w;
    return;
  }
  GPU_UNROLL
  for (u32 i = 0; i < 4; ++i) {
    const u32 low = from[2 * i < count ? 2 * i : count - 1];
    const u32 high = from[2 * i + 1 < count ? 2 * i + 1 : count - 1];
    to[i] = low | high << 16;
  }
}

template <ScaleKind kScales, u32 kRecords>
GPU_FN void read_records(const WeightView& w, u32 row, u32 chunk, StageScales<kRecords>& to) {
  if constexpr (kPackedNumbers<kScales, kRecords>) {
    read_numbers(to.record, w.scales, u64(row) * w.groups + chunk, w.chunks - chunk);
  } else if constexpr (kPackedParts<kScales, kRecords>) {
    to.record[0] = read_kept((const u32*)w.scales + u64(row) * w.groups + chunk / 8);
    read_numbers(to.second, w.parts, u64(row) * w.chunks + chunk, 8);
  } else {
    if constexpr (kScales == ScaleKind::kScaleOffset && kRecords == 4) {
      if (w.group_shift == 1 && w.groups % 4 == 0) {
        const Words4 words =
            read_kept((const Words4*)w.scales + (u64(row) * w.groups + chunk / 2) / 4);
        to.record[0] = words.x;
        to.record[1] = words.y;
        to.record[2] = words.z;
        to.record[3] = words.w;
        return;
      }
    }
    constexpr u32 kStep = kStageChunks / kRecords;
    GPU_UNROLL
    for (u32 i = 0; i < kRecords; ++i) {
      const u32 c = chunk + i * kStep;
      RawScales<kScales> raw = {0, 0, 0};
      raw.read(w, weight_row(w, row), c < w.chunks ? c : w.chunks - 1);
      to.record[i] = raw.record;
      to.second[i] = raw.second;
      to.third[i] = raw.third;
    }
  }
}

template <ScaleKind kScales, u32 kUnits, u32 kRecords>
GPU_FN void store_records(const WeightView& w, const StageScales<kRecords>& from, float2* to) {
  const float zero = float(w.zero);
  GPU_UNROLL
  for (u32 i = 0; i < kRecords; ++i) {
    RawScales<kScales> raw;
    raw.record = from.record[i];
    raw.second = from.second[i];
    raw.third = from.third[i];
    if constexpr (kPackedNumbers<kScales, kRecords>) {
      raw.record = from.record[i / 2] >> (i % 2 * 16) & 0xffffu;
    }
    if constexpr (kPackedParts<kScales, kRecords>) {
      raw.record = from.record[0];
      raw.second = from.second[i / 2] >> (i % 2 * 16) & 0xffffu;
    }
    const ChunkScales s = unpack_scales<kScales>(w, raw);
    GPU_UNROLL
    for (u32 part = 0; part < kUnits / kRecords; ++part) {
      const float scale = s.scale[part];
      const float offset = ScaleTraits<kScales>::kZero ? -rounded_product(scale, s.offset[part])
                                                       : fmaf(-zero, scale, s.offset[part]);
      to[(i * (kUnits / kRecords) + part) * kWarpOutputs] = make_float2(scale, offset);
    }
  }
}

#define SACCADE_FOR_SCALE_KIND(kind, call)    \
  switch (kind) {                             \
    case ScaleKind::kScale:                   \
      return call(ScaleKind::kScale);         \
    case ScaleKind::kScaleOffset:             \
      return call(ScaleKind::kScaleOffset);   \
    case ScaleKind::kScaleZero:               \
      return call(ScaleKind::kScaleZero);     \
    case ScaleKind::kScale32:                 \
      return call(ScaleKind::kScale32);       \
    case ScaleKind::kScaleOffset32:           \
      return call(ScaleKind::kScaleOffset32); \
    case ScaleKind::kScaleZero32:             \
      return call(ScaleKind::kScaleZero32);   \
    case ScaleKind::kE8m0:                    \
      return call(ScaleKind::kE8m0);          \
    case ScaleKind::kParts8:                  \
      return call(ScaleKind::kParts8);        \
    case ScaleKind::kParts8Min:               \
      return call(ScaleKind::kParts8Min);     \
    default:                                  \
      return;                                 \
  }
#define SACCADE_FOR_HALF_SCALE_KIND(kind, call) \
  switch (kind) {                               \
    case ScaleKind::kE4m3:                      \
      return call(ScaleKind::kE4m3);            \
    case ScaleKind::kParts16:                   \
      return call(ScaleKind::kParts16);         \
    case ScaleKind::kParts16Min:                \
      return call(ScaleKind::kParts16Min);      \
    case ScaleKind::kParts16Six:                \
      return call(ScaleKind::kParts16Six);      \
    default:                                    \
      return;                                   \
  }

/// kFixed is the kind, or kNone: the weight knows.
template <ScaleUnit kUnit, ScaleKind kFixed, u32 kRecords>
GPU_FN void read_scales(const WeightView& w, u32 row, u32 chunk, StageScales<kRecords>& to) {
#define SACCADE_READ(kind) read_records<kind>(w, row, chunk, to)
  if constexpr (kFixed != ScaleKind::kNone) {
    SACCADE_READ(kFixed);
  } else if constexpr (kUnit == ScaleUnit::kHalf) {
    SACCADE_FOR_HALF_SCALE_KIND(w.scale_kind, SACCADE_READ)
  } else {
    SACCADE_FOR_SCALE_KIND(w.scale_kind, SACCADE_READ)
  }
#undef SACCADE_READ
}
template <ScaleUnit kUnit, ScaleKind kFixed, u32 kRecords>
GPU_FN void store_scales(const WeightView& w, const StageScales<kRecords>& from, float2* to) {
#define SACCADE_STORE(kind) store_records<kind, units_of_stage(kUnit)>(w, from, to)
  if constexpr (kFixed != ScaleKind::kNone) {
    SACCADE_STORE(kFixed);
  } else if constexpr (kUnit == ScaleUnit::kHalf) {
    SACCADE_FOR_HALF_SCALE_KIND(w.scale_kind, SACCADE_STORE)
  } else {
    SACCADE_FOR_SCALE_KIND(w.scale_kind, SACCADE_STORE)
  }
#undef SACCADE_STORE
}

}  // namespace saccade::compute::cuda
