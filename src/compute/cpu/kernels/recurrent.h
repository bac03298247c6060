// Layers that keep a state: a causal convolution and the gated delta rule. Tokens are taken one
// after the other, so that bits do not depend on how a prompt was cut into chunks.
#pragma once

#include "compute/cpu/kernels/elementwise.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

inline void causal_conv_row(float* y, const float* const* inputs, const float* taps, int num_taps,
                            std::int64_t n, ActivationKind kind) {
  for_vectors(n, [&](std::int64_t i, int lanes) {
    F32x16 sum = broadcast(0.0f);
    for (int t = 0; t < num_taps; ++t) {
      if (!inputs[t]) continue;
      sum = fma(load_some(inputs[t] + i, lanes), load_some(taps + t * n + i, lanes), sum);
    }
    store_some(y + i, apply(sum, kind), lanes);
  });
}

inline void normalize_head(float* y, const float* x, std::int64_t n, float scale) {
  F32x16 squares = broadcast(0.0f);
  for_vectors(n, [&](std::int64_t i, int lanes) {
    const F32x16 value = load_some(x + i, lanes);
    squares = fma(value, value, squares);
  });
  const F32x16 factor = broadcast(scale / __builtin_sqrtf(reduce_add(squares) + 1e-6f));
  for_vectors(n, [&](std::int64_t i, int lanes) {
    store_some(y + i, mul(load_some(x + i, lanes), factor), lanes);
  });
}

/// Calls body(chain, key) for the keys in turn, the chains taking turns too: a sum is four chains,
/// as one alone would wait for each addition.
template <typename Body>
void for_keys(int key_dim, Body&& body) {
  int key = 0;
  for (; key + 4 <= key_dim; key += 4) {
    for (int chain = 0; chain < 4; ++chain) body(chain, key + chain);
  }
  for (int chain = 0; key + chain < key_dim; ++chain) body(chain, key + chain);
}

inline void delta_rule(const DeltaRuleArgs& args) {
  const auto total = [](const F32x16* chains) {
    return add(add(chains[0], chains[1]), add(chains[2], chains[3]));
  };
  const F32x16 zero = broadcast(0.0f);
  for (std::int64_t t = 0; t < args.count; ++t) {
    const float* q = args.q + t * args.qk_stride;
    const float* k = args.k + t * args.qk_stride;
    const F32x16 decay = broadcast(args.gates[t * args.gates_stride]);
    const F32x16 beta = broadcast(args.gates[t * args.gates_stride + 1]);
    F32x16 found[4] = {zero, zero, zero, zero};  // S^T k
    for_keys(args.key_dim, [&](int chain, int key) {
      const F32x16 state = mul(load(args.state + key * kLanes), decay);
      found[chain] = fma(state, broadcast(k[key]), found[chain]);
    });
    const F32x16 value = load_some(args.v + t * args.v_stride, args.columns);
    const F32x16 delta = mul(beta, sub(value, total(found)));
    F32x16 out[4] = {zero, zero, zero, zero};  // S^T q
    for_keys(args.key_dim, [&](int chain, int key) {
      const F32x16 decayed = mul(load(args.state + key * kLanes), decay);
      const F32x16 state = fma(broadcast(k[key]), delta, decayed);
      store(args.state + key * kLanes, state);
      out[chain] = fma(state, broadcast(q[key]), out[chain]);
    });
    store_some(args.out + t * args.out_stride, total(out), args.columns);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
