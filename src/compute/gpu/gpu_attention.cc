// Rotary positions, key-value pages and attention on a GPU.
#include <algorithm>

#include "base/error.h"
#include "compute/gpu/gpu_device.h"
#include "compute/gpu/gpu_kv.h"

namespace saccade::compute::gpu {
namespace {

namespace kernels = saccade::gpu;
using kernels::u32;
using kernels::u64;

u32 groups_of(std::int64_t count, u32 threads) {
  return static_cast<u32>((count + threads - 1) / threads);
}

std::int64_t units_of(std::int64_t columns) {
  return (columns + kernels::kUnit - 1) / kernels::kUnit;
}

u64 stride(const Tensor& tensor) {
  return static_cast<u64>(tensor.row_stride());
}

/// Rows of a launch over a batch: those that the spans can name. Of a recorded step that is all,
/// since other runs of it may have more sequences.
u32 batch_rows(const Tensor& rows, const SpanTable& spans) {
  return static_cast<u32>(
      std::min(rows.rows(), static_cast<const GpuSpanTable&>(spans).row_room()));
}

kernels::AttentionParams params_of(const AttentionShape& shape) {
  return {static_cast<u32>(shape.num_heads),
          static_cast<u32>(shape.num_kv_heads),
          static_cast<u32>(shape.head_dim),
          shape.scale,
          shape.softcap,
          static_cast<kernels::i32>(shape.window)};
}

/// One group for each row and query head.
Grid attention_grid(std::int64_t rows, const AttentionShape& shape) {
  return {static_cast<u32>(rows), static_cast<u32>(shape.num_heads), 1, kernels::kAttentionThreads,
          kernels::attention_shared_bytes(kernels::kAttentionThreads,
                                          static_cast<u32>(shape.head_dim))};
}

void check_head_dim(int head_dim) {
  if (head_dim > static_cast<int>(kernels::kMaxHeadDim)) {
    fail("attention heads of size {}: the GPU kernels take at most {}", head_dim,
         kernels::kMaxHeadDim);
  }
}

}  // namespace

std::unique_ptr<KvCache> GpuDevice::make_kv_cache(const KvLayout& layout, int num_pages) {
  if (layout.precision == KvPrecision::kInt8) fail("a GPU keeps no keys and values of 8 bits");
  return std::make_unique<GpuKvCache>(*this, layout, num_pages);
}

std::int64_t GpuDevice::kv_bytes_per_token(const KvLayout& layout) const {
  std::int64_t elements = 0;
  for (const auto& [num_kv_heads, head_dim] : layout.layers) {
    elements += std::int64_t{2} * num_kv_heads * head_dim;
  }
  return elements * static_cast<std::int64_t>(dtype_bytes(activation_dtype()));
}

int GpuDevice::kv_page_tokens() const {
  return kernels::kPageTokens;
}

std::unique_ptr<SpanTable> GpuDevice::make_span_table(std::int64_t spans, std::int64_t pages) {
  return std::make_unique<GpuSpanTable>(*this, spans, pages);
}

void GpuDevice::do_rotary_table(const Tensor& cos, const Tensor& sin, const Tensor& positions,
                                const Tensor& frequencies, const Tensor& axes, float scale) {
  if (cos.rows() == 0) return;
  const kernels::RotaryTableArgs args{cos.data<float>(),
                                      sin.data<float>(),
                                      positions.data<std::int32_t>(),
                                      frequencies.data<float>(),
                                      axes.data<std::int32_t>(),
                                      static_cast<u32>(cos.rows()),
                                      static_cast<u32>(cos.size(1)),
                                      scale};
  launch_kernel(Kernel::rotary_table,
                {static_cast<u32>(cos.rows()), groups_of(cos.size(1), kernels::kRotaryThreads), 1,
                 kernels::kRotaryThreads, 0},
                &args);
}

void GpuDevice::do_rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim) {
  const std::int64_t heads = x.size(1) / head_dim;
  const kernels::RotaryArgs args{x.raw(),
                                 cos.data<float>(),
                                 sin.data<float>(),
                                 stride(x),
                                 stride(cos),
                                 static_cast<u32>(heads),
                                 static_cast<u32>(head_dim),
                                 static_cast<u32>(cos.size(1))};
  launch_kernel(typed(x, Kernel::rotary_f32, Kernel::rotary_f16),
                {static_cast<u32>(x.rows()),
                 groups_of(heads * units_of(cos.size(1)), kernels::kRotaryThreads), 1,
                 kernels::kRotaryThreads, 0},
                &args);
}

void GpuDevice::do_copy_page(KvCache& cache, std::int32_t from, std::int32_t to) {
  for (const Tensor& rows : static_cast<const GpuKvCache&>(cache).page_rows()) {
    gather(rows.view_rows(to, 1), rows, {&from, 1});
  }
}

