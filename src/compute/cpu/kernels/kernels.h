// The kernels of one instruction set, as a table of functions.
//
// Every function here computes each output element in an order that does not depend on how many
// rows, sequences or threads take part (DESIGN, decision 6).
#pragma once

#include <cstddef>
#include <cstdint>

#include "compute/cpu/kernels/kv_block.h"
#include "compute/cpu/kernels/quant_layout.h"

namespace saccade::compute::cpu {

/// Columns of one weight panel: outputs that one vector computes together.
inline constexpr int kPanel = 16;

/// How float panels are stored. Pairs are for bf16 dot products: [(k + 1) / 2, kPanel, 2], an odd k
/// filled up with zeros.
enum class WeightType : std::uint8_t { kF32, kF16, kBF16, kBF16Pairs };
enum class ActivationKind : std::uint8_t { kSilu, kGelu, kGeluTanh, kQuickGelu, kRelu, kSigmoid };

/// Rows [0, rows) of y = x w^T + bias for panels [panel_begin, panel_end).
struct GemmArgs {
  const void* weight;  // [panels, k, kPanel]
  WeightType type;
  const void* x;      // tiles of tile_rows rows, the last of fewer: see pack_rows and pack_pairs
  int tile_rows;      // at most those of the kernels
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

/// The RMS norm of a row with these weights, or none.
struct RowNorm {
  const float* weight = nullptr;
  float eps = 0.0f;
};

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
  // What is done with integer products before they are written:
  bool gated =
      false;  // y = gate(product) * product outputs / 2 further on; panels of the first half
  ActivationKind gate = ActivationKind::kSilu;
  bool add = false;  // the results are added to y
  // Only this of so many even slices of each of the streams in which the panels are read (see
  // gemv_streams.h of one row). Slices one after the other go on with the same streams.
  std::int64_t slice = 0;
  std::int64_t slices = 1;
};

/// One query row: attends to keys [first_key, end_key) of its sequence.
struct AttentionRow {
  const float* query;  // [head_dim]
  float* out;          // [head_dim]
  std::int64_t first_key;
  std::int64_t end_key;
};

/// The blocks of keys and values of a sequence (KvBlockLayout), one after the other or in pages.
struct KvBlocks {
  const std::byte* first;
  std::int64_t stride;        // bytes
  const std::int32_t* pages;  // block b is number pages[b]; null: number b

