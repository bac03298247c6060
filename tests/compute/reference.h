// Every operation once more, as plainly as it can be written, in double precision.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "compute/convolution.h"

namespace saccade::compute::reference {

using Matrix = std::vector<float>;  // row-major

inline Matrix random_matrix(std::int64_t elements, unsigned seed, float scale = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  Matrix matrix(elements);
  for (float& value : matrix) value = normal(generator);
  return matrix;
}

inline std::vector<double> linear(const Matrix& x, const Matrix& w, const Matrix& bias,
                                  std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  std::vector<double> y(rows * outputs);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      double sum = bias.empty() ? 0.0 : bias[o];
      for (std::int64_t i = 0; i < inputs; ++i) {
        sum += static_cast<double>(x[r * inputs + i]) * w[o * inputs + i];
      }
      y[r * outputs + o] = sum;
    }
  }
  return y;
}

inline std::vector<double> rms_norm(const Matrix& x, const Matrix& weight, std::int64_t n,
                                    double eps) {
  std::vector<double> y(x.size());
  for (std::size_t row = 0; row < x.size(); row += n) {
    double squares = 0.0;
    for (std::int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[row + i]) * x[row + i];
    const double scale = 1.0 / std::sqrt(squares / static_cast<double>(n) + eps);
    for (std::int64_t i = 0; i < n; ++i) y[row + i] = x[row + i] * scale * weight[i];
  }
  return y;
}

inline std::vector<double> layer_norm(const Matrix& x, const Matrix& weight, const Matrix& bias,
                                      std::int64_t n, double eps) {
  std::vector<double> y(x.size());
  for (std::size_t row = 0; row < x.size(); row += n) {
    double mean = 0.0;
    for (std::int64_t i = 0; i < n; ++i) mean += x[row + i];
    mean /= static_cast<double>(n);
    double variance = 0.0;
    for (std::int64_t i = 0; i < n; ++i) variance += (x[row + i] - mean) * (x[row + i] - mean);
    const double scale = 1.0 / std::sqrt(variance / static_cast<double>(n) + eps);
    for (std::int64_t i = 0; i < n; ++i) {
      y[row + i] = (x[row + i] - mean) * scale * weight[i] + (bias.empty() ? 0.0 : bias[i]);
    }
  }
  return y;
}

/// y[r][i] = x[r][ids[i]] for rows of `n`.
inline Matrix gather_columns(const Matrix& x, std::int64_t n,
                             const std::vector<std::int32_t>& ids) {
  Matrix y;
  for (std::size_t row = 0; row < x.size(); row += n) {
    for (const std::int32_t id : ids) y.push_back(x[row + id]);
  }
  return y;
}

/// y[r][i] = x[r][i] factors[i]
inline Matrix scale_columns(const Matrix& x, const Matrix& factors) {
  Matrix y = x;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] *= factors[i % factors.size()];
  return y;
}

/// x[map, row, column, channel] of maps [places, channels], 0 outside of a map.
inline double at_place(const Matrix& x, std::int64_t channels, const ConvShape& shape,
                       std::int64_t map, std::int64_t row, std::int64_t column,
                       std::int64_t channel) {
  if (row < 0 || row >= shape.height || column < 0 || column >= shape.width) return 0.0;
  return x[((map * shape.height + row) * shape.width + column) * channels + channel];
}

/// Calls body(map, top, left) for every window of the maps, in their order.
template <typename Body>
void for_windows(const ConvShape& shape, Body&& body) {
  for (std::int64_t map = 0; map < shape.maps; ++map) {
    for (std::int64_t row = 0; row < shape.out_height(); ++row) {
      for (std::int64_t column = 0; column < shape.out_width(); ++column) {
        body(map, row * shape.stride - shape.padding, column * shape.stride - shape.padding);
      }
    }
  }
}

