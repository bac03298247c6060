// Functions of one number.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

enum class Function : u32 {
  kSilu,  // in the order of compute::Activation
  kGelu,
  kGeluTanh,
  kQuickGelu,
  kRelu,
  kSigmoid,
  kScale,    // x * parameter
  kSoftcap,  // parameter * tanh(x / parameter)
};

GPU_FN float sigmoid(float x) {
  return quotient(1.0f, 1.0f + exponential(-x));
}

/// The complementary error function, by the fit that the CPU has too
/// (compute/cpu/kernels/elementwise.h).
GPU_FN float complementary_error(float x) {
  const float magnitude = absolute(x);
  const float t = 1.0f / (1.0f + 0.5f * magnitude);
  float p = 0.17087277f;
  p = fused(p, t, -0.82215223f);
  p = fused(p, t, 1.48851587f);
  p = fused(p, t, -1.13520398f);
  p = fused(p, t, 0.27886807f);
  p = fused(p, t, -0.18628806f);
  p = fused(p, t, 0.09678418f);
  p = fused(p, t, 0.37409196f);
  p = fused(p, t, 1.00002368f);
  p = fused(p, t, -1.26551223f);
  const float value = t * exponential(fused(-magnitude, magnitude, p));
  return x < 0.0f ? 2.0f - value : value;
}

GPU_FN float apply(Function function, float x, float parameter) {
  switch (function) {
    case Function::kSilu:
      return x * sigmoid(x);
    case Function::kGelu:
      return 0.5f * x * complementary_error(-0.70710678f * x);
    case Function::kGeluTanh:
      // 1 + tanh(z) = 2 sigmoid(2 z)
      return x * sigmoid(1.59576912f * (x + 0.044715f * x * x * x));
    case Function::kQuickGelu:
      return x * sigmoid(1.702f * x);
    case Function::kRelu:
      return max_of(x, 0.0f);
    case Function::kSigmoid:
      return sigmoid(x);
    case Function::kScale:
      return x * parameter;
    case Function::kSoftcap:
      return parameter * tangent_hyperbolic(x / parameter);
  }
  return x;
}

}  // namespace gpu
}  // namespace saccade