  const std::byte* at(std::int64_t block) const {
    return first + (pages ? pages[block] : block) * stride;
  }
};

/// Up to kMaxAttentionRows rows against one key-value head.
struct AttentionArgs {
  const AttentionRow* rows;
  int num_rows;
  KvBlocks blocks;
  KvCodes codes;  // what the blocks hold
  bool far;       // the blocks are in memory rather than in a cache
  int head_dim;
  float scale;
  float softcap;  // 0: none
};

/// Output places [0, out_width) of one row of a map, channels [0, channels) of a depthwise
/// convolution. Rows and places of the map that are not there count as zeros.
struct DepthwiseArgs {
  float* y;             // [out_width, y_stride]
  const float* x;       // [height, width, x_stride]
  const float* weight;  // [kernel, kernel, weight_stride]
  const float* bias;    // [channels] or null
  std::int64_t y_stride, x_stride, weight_stride;
  std::int64_t channels;
  std::int64_t height, width, out_width;
  std::int64_t first_row;  // of the map under the window; may be outside
  int kernel, stride, padding;
};

/// Taps that a causal convolution has at most.
inline constexpr int kMaxConvTaps = 16;

/// The gated delta rule of one sequence and head for a panel of columns: `count` tokens, a row of
/// each stride apart.
struct DeltaRuleArgs {
  float* state;        // [key_dim, 16]
  const float* q;      // [key_dim], scaled
  const float* k;      // [key_dim], scaled
  const float* v;      // [columns]
  const float* gates;  // what the state is multiplied by, and the share of what it lacks
  float* out;          // [columns]
  std::int64_t qk_stride, v_stride, gates_stride, out_stride;
  std::int64_t count;
  int key_dim;
  int columns;  // at most 16
};

/// Floats of a row of channel scores and weights: whole pairs of vectors.
constexpr int channel_width(int channels) {
  return (channels + 31) / 32 * 32;
}

/// Attention weights of channels [begin, end) of one group of channels, the sums over all rows.
struct ChannelWeightsArgs {
  const float* q;  // [rows, q_stride], the group's channels first
  const float* k;
  std::int64_t q_stride;
  std::int64_t k_stride;
  std::int64_t rows;
  int channels;  // of the group
  int begin;
  int end;
  float scale;     // of the sums
  float* scores;   // to work with, [end - begin, channel_width(channels)]
  float* weights;  // [channels, channel_width(channels)]: column i is what channel i takes of each
};

/// Bytes that the kernels of PeakKernels work on: moderate floats.
inline constexpr int kPeakMemory = 1024;

/// What a core can do at best (peak.h). Products do so many rounds on kPeakMemory bytes, to which
/// they write what came of it, and return the multiplications and additions that they did.
struct PeakKernels {
  std::int64_t (*f32)(std::int64_t rounds, void* memory);
  std::int64_t (*int8)(std::int64_t rounds, void* memory);
  std::int64_t (*int16)(std::int64_t rounds, void* memory);
  /// Null where the instruction set has no products of bf16.
  std::int64_t (*bf16)(std::int64_t rounds, void* memory);
  /// The largest of `count` floats (a multiple of 256), or 0.
  float (*read)(const float* from, std::int64_t count);
};

struct Kernels {
  const char* name;
  PeakKernels peak;
  int tile_rows;
  void (*gemm)(const GemmArgs&);
  /// At most kDotBlockRows rows.
  void (*quant_gemm)(const QuantGemmArgs&);
  void (*quant_gemm_float)(const QuantGemmArgs&);
  /// Rounds blocks [first, end) of x [n] to those of a row of `to`, after `norm`.
  void (*quantize_row)(const QuantizedRows& to, std::int64_t row, std::int64_t first,
                       std::int64_t end, const float* x, std::int64_t n, const QuantLayout& layout,
                       const RowNorm& norm);
  /// The k weights of one output of a quantized matrix.
  void (*dequantize_output)(float* to, const std::uint8_t* weight, const QuantLayout& layout,
                            std::int64_t k, std::int64_t output);
  void (*attend)(const AttentionArgs&);
  /// Stores a token's key and value [head_dim] as number `slot` of a block of integers. Of 8 bits
  /// it is stored after the block's first.
  void (*store_rounded_token)(const KvBlockLayout& layout, std::byte* block, int slot,
                              const float* key, const float* value);
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
  void (*depthwise)(const DepthwiseArgs&);
  /// y[i] = activation(the sum over t of taps[t * n + i] * inputs[t][i]), null inputs being zeros
  void (*causal_conv)(float* y, const float* const* inputs, const float* taps, int num_taps,
                      std::int64_t n, ActivationKind kind);
  /// y = x * scale / sqrt(the sum of squares + 1e-6)
  void (*normalize_head)(float* y, const float* x, std::int64_t n, float scale);
  void (*delta_rule)(const DeltaRuleArgs&);
  void (*widen)(float* y, const void* x, WeightType type, std::int64_t n);
  void (*channel_weights)(const ChannelWeightsArgs&);
  /// out[i] = the sum over d of values[d] * weights[d][i], for the channels of one group
  void (*mix_channels)(float* out, const float* values, const float* weights, int channels);
  /// A tile for products with WeightType::kBF16Pairs, rounded to bf16: [(k + 1) / 2, rows, 2]. Null
  /// where there are no such products.
  void (*pack_pairs)(void* to, const float* x, std::int64_t stride, int rows, std::int64_t k);
};

/// Interleaves the rows of one tile for gemm: y[k * rows + r] = x[r * stride + k].
inline void pack_rows(float* y, const float* x, std::int64_t stride, int rows, std::int64_t k) {
  for (int r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < k; ++i) y[i * rows + r] = x[r * stride + i];
  }
}

namespace avx512_bf16 {
extern const Kernels kKernels;
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
