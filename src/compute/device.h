// A place where tensors live and the operations on them: the same set on every backend.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compute/convolution.h"
#include "compute/energy.h"
#include "compute/kv_cache.h"
#include "compute/roofline.h"
#include "compute/sampler.h"
#include "compute/span_table.h"
#include "compute/state_store.h"
#include "compute/weight.h"
#include "tensor/weight_format.h"

namespace saccade::compute {

enum class Activation { kSilu, kGelu, kGeluTanh, kQuickGelu, kRelu, kSigmoid };

/// What a linear map does beside the product. A device may do it in the same pass over memory.
struct LinearOptions {
  const Tensor* bias = nullptr;  // [outputs]
  /// The input is RMS-normed with these weights [inputs] first.
  const Tensor* norm_weight = nullptr;
  float norm_eps = 1e-6f;
  /// The first half of the outputs, through this, multiplies the second: y has half the columns.
  std::optional<Activation> gate = std::nullopt;
  bool add = false;  ///< the result is added to y, which is f32
  /// Inputs are not rounded: for small products whose results are compared, where a rounding could
  /// choose otherwise. (Weights of integer codes still multiply rounded inputs.)
  bool precise = false;
};

struct DeviceInfo {
  std::string name;                ///< "cpu", "cuda:0"
  std::string description;         ///< the processor's own name
  int threads = 0;                 ///< of a CPU; multiprocessors of a GPU
  std::string instruction_set;     ///< in use; the compute capability of a GPU
  std::vector<std::string> built;  ///< instruction sets this binary has kernels for
  std::int64_t memory_bytes = 0;
  std::int64_t available_memory_bytes = 0;
};

/// What was done once on a device and can be done again: see Device::run.
class Recording {
 public:
  virtual ~Recording() = default;
};

/// A tensor on its way from the device: see Device::read_back.
class Readback {
 public:
  virtual ~Readback() = default;
  /// Waits for it and writes the elements to `to`.
  virtual void wait(void* to) = 0;
};

/// Operations check their shapes and throw Error naming themselves; results are written into
/// tensors the caller made. Floating-point tensors are f32 or, between layers, of the device's
/// activation_dtype; norm weights, biases, rotary tables and logits are f32; matrices keep their
/// own type. One thread at a time uses a device, whichever it is. Operations are done in the order
/// they are called; when they are done is the device's affair until download or Readback::wait.
///
/// On the CPU, and on a GPU where batch invariance is asked for, every element of every result is
/// computed in an order that does not depend on the number of rows, on the other rows, or on the
/// number of threads (DESIGN, decision 6).
class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceInfo info() const = 0;
  /// For a list of operations that others may break into: `pause` is called before each operation
  /// that can take long, and may use the device itself. Null: no more.
  void set_pause(const std::function<void()>* pause) { pause_ = pause; }
  /// The type of the tensors between layers. What is summed up over layers stays f32.
  virtual DType activation_dtype() const { return DType::kF32; }
  /// Tokens of a step with which the device works well; more cost memory and gain little.
  virtual std::int64_t batch_tokens() const { return 512; }
  /// Steps that are worth asking for before the result of an earlier one is known.
  virtual int steps_ahead() const { return 0; }
  /// Rows that a recorded step for so many sequences should have; more than `rows` where a device
  /// records steps of a few sizes only.
  virtual std::int64_t padded_rows(std::int64_t rows) const { return rows; }

  // How fast it is.

  /// Measures how fast memory and matrix products are here; takes a second or so.
  virtual Roofline measure_roofline() { return measure_by_operations(*this); }
  /// Measures again, in a fraction of a second and without memory of its own, what other programs
  /// on the machine change of a roofline. A device that nobody else uses keeps it.
  virtual void update_roofline(Roofline& /*roofline*/) {}
  /// Adds up what the operations that follow amount to, until this is called with null.
  void count_work(Work* work) { work_ = work; }
  /// What attention with keys and values like these, and products with a matrix, are made of here.
  virtual Arithmetic attention_arithmetic(KvPrecision precision) const;
  virtual Arithmetic product_arithmetic(const Weight& w) const;

