// Random numbers, and batches over pages.
#include "attention_inputs.h"

#include <cmath>
#include <cstring>
#include <numeric>

namespace saccade::bench {
namespace {

__device__ std::uint32_t hash(std::uint64_t x) {
  x = (x ^ (x >> 31)) * 0x7fb5d329728ea185ull;
  x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44dull;
  return static_cast<std::uint32_t>(x >> 33);
}

/// A sum of four uniform numbers each.
__global__ void randomize(F16* data, std::size_t n, std::uint64_t seed) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x; i < n;
       i += stride) {
    float sum = 0.0f;
    for (int j = 0; j < 4; ++j)
      sum += hash(seed * 0x9e3779b97f4a7c15ull + i * 4 + j) * 0x1p-31f - 0.5f;
    data[i] = __float2half(sum * 1.7320508f);
  }
}

}  // namespace

void random_fill(F16* data, std::size_t n, std::uint64_t seed) {
  randomize<<<1024, 256>>>(data, n, seed);
  CUDA_CHECK(cudaGetLastError());
}

AttentionShape shape_of(int heads, int kv_heads, int head_dim, int window, float softcap) {
  AttentionShape shape;
  shape.num_heads = heads, shape.num_kv_heads = kv_heads, shape.head_dim = head_dim;
  shape.window = window, shape.softcap = softcap;
  shape.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  return shape;
}

PagedBatch::PagedBatch(const AttentionShape& shape, const std::vector<SpanSpec>& specs,
                       Ranges ranges, unsigned seed)
    : shape(shape) {
  std::mt19937 random(seed);
  for (const SpanSpec& spec : specs) {
    spans.push_back({rows, spec.count, spec.start, static_cast<int>(page_ids.size())});
    rows += spec.count;
    longest = std::max(longest, spec.start + spec.count);
    for (int page = 0; page * kPageTokens < spec.start + spec.count; ++page)
      page_ids.push_back(num_pages++);
    if (ranges == Ranges::kPictures) add_pictures(spec, random);
    if (ranges == Ranges::kAny) add_any_ranges(spec, random);
  }
  num_pages += 3;  // that no sequence has
  std::vector<int> order(num_pages);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  for (auto& id : page_ids) id = order[id];
  query_stride = (shape.num_heads + 2 * shape.num_kv_heads) * shape.head_dim;
  out_stride = shape.num_heads * shape.head_dim;
}

void PagedBatch::add_pictures(const SpanSpec& spec, std::mt19937& random) {
  int picture_end = 0;
  for (int i = 0; i < spec.count; ++i) {
    if (i >= picture_end && random() % 16 == 0)
      picture_end = std::min<int>(spec.count, i + random() % 150);
    end_keys.push_back(spec.start + std::max(i + 1, picture_end));
  }
}

/// Where a window does not say where keys begin, they lie anywhere.
void PagedBatch::add_any_ranges(const SpanSpec& spec, std::mt19937& random) {
  for (int i = 0; i < spec.count; ++i) {
    const int own = spec.start + i + 1;
    const bool said = random() % 3 > 0;
    end_keys.push_back(said ? 1 + static_cast<int>(random() % (spec.start + spec.count)) : own);
    first_keys.push_back(said ? static_cast<int>(random() % end_keys.back()) : -1);
  }
}

std::size_t PagedBatch::pool_size() const {
  return static_cast<std::size_t>(num_pages) * shape.num_kv_heads * kPageTokens * shape.head_dim;
}

PagedMemory::PagedMemory(const PagedBatch& batch, unsigned seed, int layers)
    : queries(batch.rows * batch.query_stride),
      keys(batch.pool_size() * layers),
      values(batch.pool_size() * layers),
      out(batch.rows * batch.out_stride),
      spans(batch.spans),
      page_ids(batch.page_ids),
      end_keys(batch.end_keys),
      first_keys(batch.first_keys) {
  random_fill(queries.data, queries.size, seed);
  random_fill(keys.data, keys.size, seed + 1);
  random_fill(values.data, values.size, seed + 2);
}

void poison_unused(Buffer<F16>& pool, const PagedBatch& batch) {
  std::vector<F16> host = pool.host();
  const int head_dim = batch.shape.head_dim, heads = batch.shape.num_kv_heads;
  std::vector<int> used(batch.num_pages, 0);
  for (const DeviceSpan& span : batch.spans) {
    const int keys = span.start + span.count;
    for (int page = 0; page * kPageTokens < keys; ++page) {
      used[batch.page_ids[span.first_page + page]] =
          std::min(kPageTokens, keys - page * kPageTokens);
    }
  }
  for (int page = 0; page < batch.num_pages; ++page) {
    for (int head = 0; head < heads; ++head) {
      const std::size_t first =
          ((static_cast<std::size_t>(page) * heads + head) * kPageTokens + used[page]) * head_dim;
      std::memset(&host[first], 0xff,
                  static_cast<std::size_t>(kPageTokens - used[page]) * head_dim * 2);
    }
  }
  CUDA_CHECK(cudaMemcpy(pool.data, host.data(), pool.size * 2, cudaMemcpyHostToDevice));
}

namespace {

/// What prefill and decoding are told alike.
template <class Args>
Args paged_args(const PagedBatch& batch, const PagedMemory& memory) {
  Args args;
  args.shape = batch.shape;
  args.kv = {memory.keys.data, memory.values.data, memory.page_ids.data, batch.num_pages};
  args.queries = memory.queries.data, args.query_stride = batch.query_stride;
  args.out = memory.out.data, args.out_stride = batch.out_stride;
  args.spans = memory.spans.data, args.num_spans = static_cast<int>(batch.spans.size());
  args.end_keys = batch.end_keys.empty() ? nullptr : memory.end_keys.data;
  args.first_keys = batch.first_keys.empty() ? nullptr : memory.first_keys.data;
  return args;
}

}  // namespace

PrefillArgs prefill_args(const PagedBatch& batch, const PagedMemory& memory) {
  PrefillArgs args = paged_args<PrefillArgs>(batch, memory);
  args.num_rows = batch.rows;
  return args;
}

DecodeArgs decode_args(const PagedBatch& batch, const PagedMemory& memory) {
  DecodeArgs args = paged_args<DecodeArgs>(batch, memory);
  args.max_keys = batch.longest;
  return args;
}

}  // namespace saccade::bench
