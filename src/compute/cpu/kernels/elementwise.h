// Norms, activations, rotary embedding and other row-by-row work.
#pragma once

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Calls body(offset, lanes) over [0, n) in vectors; lanes is below kLanes only at the end.
template <typename Body>
void for_vectors(std::int64_t n, Body&& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, static_cast<int>(n - i));
}

inline F32x16 load_some(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_first(p, lanes);
}
inline void store_some(float* p, F32x16 x, int lanes) {
  if (lanes == kLanes) {
    store(p, x);
  } else {
    store_first(p, x, lanes);
  }
}

/// 1 / sqrt(mean(x^2) + eps)
inline float rms_scale(const float* x, std::int64_t n, float eps) {
  F32x16 squares = broadcast(0.0f);
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 value = load_some(x + i, lanes);
    squares = fma(value, value, squares);
  });
  const float mean = reduce_add(squares) / static_cast<float>(n);
  return 1.0f / __builtin_sqrtf(mean + eps);
}

inline void rms_norm(float* y, const float* x, const float* weight, std::int64_t n, float eps) {
  const F32x16 scale = broadcast(rms_scale(x, n, eps));
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 value = mul(load_some(x + i, lanes), scale);
    store_some(y + i, mul(value, load_some(weight + i, lanes)), lanes);
  });
}

inline void layer_norm(float* y, const float* x, const float* weight, const float* bias,
                       std::int64_t n, float eps) {
  F32x16 sum = broadcast(0.0f);
  for_vectors(n, [&](std::int64_t i, int lanes) { sum = add(sum, load_some(x + i, lanes)); });
  const F32x16 mean = broadcast(reduce_add(sum) / static_cast<float>(n));
  F32x16 squares = broadcast(0.0f);
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 offset = keep_first(sub(load_some(x + i, lanes), mean), lanes, broadcast(0.0f));
    squares = fma(offset, offset, squares);
  });
  const float variance = reduce_add(squares) / static_cast<float>(n);
  const F32x16 scale = broadcast(1.0f / __builtin_sqrtf(variance + eps));
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 value = mul(sub(load_some(x + i, lanes), mean), scale);
    const F32x16 shift = bias ? load_some(bias + i, lanes) : broadcast(0.0f);
    store_some(y + i, fma(value, load_some(weight + i, lanes), shift), lanes);
  });
}

inline void add_rows(float* y, const float* x, std::int64_t n) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    store_some(y + i, add(load_some(y + i, lanes), load_some(x + i, lanes)), lanes);
  });
}

inline void add_scaled_row(float* y, const float* x, float factor, std::int64_t n) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 sum = fma(load_some(x + i, lanes), broadcast(factor), load_some(y + i, lanes));
    store_some(y + i, sum, lanes);
  });
}

inline void scale_row(float* x, std::int64_t n, float factor) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    store_some(x + i, mul(load_some(x + i, lanes), broadcast(factor)), lanes);
  });
}

inline void multiply_rows(float* x, const float* factors, std::int64_t n) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    store_some(x + i, mul(load_some(x + i, lanes), load_some(factors + i, lanes)), lanes);
  });
}

inline void softcap_row(float* x, std::int64_t n, float cap) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    store_some(x + i, softcap(load_some(x + i, lanes), cap), lanes);
  });
}

inline F32x16 negate(F32x16 x) {
  return sub(broadcast(0.0f), x);
}

/// 1 / (1 + e^-x)
inline F32x16 sigmoid(F32x16 x) {
  return div(broadcast(1.0f), add(broadcast(1.0f), exp(negate(x))));
}

/// The complementary error function to 1.2e-7 relative: the Chebyshev fit of Numerical Recipes
/// (Press et al., section 6.2), e^-z^2 times a polynomial in t = 1 / (1 + z / 2), for z = |x|.
inline F32x16 erfc_of_magnitude(F32x16 z) {
  const F32x16 t = div(broadcast(1.0f), fma(z, broadcast(0.5f), broadcast(1.0f)));
  constexpr float kFit[] = {0.17087277f,  -0.82215223f, 1.48851587f, -1.13520398f, 0.27886807f,
                            -0.18628806f, 0.09678418f,  0.37409196f, 1.00002368f,  -1.26551223f};
  F32x16 p = broadcast(kFit[0]);
  for (int i = 1; i < 10; ++i) p = fma(p, t, broadcast(kFit[i]));
  return mul(t, exp(sub(p, mul(z, z))));
}

/// x * Phi(x), with the normal distribution function by erfc so that small tails keep their digits.
inline F32x16 gelu(F32x16 x) {
  const F32x16 z = mul(max(x, negate(x)), broadcast(0.70710678118654752f));
  const F32x16 tail = mul(broadcast(0.5f), erfc_of_magnitude(z));
  const F32x16 phi = select_less(x, broadcast(0.0f), tail, sub(broadcast(1.0f), tail));
  return mul(x, phi);
}

/// x * (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), which equals x * sigmoid(2 u).
inline F32x16 gelu_tanh(F32x16 x) {
  const F32x16 cube = mul(mul(x, x), x);
  const F32x16 u = mul(fma(cube, broadcast(0.044715f), x), broadcast(0.79788456080286536f));
  return mul(x, sigmoid(add(u, u)));
}

inline F32x16 apply(F32x16 x, ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kSilu:
      return mul(x, sigmoid(x));
    case ActivationKind::kGelu:
      return gelu(x);
    case ActivationKind::kGeluTanh:
      return gelu_tanh(x);
    case ActivationKind::kQuickGelu:
      return mul(x, sigmoid(mul(x, broadcast(1.702f))));
    case ActivationKind::kRelu:
      return max(broadcast(0.0f), x);
    case ActivationKind::kSigmoid:
      return sigmoid(x);
  }
  return x;
}

inline void activate(float* x, std::int64_t n, ActivationKind kind) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    store_some(x + i, apply(load_some(x + i, lanes), kind), lanes);
  });
}

inline void gate(float* y, const float* gate, const float* up, std::int64_t n,
                 ActivationKind kind) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 value = apply(load_some(gate + i, lanes), kind);
    store_some(y + i, mul(value, load_some(up + i, lanes)), lanes);
  });
}

inline void rotate(float* x, const float* cos, const float* sin, std::int64_t half) {
  for_vectors(half, [&](std::int64_t i, int lanes) {
    const F32x16 a = load_some(x + i, lanes);
    const F32x16 b = load_some(x + half + i, lanes);
    const F32x16 c = load_some(cos + i, lanes);
    const F32x16 s = load_some(sin + i, lanes);
    store_some(x + i, sub(mul(a, c), mul(b, s)), lanes);
    store_some(x + half + i, add(mul(b, c), mul(a, s)), lanes);
  });
}

template <typename W>
void widen_typed(float* y, const W* x, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, load_weights(x + i));
  if (i == n) return;
  W rest[kLanes] = {};
  for (std::int64_t j = i; j < n; ++j) rest[j - i] = x[j];
  store_first(y + i, load_weights(rest), static_cast<int>(n - i));
}

inline void widen(float* y, const void* x, WeightType type, std::int64_t n) {
  switch (type) {
    case WeightType::kF32:
      return widen_typed(y, static_cast<const float*>(x), n);
    case WeightType::kF16:
      return widen_typed(y, static_cast<const F16*>(x), n);
    case WeightType::kBF16:
    case WeightType::kBF16Pairs:
      return widen_typed(y, static_cast<const Bf16*>(x), n);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