/// The windows of maps [places, channels] as rows [kernel, kernel, channels].
inline Matrix im2col(const Matrix& x, std::int64_t channels, const ConvShape& shape) {
  Matrix y;
  for_windows(shape, [&](std::int64_t map, std::int64_t top, std::int64_t left) {
    for (std::int64_t i = 0; i < shape.kernel; ++i) {
      for (std::int64_t j = 0; j < shape.kernel; ++j) {
        for (std::int64_t c = 0; c < channels; ++c) {
          y.push_back(static_cast<float>(at_place(x, channels, shape, map, top + i, left + j, c)));
        }
      }
    }
  });
  return y;
}

/// Convolutions of single channels: output o of input o / (outputs / channels); weight [kernel,
/// kernel, outputs].
inline std::vector<double> depthwise_conv(const Matrix& x, const Matrix& weight, const Matrix& bias,
                                          std::int64_t channels, std::int64_t outputs,
                                          const ConvShape& shape) {
  std::vector<double> y;
  for_windows(shape, [&](std::int64_t map, std::int64_t top, std::int64_t left) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      double sum = bias.empty() ? 0.0 : bias[o];
      for (std::int64_t i = 0; i < shape.kernel; ++i) {
        for (std::int64_t j = 0; j < shape.kernel; ++j) {
          sum += weight[(i * shape.kernel + j) * outputs + o] *
                 at_place(x, channels, shape, map, top + i, left + j, o / (outputs / channels));
        }
      }
      y.push_back(sum);
    }
  });
  return y;
}

/// The means of `groups` groups of rows of x [rows, n].
inline std::vector<double> mean_rows(const Matrix& x, std::int64_t n, std::int64_t groups) {
  const std::int64_t count = static_cast<std::int64_t>(x.size()) / n / groups;
  std::vector<double> y(groups * n, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) / n;
    y[row / count * n + static_cast<std::int64_t>(i) % n] += x[i] / static_cast<double>(count);
  }
  return y;
}

inline double silu(double x) {
  return x / (1.0 + std::exp(-x));
}
inline double gelu(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}
inline double gelu_tanh(double x) {
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
}
inline double quick_gelu(double x) {
  return x / (1.0 + std::exp(-1.702 * x));
}
inline double relu(double x) {
  return x > 0 ? x : 0.0;
}

inline double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

/// silu of a causal convolution over the rows of x [tokens, n], taps [num_taps, n].
inline std::vector<double> causal_conv(const Matrix& x, const Matrix& taps, std::int64_t n) {
  const auto num_taps = static_cast<std::int64_t>(taps.size()) / n;
  std::vector<double> y(x.size());
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(x.size()); ++i) {
    double sum = 0.0;
    for (std::int64_t t = 0; t < num_taps; ++t) {
      const std::int64_t from = i - (num_taps - 1 - t) * n;
      if (from >= 0) sum += static_cast<double>(taps[t * n + i % n]) * x[from];
    }
    y[i] = silu(sum);
  }
  return y;
}

struct DeltaRuleSizes {
  int key_heads, heads, key_dim, value_dim;
  std::int64_t width() const { return 2 * key_heads * key_dim + heads * value_dim; }
};