  /// The energy that the device has used since some moment, where it is reported.
  virtual std::optional<Energy> energy() { return std::nullopt; }

  // Memory.

  /// Uninitialized elements.
  virtual Tensor empty(DType dtype, const Shape& shape) = 0;
  /// Uninitialized elements of the activation type.
  Tensor activations(const Shape& shape) { return empty(activation_dtype(), shape); }
  /// `from` may be changed as soon as this returns.
  virtual void upload(const Tensor& to, const void* from) = 0;
  virtual void download(void* to, const Tensor& from) = 0;
  /// The same without waiting: the elements as they are after all operations called so far.
  virtual std::unique_ptr<Readback> read_back(const Tensor& from);
  /// int32 [ids.size()] on the device.
  Tensor indices(std::span<const std::int32_t> ids);
  /// Whether keys and values of 8 bits are kept here; a layout that asks for them elsewhere is an
  /// error.
  virtual bool has_int8_kv() const { return false; }
  /// Zeroed pages; memory is committed as pages are used.
  virtual std::unique_ptr<KvCache> make_kv_cache(const KvLayout& layout, int num_pages) = 0;
  /// Bytes one token costs in a cache of this layout.
  virtual std::int64_t kv_bytes_per_token(const KvLayout& layout) const = 0;
  virtual int kv_page_tokens() const = 0;
  /// Rows of activations whose elements are a multiple of this many go into products as they are;
  /// others are copied first.
  virtual std::int64_t row_unit() const { return 1; }
  /// Room for the recurrent states of so many sequences. What a slot holds before its sequence's
  /// first token is never read.
  virtual std::unique_ptr<StateStore> make_state_store(const StateLayout& layout,
                                                       int num_slots) = 0;
  /// A table with room for this many spans and pages without taking new memory.
  virtual std::unique_ptr<SpanTable> make_span_table(std::int64_t spans, std::int64_t pages);
  virtual std::unique_ptr<SamplerSlots> make_sampler_slots(int count, std::int64_t vocab_size);

  // Doing the same again.

  virtual std::unique_ptr<Recording> make_recording();
  /// Does `body`, a list of operations on tensors that outlive the recording, of which the same
  /// sizes hold every time. A device may note the operations the first time and repeat them later
  /// without calling `body`; tensors made inside must not leave it.
  virtual void run(Recording& recording, const std::function<void()>& body);

  /// Packs matrices [outputs_i, inputs], stacked along the outputs, each in its own format. Throws
  /// Error for a format that has no kernels here.
  std::shared_ptr<const Weight> pack(std::span<const HostMatrix> parts, WeightUse use = {});
  /// Memory of the packed matrices that there are now.
  std::int64_t packed_bytes() const { return *packed_bytes_; }
  /// A dense f32 copy of a tensor in host memory.
  virtual Tensor to_f32(const HostTensor& tensor) = 0;

  // Operations. Checked here, done in the backend.

