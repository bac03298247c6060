// What all GPUs share: the operations as launches of the shared kernels.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "compute/device.h"
#include "compute/gpu/gpu_weight.h"
#include "compute/gpu/kernel_table.h"

namespace saccade::compute::gpu {

/// The kernel for the types of y and x. Throws Error for a pair that has none.
Kernel typed(std::string_view op, const Tensor& y, const Tensor& x, Kernel f32_f32, Kernel f16_f32,
             Kernel f16_f16);
/// The kernel for the type of x.
Kernel typed(const Tensor& x, Kernel f32, Kernel f16);
/// The kernels' name for an activation.
saccade::gpu::Function function_of(Activation activation);

/// The weights of a gated product in device memory: dense matrices of the activation type, row
/// after row.
struct GatedMatrices {
  const void* gates = nullptr;        ///< [outputs, inputs]
  std::int64_t up_row = 0;            ///< what gates multiply begins so many rows after them
  std::int64_t stride = 0;            ///< elements from row to row
  const float* gates_bias = nullptr;  ///< [outputs]; null: none
  const float* up_bias = nullptr;     ///< the same, where gates have one
};

/// A device whose operations are launches of the shared kernels (gpu/kernels). A backend brings
/// memory, copies and launches, and takes over what its matrix units do better. Operations return
/// when they are launched; launches are done one after the other.
class GpuDevice : public Device {
 public:
  /// `exact`: everything is f32; otherwise what passes between layers is f16.
  explicit GpuDevice(bool exact);

  /// f16 and not bf16, whose 8 bits are too few: with sharp attention half of the golden
  /// checkpoints were off by more than 2e-2 of the largest logit (the worst by 8e-2). Its range
  /// does, since what layers add to is f32 and everything written is held to it.
  DType activation_dtype() const override { return exact_ ? DType::kF32 : DType::kF16; }
  std::int64_t row_unit() const override {
    return 16 / static_cast<std::int64_t>(dtype_bytes(activation_dtype()));
  }
  std::int64_t batch_tokens() const override { return 4096; }
  Tensor empty(DType dtype, const Shape& shape) override;
  void upload(const Tensor& to, const void* from) override;
  void download(void* to, const Tensor& from) override;
  std::unique_ptr<KvCache> make_kv_cache(const KvLayout& layout, int num_pages) override;
  std::int64_t kv_bytes_per_token(const KvLayout& layout) const override;
  int kv_page_tokens() const override;
  std::unique_ptr<SpanTable> make_span_table(std::int64_t spans, std::int64_t pages) override;
  std::unique_ptr<SamplerSlots> make_sampler_slots(int count, std::int64_t vocab_size) override;
  std::unique_ptr<StateStore> make_state_store(const StateLayout& layout, int num_slots) override;
  Tensor to_f32(const HostTensor& tensor) override;

  // What a backend brings; tables and caches made here use it too.

  /// Device memory for tensors; it may be handed out again when the last reference is gone.
  virtual std::shared_ptr<void> take_memory(std::int64_t bytes) = 0;
  /// Device memory that is kept for long.
  virtual std::shared_ptr<void> take_lasting_memory(std::int64_t bytes) = 0;
  /// `from` may be changed as soon as this returns.
  virtual void copy_in(void* to, const void* from, std::int64_t bytes) = 0;
  /// Waits for all that was launched before.
  virtual void copy_out(void* to, const void* from, std::int64_t bytes) = 0;

 protected:
  std::shared_ptr<const Weight> do_pack(std::span<const HostMatrix> parts, WeightUse use) override;
  bool exact() const { return exact_; }
  ThreadPool& threads() { return threads_; }

  /// Runs a kernel of the table; `args` is the KernelArgs of it, and is read before this returns.
  virtual void launch_kernel(Kernel kernel, const Grid& grid, const void* args) = 0;

  /// A product of `rows` rows of x with packed weights, its arguments complete but for how it is
  /// cut. False where the backend leaves it to the shared kernel.
  virtual bool multiply_rows(const saccade::gpu::GemvArgs& args, std::int64_t rows);

  /// y (+)= x w^T + bias with a dense w [outputs, inputs] of x's type, w_stride elements from row
  /// to row, and any number of rows: for matrix units. Inputs and strides are multiples of 16
  /// bytes. False where the backend has none for it.
  virtual bool multiply_dense(const Tensor& y, const Tensor& x, const void* w,
                              std::int64_t w_stride, const Tensor* bias, bool add);
  /// Whether multiply_gated is there for so many rows.
  virtual bool multiplies_gated(std::int64_t rows) const;
  /// y = activation(gates of x) * (x times what they multiply), in one pass. Inputs and strides are
  /// multiples of 16 bytes. False where the backend has none for these matrices.
  virtual bool multiply_gated(const Tensor& y, const Tensor& x, const GatedMatrices& w,
                              Activation activation);
  /// Whether multiply_few takes so many rows.
  virtual bool multiplies_few(std::int64_t rows, const GpuWeight& w,
                              const LinearOptions& options) const;
  /// Device::linear for a few rows, where reading the weights counts and not arithmetic. False
  /// where the backend has nothing better than dequantizing them before.
  virtual bool multiply_few(const Tensor& y, const Tensor& x, const GpuWeight& w,
                            const LinearOptions& options);
  /// Up to so many rows, each is multiplied by itself.
  virtual std::int64_t gemv_rows() const { return 1; }
  /// Multiprocessors, or what else runs groups side by side.
  virtual int processors() const = 0;