/// The gated delta rule over the tokens of one sequence, as Device::gated_delta_rule has it.
inline std::vector<double> gated_delta_rule(const Matrix& qkv, const Matrix& gates,
                                            const Matrix& rates, const Matrix& bias,
                                            const DeltaRuleSizes& sizes) {
  const auto [key_heads, heads, key_dim, value_dim] = sizes;
  const std::int64_t tokens = static_cast<std::int64_t>(qkv.size()) / sizes.width();
  std::vector<double> out(tokens * heads * value_dim);
  for (int head = 0; head < heads; ++head) {
    std::vector<double> state(key_dim * value_dim, 0.0);
    for (std::int64_t t = 0; t < tokens; ++t) {
      const float* q = &qkv[t * sizes.width() + head / (heads / key_heads) * key_dim];
      const float* k = q + key_heads * key_dim;
      const float* v = &qkv[t * sizes.width() + 2 * key_heads * key_dim + head * value_dim];
      const auto length = [&](const float* x) {
        double squares = 1e-6;
        for (int i = 0; i < key_dim; ++i) squares += static_cast<double>(x[i]) * x[i];
        return std::sqrt(squares);
      };
      const double query_scale = 1.0 / (length(q) * std::sqrt(key_dim));
      const double key_scale = 1.0 / length(k);
      const double a = static_cast<double>(gates[(2 * t + 1) * heads + head]) + bias[head];
      const double decay = std::exp(-rates[head] * std::log1p(std::exp(a)));
      const double beta = sigmoid(gates[2 * t * heads + head]);
      for (double& value : state) value *= decay;
      for (int column = 0; column < value_dim; ++column) {
        double found = 0.0;
        for (int i = 0; i < key_dim; ++i) found += state[i * value_dim + column] * k[i] * key_scale;
        const double delta = beta * (v[column] - found);
        double sum = 0.0;
        for (int i = 0; i < key_dim; ++i) {
          state[i * value_dim + column] += k[i] * key_scale * delta;
          sum += state[i * value_dim + column] * q[i] * query_scale;
        }
        out[(t * heads + head) * value_dim + column] = sum;
      }
    }
  }
  return out;
}

inline double softcap(double x, double cap) {
  return cap * std::tanh(x / cap);
}

/// softmax(scale q k^T) v of one query over keys [first, end); keys and values [tokens, head_dim]
/// given by row accessors.
inline std::vector<double> attend(const float* query, int head_dim, double scale,
                                  std::int64_t first, std::int64_t end,
                                  const std::function<const float*(std::int64_t)>& key,
                                  const std::function<const float*(std::int64_t)>& value,
                                  double cap = 0.0) {
  std::vector<double> scores;
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t t = first; t < end; ++t) {
    double score = 0.0;
    for (int d = 0; d < head_dim; ++d) score += static_cast<double>(query[d]) * key(t)[d];
    scores.push_back(cap > 0.0 ? softcap(score * scale, cap) : score * scale);
    largest = std::max(largest, scores.back());
  }
  std::vector<double> out(head_dim, 0.0);
  double total = 0.0;
  for (std::int64_t t = first; t < end; ++t) {
    const double weight = std::exp(scores[t - first] - largest);
    total += weight;
    for (int d = 0; d < head_dim; ++d) out[d] += weight * value(t)[d];
  }
  for (double& x : out) x /= total;
  return out;
}

/// Attention between the channels of each group, of rows [groups * channels].
inline std::vector<double> channel_attention(const Matrix& q, const Matrix& k, const Matrix& v,
                                             std::int64_t groups, std::int64_t channels,
                                             double scale) {
  const std::int64_t columns = groups * channels;
  const std::int64_t rows = static_cast<std::int64_t>(q.size()) / columns;
  std::vector<double> out(q.size(), 0.0);
  for (std::int64_t column = 0; column < columns; ++column) {
    const std::int64_t first = column / channels * channels;
    std::vector<double> weights(channels);
    double total = 0.0;
    double largest = -std::numeric_limits<double>::infinity();
    for (std::int64_t d = 0; d < channels; ++d) {
      double sum = 0.0;
      for (std::int64_t row = 0; row < rows; ++row) {
        sum += static_cast<double>(q[row * columns + column]) * k[row * columns + first + d];
      }
      weights[d] = scale * sum;
      largest = std::max(largest, weights[d]);
    }
    for (double& weight : weights) total += weight = std::exp(weight - largest);
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t d = 0; d < channels; ++d) {
        out[row * columns + column] += weights[d] / total * v[row * columns + first + d];
      }
    }
  }
  return out;
}

}  // namespace saccade::compute::reference
