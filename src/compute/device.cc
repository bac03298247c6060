#include "compute/device.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.h"

namespace saccade::compute {
namespace {

void check_vector(std::string_view op, std::string_view name, const Tensor& tensor,
                  std::int64_t elements) {
  if (tensor.empty() || tensor.dtype() != DType::kF32 || tensor.shape() != Shape{elements}) {
    fail("[{}] {}: wanted f32 [{}], found {} {}", op, name, elements, dtype_name(tensor.dtype()),
         tensor.shape().text());
  }
}

void check_indices(std::string_view op, std::string_view name, const Tensor& tensor,
                   std::int64_t elements) {
  if (tensor.empty() || tensor.dtype() != DType::kI32 || tensor.shape() != Shape{elements}) {
    fail("[{}] {}: wanted i32 [{}], found {} {}", op, name, elements, dtype_name(tensor.dtype()),
         tensor.shape().text());
  }
}

void check_ids(std::string_view op, std::span<const std::int32_t> ids, std::int64_t end) {
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= end) fail("[{}] index {} is outside [0, {})", op, id, end);
  }
}

void check_attention(std::string_view op, const AttentionShape& shape) {
  if (shape.head_dim < 1 || shape.num_kv_heads < 1 || shape.num_heads < 1 ||
      shape.num_heads % shape.num_kv_heads != 0) {
    fail("[{}] {} heads over {} key-value heads of size {}", op, shape.num_heads,
         shape.num_kv_heads, shape.head_dim);
  }
}

/// Key ranges have an end for each token, and so on.
void check_key_counts(std::string_view op, const SequenceSpan& span) {
  const auto fits = [&](std::span<const std::int64_t> keys) {
    return keys.empty() || static_cast<std::int64_t>(keys.size()) == span.count;
  };
  if (!fits(span.end_keys) || !fits(span.first_keys)) {
    fail("[{}] {} end keys and {} first keys for a span of {} tokens", op, span.end_keys.size(),
         span.first_keys.size(), span.count);
  }
}

void check_ends(std::string_view op, std::span<const std::int64_t> ends, std::int64_t rows) {
  if (!std::is_sorted(ends.begin(), ends.end()) || (ends.empty() ? 0 : ends.back()) != rows) {
    fail("[{}] segments do not cover the {} rows", op, rows);
  }
}

void check_heads(std::string_view op, const AttentionShape& shape, const KvCache& cache,
                 int layer) {
  if (cache.layout().layers[layer] != KvHeads{shape.num_kv_heads, shape.head_dim}) {
    fail("[{}] heads differ from the cache's", op);
  }
}

/// Every token sees at least one key, and none that is not stored by the end of its span.
void check_key_ranges(std::string_view op, const SpanTable& table, const AttentionShape& shape) {
  for (const SequenceSpan& span : table.spans()) {
    if (!span.has_key_ranges()) continue;
    for (std::int64_t i = 0; i < span.count; ++i) {
      const KeyRange keys = span.keys_of(i, shape);
      if (keys.begin < keys.end && keys.end <= span.start + span.count) continue;
      fail("[{}] token {} sees keys [{}, {}) where its span ends at {}", op, span.start + i,
           keys.begin, keys.end, span.start + span.count);
    }
  }
}

void check_spans(std::string_view op, const SpanTable& table, std::int64_t rows,
                 const KvCache& cache, int layer) {
  const auto layers = static_cast<int>(cache.layout().layers.size());
  if (layer < 0 || layer >= layers) fail("[{}] layer {} of {}", op, layer, layers);
  for (const SequenceSpan& span : table.spans()) {
    const auto room = static_cast<std::int64_t>(span.pages.size()) * cache.page_tokens();
    if (span.row < 0 || span.count < 0 || span.row + span.count > rows || span.start < 0 ||
        span.start + span.count > room) {
      fail("[{}] span of {} tokens at row {} and index {} with {} pages over {} rows", op,
           span.count, span.row, span.start, span.pages.size(), rows);
    }
    check_ids(op, span.pages, cache.num_pages());
    check_key_counts(op, span);
  }
}

}  // namespace

