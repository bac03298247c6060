// K-quants, IQ4_NL and IQ4_XS: blocks whose parts have scales that are quantized themselves.
//
// The format leaves the choice of scales open. Here each part gets the scale (and offset) of least
// square error among candidates around the obvious one, each candidate refined by a least-squares
// fit to the codes it leads to. Then the parts' scales are quantized against the block's, their
// neighbours are tried, and the block's own scale is fitted once more to all codes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "tensor/dequantize.h"
#include "tensor/ggml_pack.h"
#include "tensor/quantize_blocks.h"

namespace saccade {
namespace {

/// Rounds numbers below 2^22 to whole ones, halves to even, in vector instructions everywhere.
constexpr float kRound = 0x1.8p23f;

constexpr int kMaxPart = 32;

/// What one block's search works on: its shape, and the values that are being fitted.
struct Block {
  GgmlType type;
  const BlockShape& shape;
  const float* values;
  int parts;
  int size;  ///< elements of a part

  const float* part(int p) const { return values + p * size; }
};

// The points between the values of IQ4's codes.
constexpr auto kIq4Middles = [] {
  std::array<float, 15> middles{};
  for (int i = 0; i < 15; ++i)
    middles[i] = 0.5f * static_cast<float>(kIq4Values[i] + kIq4Values[i + 1]);
  return middles;
}();

/// The values that codes mean, nearest to `values` * inverse.
void nearest_values(const Block& block, const float* values, float inverse, float* nearest) {
  if (block.shape.table) {
    for (int i = 0; i < block.size; ++i) nearest[i] = static_cast<float>(kIq4Values[0]);
    for (int k = 0; k < 15; ++k) {
      const auto step = static_cast<float>(kIq4Values[k + 1] - kIq4Values[k]);
      for (int i = 0; i < block.size; ++i) {
        nearest[i] += values[i] * inverse > kIq4Middles[k] ? step : 0.0f;
      }
    }
    return;
  }
  const auto low = static_cast<float>(-block.shape.zero);
  const auto high = static_cast<float>((1 << block.shape.bits) - 1 - block.shape.zero);
  for (int i = 0; i < block.size; ++i) {
    const float code = values[i] * inverse;
    const float limited = code > low ? (code < high ? code : high) : low;
    nearest[i] = limited + kRound - kRound;
  }
}

/// Sums over a part that all fits need, in double where differences of large sums are taken.
struct Sums {
  float q = 0.0f, qq = 0.0f, qx = 0.0f;
};

Sums sums_of(const float* q, const float* x, int size) {
  // Four sums side by side, so that the compiler may use vectors.
  float s[3][4] = {};
  for (int i = 0; i < size; i += 4) {
    for (int k = 0; k < 4; ++k) {
      s[0][k] += q[i + k];
      s[1][k] += q[i + k] * q[i + k];
      s[2][k] += q[i + k] * x[i + k];
    }
  }
  const auto total = [](const float* t) { return (t[0] + t[1]) + (t[2] + t[3]); };
  return {total(s[0]), total(s[1]), total(s[2])};
}

float sum_of(const float* x, int size) {
  float s[4] = {};
  for (int i = 0; i < size; i += 4) {
    for (int k = 0; k < 4; ++k) s[k] += x[i + k];
  }
  return (s[0] + s[1]) + (s[2] + s[3]);
}

/// The square error of scale * code + offset with the best codes for them.
float part_error(const Block& block, int p, float scale, float offset, float* q) {
  float shifted[kMaxPart] = {};
  const float* x = block.part(p);
  for (int i = 0; i < block.size; ++i) shifted[i] = x[i] - offset;
  nearest_values(block, shifted, scale != 0.0f ? 1.0f / scale : 0.0f, q);
  float s[4] = {};
  for (int i = 0; i < block.size; i += 4) {
    for (int k = 0; k < 4; ++k) {
      const float error = scale * q[i + k] - shifted[i + k];
      s[k] += error * error;
    }
  }
  return (s[0] + s[1]) + (s[2] + s[3]);
}

/// A part's scale and offset before they are quantized.
struct Fit {
  float scale = 0.0f;
  float offset = 0.0f;  ///< never above zero: formats store its negation without sign
};

constexpr int kCandidates = 16;

/// scale * code + offset for codes from 0 on (Q2_K, Q4_K, Q5_K).
Fit fit_with_offset(const Block& block, int p) {
  const float* x = block.part(p);
  const float low = std::min(0.0f, *std::min_element(x, x + block.size));
  const float high = *std::max_element(x, x + block.size);
  if (!(high > low)) return {0.0f, low};
  const auto top = static_cast<float>((1 << block.shape.bits) - 1);
  const auto count = static_cast<float>(block.size);
  const float sum = sum_of(x, block.size);
  Fit best{(high - low) / top, low};
  float q[kMaxPart] = {};
  float best_error = part_error(block, p, best.scale, best.offset, q);
  for (int c = 0; c < kCandidates; ++c) {
    // Slightly wider or narrower steps than those that span the range.
    const float inverse = (top - 1.2f + 0.13f * static_cast<float>(c)) / (high - low);
    float shifted[kMaxPart] = {};
    for (int i = 0; i < block.size; ++i) shifted[i] = x[i] - low;
    nearest_values(block, shifted, inverse, q);
    const Sums s = sums_of(q, x, block.size);
    const float determinant = count * s.qq - s.q * s.q;
    if (!(determinant > 0.0f)) continue;
    Fit fit{(count * s.qx - s.q * sum) / determinant, (s.qq * sum - s.q * s.qx) / determinant};
    if (fit.offset > 0.0f) fit = {s.qq > 0.0f ? s.qx / s.qq : 0.0f, 0.0f};
    if (!(fit.scale > 0.0f)) continue;
    const float error = part_error(block, p, fit.scale, fit.offset, q);
    if (error < best_error) {
      best_error = error;
      best = fit;
    }
  }
  return best;
}

/// scale * value for values on both sides of zero (Q3_K, Q6_K, IQ4_XS, IQ4_NL).
Fit fit_around_zero(const Block& block, int p) {
  const float* x = block.part(p);
  float farthest = 0.0f;
  for (int i = 0; i < block.size; ++i) {
    if (std::abs(x[i]) > std::abs(farthest)) farthest = x[i];
  }
  if (!(std::abs(farthest) > 1e-30f)) return {};
  // Values reach farther below zero than above it; either end may meet the farthest weight.
  const float low = block.shape.table ? -127.0f : static_cast<float>(-block.shape.zero);
  const float high = block.shape.table ? 113.0f : -low - 1.0f;
  const float spread = block.shape.table ? 1.0f : 0.1f;
  Fit best;
  float best_gain = 0.0f;
  float q[kMaxPart] = {};
  for (const float end : {low, high}) {
    for (int c = -kCandidates / 2; c <= kCandidates / 2; ++c) {
      const float inverse = (end + spread * static_cast<float>(c)) / farthest;
      nearest_values(block, x, inverse, q);
      const Sums s = sums_of(q, x, block.size);
      // The error of the fitted scale is the square sum less this.
      if (s.qq > 0.0f && s.qx * s.qx > best_gain * s.qq) {
        best_gain = s.qx * s.qx / s.qq;
        best.scale = s.qx / s.qq;
      }
    }
  }
  return best;
}

/// The whole numbers that scales and offsets become.
struct Ranges {
  int scale_low;
  int scale_high;
  int min_high;
};

Ranges ranges_of(GgmlType type) {
  switch (type) {
    case GgmlType::kQ2_K:
      return {0, 15, 15};
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
      return {0, 63, 63};
    case GgmlType::kQ6_K:
      return {-128, 127, 0};
    case GgmlType::kIQ4_NL:
      return {1, 1, 0};
    default:
      return {-32, 31, 0};
  }
}

/// A block on its way: everything that is stored but the codes.
struct State {
  std::uint16_t d = 0;  ///< f16 bits
  std::uint16_t m = 0;
  std::array<int, kMaxBlockParts> scale{};
  std::array<int, kMaxBlockParts> min{};
};

float state_error(const Block& block, const State& state, int p, int scale, int min, float* q) {
  const float d = f16_to_f32(state.d) * static_cast<float>(scale);
  const float m = f16_to_f32(state.m) * static_cast<float>(min);
  return part_error(block, p, d, -m, q);
}

/// Moves each part's whole numbers to the best of their neighbours; returns the square error.
double settle_parts(const Block& block, const Ranges& ranges, State& state) {
  double total = 0.0;
  float q[kMaxPart] = {};
  for (int p = 0; p < block.parts; ++p) {
    const int scale = state.scale[p];
    const int min = state.min[p];
    float best = state_error(block, state, p, scale, min, q);
    for (int s = std::max(ranges.scale_low, scale - 1); s <= std::min(ranges.scale_high, scale + 1);
         ++s) {
      for (int n = std::max(0, min - 1); n <= std::min(ranges.min_high, min + 1); ++n) {
        if (s == scale && n == min) continue;
        const float error = state_error(block, state, p, s, n, q);
        if (error < best) {
          best = error;
          state.scale[p] = s;
          state.min[p] = n;
        }
      }
    }
    total += best;
  }
  return total;
}

/// The block's scales that fit all codes best, given the parts' whole numbers.
void refit(const Block& block, State& state) {
  double aa = 0.0, ab = 0.0, bb = 0.0, ax = 0.0, bx = 0.0;
  float q[kMaxPart] = {};
  for (int p = 0; p < block.parts; ++p) {
    state_error(block, state, p, state.scale[p], state.min[p], q);
    const Sums s = sums_of(q, block.part(p), block.size);
    const double scale = state.scale[p];
    const double min = -state.min[p];
    aa += scale * scale * s.qq;
    ab += scale * min * s.q;
    bb += min * min * block.size;
    ax += scale * s.qx;
    bx += min * sum_of(block.part(p), block.size);
  }
  const double determinant = aa * bb - ab * ab;
  double d = aa > 0.0 ? ax / aa : 0.0;
  double m = 0.0;
  if (determinant > 1e-9 * aa * bb) {
    d = (ax * bb - bx * ab) / determinant;
    m = (bx * aa - ax * ab) / determinant;
  }
  if (block.shape.has_min && (d < 0.0 || m < 0.0)) return;
  state.d = f32_to_f16(static_cast<float>(d));
  state.m = f32_to_f16(static_cast<float>(m));
}

State first_state(const Block& block, const Ranges& ranges) {
  std::array<Fit, kMaxBlockParts> fits;
  Fit largest;
  for (int p = 0; p < block.parts; ++p) {
    fits[p] = block.shape.has_min ? fit_with_offset(block, p) : fit_around_zero(block, p);
    if (std::abs(fits[p].scale) > std::abs(largest.scale)) largest.scale = fits[p].scale;
    largest.offset = std::min(largest.offset, fits[p].offset);
  }
  State state;
  // Signed scales reach farther below zero, so that is where the largest goes.
  const int scale_end = ranges.scale_low < 0 ? ranges.scale_low : ranges.scale_high;
  state.d = f32_to_f16(largest.scale / static_cast<float>(scale_end));
  if (ranges.min_high > 0)
    state.m = f32_to_f16(-largest.offset / static_cast<float>(ranges.min_high));
  const float d = f16_to_f32(state.d);
  const float m = f16_to_f32(state.m);
  for (int p = 0; p < block.parts; ++p) {
    const float scale = d != 0.0f ? fits[p].scale / d : 0.0f;
    const float min = m != 0.0f ? -fits[p].offset / m : 0.0f;
    state.scale[p] = std::clamp(static_cast<int>(std::lround(std::clamp(scale, -200.0f, 200.0f))),
                                ranges.scale_low, ranges.scale_high);
    state.min[p] = std::clamp(static_cast<int>(std::lround(std::clamp(min, 0.0f, 200.0f))), 0,
                              ranges.min_high);
  }
  return state;
}

std::uint8_t code_of(const Block& block, float value) {
  if (!block.shape.table)
    return static_cast<std::uint8_t>(value + static_cast<float>(block.shape.zero));
  const auto* found = std::lower_bound(kIq4Values.begin(), kIq4Values.end(), value);
  return static_cast<std::uint8_t>(found - kIq4Values.begin());
}

}  // namespace

void quantize_searched_block(GgmlType type, const float* values, std::byte* to) {
  const BlockShape& shape = block_shape(type);
  const int elements = ggml_traits(type).elements;
  const Block block{type, shape, values, shape.parts, elements / shape.parts};
  const Ranges ranges = ranges_of(type);
  State state = first_state(block, ranges);
  double error = settle_parts(block, ranges, state);
  for (int round = 0; round < 2; ++round) {
    State refined = state;
    refit(block, refined);
    const double refined_error = settle_parts(block, ranges, refined);
    if (!(refined_error < error)) break;
    error = refined_error;
    state = refined;
  }
  BlockScales scales;
  scales.d = state.d;
  scales.m = state.m;
  std::uint8_t codes[kMaxBlockElements];
  float q[kMaxPart] = {};
  for (int p = 0; p < block.parts; ++p) {
    scales.scale[p] = static_cast<std::int8_t>(state.scale[p]);
    scales.min[p] = static_cast<std::int8_t>(state.min[p]);
    state_error(block, state, p, state.scale[p], state.min[p], q);
    for (int i = 0; i < block.size; ++i) codes[p * block.size + i] = code_of(block, q[i]);
  }
  write_block(type, codes, scales, to);
}

}  // namespace saccade
