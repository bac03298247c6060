// What attention_bench's kernels work on: device memory, random numbers, batches over pages.
#pragma once

#include <cuda_fp16.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "compute/cuda/attention/attention.h"
#include "cuda_timing.h"

namespace saccade::bench {

using namespace saccade::compute::cuda;  // NOLINT
using F16 = __half;

/// Device memory.
template <class T>
struct Buffer {
  T* data = nullptr;
  std::size_t size = 0;
  explicit Buffer(std::size_t n) : size(n) {
    CUDA_CHECK(cudaMalloc(&data, std::max<std::size_t>(n, 1) * sizeof(T)));
  }
  explicit Buffer(const std::vector<T>& host) : Buffer(host.size()) {
    CUDA_CHECK(cudaMemcpy(data, host.data(), size * sizeof(T), cudaMemcpyHostToDevice));
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { cudaFree(data); }
  void fill(int byte) { CUDA_CHECK(cudaMemset(data, byte, size * sizeof(T))); }
  std::vector<T> host() const {
    std::vector<T> copy(size);
    CUDA_CHECK(cudaMemcpy(copy.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost));
    return copy;
  }
};

/// Numbers that are about normal, with a deviation of one.
void random_fill(F16* data, std::size_t n, std::uint64_t seed);

/// With the scale that models have, one over the root of head_dim.
AttentionShape shape_of(int heads, int kv_heads, int head_dim, int window = 0,
                        float softcap = 0.0f);

/// Tokens [start, start + count) of a sequence of their own.
struct SpanSpec {
  int start;
  int count;
};

/// The keys that rows see beside those up to themselves: of a picture, or any.
enum class Ranges { kNone, kPictures, kAny };

/// A ragged batch, each span's keys on pages that lie anywhere among all. Rows have queries, keys
/// and values side by side, as a product of all three leaves them.
struct PagedBatch {
  AttentionShape shape;
  std::vector<DeviceSpan> spans;
  std::vector<std::int32_t> page_ids, end_keys, first_keys;
  int rows = 0, num_pages = 0;
  int longest = 0;  ///< keys of the longest sequence
  std::int64_t query_stride, out_stride;

  PagedBatch(const AttentionShape& shape, const std::vector<SpanSpec>& specs, Ranges ranges,
             unsigned seed);

  /// Elements of all pages' keys, and of their values.
  std::size_t pool_size() const;

 private:
  void add_pictures(const SpanSpec& spec, std::mt19937& random);
  void add_any_ranges(const SpanSpec& spec, std::mt19937& random);
};

/// A batch on the device, with random numbers for queries, keys and values.
struct PagedMemory {
  Buffer<F16> queries, keys, values;  ///< keys and values: [layers][pool_size]
  Buffer<F16> out;
  Buffer<DeviceSpan> spans;
  Buffer<std::int32_t> page_ids, end_keys, first_keys;

  PagedMemory(const PagedBatch& batch, unsigned seed, int layers = 1);
};

/// Writes NaN over every key that no sequence has.
void poison_unused(Buffer<F16>& pool, const PagedBatch& batch);

PrefillArgs prefill_args(const PagedBatch& batch, const PagedMemory& memory);
/// Without a workspace, for sequences that do not grow.
DecodeArgs decode_args(const PagedBatch& batch, const PagedMemory& memory);

}  // namespace saccade::bench