std::optional<Activation> activation_named(std::string_view name) {
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::kGeluTanh;
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "relu") return Activation::kRelu;
  return std::nullopt;
}

void Device::check_matrix(std::string_view op, std::string_view name, const Tensor& tensor,
                          std::int64_t rows, std::int64_t columns) const {
  const bool fits = !tensor.empty() &&
                    (tensor.dtype() == DType::kF32 || tensor.dtype() == activation_dtype()) &&
                    tensor.shape().rank() == 2 && (rows < 0 || tensor.rows() == rows) &&
                    (columns < 0 || tensor.size(1) == columns);
  if (!fits) {
    fail("[{}] {}: wanted {} [{}, {}], found {} {}", op, name, dtype_name(activation_dtype()), rows,
         columns, dtype_name(tensor.dtype()), tensor.shape().text());
  }
}

std::unique_ptr<Readback> Device::read_back(const Tensor& from) {
  class Read : public Readback {
   public:
    Read(Device& device, const Tensor& tensor) : bytes_(tensor.bytes()) {
      device.download(bytes_.data(), tensor);
    }
    void wait(void* to) override {
      std::copy(bytes_.begin(), bytes_.end(), static_cast<char*>(to));
    }

   private:
    std::vector<char> bytes_;
  };
  return std::make_unique<Read>(*this, from);
}

Tensor Device::indices(std::span<const std::int32_t> ids) {
  Tensor tensor = empty(DType::kI32, {static_cast<std::int64_t>(ids.size())});
  if (!ids.empty()) upload(tensor, ids.data());
  return tensor;
}

std::unique_ptr<SpanTable> Device::make_span_table(std::int64_t spans, std::int64_t pages) {
  return std::make_unique<SpanTable>(spans, pages);
}

std::unique_ptr<SamplerSlots> Device::make_sampler_slots(int count, std::int64_t) {
  return std::make_unique<SamplerSlots>(count);
}

std::unique_ptr<Recording> Device::make_recording() {
  return std::make_unique<Recording>();
}

void Device::run(Recording&, const std::function<void()>& body) {
  body();
}

std::shared_ptr<const Weight> Device::pack(std::span<const HostMatrix> parts, WeightUse use) {
  std::shared_ptr<const Weight> packed = do_pack(parts, use);
  *packed_bytes_ += packed->bytes();
  const Weight* weight = packed.get();
  return {weight, [packed = std::move(packed), total = packed_bytes_](const Weight*) mutable {
            *total -= packed->bytes();
            packed.reset();
          }};
}

void Device::linear(const Tensor& y, const Tensor& x, const Weight& w,
                    const LinearOptions& options) {
  may_pause();
  check_matrix("linear", "x", x, -1, w.inputs());
  if (options.gate && w.outputs() % 2 != 0) fail("[linear] {} outputs to gate", w.outputs());
  check_matrix("linear", "y", y, x.rows(), options.gate ? w.outputs() / 2 : w.outputs());
  if (options.bias) check_vector("linear", "bias", *options.bias, w.outputs());
  if (options.norm_weight) check_vector("linear", "norm", *options.norm_weight, w.inputs());
  if (work_) count_product(x.rows(), w);
  apply_linear(y, x, w, options);
}

Tensor Device::gated_linear(const Tensor& x, const Weight& w, const LinearOptions& options) {
  if (!options.gate) fail("[gated_linear] wanted a gate");
  if (fuses_gate(x.rows(), w, options)) {
    Tensor y = activations({x.rows(), w.outputs() / 2});
    linear(y, x, w, options);
    return y;
  }
  const Tensor product = activations({x.rows(), w.outputs()});
  LinearOptions rest = options;
  rest.gate.reset();
  linear(product, x, w, rest);
  Tensor y = product.view_columns(0, w.outputs() / 2);
  gate(y, product, *options.gate);
  return y;
}

