// The kernels of one instruction set, as a table of functions.
//
// Every function here computes each output element in an order that does not depend on how many
// rows, sequences or threads take part (DESIGN, decision 6).
#pragma once

#include <cstdint>

#include "compute/cpu/kernels/quant_layout.h"

namespace saccade::compute::cpu {

/// Columns of one weight panel: outputs that one vector computes together.
inline constexpr int kPanel = 16;
/// Keys that one attention step takes together; also the tokens of one KV page.
inline constexpr int kKeyBlock = 64;
/// Query rows one attend() call may carry.
inline constexpr int kMaxAttentionRows = 64;
/// The widest attention head.
inline constexpr int kMaxHeadDim = 256;

enum class WeightType : std::uint8_t { kF32, kF16, kBF16 };
enum class ActivationKind : std::uint8_t { kSilu, kGelu, kGeluTanh, kQuickGelu, kRelu };

/// Rows [0, rows) of y = x w^T + bias for panels [panel_begin, panel_end).
struct GemmArgs {
  const void* weight;  // [panels, k, kPanel]
  WeightType type;
  const float* x;     // tiles of tile_rows rows, each [k, rows of the tile]; see pack_rows
  float* y;           // [rows, y_stride]
  const float* bias;  // [outputs] or null
  std::int64_t k;
  std::int64_t outputs;
  std::int64_t rows;
  std::int64_t y_stride;
  std::int64_t panel_begin;
  std::int64_t panel_end;
};

/// Rows of one call with integer products: their sums, 24 KiB, stay in the L1 cache beside a block
/// of weights, and unpacking that block costs 2 % of the products.
inline constexpr int kDotBlockRows = 192;

/// Rows [0, rows) of y = x w^T + bias for panels [panel_begin, panel_end) of quantized weights.
struct QuantGemmArgs {
  const std::uint8_t* weight;
  const QuantLayout* layout;
  const float* x;               // as in GemmArgs, for float products
  const QuantizedRows* inputs;  // for integer products, of which rows from first_row on are taken
  std::int64_t first_row;
  float* y;           // [rows, y_stride]
  const float* bias;  // [outputs] or null
  std::int64_t k;
  std::int64_t outputs;
  std::int64_t rows;
  std::int64_t y_stride;
  std::int64_t panel_begin;
  std::int64_t panel_end;
  // What is done with integer products of several rows before they are written:
  bool gated =
      false;  // y = gate(product) * product outputs / 2 further on; panels of the first half
  ActivationKind gate = ActivationKind::kSilu;
  bool add = false;  // the results are added to y
};

/// One query row: attends to keys [first_key, end_key) of its sequence.
struct AttentionRow {
  const float* query;  // [head_dim]
  float* out;          // [head_dim]
  std::int64_t first_key;
  std::int64_t end_key;
};

/// Up to kMaxAttentionRows rows against one key-value head.
struct AttentionArgs {
  const AttentionRow* rows;
  int num_rows;
  const float* const* key_blocks;    // each [head_dim, kKeyBlock]
  const float* const* value_blocks;  // each [kKeyBlock, padded(head_dim)]
  int head_dim;
  float scale;
  float softcap;   // 0: none
  float* scratch;  // attention_scratch_floats(head_dim)
};

constexpr int padded(int n) {
  return (n + kPanel - 1) / kPanel * kPanel;
}
constexpr std::int64_t attention_scratch_floats(int head_dim) {
  return static_cast<std::int64_t>(kMaxAttentionRows) * (kKeyBlock + padded(head_dim));
}

struct Kernels {
  const char* name;
  int tile_rows;
  void (*gemm)(const GemmArgs&);
  /// At most kDotBlockRows rows.
  void (*quant_gemm)(const QuantGemmArgs&);
  void (*quant_gemm_float)(const QuantGemmArgs&);
  /// Rounds x [n] to a row of `to`.
  void (*quantize_row)(const QuantizedRows& to, std::int64_t row, const float* x, std::int64_t n,
                       const QuantLayout& layout);
  /// The k weights of one output of a quantized matrix.
  void (*dequantize_output)(float* to, const std::uint8_t* weight, const QuantLayout& layout,
                            std::int64_t k, std::int64_t output);
  void (*attend)(const AttentionArgs&);
  /// y[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]
  void (*rms_norm)(float* y, const float* x, const float* weight, std::int64_t n, float eps);
  /// y[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i]; bias may be null.
  void (*layer_norm)(float* y, const float* x, const float* weight, const float* bias,
                     std::int64_t n, float eps);
  void (*add)(float* y, const float* x, std::int64_t n);
  /// y[i] += factor * x[i], rounded once
  void (*add_scaled)(float* y, const float* x, float factor, std::int64_t n);
  void (*scale)(float* x, std::int64_t n, float factor);
  /// x[i] *= factors[i]
  void (*multiply)(float* x, const float* factors, std::int64_t n);
  /// x[i] = cap * tanh(x[i] / cap)
  void (*softcap)(float* x, std::int64_t n, float cap);
  void (*activate)(float* x, std::int64_t n, ActivationKind kind);
  /// y[i] = activation(gate[i]) * up[i]
  void (*gate)(float* y, const float* gate, const float* up, std::int64_t n, ActivationKind kind);
  /// Rotates the pairs (x[i], x[i + half]) by the angle whose cosine and sine are given.
  void (*rotate)(float* x, const float* cos, const float* sin, std::int64_t half);
  void (*widen)(float* y, const void* x, WeightType type, std::int64_t n);
};

/// Interleaves the rows of one tile for gemm: y[k * rows + r] = x[r * stride + k].
inline void pack_rows(float* y, const float* x, std::int64_t stride, int rows, std::int64_t k) {
  for (int r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < k; ++i) y[i * rows + r] = x[r * stride + i];
  }
}

namespace avx512_vnni {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
namespace avx_vnni {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace neon_i8mm {
extern const Kernels kKernels;
}
namespace neon_dotprod {
extern const Kernels kKernels;
}
namespace neon {
extern const Kernels kKernels;
}
namespace scalar {
extern const Kernels kKernels;
}

}  // namespace saccade::compute::cpu
