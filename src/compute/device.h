// A place where tensors live and the operations on them: the same set on every backend.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compute/kv_cache.h"
#include "compute/weight.h"
#include "tensor/weight_format.h"

namespace saccade::compute {

enum class Activation { kSilu, kGelu, kGeluTanh, kQuickGelu, kRelu };

/// Heads of an attention and how far they look.
struct AttentionShape {
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  float scale = 0.0f;       ///< of the query-key products
  std::int64_t window = 0;  ///< keys a query sees at most, itself included; 0: all
  /// A score s becomes softcap * tanh(s / softcap) (Gemma 2); 0: it stays.
  float softcap = 0.0f;
};

struct DeviceInfo {
  std::string name;         ///< "cpu"
  std::string description;  ///< the processor's own name
  int threads = 0;
  std::string instruction_set;     ///< in use
  std::vector<std::string> built;  ///< instruction sets this binary has kernels for
  std::int64_t memory_bytes = 0;
  std::int64_t available_memory_bytes = 0;
};

/// Operations check their shapes and throw Error naming themselves; results are written into
/// tensors the caller made. All floating-point tensors are f32; weights keep their own type.
///
/// Every element of every result is computed in an order that does not depend on the number of
/// rows, on the other rows, or on the number of threads (DESIGN, decision 6).
class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceInfo info() const = 0;

  // Memory.

  /// Uninitialized elements.
  virtual Tensor empty(DType dtype, const Shape& shape) = 0;
  virtual void upload(const Tensor& to, const void* from) = 0;
  virtual void download(void* to, const Tensor& from) = 0;
  /// Zeroed pages; memory is committed as pages are used.
  virtual std::unique_ptr<KvCache> make_kv_cache(const KvLayout& layout, int num_pages) = 0;
  /// Bytes one token costs in a cache of this layout.
  virtual std::int64_t kv_bytes_per_token(const KvLayout& layout) const = 0;
  virtual int kv_page_tokens() const = 0;

  /// Packs matrices [outputs_i, inputs], stacked along the outputs, each in its own format. Throws
  /// Error for a format that has no kernels here.
  virtual std::shared_ptr<const Weight> pack(std::span<const HostMatrix> parts) = 0;
  /// A dense f32 copy of a tensor in host memory.
  virtual Tensor to_f32(const HostTensor& tensor) = 0;

  // Operations. Checked here, done in the backend.

  /// y [rows, outputs] = x [rows, inputs] w^T + bias [outputs]
  void linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias);
  /// y [rows, inputs] = the rows of w [outputs, inputs] that ids name
  void embed(const Tensor& y, const Weight& w, std::span<const std::int32_t> ids);
  /// y [rows, n] = x / sqrt(mean(x^2) + eps) * weight [n]; y may be x.
  void rms_norm(const Tensor& y, const Tensor& x, const Tensor& weight, float eps);
  /// Norms each head of x [rows, heads * n] by itself, in place, with the same weight [n].
  void rms_norm_heads(const Tensor& x, const Tensor& weight, float eps);
  /// y [rows, n] = (x - mean) / sqrt(variance + eps) * weight + bias; y may be x.
  void layer_norm(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor* bias,
                  float eps);
  /// y [rows, n] += x
  void add(const Tensor& y, const Tensor& x);
  /// x [rows, n] *= factor
  void scale(const Tensor& x, float factor);
  /// Column i of x [rows, n] *= factors[i], factors [n]
  void scale_columns(const Tensor& x, const Tensor& factors);
  /// x [rows, n] = cap * tanh(x / cap); cap > 0
  void softcap(const Tensor& x, float cap);
  /// x [rows, n] = activation(x)
  void activate(const Tensor& x, Activation activation);
  /// y [rows, n] = activation(gate_up [:, :n]) * gate_up [:, n:]
  void gate(const Tensor& y, const Tensor& gate_up, Activation activation);
  /// Rotates each head's pairs (i, i + n) of x [rows, heads * head_dim] by the angles whose cosines
  /// and sines are [rows, n]; where 2 n is less than head_dim, the rest of the head stays.
  void rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim);
  /// y [ids.size(), n] = rows of x
  void gather(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids);
  /// Column i of y [rows, ids.size()] = column ids[i] of x
  void gather_columns(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids);
  /// Row ids[i] of y = row i of x [ids.size(), n]
  void scatter(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids);
  /// Row ids[i] of y += factors[i] * row i of x [ids.size(), n]; no two ids are the same.
  void scatter_add(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids,
                   std::span<const float> factors);
  /// Attention without mask inside each segment: rows [ends[i - 1], ends[i]) see each other.
  /// q, out [rows, num_heads * head_dim]; k, v [rows, num_kv_heads * head_dim].
  void attention_segments(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                          const AttentionShape& shape, std::span<const std::int64_t> ends);
  /// Stores keys and values [rows, num_kv_heads * head_dim] of the spans in one layer's pages.
  void write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                std::span<const SequenceSpan> spans);
  /// Attention of each span's tokens to the stored tokens of their sequence: those up to the token
  /// itself, or as far as the span's end_keys say.
  /// q, out [rows, num_heads * head_dim]
  void attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache, int layer,
                       const AttentionShape& shape, std::span<const SequenceSpan> spans);

 protected:
  virtual void do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) = 0;
  virtual void do_embed(const Tensor& y, const Weight& w, std::span<const std::int32_t> ids) = 0;
  /// Columns of x and y in stretches of as many as the weight has, each normed by itself.
  virtual void do_rms_norm(const Tensor& y, const Tensor& x, const Tensor& weight, float eps) = 0;
  virtual void do_layer_norm(const Tensor& y, const Tensor& x, const Tensor& weight,
                             const Tensor* bias, float eps) = 0;
  virtual void do_add(const Tensor& y, const Tensor& x) = 0;
  virtual void do_scale(const Tensor& x, float factor) = 0;
  virtual void do_scale_columns(const Tensor& x, const Tensor& factors) = 0;
  virtual void do_softcap(const Tensor& x, float cap) = 0;
  virtual void do_activate(const Tensor& x, Activation activation) = 0;
  virtual void do_gate(const Tensor& y, const Tensor& gate_up, Activation activation) = 0;
  virtual void do_rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim) = 0;
  virtual void do_gather(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids) = 0;
  virtual void do_gather_columns(const Tensor& y, const Tensor& x,
                                 std::span<const std::int32_t> ids) = 0;
  virtual void do_scatter(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids) = 0;
  virtual void do_scatter_add(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids,
                              std::span<const float> factors) = 0;
  virtual void do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                     const Tensor& v, const AttentionShape& shape,
                                     std::span<const std::int64_t> ends) = 0;
  virtual void do_write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                           std::span<const SequenceSpan> spans) = 0;
  virtual void do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache,
                                  int layer, const AttentionShape& shape,
                                  std::span<const SequenceSpan> spans) = 0;
};

/// "silu", "gelu", "gelu_pytorch_tanh", "gelu_new", "quick_gelu", "relu" as in config.json, or
/// nothing for a name that is not known.
std::optional<Activation> activation_named(std::string_view name);

}  // namespace saccade::compute