void Device::apply_linear(const Tensor& y, const Tensor& x, const Weight& w,
                          const LinearOptions& options) {
  const bool fused = options.norm_weight || options.gate || options.add || options.precise;
  if (fused && do_fused_linear(y, x, w, options)) return;
  Tensor normed;
  if (options.norm_weight) {
    normed = activations(x.shape());
    do_rms_norm(normed, x, *options.norm_weight, options.norm_eps);
  }
  const Tensor& input = options.norm_weight ? normed : x;
  if (!options.gate && !options.add) return do_linear(y, input, w, options.bias);
  const Tensor product = activations({x.rows(), w.outputs()});
  do_linear(product, input, w, options.bias);
  if (!options.gate) return do_add(y, product);
  if (!options.add) return do_gate(y, product, *options.gate);
  const Tensor gated = activations(y.shape());
  do_gate(gated, product, *options.gate);
  do_add(y, gated);
}

void Device::embed(const Tensor& y, const Weight& w, std::span<const std::int32_t> ids) {
  check_ids("embed", ids, w.outputs());
  embed(y, w, indices(ids));
}

void Device::embed(const Tensor& y, const Weight& w, const Tensor& ids) {
  check_matrix("embed", "y", y, -1, w.inputs());
  check_indices("embed", "ids", ids, y.rows());
  do_embed(y, w, ids);
}

void Device::rms_norm(const Tensor& y, const Tensor& x, const Tensor& weight, float eps) {
  check_matrix("rms_norm", "x", x, -1, -1);
  check_matrix("rms_norm", "y", y, x.rows(), x.size(1));
  check_vector("rms_norm", "weight", weight, x.size(1));
  do_rms_norm(y, x, weight, eps);
}

void Device::rms_norm_heads(const Tensor& x, const Tensor& weight, float eps) {
  check_matrix("rms_norm_heads", "x", x, -1, -1);
  check_vector("rms_norm_heads", "weight", weight, weight.empty() ? -1 : weight.size(0));
  if (weight.size(0) < 1 || x.size(1) % weight.size(0) != 0) {
    fail("[rms_norm_heads] {} columns in heads of {}", x.size(1), weight.size(0));
  }
  do_rms_norm(x, x, weight, eps);
}

void Device::layer_norm(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor* bias,
                        float eps) {
  check_matrix("layer_norm", "x", x, -1, -1);
  check_matrix("layer_norm", "y", y, x.rows(), x.size(1));
  check_vector("layer_norm", "weight", weight, x.size(1));
  if (bias) check_vector("layer_norm", "bias", *bias, x.size(1));
  do_layer_norm(y, x, weight, bias, eps);
}

void Device::add(const Tensor& y, const Tensor& x) {
  check_matrix("add", "y", y, -1, -1);
  check_matrix("add", "x", x, y.rows(), y.size(1));
  do_add(y, x);
}

void Device::scale(const Tensor& x, float factor) {
  check_matrix("scale", "x", x, -1, -1);
  do_scale(x, factor);
}

void Device::scale_columns(const Tensor& x, const Tensor& factors) {
  check_matrix("scale_columns", "x", x, -1, -1);
  check_vector("scale_columns", "factors", factors, x.size(1));
  do_scale_columns(x, factors);
}

void Device::softcap(const Tensor& x, float cap) {
  check_matrix("softcap", "x", x, -1, -1);
  if (!(cap > 0.0f)) fail("[softcap] wanted a positive cap, found {}", cap);
  do_softcap(x, cap);
}

void Device::clamp(const Tensor& y, const Tensor& x, float low, float high) {
  check_matrix("clamp", "x", x, -1, -1);
  check_matrix("clamp", "y", y, x.rows(), x.size(1));
  if (y.dtype() != x.dtype()) {
    fail("[clamp] y is {}, x {}", dtype_name(y.dtype()), dtype_name(x.dtype()));
  }
  if (!(low <= high)) fail("[clamp] wanted a range, found [{}, {}]", low, high);
  do_clamp(y, x, low, high);
}

