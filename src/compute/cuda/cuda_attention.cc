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

void CudaDevice::do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache,
                                    int layer, const compute::AttentionShape& shape,
                                    const SpanTable& spans) {
  if (!on_tensor_cores(q, shape)) {
    return GpuDevice::do_attention_paged(out, q, cache, layer, shape, spans);
  }
  gated_ = {};
  const auto& pages = static_cast<const gpu::GpuKvCache&>(cache);
  const auto& table = static_cast<const gpu::GpuSpanTable&>(spans);
  const auto* device_spans = reinterpret_cast<const DeviceSpan*>(table.view().spans);
  const int num_spans = static_cast<int>(table.span_room());
  const std::int32_t* end_keys = shape.causal ? nullptr : table.end_keys();
  const std::int32_t* first_keys = shape.causal ? nullptr : table.first_keys();
  // Single tokens are parted over their keys, which changes the order of sums.
  const bool decode = table.min_count() <= 1 && !options_.batch_invariant;
  if (decode) {
    const std::size_t bytes = decode_attention_workspace_bytes(kernel_shape(shape), num_spans);
    check(decode_attention(stream_, {.shape = kernel_shape(shape),
                                     .kv = pages_of(pages, layer, table),
                                     .queries = q.raw(),
                                     .query_stride = q.row_stride(),
                                     .out = out.raw(),
                                     .out_stride = out.row_stride(),
                                     .spans = device_spans,
                                     .num_spans = num_spans,
                                     .end_keys = end_keys,
                                     .first_keys = first_keys,
                                     .max_keys = std::int64_t{pages.num_pages()} * kPageTokens,
                                     .workspace = cleared_workspace(
                                         decode_workspaces_, static_cast<std::int64_t>(bytes)),
                                     .dependent_launch = true}),
          "attention of single tokens");
  }
  if (decode && table.max_count() <= 1) return;
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
                                    .min_count = decode ? 2 : 1,
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
  gated_ = {};
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