  void do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) override;
  bool do_fused_linear(const Tensor& y, const Tensor& x, const Weight& w,
                       const LinearOptions& options) override;
  bool fuses_gate(std::int64_t rows, const Weight& w, const LinearOptions& options) const override;
  void do_embed(const Tensor& y, const Weight& w, const Tensor& ids) override;
  void do_rms_norm(const Tensor& y, const Tensor& x, const Tensor& weight, float eps) override;
  void do_layer_norm(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor* bias,
                     float eps) override;
  void do_add(const Tensor& y, const Tensor& x) override;
  void do_scale(const Tensor& x, float factor) override;
  void do_scale_columns(const Tensor& x, const Tensor& factors) override;
  void do_softcap(const Tensor& x, float cap) override;
  void do_clamp(const Tensor& y, const Tensor& x, float low, float high) override;
  void do_activate(const Tensor& x, Activation activation) override;
  void do_gate(const Tensor& y, const Tensor& gate_up, Activation activation) override;
  void do_apply_gate(const Tensor& y, const Tensor& gate, Activation activation) override;
  void do_rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim) override;
  void do_rotary_table(const Tensor& cos, const Tensor& sin, const Tensor& positions,
                       const Tensor& frequencies, const Tensor& axes, float scale) override;
  void do_gather(const Tensor& y, const Tensor& x, const Tensor& ids) override;
  void do_gather_columns(const Tensor& y, const Tensor& x, const Tensor& ids) override;
  void do_scatter(const Tensor& y, const Tensor& x, const Tensor& ids) override;
  void do_scatter_add(const Tensor& y, const Tensor& x, const Tensor& ids,
                      const Tensor& factors) override;
  void do_im2col(const Tensor& y, const Tensor& x, const ConvShape& shape,
                 std::int64_t first) override;
  void do_depthwise_conv(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor* bias,
                         const ConvShape& shape) override;
  void do_mean_rows(const Tensor& y, const Tensor& x) override;
  void do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                             const AttentionShape& shape,
                             std::span<const std::int64_t> ends) override;
  void do_channel_attention(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                            int groups, float scale) override;
  void do_write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                   const SpanTable& spans) override;
  void do_rotary_write_kv(KvCache& cache, int layer, const Tensor& qkv, const Tensor& cos,
                          const Tensor& sin, const AttentionShape& shape,
                          const SpanTable& spans) override;
  void do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache, int layer,
                          const AttentionShape& shape, const SpanTable& spans) override;
  void do_copy_page(KvCache& cache, std::int32_t from, std::int32_t to) override;
  void do_causal_conv(const Tensor& y, const Tensor& x, const Tensor& taps, Activation activation,
                      StateStore& states, int layer, const SpanTable& spans) override;
  void do_gated_delta_rule(const Tensor& out, const Tensor& qkv, const Tensor& gates,
                           const Tensor& rates, const Tensor& bias, int num_key_heads,
                           StateStore& states, int layer, const SpanTable& spans) override;
  void do_sample(const Tensor& ids, const Tensor& logits, SamplerSlots& samplers,
                 const Tensor& slots) override;

  /// Segments of attention as kernels want them.
  struct Segments {
    std::vector<std::int64_t> ends;
    Tensor device_ends;   // int32 [segments]
    Tensor row_segments;  // int32 [rows]
    std::int64_t longest = 0, shortest = 0;
  };
  Segments& segments_for(std::span<const std::int64_t> ends);
  /// y = x in y's type; columns of y beyond x's become zeros.
  void convert(const Tensor& y, const Tensor& x);

 private:
  static constexpr std::size_t kKnownSegments = 4;
  void map(const Tensor& x, saccade::gpu::Function function, float parameter);
  bool takes_gemv(const GpuWeight& w, std::int64_t rows, const LinearOptions& options) const;
  void gemv(const Tensor& y, const Tensor& x, const WeightView& view, const LinearOptions& options);
  /// Rows `ids`, or those from `first` on, of a segment as y's numbers.
  void dequantize(const Tensor& y, const WeightView& view, const std::int32_t* ids,
                  std::int64_t first);
  /// x in the activation type, with zeros up to a multiple of 16 bytes.
  Tensor aligned_input(const Tensor& x);
  void multiply_segment(const Tensor& y, const Tensor& x, const GpuSegment& segment,
                        const Tensor* bias, bool add);
  void multiply_segments(const Tensor& y, const Tensor& x, const GpuWeight& w,
                         const LinearOptions& options);
  /// Whether gated_product takes so many rows.
  bool takes_gated_product(std::int64_t rows, const GpuWeight& w,
                           const LinearOptions& options) const;
  /// A gated product by multiply_gated; false where that does not take it.
  bool gated_product(const Tensor& y, const Tensor& x, const GpuWeight& w,
                     const LinearOptions& options);

  bool exact_;
  std::deque<Segments> segments_;  // used lately first
  ThreadPool threads_;             // for packing and uploads
};

}  // namespace saccade::compute::gpu