void Device::activate(const Tensor& x, Activation activation) {
  check_matrix("activate", "x", x, -1, -1);
  do_activate(x, activation);
}

void Device::gate(const Tensor& y, const Tensor& gate_up, Activation activation) {
  check_matrix("gate", "y", y, -1, -1);
  check_matrix("gate", "gate_up", gate_up, y.rows(), 2 * y.size(1));
  do_gate(y, gate_up, activation);
}

void Device::apply_gate(const Tensor& y, const Tensor& gate, Activation activation) {
  check_matrix("apply_gate", "y", y, -1, -1);
  check_matrix("apply_gate", "gate", gate, y.rows(), y.size(1));
  do_apply_gate(y, gate, activation);
}

void Device::rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim) {
  check_matrix("rotary", "x", x, -1, -1);
  if (head_dim < 2 || head_dim % 2 != 0 || x.size(1) % head_dim != 0) {
    fail("[rotary] {} columns in heads of {}", x.size(1), head_dim);
  }
  check_matrix("rotary", "cos", cos, x.rows(), -1);
  check_matrix("rotary", "sin", sin, x.rows(), cos.size(1));
  if (2 * cos.size(1) > head_dim) {
    fail("[rotary] {} angles for heads of {}", cos.size(1), head_dim);
  }
  do_rotary(x, cos, sin, head_dim);
}

void Device::rotary_table(const Tensor& cos, const Tensor& sin, const Tensor& positions,
                          const Tensor& frequencies, const Tensor& axes, float scale) {
  constexpr std::string_view kOp = "rotary_table";
  check_matrix(kOp, "cos", cos, -1, -1);
  check_matrix(kOp, "sin", sin, cos.rows(), cos.size(1));
  check_vector(kOp, "frequencies", frequencies, cos.size(1));
  check_indices(kOp, "axes", axes, cos.size(1));
  if (positions.empty() || positions.dtype() != DType::kI32 || positions.shape().rank() != 2 ||
      positions.size(1) != cos.rows()) {
    fail("[{}] positions: wanted i32 [axes, {}], found {}", kOp, cos.rows(),
         positions.shape().text());
  }
  do_rotary_table(cos, sin, positions, frequencies, axes, scale);
}

void Device::gather(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids) {
  check_matrix("gather", "x", x, -1, -1);
  check_matrix("gather", "y", y, static_cast<std::int64_t>(ids.size()), x.size(1));
  check_ids("gather", ids, x.rows());
  do_gather(y, x, indices(ids));
}

void Device::gather_columns(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids) {
  check_matrix("gather_columns", "x", x, -1, -1);
  check_matrix("gather_columns", "y", y, x.rows(), static_cast<std::int64_t>(ids.size()));
  check_ids("gather_columns", ids, x.size(1));
  do_gather_columns(y, x, indices(ids));
}

void Device::scatter(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids) {
  check_matrix("scatter", "y", y, -1, -1);
  check_matrix("scatter", "x", x, static_cast<std::int64_t>(ids.size()), y.size(1));
  check_ids("scatter", ids, y.rows());
  do_scatter(y, x, indices(ids));
}

void Device::scatter_add(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids,
                         std::span<const float> factors) {
  check_matrix("scatter_add", "y", y, -1, -1);
  check_matrix("scatter_add", "x", x, static_cast<std::int64_t>(ids.size()), y.size(1));
  check_ids("scatter_add", ids, y.rows());
  if (factors.size() != ids.size()) {
    fail("[scatter_add] {} factors for {} rows", factors.size(), ids.size());
  }
  const Tensor shares = empty(DType::kF32, {static_cast<std::int64_t>(factors.size())});
  if (!factors.empty()) upload(shares, factors.data());
  do_scatter_add(y, x, indices(ids), shares);
}