void GpuDevice::do_write_kv(KvCache& cache, int layer, const Tensor& k, const Tensor& v,
                            const SpanTable& spans) {
  const auto& pages = static_cast<const GpuKvCache&>(cache);
  const auto& [num_kv_heads, head_dim] = cache.layout().layers[layer];
  const kernels::WriteKvArgs args{k.raw(),
                                  v.raw(),
                                  pages.keys(layer),
                                  pages.values(layer),
                                  static_cast<const GpuSpanTable&>(spans).view(),
                                  stride(k),
                                  stride(v),
                                  static_cast<u32>(num_kv_heads),
                                  static_cast<u32>(head_dim)};
  const Kernel kernel = pages.dtype() == DType::kF32
                            ? Kernel::write_kv_f32_f32
                            : typed(k, Kernel::write_kv_f16_f32, Kernel::write_kv_f16_f16);
  launch_kernel(
      kernel,
      {batch_rows(k, spans), groups_of(num_kv_heads * units_of(head_dim), kernels::kKvThreads), 1,
       kernels::kKvThreads, 0},
      &args);
}

void GpuDevice::do_rotary_write_kv(KvCache& cache, int layer, const Tensor& qkv, const Tensor& cos,
                                   const Tensor& sin, const AttentionShape& shape,
                                   const SpanTable& spans) {
  const auto& pages = static_cast<const GpuKvCache&>(cache);
  const kernels::RotaryKvArgs args{qkv.raw(),
                                   cos.data<float>(),
                                   sin.data<float>(),
                                   pages.keys(layer),
                                   pages.values(layer),
                                   static_cast<const GpuSpanTable&>(spans).view(),
                                   stride(qkv),
                                   stride(cos),
                                   static_cast<u32>(shape.num_heads),
                                   static_cast<u32>(shape.num_kv_heads),
                                   static_cast<u32>(shape.head_dim),
                                   static_cast<u32>(cos.size(1))};
  const Kernel kernel = pages.dtype() == DType::kF32
                            ? Kernel::rotary_kv_f32_f32
                            : typed(qkv, Kernel::rotary_kv_f16_f32, Kernel::rotary_kv_f16_f16);
  const std::int64_t units = units_of(cos.size(1)) + units_of(shape.head_dim - 2 * cos.size(1));
  launch_kernel(kernel,
                {batch_rows(qkv, spans),
                 groups_of((shape.num_heads + 2 * shape.num_kv_heads) * units, kernels::kKvThreads),
                 1, kernels::kKvThreads, 0},
                &args);
}

void GpuDevice::do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache,
                                   int layer, const AttentionShape& shape, const SpanTable& spans) {
  check_head_dim(shape.head_dim);
  const auto& pages = static_cast<const GpuKvCache&>(cache);
  const auto& table = static_cast<const GpuSpanTable&>(spans);
  const kernels::PagedAttentionArgs args{out.raw(),
                                         q.raw(),
                                         pages.keys(layer),
                                         pages.values(layer),
                                         table.view(),
                                         shape.causal ? nullptr : table.end_keys(),
                                         shape.causal ? nullptr : table.first_keys(),
                                         stride(out),
                                         stride(q),
                                         params_of(shape)};
  const Kernel kernel = pages.dtype() == DType::kF32 ? Kernel::attention_paged_f32_f32
                                                     : typed(q, Kernel::attention_paged_f32_f16,
                                                             Kernel::attention_paged_f16_f16);
  launch_kernel(kernel, attention_grid(batch_rows(q, spans), shape), &args);
}

GpuDevice::Segments& GpuDevice::segments_for(std::span<const std::int64_t> ends) {
  for (Segments& known : segments_) {
    if (std::ranges::equal(known.ends, ends)) return known;
  }
  // Layers of a tower take turns with two kinds; older ones are of other pictures.
  if (segments_.size() >= kKnownSegments) segments_.pop_back();
  Segments made;
  made.ends.assign(ends.begin(), ends.end());
  std::vector<std::int32_t> narrow(ends.begin(), ends.end());
  std::vector<std::int32_t> rows;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::int64_t length = ends[i] - static_cast<std::int64_t>(rows.size());
    made.longest = std::max(made.longest, length);
    made.shortest = i == 0 ? length : std::min(made.shortest, length);
    rows.resize(ends[i], static_cast<std::int32_t>(i));
  }
  made.device_ends = indices(narrow);
  made.row_segments = indices(rows);
  segments_.push_front(std::move(made));
  return segments_.front();
}

void GpuDevice::do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionShape& shape,
                                      std::span<const std::int64_t> ends) {
  check_head_dim(shape.head_dim);
  if (q.rows() == 0) return;
  const Segments& segments = segments_for(ends);
  const kernels::SegmentAttentionArgs args{out.raw(),
                                           q.raw(),
                                           k.raw(),
                                           v.raw(),
                                           segments.device_ends.data<std::int32_t>(),
                                           segments.row_segments.data<std::int32_t>(),
                                           stride(out),
                                           stride(q),
                                           stride(k),
                                           stride(v),
                                           params_of(shape)};
  launch_kernel(typed(q, Kernel::attention_segments_f32, Kernel::attention_segments_f16),
                attention_grid(q.rows(), shape), &args);
}

}  // namespace saccade::compute::gpu
