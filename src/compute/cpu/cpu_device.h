// The processor as a device.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/thread_pool.h"
#include "compute/cpu/buffer_pool.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/packed_matrix.h"
#include "compute/cpu/rapl_meter.h"
#include "compute/device.h"

namespace saccade::compute::cpu {

struct CpuOptions {
  int threads = 0;            ///< 0: one for each core this process may use
  std::string_view isa = {};  ///< empty: the best this processor has
  /// Inputs of products are rounded to what the processor multiplies fastest: with quantized
  /// weights to int8, each 256 with a scale of their own, so that products are integers; with bf16
  /// and f16 weights to bf16 where there are bf16 dot products; in attention to integers
  /// (KvPrecision), with a scale for each head of a token. Without, weights are dequantized and all
  /// products are of float32.
  bool rounded_inputs = true;
};

// Elements of a work item of row-by-row operations: about ten microseconds of work.
inline constexpr std::int64_t kItemElements = 16384;

/// The kernels' name of an activation.
ActivationKind kernel_kind(Activation activation);

/// Runs every operation on a thread pool of its own. Throws Error from the constructor when the
/// instruction set asked for is not there.
class CpuDevice : public Device {
 public:
  explicit CpuDevice(const CpuOptions& options = {});

  DeviceInfo info() const override;
  /// Peaks of the arithmetic units, from registers, and the reading of memory, on all threads.
  Roofline measure_roofline() override;
  /// Memory is read where weights lie, if there are enough of them.
  void update_roofline(Roofline& roofline) override;
  Arithmetic attention_arithmetic(KvPrecision precision) const override;
  Arithmetic product_arithmetic(const Weight& w) const override;
  std::optional<Energy> energy() override;
  Tensor empty(DType dtype, const Shape& shape) override;
  void upload(const Tensor& to, const void* from) override;
  void download(void* to, const Tensor& from) override;
  bool has_int8_kv() const override { return rounded_inputs_; }
  std::unique_ptr<KvCache> make_kv_cache(const KvLayout& layout, int num_pages) override;
  std::int64_t kv_bytes_per_token(const KvLayout& layout) const override;
  int kv_page_tokens() const override { return kKeyBlock; }
  std::unique_ptr<StateStore> make_state_store(const StateLayout& layout, int num_slots) override;
  Tensor to_f32(const HostTensor& tensor) override;

 protected:
  std::shared_ptr<const Weight> do_pack(std::span<const HostMatrix> parts, WeightUse use) override;
  void do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) override;
  bool do_fused_linear(const Tensor& y, const Tensor& x, const Weight& w,
                       const LinearOptions& options) override;
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
  void do_rotary_attention_segments(const Tensor& out, const Tensor& qkv, const Tensor& cos,
                                    const Tensor& sin, const AttentionShape& shape,
                                    std::span<const std::int64_t> ends) override;
  void do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                             const AttentionShape& shape,
                             std::span<const std::int64_t> ends) override;
  void do_channel_attention(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                            int groups, float scale) override;
  void do_write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
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

 private:
  /// Calls body(row) for every row, several rows to a work item so that an item is worth its while.
  template <typename Body>
  void for_rows(std::int64_t rows, std::int64_t row_elements, Body&& body);
  /// A buffer that lives until the next call with the same slot; grows, never shrinks.
  float* scratch(int slot, std::int64_t floats);

  class HeadRotary;
  void attend_segments(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                       const HeadRotary& turned, const AttentionShape& shape,
                       std::span<const std::int64_t> ends);

  /// A layer's input in the forms that kernels want, each made when first asked for.
  class LinearInput;
  struct ProductItems;
  ProductItems product_items(std::int64_t rows, int tile_rows, const PackedSegment& segment) const;
  void multiply_floats(const PackedSegment& segment, LinearInput& input, const Tensor& y,
                       const float* bias);
  /// Float products with quantized weights, which are dequantized piece by piece.
  void multiply_dequantized(const PackedSegment& segment, LinearInput& input, const Tensor& y,
                            const float* bias);

  /// A stretch of rows of one segment or span.
  struct RowBlock {
    std::int64_t group;  // which segment or span
    std::int64_t begin;  // first token in it
    std::int64_t count;
  };

  /// x as int8 for products with a segment, in scratch, normed first where `norm` says so.
  QuantizedRows quantize(const Tensor& x, const PackedSegment& segment, const RowNorm& norm = {});
  void multiply_integers(const PackedSegment& segment, const QuantizedRows& x, std::int64_t inputs,
                         const Tensor& y, const float* bias, const LinearOptions& options);

  const Kernels& kernels_;
  /// What keys and values are kept as.
  KvCodes kv_codes(KvPrecision precision) const;

  bool rounded_inputs_;
  std::optional<RaplMeter> energy_meter_;  // made when first asked for
  ThreadPool threads_;
  BufferPool buffers_;
  struct Scratch {
    std::shared_ptr<void> data;
    std::int64_t floats = 0;
  };
  std::vector<Scratch> scratch_;
  std::vector<std::weak_ptr<const PackedMatrix>> packed_;  // for update_roofline
  std::vector<RowBlock>
      row_blocks_;  // of the operation in hand; kept, so that steps do not allocate
};

template <typename Body>
void CpuDevice::for_rows(std::int64_t rows, std::int64_t row_elements, Body&& body) {
  const std::int64_t step =
      std::max<std::int64_t>(1, kItemElements / std::max<std::int64_t>(1, row_elements));
  threads_.parallel_for((rows + step - 1) / step, [&](std::int64_t item) {
    const std::int64_t end = std::min(rows, (item + 1) * step);
    for (std::int64_t row = item * step; row < end; ++row) body(row);
  });
}

}  // namespace saccade::compute::cpu