void Device::attention_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                const Tensor& v, const AttentionShape& shape,
                                std::span<const std::int64_t> ends) {
  constexpr std::string_view kOp = "attention_segments";
  may_pause();
  check_attention(kOp, shape);
  const std::int64_t rows = q.rows();
  check_matrix(kOp, "q", q, rows, static_cast<std::int64_t>(shape.num_heads) * shape.head_dim);
  check_matrix(kOp, "out", out, rows, q.size(1));
  check_matrix(kOp, "k", k, rows, static_cast<std::int64_t>(shape.num_kv_heads) * shape.head_dim);
  check_matrix(kOp, "v", v, rows, k.size(1));
  check_ends(kOp, ends, rows);
  if (work_) count_segments(shape, ends);
  do_attention_segments(out, q, k, v, shape, ends);
}

void Device::rotary_attention_segments(const Tensor& out, const Tensor& qkv, const Tensor& cos,
                                       const Tensor& sin, const AttentionShape& shape,
                                       std::span<const std::int64_t> ends) {
  constexpr std::string_view kOp = "rotary_attention_segments";
  may_pause();
  check_attention(kOp, shape);
  check_rotary_qkv(kOp, qkv, cos, sin, shape);
  check_matrix(kOp, "out", out, qkv.rows(), shape.query_size());
  check_ends(kOp, ends, qkv.rows());
  if (work_) count_segments(shape, ends);
  do_rotary_attention_segments(out, qkv, cos, sin, shape, ends);
}

void Device::do_rotary_attention_segments(const Tensor& out, const Tensor& qkv, const Tensor& cos,
                                          const Tensor& sin, const AttentionShape& shape,
                                          std::span<const std::int64_t> ends) {
  const std::int64_t query = shape.query_size();
  const std::int64_t key = shape.key_size();
  // Query and key heads lie side by side and turn by the same angles.
  do_rotary(qkv.view_columns(0, query + key), cos, sin, shape.head_dim);
  do_attention_segments(out, qkv.view_columns(0, query), qkv.view_columns(query, key),
                        qkv.view_columns(query + key, key), shape, ends);
}

void Device::channel_attention(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                               int groups, float scale) {
  constexpr std::string_view kOp = "channel_attention";
  may_pause();
  check_matrix(kOp, "q", q, -1, -1);
  for (const Tensor* other : {&out, &k, &v}) {
    check_matrix(kOp, "k, v and out", *other, q.rows(), q.size(1));
  }
  if (groups < 1 || q.size(1) < 1 || q.size(1) % groups != 0) {
    fail("[{}] {} channels in {} groups", kOp, q.size(1), groups);
  }
  if (work_) {
    const auto products = static_cast<double>(q.rows()) * static_cast<double>(q.size(1));
    // In the device's floats, even where other attentions round to integers.
    work_->operations[Device::attention_arithmetic(KvPrecision::kDefault)] +=
        4.0 * products * static_cast<double>(q.size(1) / groups);
  }
  do_channel_attention(out, q, k, v, groups, scale);
}

void Device::write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                      const SpanTable& spans) {
  check_spans("write_kv", spans, k.rows(), cache, layer);
  const auto& [num_kv_heads, head_dim] = cache.layout().layers[layer];
  const std::int64_t width = static_cast<std::int64_t>(num_kv_heads) * head_dim;
  check_matrix("write_kv", "k", k, -1, width);
  check_matrix("write_kv", "v", v, k.rows(), width);
  do_write_kv(cache, layer, k, v, spans);
}

void Device::copy_page(KvCache& cache, std::int32_t from, std::int32_t to) {
  for (const std::int32_t page : {from, to}) {
    if (page < 0 || page >= cache.num_pages()) {
      fail("[copy_page] page {} of {}", page, cache.num_pages());
    }
  }
  do_copy_page(cache, from, to);
}

