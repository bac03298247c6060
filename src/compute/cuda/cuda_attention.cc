// Attention by tensor cores, where it takes the shape, and by the shared kernels elsewhere.
#include "compute/cuda/attention/attention.h"
#include "compute/cuda/check.h"
#include "compute/cuda/cuda_device.h"
#include "compute/gpu/gpu_kv.h"

namespace saccade::compute::cuda {
namespace {

// The attention kernels stand alone and declare again what they read of a span table.
static_assert(sizeof(DeviceSpan) == sizeof(saccade::gpu::DeviceSpan));
static_assert(kPageTokens == saccade::gpu::kPageTokens);

AttentionShape kernel_shape(const compute::AttentionShape& shape) {
  return {.num_heads = shape.num_heads,
          .num_kv_heads = shape.num_kv_heads,
          .head_dim = shape.head_dim,
          .scale = shape.scale,
          .softcap = shape.softcap,
          .window = static_cast<std::int32_t>(shape.window)};
}

PagedKeyValues pages_of(const gpu::GpuKvCache& cache, int layer, const gpu::GpuSpanTable& table) {
  return {.keys = cache.keys(layer),
          .values = cache.values(layer),
          .page_ids = table.view().page_ids,
          .num_pages = cache.num_pages()};
}

}  // namespace

bool CudaDevice::on_tensor_cores(const Tensor& q, const compute::AttentionShape& shape) const {
  return q.dtype() == DType::kF16 && !exact() &&
         attention_supported(kernel_shape(shape), properties_.major);
}

void CudaDevice::decode(DecodeArgs args) {
  const std::size_t bytes = decode_attention_workspace_bytes(args.shape, args.num_spans);
  args.workspace = cleared_workspace(decode_workspaces_, static_cast<std::int64_t>(bytes));
  args.dependent_launch = true;
  check(decode_attention(stream_, args), "attention of single tokens");
}

void CudaDevice::do_rotary_attention(const Tensor& out, KvCache& cache, int layer,
                                     const Tensor& qkv, const Tensor& cos, const Tensor& sin,
                                     const compute::AttentionShape& shape, const SpanTable& spans) {
  const auto& pages = static_cast<const gpu::GpuKvCache&>(cache);
  const auto& table = static_cast<const gpu::GpuSpanTable&>(spans);
  const bool ranges = !shape.causal && (table.end_keys() || table.first_keys());
  const bool at_once =
      on_tensor_cores(qkv, shape) && !options_.batch_invariant && table.max_count() <= 1 &&
      !ranges && decode_takes_fresh(kernel_shape(shape)) && 2 * cos.size(1) == shape.head_dim &&
      cos.row_stride() % 2 == 0 && cos.row_stride() == sin.row_stride();
  if (!at_once) {
    return GpuDevice::do_rotary_attention(out, cache, layer, qkv, cos, sin, shape, spans);
  }
  coded_ = {};
  const Tensor keys = qkv.view_columns(shape.query_size(), shape.key_size());
  const Tensor values = qkv.view_columns(shape.query_size() + shape.key_size(), shape.key_size());
  // Codes for the product that follows, if it is one of a few rows; a single row quantizes its own.
  std::shared_ptr<QuantizedRows> coded;
  const bool few = out.rows() > 1 && out.rows() <= kFewRows;
  if (few && shape.head_dim % saccade::gpu::kChunk == 0) coded = coded_rows(out);
  decode({.shape = kernel_shape(shape),
          .kv = pages_of(pages, layer, table),
          .queries = qkv.raw(),
          .query_stride = qkv.row_stride(),
          .out = out.raw(),
          .out_stride = out.row_stride(),
          .spans = reinterpret_cast<const DeviceSpan*>(table.view().spans),
          .num_spans = static_cast<int>(table.span_room()),
          .max_keys = std::int64_t{pages.num_pages()} * kPageTokens,
          .fresh = {.keys = keys.raw(),
                    .values = values.raw(),
                    .stride = qkv.row_stride(),
                    .cosines = cos.data<float>(),
                    .sines = sin.data<float>(),
                    .table_stride = cos.row_stride(),
                    .page_keys = pages.keys(layer),
                    .page_values = pages.values(layer)},
          // Whatever a graph finds was there before it began, but for what its own kernels wrote:
          // of this layer's pages none but this.
          .pages_ready = recording(),
          .coded = coded ? coded_view(*coded) : CodedRows{}});
  if (coded) coded_ = {out.raw(), out.rows(), out.size(1), nullptr, std::move(coded)};
}

void CudaDevice::do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache,
                                    int layer, const compute::AttentionShape& shape,
                                    const SpanTable& spans) {
  if (!on_tensor_cores(q, shape)) {
    return GpuDevice::do_attention_paged(out, q, cache, layer, shape, spans);
  }
  coded_ = {};
  const auto& pages = static_cast<const gpu::GpuKvCache&>(cache);
  const auto& table = static_cast<const gpu::GpuSpanTable&>(spans);
  const auto* device_spans = reinterpret_cast<const DeviceSpan*>(table.view().spans);
  const int num_spans = static_cast<int>(table.span_room());
  const std::int32_t* end_keys = shape.causal ? nullptr : table.end_keys();
  const std::int32_t* first_keys = shape.causal ? nullptr : table.first_keys();
  // Single tokens are parted over their keys, which changes the order of sums.
  const bool parted = table.min_count() <= 1 && !options_.batch_invariant;
  if (parted) {
    decode({.shape = kernel_shape(shape),
            .kv = pages_of(pages, layer, table),
            .queries = q.raw(),
            .query_stride = q.row_stride(),
            .out = out.raw(),
            .out_stride = out.row_stride(),
            .spans = device_spans,
            .num_spans = num_spans,
            .end_keys = end_keys,
            .first_keys = first_keys,
            .max_keys = std::int64_t{pages.num_pages()} * kPageTokens});
  }
  if (parted && table.max_count() <= 1) return;
  check(prefill_attention(stream_, {.shape = kernel_shape(shape),
                                    .kv = pages_of(pages, layer, table),
                                    .queries = q.raw(),
                                    .query_stride = q.row_stride(),
                                    .out = out.raw(),
                                    .out_stride = out.row_stride(),
                                    .spans = device_spans,
                                    .num_spans = num_spans,
                                    .num_rows = q.rows(),
                                    .end_keys = end_keys,
                                    .first_keys = first_keys,
                                    .min_count = parted ? 2 : 1,
                                    .dependent_launch = true}),
        "attention");
}

void CudaDevice::do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                       const Tensor& v, const compute::AttentionShape& shape,
                                       std::span<const std::int64_t> ends) {
  const bool one_stride = q.row_stride() == k.row_stride() && k.row_stride() == v.row_stride();
  if (!on_tensor_cores(q, shape) || !one_stride || shape.num_heads != shape.num_kv_heads) {
    return GpuDevice::do_attention_segments(out, q, k, v, shape, ends);
  }
  if (q.rows() == 0) return;
  coded_ = {};
  const Segments& segments = segments_for(ends);
  check(segment_attention(stream_, {.shape = kernel_shape(shape),
                                    .queries = q.raw(),
                                    .keys = k.raw(),
                                    .values = v.raw(),
                                    .stride = q.row_stride(),
                                    .out = out.raw(),
                                    .out_stride = out.row_stride(),
                                    .num_rows = q.rows(),
                                    .ends = segments.device_ends.data<std::int32_t>(),
                                    .num_segments = static_cast<int>(segments.ends.size()),
                                    .max_segment_rows = segments.longest,
                                    .min_segment_rows = segments.shortest,
                                    .dependent_launch = true}),
        "attention in segments");
}

}  // namespace saccade::compute::cuda
