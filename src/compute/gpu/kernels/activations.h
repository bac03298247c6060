// Activation functions, as the CPU's kernels compute them.
#pragma once

#include "portable.h"

namespace saccade {
namespace gpu {

/// In the order of compute::Activation.
enum class ActivationKind : u32 { kSilu, kGelu, kGeluTanh, kQuickGelu, kRelu };

GPU_FN float sigmoid(float x) {
  return quick_quotient(1.0f, 1.0f + exponential(-x));
}

/// x * Phi(x). The normal distribution function by the complementary error function, so that small
/// tails keep their digits: the Chebyshev fit of Numerical Recipes (Press et al., section 6.2),
/// e^-z^2 times a polynomial in t = 1 / (1 + z / 2), for z = |x| / sqrt(2).
GPU_FN float gelu(float x) {
  const float z = absolute(x) * 0.70710678118654752f;
  const float t = 1.0f / (1.0f + 0.5f * z);
  float p = fused(0.17087277f, t, -0.82215223f);
  p = fused(p, t, 1.48851587f);
  p = fused(p, t, -1.13520398f);
  p = fused(p, t, 0.27886807f);
  p = fused(p, t, -0.18628806f);
  p = fused(p, t, 0.09678418f);
  p = fused(p, t, 0.37409196f);
  p = fused(p, t, 1.00002368f);
  p = fused(p, t, -1.26551223f);
  const float tail = 0.5f * t * exponential(p - z * z);
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

GPU_FN float activate(float x, ActivationKind kind) {
  if (kind == ActivationKind::kRelu) return max_of(x, 0.0f);
  if (kind == ActivationKind::kGelu) return gelu(x);
  float u = x;  // the others are x * sigmoid(u)
  if (kind == ActivationKind::kGeluTanh) {
    // x * (1 + tanh(t)) / 2 with t = sqrt(2 / pi) (x + 0.044715 x^3) is x * sigmoid(2 t).
    u = 1.5957691216057308f * fused(x * x * x, 0.044715f, x);
  }
  if (kind == ActivationKind::kQuickGelu) u = 1.702f * x;
  return x * sigmoid(u);
}

}  // namespace gpu
}  // namespace saccade