void Device::check_rotary_qkv(std::string_view op, const Tensor& qkv, const Tensor& cos,
                              const Tensor& sin, const AttentionShape& shape) const {
  const std::int64_t heads = shape.num_heads + 2 * shape.num_kv_heads;
  check_matrix(op, "qkv", qkv, -1, heads * shape.head_dim);
  check_matrix(op, "cos", cos, qkv.rows(), -1);
  check_matrix(op, "sin", sin, qkv.rows(), cos.size(1));
  if (2 * cos.size(1) > shape.head_dim) {
    fail("[{}] {} angles for heads of {}", op, cos.size(1), shape.head_dim);
  }
}

void Device::rotary_write_kv(KvCache& cache, int layer, const Tensor& qkv, const Tensor& cos,
                             const Tensor& sin, const AttentionShape& shape,
                             const SpanTable& spans) {
  constexpr std::string_view kOp = "rotary_write_kv";
  check_attention(kOp, shape);
  check_rotary_qkv(kOp, qkv, cos, sin, shape);
  check_spans(kOp, spans, qkv.rows(), cache, layer);
  check_heads(kOp, shape, cache, layer);
  do_rotary_write_kv(cache, layer, qkv, cos, sin, shape, spans);
}

void Device::do_rotary_write_kv(KvCache& cache, int layer, const Tensor& qkv, const Tensor& cos,
                                const Tensor& sin, const AttentionShape& shape,
                                const SpanTable& spans) {
  const std::int64_t query = std::int64_t{shape.num_heads} * shape.head_dim;
  const std::int64_t key = std::int64_t{shape.num_kv_heads} * shape.head_dim;
  // Query and key heads lie side by side and turn by the same angles.
  do_rotary(qkv.view_columns(0, query + key), cos, sin, shape.head_dim);
  do_write_kv(cache, layer, qkv.view_columns(query, key), qkv.view_columns(query + key, key),
              spans);
}

void Device::rotary_attention(const Tensor& out, KvCache& cache, int layer, const Tensor& qkv,
                              const Tensor& cos, const Tensor& sin, const AttentionShape& shape,
                              const SpanTable& spans) {
  constexpr std::string_view kOp = "rotary_attention";
  check_attention(kOp, shape);
  check_rotary_qkv(kOp, qkv, cos, sin, shape);
  check_matrix(kOp, "out", out, qkv.rows(), shape.query_size());
  check_spans(kOp, spans, qkv.rows(), cache, layer);
  check_heads(kOp, shape, cache, layer);
  check_key_ranges(kOp, spans, shape);
  if (work_) count_attention(cache, shape, spans);
  do_rotary_attention(out, cache, layer, qkv, cos, sin, shape, spans);
}

void Device::do_rotary_attention(const Tensor& out, KvCache& cache, int layer, const Tensor& qkv,
                                 const Tensor& cos, const Tensor& sin, const AttentionShape& shape,
                                 const SpanTable& spans) {
  do_rotary_write_kv(cache, layer, qkv, cos, sin, shape, spans);
  do_attention_paged(out, qkv.view_columns(0, shape.query_size()), cache, layer, shape, spans);
}

void Device::attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache, int layer,
                             const AttentionShape& shape, const SpanTable& spans) {
  constexpr std::string_view kOp = "attention_paged";
  check_attention(kOp, shape);
  check_matrix(kOp, "q", q, -1, static_cast<std::int64_t>(shape.num_heads) * shape.head_dim);
  check_matrix(kOp, "out", out, q.rows(), q.size(1));
  check_spans(kOp, spans, q.rows(), cache, layer);
  check_heads(kOp, shape, cache, layer);
  check_key_ranges(kOp, spans, shape);
  if (work_) count_attention(cache, shape, spans);
  do_attention_paged(out, q, cache, layer, shape, spans);
}

void Device::sample(const Tensor& ids, const Tensor& logits, SamplerSlots& samplers,
                    const Tensor& slots) {
  check_matrix("sample", "logits", logits, -1, -1);
  check_indices("sample", "ids", ids, logits.rows());
  check_indices("sample", "slots", slots, logits.rows());
  do_sample(ids, logits, samplers, slots);
}

}  // namespace saccade::compute
