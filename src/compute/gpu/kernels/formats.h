// The pairs of codes and scales that weights on GPUs have: what weight_layout makes, and what there
// are kernels for.
//
// SACCADE_..._FORMATS(Y, X) expands Y(X, name, codes, scales, numbers) for each, with kinds as in
// weight.h and a NumberKind.
#pragma once

#define SACCADE_INTEGER_FORMATS(Y, X)                \
  Y(X, int2_offset, kInt2, kScaleOffset, kF16)       \
  Y(X, int3_offset, kInt3, kScaleOffset, kF16)       \
  Y(X, int4_offset, kInt4, kScaleOffset, kF16)       \
  Y(X, int5_offset, kInt5, kScaleOffset, kF16)       \
  Y(X, int6_offset, kInt6, kScaleOffset, kF16)       \
  Y(X, int8_offset, kInt8, kScaleOffset, kF16)       \
  Y(X, int4_zero, kInt4, kScaleZero, kF16)           \
  Y(X, int8_zero, kInt8, kScaleZero, kF16)           \
  Y(X, int4_scale, kInt4, kScale, kF16)              \
  Y(X, int5_scale, kInt5, kScale, kF16)              \
  Y(X, int8_scale, kInt8, kScale, kF16)              \
  Y(X, int2_offset_bf16, kInt2, kScaleOffset, kBf16) \
  Y(X, int3_offset_bf16, kInt3, kScaleOffset, kBf16) \
  Y(X, int4_offset_bf16, kInt4, kScaleOffset, kBf16) \
  Y(X, int5_offset_bf16, kInt5, kScaleOffset, kBf16) \
  Y(X, int6_offset_bf16, kInt6, kScaleOffset, kBf16) \
  Y(X, int8_offset_bf16, kInt8, kScaleOffset, kBf16) \
  Y(X, int4_zero_bf16, kInt4, kScaleZero, kBf16)     \
  Y(X, int8_zero_bf16, kInt8, kScaleZero, kBf16)     \
  Y(X, int4_scale_bf16, kInt4, kScale, kBf16)        \
  Y(X, int8_scale_bf16, kInt8, kScale, kBf16)        \
  Y(X, int2_offset32, kInt2, kScaleOffset32, kAny)   \
  Y(X, int3_offset32, kInt3, kScaleOffset32, kAny)   \
  Y(X, int4_offset32, kInt4, kScaleOffset32, kAny)   \
  Y(X, int5_offset32, kInt5, kScaleOffset32, kAny)   \
  Y(X, int6_offset32, kInt6, kScaleOffset32, kAny)   \
  Y(X, int8_offset32, kInt8, kScaleOffset32, kAny)   \
  Y(X, int4_zero32, kInt4, kScaleZero32, kAny)       \
  Y(X, int8_zero32, kInt8, kScaleZero32, kAny)       \
  Y(X, int4_scale32, kInt4, kScale32, kAny)          \
  Y(X, int8_scale32, kInt8, kScale32, kAny)          \
  Y(X, int2_parts16_min, kInt2, kParts16Min, kAny)   \
  Y(X, int3_parts16_six, kInt3, kParts16Six, kAny)   \
  Y(X, int4_parts8_min, kInt4, kParts8Min, kAny)     \
  Y(X, int5_parts8_min, kInt5, kParts8Min, kAny)     \
  Y(X, int6_parts16, kInt6, kParts16, kAny)          \
  Y(X, table4_scale, kTable4, kScale, kF16)          \
  Y(X, table4_parts8, kTable4, kParts8, kAny)        \
  Y(X, table4_e8m0, kTable4, kE8m0, kAny)            \
  Y(X, table4_e4m3, kTable4, kE4m3, kAny)

#define SACCADE_SMALL_FLOAT_FORMATS(Y, X) \
  Y(X, e4m3_e8m0, kE4m3, kE8m0, kAny)     \
  Y(X, e4m3_scale32, kE4m3, kScale32, kAny)

/// Y(X, name, codes)
#define SACCADE_FLOAT_FORMATS(Y, X) \
  Y(X, f32, kF32)                   \
  Y(X, f16, kF16)                   \
  Y(X, bf16, kBf16)