  /// y [rows, outputs] = x [rows, inputs] w^T, and what the options say
  void linear(const Tensor& y, const Tensor& x, const Weight& w, const LinearOptions& options = {});
  /// linear with options.gate as a matrix [rows, outputs / 2] of the activation type, whose rows
  /// may be apart: a device that makes the gates first multiplies in their place.
  Tensor gated_linear(const Tensor& x, const Weight& w, const LinearOptions& options);
  /// y [rows, inputs] = the rows of w [outputs, inputs] that ids name
  void embed(const Tensor& y, const Weight& w, std::span<const std::int32_t> ids);
  /// The same for ids int32 [rows] on the device, which are not checked: one outside the table
  /// gives a row of no meaning.
  void embed(const Tensor& y, const Weight& w, const Tensor& ids);
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
  /// y [rows, n] = x, what is below `low` or over `high` being that; y may be x, and has its type.
  void clamp(const Tensor& y, const Tensor& x, float low, float high);
  /// x [rows, n] = activation(x)
  void activate(const Tensor& x, Activation activation);
  /// y [rows, n] = activation(gate_up [:, :n]) * gate_up [:, n:]
  void gate(const Tensor& y, const Tensor& gate_up, Activation activation);
  /// y [rows, n] *= activation(gate [rows, n])
  void apply_gate(const Tensor& y, const Tensor& gate, Activation activation);
  /// Rotates each head's pairs (i, i + n) of x [rows, heads * head_dim] by the angles whose cosines
  /// and sines are [rows, n]; where 2 n is less than head_dim, the rest of the head stays.
  void rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim);
  /// cos, sin [rows, n] = scale times those of the angles position * frequency: frequencies [n],
  /// frequency i turning with the position on axis axes[i] (int32 [n]) of positions
  /// (int32 [num_axes, rows]).
  void rotary_table(const Tensor& cos, const Tensor& sin, const Tensor& positions,
                    const Tensor& frequencies, const Tensor& axes, float scale);
  /// y [ids.size(), n] = rows of x
  void gather(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids);
  /// Column i of y [rows, ids.size()] = column ids[i] of x
  void gather_columns(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids);
  /// Row ids[i] of y = row i of x [ids.size(), n]
  void scatter(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids);
  /// Row ids[i] of y += factors[i] * row i of x [ids.size(), n]; no two ids are the same.
  void scatter_add(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids,
                   std::span<const float> factors);
  /// The windows of maps x [places, channels] as rows of y [windows, kernel * kernel * channels]:
  /// those of y.rows() output places from `first` on, the channels of a place side by side, places
  /// row by row. A linear map of them is a convolution.
  void im2col(const Tensor& y, const Tensor& x, const ConvShape& shape, std::int64_t first = 0);
  /// A convolution of each channel by itself: output channel o is one of input channel o / m, with
  /// m = outputs / channels, a whole number. y [windows, outputs], x [places, channels], weight
  /// [kernel * kernel, outputs], bias [outputs].
  void depthwise_conv(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor* bias,
                      const ConvShape& shape);
  /// Row i of y [groups, n] = the mean of the i-th of as many groups of rows of x, all of one size.
  void mean_rows(const Tensor& y, const Tensor& x);
  /// Attention without mask inside each segment: rows [ends[i - 1], ends[i]) see each other.
  /// q, out [rows, num_heads * head_dim]; k, v [rows, num_kv_heads * head_dim].
  void attention_segments(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                          const AttentionShape& shape, std::span<const std::int64_t> ends);
  /// rotary of the queries and keys of qkv [rows, (num_heads + 2 num_kv_heads) * head_dim], then
  /// attention_segments of them: what a layer of a tower does. What qkv holds afterwards is open.
  void rotary_attention_segments(const Tensor& out, const Tensor& qkv, const Tensor& cos,
                                 const Tensor& sin, const AttentionShape& shape,
                                 std::span<const std::int64_t> ends);
  /// Attention between channels (DaViT, Ding et al., 2022): the columns of q, k, v and out [rows,
  /// channels] are cut into `groups`, and in each of them column i of out is the mean of the
  /// columns of v with the weights softmax(scale * the products of column i of q with those of k).
  void channel_attention(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                         int groups, float scale);
  /// Stores keys and values [rows, num_kv_heads * head_dim] of the spans in one layer's pages.
  void write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                const SpanTable& spans);
  /// rotary of the queries and keys, then write_kv, of qkv [rows, (num_heads + 2 num_kv_heads) *
  /// head_dim]. What the columns of keys hold afterwards is open.
  void rotary_write_kv(KvCache& cache, int layer, const Tensor& qkv, const Tensor& cos,
                       const Tensor& sin, const AttentionShape& shape, const SpanTable& spans);
  /// rotary_write_kv, then attention_paged of the queries to the cache's same layer: what a layer
  /// does with new tokens. out [rows, num_heads * head_dim]. What qkv holds afterwards is open.
  void rotary_attention(const Tensor& out, KvCache& cache, int layer, const Tensor& qkv,
                        const Tensor& cos, const Tensor& sin, const AttentionShape& shape,
                        const SpanTable& spans);
  /// Attention of each span's tokens to the stored tokens of their sequence: those up to the token
  /// itself, or those between the span's first_keys and end_keys, at least one.
  /// q, out [rows, num_heads * head_dim]
  void attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache, int layer,
                       const AttentionShape& shape, const SpanTable& spans);
  /// y [rows, channels] = activation(the sum over t of taps[t] * x of t + 1 - num_taps tokens
  /// later): a convolution over each sequence's tokens, every channel by itself, zeros before the
  /// first. taps [num_taps, channels]; y and x of the same type, not the same memory. The state
  /// keeps the inputs that later tokens need.
  void causal_conv(const Tensor& y, const Tensor& x, const Tensor& taps, Activation activation,
                   StateStore& states, int layer, const SpanTable& spans);
  /// The gated delta rule (Yang et al., "Gated Delta Networks", 2025), token after token. With
  /// H value heads and the state S [key_dim, value_dim] of each, which begins as zeros:
  ///   S *= exp(-rate * softplus(a + bias)); S += k (sigmoid(b) * (v - S^T k))^T; out = S^T q
  /// where q and k are scaled to length 1 (sqrt(sum + 1e-6)), q by key_dim^-0.5 besides.
  /// qkv [rows, 2 num_key_heads * key_dim + H * value_dim]: queries, keys, values; value head h
  /// takes key head h / (H / num_key_heads). gates f32 [rows, 2 H]: b, then a. rates, bias [H].
  /// out f32 [rows, H * value_dim].
  void gated_delta_rule(const Tensor& out, const Tensor& qkv, const Tensor& gates,
                        const Tensor& rates, const Tensor& bias, int num_key_heads,
                        StateStore& states, int layer, const SpanTable& spans);
  /// Page `to` holds afterwards what page `from` holds now, in all layers.
  void copy_page(KvCache& cache, std::int32_t from, std::int32_t to);
  /// Slot `to` holds afterwards what slot `from` holds now.
  void copy_state(StateStore& states, int from, int to);
  /// Chooses a token for each row of logits [rows, vocab_size], which may be changed: ids int32
  /// [rows]. slots int32 [rows] names the sampler of each row, -1: the row is left out. A row with
  /// a value that is not finite gets -1.
  void sample(const Tensor& ids, const Tensor& logits, SamplerSlots& samplers, const Tensor& slots);

 protected:
  /// linear of arguments that were checked and counted: for parts of one.
  void apply_linear(const Tensor& y, const Tensor& x, const Weight& w,
                    const LinearOptions& options);
  virtual void do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) = 0;
  /// A linear map with options other than a bias, in fewer passes than one for each; false where
  /// that is not to be had.
  virtual bool do_fused_linear(const Tensor& /*y*/, const Tensor& /*x*/, const Weight& /*w*/,
                               const LinearOptions& /*options*/) {
    return false;
  }
  /// Whether do_fused_linear gates so many rows in one pass, and without memory for the gates.
  virtual bool fuses_gate(std::int64_t /*rows*/, const Weight& /*w*/,
                          const LinearOptions& /*options*/) const {
    return true;
  }
  virtual std::shared_ptr<const Weight> do_pack(std::span<const HostMatrix> parts,
                                                WeightUse use) = 0;
  virtual void do_embed(const Tensor& y, const Weight& w, const Tensor& ids) = 0;
  /// Columns of x and y in stretches of as many as the weight has, each normed by itself.
  virtual void do_rms_norm(const Tensor& y, const Tensor& x, const Tensor& weight, float eps) = 0;
  virtual void do_layer_norm(const Tensor& y, const Tensor& x, const Tensor& weight,
                             const Tensor* bias, float eps) = 0;
  virtual void do_add(const Tensor& y, const Tensor& x) = 0;
  virtual void do_scale(const Tensor& x, float factor) = 0;
  virtual void do_scale_columns(const Tensor& x, const Tensor& factors) = 0;
  virtual void do_softcap(const Tensor& x, float cap) = 0;
  virtual void do_clamp(const Tensor& y, const Tensor& x, float low, float high) = 0;
  virtual void do_activate(const Tensor& x, Activation activation) = 0;
  virtual void do_gate(const Tensor& y, const Tensor& gate_up, Activation activation) = 0;
  virtual void do_apply_gate(const Tensor& y, const Tensor& gate, Activation activation) = 0;
  virtual void do_rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim) = 0;
  virtual void do_rotary_table(const Tensor& cos, const Tensor& sin, const Tensor& positions,
                               const Tensor& frequencies, const Tensor& axes, float scale) = 0;
  virtual void do_gather(const Tensor& y, const Tensor& x, const Tensor& ids) = 0;
  virtual void do_gather_columns(const Tensor& y, const Tensor& x, const Tensor& ids) = 0;
  virtual void do_scatter(const Tensor& y, const Tensor& x, const Tensor& ids) = 0;
  virtual void do_scatter_add(const Tensor& y, const Tensor& x, const Tensor& ids,
                              const Tensor& factors) = 0;
  virtual void do_im2col(const Tensor& y, const Tensor& x, const ConvShape& shape,
                         std::int64_t first) = 0;
  virtual void do_depthwise_conv(const Tensor& y, const Tensor& x, const Tensor& weight,
                                 const Tensor* bias, const ConvShape& shape) = 0;
  virtual void do_mean_rows(const Tensor& y, const Tensor& x) = 0;
  virtual void do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                     const Tensor& v, const AttentionShape& shape,
                                     std::span<const std::int64_t> ends) = 0;
  virtual void do_rotary_attention_segments(const Tensor& out, const Tensor& qkv, const Tensor& cos,
                                            const Tensor& sin, const AttentionShape& shape,
                                            std::span<const std::int64_t> ends);
  virtual void do_channel_attention(const Tensor& out, const Tensor& q, const Tensor& k,
                                    const Tensor& v, int groups, float scale) = 0;
  virtual void do_write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                           const SpanTable& spans) = 0;
  virtual void do_rotary_write_kv(KvCache& cache, int layer, const Tensor& qkv, const Tensor& cos,
                                  const Tensor& sin, const AttentionShape& shape,
                                  const SpanTable& spans);
  virtual void do_rotary_attention(const Tensor& out, KvCache& cache, int layer, const Tensor& qkv,
                                   const Tensor& cos, const Tensor& sin,
                                   const AttentionShape& shape, const SpanTable& spans);
  virtual void do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache,
                                  int layer, const AttentionShape& shape,
                                  const SpanTable& spans) = 0;
  virtual void do_copy_page(KvCache& cache, std::int32_t from, std::int32_t to) = 0;
  virtual void do_causal_conv(const Tensor& y, const Tensor& x, const Tensor& taps,
                              Activation activation, StateStore& states, int layer,
                              const SpanTable& spans) = 0;
  virtual void do_gated_delta_rule(const Tensor& out, const Tensor& qkv, const Tensor& gates,
                                   const Tensor& rates, const Tensor& bias, int num_key_heads,
                                   StateStore& states, int layer, const SpanTable& spans) = 0;
  virtual void do_sample(const Tensor& ids, const Tensor& logits, SamplerSlots& samplers,
                         const Tensor& slots) = 0;

 private:
  void check_matrix(std::string_view op, std::string_view name, const Tensor& tensor,
                    std::int64_t rows, std::int64_t columns) const;
  void check_rotary_qkv(std::string_view op, const Tensor& qkv, const Tensor& cos,
                        const Tensor& sin, const AttentionShape& shape) const;
  void count_product(std::int64_t rows, const Weight& w);
  void count_segments(const AttentionShape& shape, std::span<const std::int64_t> ends);
  void count_attention(const KvCache& cache, const AttentionShape& shape, const SpanTable& spans);
  void count_state(const StateStore& states, const SpanTable& spans);

  void may_pause() const {
    if (pause_) (*pause_)();
  }

  /// Shared with the matrices, which may outlive the device.
  std::shared_ptr<std::atomic<std::int64_t>> packed_bytes_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  Work* work_ = nullptr;
  const std::function<void()>* pause_ = nullptr;
};

/// "silu", "gelu", "gelu_pytorch_tanh", "gelu_new", "quick_gelu", "relu" as in config.json, or
/// nothing for a name that is not known.
std::optional<Activation> activation_named(std::string_view name);

}  // namespace saccade::compute
