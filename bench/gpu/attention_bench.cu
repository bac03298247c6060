// Checks the CUDA attention kernels against a plain float reference on random data, then times
// them. Stand-alone: nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++20 -O3 -Isrc
//   bench/gpu/attention_bench.cu src/compute/cuda/attention/*.cu -o attention_bench
// attention_bench [check | small | time]: all checks; few small ones (for compute-sanitizer);
// timings.
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "compute/cuda/attention/attention.h"

using namespace saccade::compute::cuda;
using F16 = __half;

namespace {

int failures = 0;

void check_cuda(cudaError_t error, int line) {
  if (error == cudaSuccess) return;
  std::printf("line %d: %s\n", line, cudaGetErrorString(error));
  std::exit(1);
}
#define CUDA(call) check_cuda(call, __LINE__)

template <class T>
struct Buffer {
  T* data = nullptr;
  std::size_t size = 0;
  explicit Buffer(std::size_t n) : size(n) {
    CUDA(cudaMalloc(&data, std::max<std::size_t>(n, 1) * sizeof(T)));
  }
  explicit Buffer(const std::vector<T>& host) : Buffer(host.size()) {
    CUDA(cudaMemcpy(data, host.data(), size * sizeof(T), cudaMemcpyHostToDevice));
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { cudaFree(data); }
  void fill(int byte) { CUDA(cudaMemset(data, byte, size * sizeof(T))); }
  std::vector<T> host() const {
    std::vector<T> copy(size);
    CUDA(cudaMemcpy(copy.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost));
    return copy;
  }
};

__device__ std::uint32_t hash(std::uint64_t x) {
  x = (x ^ (x >> 31)) * 0x7fb5d329728ea185ull;
  x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44dull;
  return static_cast<std::uint32_t>(x >> 33);
}

/// About normal with the given deviation (a sum of four uniform numbers).
__global__ void randomize(F16* data, std::size_t n, std::uint64_t seed, float deviation) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x; i < n;
       i += stride) {
    float sum = 0.0f;
    for (int j = 0; j < 4; ++j)
      sum += hash(seed * 0x9e3779b97f4a7c15ull + i * 4 + j) * 0x1p-31f - 0.5f;
    data[i] = __float2half(sum * deviation * 1.7320508f);
  }
}

void random_fill(F16* data, std::size_t n, std::uint64_t seed, float deviation = 1.0f) {
  randomize<<<1024, 256>>>(data, n, seed, deviation);
  CUDA(cudaGetLastError());
}

/// One query row and head of the reference: block per (row, head).
struct ReferenceJob {
  std::int64_t query;  ///< element offsets
  std::int64_t out;
  std::int32_t begin, end;  ///< keys
  std::int32_t first_page;  ///< paged: of the sequence; else: first row
  std::int32_t kv_head;
};

struct ReferenceArgs {
  const F16 *queries, *keys, *values;
  float* out;
  const std::int32_t* page_ids;  ///< null: rows of a matrix
  std::int64_t stride;           ///< of that matrix
  int num_kv_heads, head_dim;
  float scale, softcap;
};

__global__ void reference(const ReferenceJob* jobs, ReferenceArgs args) {
  extern __shared__ float scores[];
  __shared__ float highest, total;
  const ReferenceJob job = jobs[blockIdx.x];
  const auto row = [&](int key) -> std::int64_t {
    if (args.page_ids == nullptr) {
      return (job.first_page + key) * args.stride + job.kv_head * args.head_dim;
    }
    const std::int64_t page = args.page_ids[job.first_page + key / 64];
    return ((page * args.num_kv_heads + job.kv_head) * 64 + key % 64) * args.head_dim;
  };
  for (int key = job.begin + threadIdx.x; key < job.end; key += blockDim.x) {
    float sum = 0.0f;
    for (int d = 0; d < args.head_dim; ++d) {
      sum += __half2float(args.queries[job.query + d]) * __half2float(args.keys[row(key) + d]);
    }
    sum *= args.scale;
    if (args.softcap > 0.0f) sum = args.softcap * tanhf(sum / args.softcap);
    scores[key - job.begin] = sum;
  }
  __syncthreads();
  const int n = job.end - job.begin;
  if (threadIdx.x == 0) {
    highest = -INFINITY;
    for (int i = 0; i < n; ++i) highest = fmaxf(highest, scores[i]);
    total = 0.0f;
    for (int i = 0; i < n; ++i) total += expf(scores[i] - highest);
  }
  __syncthreads();
  for (int d = threadIdx.x; d < args.head_dim; d += blockDim.x) {
    float sum = 0.0f;
    for (int i = 0; i < n; ++i) {
      sum += expf(scores[i] - highest) * __half2float(args.values[row(job.begin + i) + d]);
    }
    args.out[job.out + d] = sum / total;
  }
}

std::vector<float> run_reference(const std::vector<ReferenceJob>& jobs, ReferenceArgs args,
                                 std::size_t out_size) {
  Buffer<ReferenceJob> device_jobs(jobs);
  Buffer<float> out(out_size);
  out.fill(0);
  args.out = out.data;
  CUDA(cudaFuncSetAttribute(reference, cudaFuncAttributeMaxDynamicSharedMemorySize, 200 * 1024));
  if (!jobs.empty()) reference<<<jobs.size(), 128, 200 * 1024>>>(device_jobs.data, args);
  CUDA(cudaDeviceSynchronize());
  return out.host();
}

/// Relative error over what `jobs` wrote; elsewhere out must still be the poison.
void compare(const std::string& name, const std::vector<F16>& out,
             const std::vector<float>& expected, const std::vector<ReferenceJob>& jobs,
             int head_dim) {
  std::vector<char> written(out.size(), 0);
  double difference = 0.0, norm = 0.0, worst = 0.0;
  for (const ReferenceJob& job : jobs) {
    for (int d = 0; d < head_dim; ++d) {
      written[job.out + d] = 1;
      const double error =
          static_cast<double>(__half2float(out[job.out + d])) - expected[job.out + d];
      difference += error * error;
      worst = std::isnan(error) ? INFINITY : std::max(worst, std::fabs(error));
      norm += static_cast<double>(expected[job.out + d]) * expected[job.out + d];
    }
  }
  std::size_t spilled = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, &out[i], 2);
    if (!written[i] && bits != 0xffff) ++spilled;
  }
  const double relative = jobs.empty() ? 0.0 : std::sqrt(difference / norm);
  const bool good = relative < 6e-3 && worst < 0.05 && spilled == 0;
  if (!good) ++failures;
  std::printf("%s %-58s rel %.2e max %.2e%s\n", good ? "ok  " : "FAIL", name.c_str(), relative,
              worst, spilled ? " wrote outside" : "");
}

struct SpanSpec {
  int start;
  int count;
};

/// The keys that rows see beside those up to themselves: of a picture, or any.
enum class Ranges { kNone, kPictures, kAny };

/// A ragged batch over pages of NaN in which only the sequences' keys are numbers.
struct Paged {
  AttentionShape shape;
  std::vector<SpanSpec> specs;
  std::vector<DeviceSpan> spans;
  std::vector<std::int32_t> page_ids, end_keys, first_keys;
  int rows = 0, num_pages = 0;
  std::int64_t query_stride, out_stride;

  Paged(AttentionShape s, std::vector<SpanSpec> list, Ranges ranges, unsigned seed)
      : shape(s), specs(std::move(list)) {
    std::mt19937 random(seed);
    for (const SpanSpec& spec : specs) {
      spans.push_back({rows, spec.count, spec.start, static_cast<int>(page_ids.size())});
      rows += spec.count;
      for (int page = 0; page * 64 < spec.start + spec.count; ++page)
        page_ids.push_back(num_pages++);
      if (ranges == Ranges::kPictures) add_pictures(spec, random);
      if (ranges == Ranges::kAny) add_any_ranges(spec, random);
    }
    num_pages += 3;
    std::vector<int> order(num_pages);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    for (auto& id : page_ids) id = order[id];
    query_stride = (shape.num_heads + 2 * shape.num_kv_heads) * shape.head_dim;
    out_stride = shape.num_heads * shape.head_dim;
  }

  void add_pictures(const SpanSpec& spec, std::mt19937& random) {
    int picture_end = 0;
    for (int i = 0; i < spec.count; ++i) {
      if (i >= picture_end && random() % 16 == 0)
        picture_end = std::min<int>(spec.count, i + random() % 150);
      end_keys.push_back(spec.start + std::max(i + 1, picture_end));
    }
  }

  /// Where a window does not say where keys begin, they lie anywhere.
  void add_any_ranges(const SpanSpec& spec, std::mt19937& random) {
    for (int i = 0; i < spec.count; ++i) {
      const int own = spec.start + i + 1;
      const bool said = random() % 3 > 0;
      end_keys.push_back(said ? 1 + static_cast<int>(random() % (spec.start + spec.count)) : own);
      first_keys.push_back(said ? static_cast<int>(random() % end_keys.back()) : -1);
    }
  }

  std::vector<ReferenceJob> jobs() const {
    std::vector<ReferenceJob> all;
    const int group = shape.num_heads / shape.num_kv_heads;
    for (const DeviceSpan& span : spans) {
      for (int i = 0; i < span.count; ++i) {
        const int own = span.start + i + 1;
        const int said = first_keys.empty() ? -1 : first_keys[span.row + i];
        const int in_window = shape.window > 0 ? std::max(0, own - shape.window) : 0;
        const int begin = said >= 0 ? said : in_window;
        const int end = end_keys.empty() ? own : end_keys[span.row + i];
        for (int head = 0; head < shape.num_heads; ++head) {
          const std::int64_t row = span.row + i;
          all.push_back({row * query_stride + head * shape.head_dim,
                         row * out_stride + head * shape.head_dim, begin, end, span.first_page,
                         head / group});
        }
      }
    }
    return all;
  }
};

/// Writes NaN over every key that no sequence has.
void poison_unused(Buffer<F16>& pool, const Paged& batch) {
  std::vector<F16> host = pool.host();
  const int head_dim = batch.shape.head_dim, heads = batch.shape.num_kv_heads;
  std::vector<int> used(batch.num_pages, 0);
  for (std::size_t i = 0; i < batch.spans.size(); ++i) {
    const int keys = batch.spans[i].start + batch.spans[i].count;
    for (int page = 0; page * 64 < keys; ++page)
      used[batch.page_ids[batch.spans[i].first_page + page]] = std::min(64, keys - page * 64);
  }
  for (int page = 0; page < batch.num_pages; ++page) {
    for (int head = 0; head < heads; ++head) {
      const std::size_t first =
          ((static_cast<std::size_t>(page) * heads + head) * 64 + used[page]) * head_dim;
      std::memset(&host[first], 0xff, static_cast<std::size_t>(64 - used[page]) * head_dim * 2);
    }
  }
  CUDA(cudaMemcpy(pool.data, host.data(), pool.size * 2, cudaMemcpyHostToDevice));
}

enum class Way { kPrefill, kPortable, kDecode, kShared };

void check_paged(AttentionShape shape, std::vector<SpanSpec> list, Way way,
                 Ranges ranges = Ranges::kNone, bool portable = false) {
  shape.scale =
      1.0f / std::sqrt(static_cast<float>(shape.head_dim)) * (shape.softcap > 0 ? 8.0f : 1.0f);
  const unsigned seed = 17 + list.size() + shape.head_dim;
  const Paged batch(shape, std::move(list), ranges, seed);
  const std::size_t pool_size =
      static_cast<std::size_t>(batch.num_pages) * shape.num_kv_heads * 64 * shape.head_dim;
  Buffer<F16> queries(batch.rows * batch.query_stride), keys(pool_size), values(pool_size),
      out(batch.rows * batch.out_stride);
  Buffer<DeviceSpan> spans(batch.spans);
  Buffer<std::int32_t> page_ids(batch.page_ids), end_keys(batch.end_keys),
      first_keys(batch.first_keys);
  const auto* ends = batch.end_keys.empty() ? nullptr : end_keys.data;
  const auto* firsts = batch.first_keys.empty() ? nullptr : first_keys.data;
  random_fill(queries.data, queries.size, seed);
  random_fill(keys.data, keys.size, seed + 1);
  random_fill(values.data, values.size, seed + 2);
  poison_unused(keys, batch);
  poison_unused(values, batch);
  out.fill(0xff);
  const PagedKeyValues kv = {keys.data, values.data, page_ids.data, batch.num_pages};
  if (way == Way::kDecode || way == Way::kShared) {
    int longest = 0;
    for (const auto& span : batch.spans) longest = std::max(longest, span.start + span.count);
    DecodeArgs args;
    args.shape = shape, args.kv = kv, args.queries = queries.data,
    args.query_stride = batch.query_stride;
    args.out = out.data, args.out_stride = batch.out_stride, args.spans = spans.data;
    args.num_spans = static_cast<int>(batch.spans.size()), args.max_keys = longest + 100,
    args.end_keys = ends, args.first_keys = firsts, args.portable = portable;
    Buffer<char> workspace(decode_attention_workspace_bytes(shape, args.num_spans));
    workspace.fill(0);
    args.workspace = workspace.data;
    CUDA(decode_attention(0, args));
    const auto once = out.host();
    out.fill(0xff);
    CUDA(decode_attention(0, args));
    const auto twice = out.host();
    if (std::memcmp(once.data(), twice.data(), once.size() * 2) != 0)
      ++failures, std::printf("FAIL decode differs from run to run\n");
  }
  if (way != Way::kDecode) {
    PrefillArgs args;
    args.shape = shape, args.kv = kv, args.queries = queries.data,
    args.query_stride = batch.query_stride;
    args.out = out.data, args.out_stride = batch.out_stride, args.spans = spans.data;
    args.num_spans = static_cast<int>(batch.spans.size()), args.num_rows = batch.rows;
    args.end_keys = ends, args.first_keys = firsts;
    args.portable = way == Way::kPortable;
    args.min_count = way == Way::kShared ? 2 : 1;
    CUDA(prefill_attention(0, args));
  }
  CUDA(cudaDeviceSynchronize());
  const auto jobs = batch.jobs();
  const auto expected =
      run_reference(jobs,
                    {queries.data, keys.data, values.data, nullptr, page_ids.data, 0,
                     shape.num_kv_heads, shape.head_dim, shape.scale, shape.softcap},
                    out.size);
  char name[128];
  std::snprintf(name, sizeof name, "%s d%d heads %d/%d window %d cap %.0f spans %zu%s",
                way == Way::kDecode    ? "decode"
                : way == Way::kShared  ? "both"
                : way == Way::kPrefill ? "prefill"
                                       : "prefill mma",
                shape.head_dim, shape.num_heads, shape.num_kv_heads, shape.window, shape.softcap,
                batch.spans.size(),
                ranges == Ranges::kPictures ? " pictures"
                : ranges == Ranges::kAny    ? " any keys"
                                            : "");
  compare(name, out.host(), expected, jobs, shape.head_dim);
}

/// Codes within half a step of the outputs, and their sums.
void check_codes(const Paged& batch, const std::vector<F16>& out,
                 const std::vector<signed char>& codes, const std::vector<uint2>& chunks) {
  const std::size_t of_row = chunks.size() / batch.rows;
  for (const DeviceSpan& span : batch.spans) {
    for (std::size_t c = 0; span.count == 1 && c < of_row; ++c) {
      const std::size_t chunk = span.row * of_row + c;
      float scale;
      std::memcpy(&scale, &chunks[chunk].x, sizeof scale);
      int sums[2] = {0, 0};
      bool near = true;
      for (int i = 0; i < 32; ++i) {
        const float value = __half2float(out[span.row * batch.out_stride + c * 32 + i]);
        const int code = codes[chunk * 32 + i];
        near &= std::fabs(value - scale * code) <= 0.51f * scale;
        sums[i / 16] += code;
      }
      const auto low = static_cast<std::int16_t>(chunks[chunk].y & 0xffffu);
      const auto high = static_cast<std::int16_t>(chunks[chunk].y >> 16);
      if (near && low == sums[0] && high == sums[1]) continue;
      ++failures;
      std::printf("FAIL codes of row %d, chunk %zu\n", span.row, c);
      return;
    }
  }
}

/// Tokens whose keys and values are not in the pages: turned by quarter turns, which are exact, so
/// that what is in the pages afterwards is known to the bit.
void check_fresh(AttentionShape shape, std::vector<SpanSpec> list, bool portable = false) {
  shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  const Paged batch(shape, std::move(list), Ranges::kNone, 23);
  const int dim = shape.head_dim, half = dim / 2, kv_heads = shape.num_kv_heads;
  const std::size_t pool_size = static_cast<std::size_t>(batch.num_pages) * kv_heads * 64 * dim;
  Buffer<F16> turned(batch.rows * batch.query_stride), keys(pool_size), values(pool_size),
      out(batch.rows * batch.out_stride);
  random_fill(turned.data, turned.size, 1);
  random_fill(keys.data, keys.size, 2);
  random_fill(values.data, values.size, 3);
  poison_unused(keys, batch);
  poison_unused(values, batch);
  const auto all_keys = keys.host(), all_values = values.host();
  std::vector<F16> qkv = turned.host(), old_keys = all_keys, old_values = all_values;
  std::vector<float> cosines(batch.rows * half), sines(batch.rows * half);
  for (std::size_t i = 0; i < cosines.size(); ++i) {
    const int turn = static_cast<int>(i * 7 % 4);
    cosines[i] = turn == 0 ? 1.0f : turn == 2 ? -1.0f : 0.0f;
    sines[i] = turn == 1 ? 1.0f : turn == 3 ? -1.0f : 0.0f;
  }
  const auto turn_back = [&](F16* head, int row) {
    for (int i = 0; i < half; ++i) {
      const float a = __half2float(head[i]), b = __half2float(head[i + half]);
      const float c = cosines[row * half + i], s = sines[row * half + i];
      head[i] = __float2half(a * c + b * s);
      head[i + half] = __float2half(b * c - a * s);
    }
  };
  for (const DeviceSpan& span : batch.spans) {
    if (span.count == 0) continue;
    F16* row = &qkv[span.row * batch.query_stride];
    for (int head = 0; head < kv_heads; ++head) {
      const std::int64_t page = batch.page_ids[span.first_page + span.start / 64];
      const std::size_t at = ((page * kv_heads + head) * 64 + span.start % 64) * dim;
      F16* key = row + (shape.num_heads + head) * dim;
      std::copy_n(&all_keys[at], dim, key);
      std::copy_n(&all_values[at], dim, key + kv_heads * dim);
      std::memset(&old_keys[at], 0xff, dim * 2);
      std::memset(&old_values[at], 0xff, dim * 2);
    }
    for (int head = 0; head < shape.num_heads + kv_heads; ++head) {
      turn_back(row + head * dim, span.row);
    }
  }
  Buffer<F16> queries(qkv), pool_keys(old_keys), pool_values(old_values);
  Buffer<float> device_cosines(cosines), device_sines(sines);
  Buffer<DeviceSpan> spans(batch.spans);
  Buffer<std::int32_t> page_ids(batch.page_ids);
  DecodeArgs args;
  args.shape = shape, args.kv = {pool_keys.data, pool_values.data, page_ids.data, batch.num_pages};
  args.queries = queries.data, args.query_stride = batch.query_stride;
  args.out = out.data, args.out_stride = batch.out_stride, args.spans = spans.data;
  args.num_spans = static_cast<int>(batch.spans.size());
  args.max_keys = batch.num_pages * 64, args.portable = portable;
  args.fresh = {queries.data + shape.num_heads * dim,
                queries.data + (shape.num_heads + kv_heads) * dim,
                batch.query_stride,
                device_cosines.data,
                device_sines.data,
                half,
                pool_keys.data,
                pool_values.data};
  args.pages_ready = true;
  const int chunks = shape.num_heads * dim / 32;
  Buffer<signed char> codes(static_cast<std::size_t>(batch.rows) * chunks * 32);
  Buffer<uint2> code_chunks(static_cast<std::size_t>(batch.rows) * chunks);
  args.coded = {codes.data, code_chunks.data, chunks};
  Buffer<char> workspace(decode_attention_workspace_bytes(shape, args.num_spans));
  workspace.fill(0);
  args.workspace = workspace.data;
  out.fill(0xff);
  CUDA(decode_attention(0, args));
  CUDA(cudaDeviceSynchronize());
  check_codes(batch, out.host(), codes.host(), code_chunks.host());
  const auto same = [](const std::vector<F16>& a, const std::vector<F16>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      const float x = __half2float(a[i]), y = __half2float(b[i]);
      if (x != y && !(std::isnan(x) && std::isnan(y))) return false;
    }
    return true;
  };
  if (!same(pool_keys.host(), all_keys) || !same(pool_values.host(), all_values)) {
    ++failures;
    std::printf("FAIL pages are not what they should be after decoding fresh tokens\n");
  }
  const auto jobs = batch.jobs();
  const auto expected = run_reference(jobs,
                                      {turned.data, keys.data, values.data, nullptr, page_ids.data,
                                       0, kv_heads, dim, shape.scale, shape.softcap},
                                      out.size);
  char name[128];
  std::snprintf(name, sizeof name, "decode fresh d%d heads %d/%d window %d spans %zu%s", dim,
                shape.num_heads, kv_heads, shape.window, batch.spans.size(),
                portable ? " portable" : "");
  compare(name, out.host(), expected, jobs, dim);
}

/// Rows of a prompt prefilled whole and in chunks, the last ones one at a time: the same bits.
void check_invariance(AttentionShape shape, std::vector<int> chunks, bool portable) {
  shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  const int total = std::accumulate(chunks.begin(), chunks.end(), 0);
  const Paged batch(shape, {{0, total}}, Ranges::kNone, 5);
  const std::size_t pool_size =
      static_cast<std::size_t>(batch.num_pages) * shape.num_kv_heads * 64 * shape.head_dim;
  Buffer<F16> queries(batch.rows * batch.query_stride), keys(pool_size), values(pool_size),
      out(batch.rows * batch.out_stride);
  Buffer<std::int32_t> page_ids(batch.page_ids);
  random_fill(queries.data, queries.size, 1);
  random_fill(keys.data, keys.size, 2);
  random_fill(values.data, values.size, 3);
  std::vector<std::vector<F16>> results;
  for (const bool whole : {true, false}) {
    out.fill(0xff);
    int start = 0;
    for (const int count : whole ? std::vector<int>{total} : chunks) {
      Buffer<DeviceSpan> span(std::vector<DeviceSpan>{{start, count, start, 0}});
      PrefillArgs args;
      args.shape = shape, args.kv = {keys.data, values.data, page_ids.data, batch.num_pages},
      args.queries = queries.data;
      args.query_stride = batch.query_stride, args.out = out.data,
      args.out_stride = batch.out_stride, args.spans = span.data;
      args.num_spans = 1, args.num_rows = count, args.portable = portable;
      CUDA(prefill_attention(0, args));
      CUDA(cudaDeviceSynchronize());
      start += count;
    }
    results.push_back(out.host());
  }
  const bool same = std::memcmp(results[0].data(), results[1].data(), out.size * 2) == 0;
  if (!same) ++failures;
  std::printf("%s chunks and whole give the same bits, d%d window %d%s\n", same ? "ok  " : "FAIL",
              shape.head_dim, shape.window, portable ? " mma.sync" : "");
}

/// A captured launch replayed with other lengths, longer and shorter, gives what a fresh one does.
void check_replay() {
  AttentionShape shape;
  shape.num_heads = 28, shape.num_kv_heads = 4, shape.head_dim = 128, shape.scale = 0.09f;
  constexpr int kPages = 64;
  const std::size_t pool_size = static_cast<std::size_t>(kPages) * 4 * 64 * 128;
  for (const int sequences : {1, 3, 40}) {
    const std::size_t width = 28 * 128;
    Buffer<F16> queries(sequences * width), keys(pool_size), values(pool_size);
    Buffer<F16> out(sequences * width), fresh(sequences * width);
    random_fill(queries.data, queries.size, 1);
    random_fill(keys.data, keys.size, 2);
    random_fill(values.data, values.size, 3);
    std::vector<std::int32_t> pages(kPages);
    std::iota(pages.begin(), pages.end(), 0);
    Buffer<std::int32_t> page_ids(pages);
    Buffer<DeviceSpan> spans(std::vector<DeviceSpan>(sequences, DeviceSpan{0, 1, 4000, 0}));
    Buffer<char> workspace(decode_attention_workspace_bytes(shape, sequences));
    workspace.fill(0);
    DecodeArgs args;
    args.shape = shape, args.kv = {keys.data, values.data, page_ids.data, kPages};
    args.queries = queries.data, args.query_stride = width, args.out = out.data;
    args.out_stride = width, args.spans = spans.data, args.num_spans = sequences;
    args.max_keys = kPages * 64, args.workspace = workspace.data, args.dependent_launch = true;
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    for (int i = 0; i < 3; ++i) CUDA(decode_attention(stream, args));
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    bool same = true;
    for (const int start : {4000, 10, 700, 4095, 0}) {
      std::vector<DeviceSpan> now;
      for (int i = 0; i < sequences; ++i)
        now.push_back({i, i % 5 != 4, (start + i * 37) % 4096, 0});
      CUDA(cudaMemcpy(spans.data, now.data(), now.size() * sizeof(DeviceSpan),
                      cudaMemcpyHostToDevice));
      out.fill(0xff);
      fresh.fill(0xff);
      CUDA(cudaGraphLaunch(exec, stream));
      CUDA(cudaStreamSynchronize(stream));
      DecodeArgs again = args;
      again.out = fresh.data, again.dependent_launch = false;
      CUDA(decode_attention(stream, again));
      CUDA(cudaStreamSynchronize(stream));
      same &= std::memcmp(out.host().data(), fresh.host().data(), out.size * 2) == 0;
    }
    if (!same) ++failures;
    std::printf("%s replays with other lengths, %d sequences\n", same ? "ok  " : "FAIL", sequences);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaStreamDestroy(stream));
  }
}

void check_segments(int heads, int head_dim, const std::vector<int>& lengths) {
  AttentionShape shape;
  shape.num_heads = shape.num_kv_heads = heads, shape.head_dim = head_dim,
  shape.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const int width = heads * head_dim;
  std::vector<std::int32_t> ends;
  std::vector<ReferenceJob> jobs;
  int rows = 0;
  for (const int length : lengths) {
    for (int i = 0; i < length; ++i) {
      for (int head = 0; head < heads; ++head) {
        const std::int64_t row = rows + i;
        jobs.push_back({row * 3 * width + head * head_dim, row * width + head * head_dim, 0, length,
                        rows, head});
      }
    }
    ends.push_back(rows += length);
  }
  Buffer<F16> qkv(static_cast<std::size_t>(rows + 200) * 3 * width),
      out(static_cast<std::size_t>(rows + 8) * width);
  qkv.fill(0xff);
  random_fill(qkv.data, static_cast<std::size_t>(rows) * 3 * width, 7);
  out.fill(0xff);
  Buffer<std::int32_t> device_ends(ends);
  SegmentArgs args;
  args.shape = shape, args.queries = qkv.data, args.keys = qkv.data + width,
  args.values = qkv.data + 2 * width, args.stride = 3 * width;
  args.out = out.data, args.out_stride = width, args.ends = device_ends.data,
  args.num_segments = static_cast<int>(ends.size());
  args.num_rows = rows;
  args.max_segment_rows = *std::max_element(lengths.begin(), lengths.end());
  args.min_segment_rows = *std::min_element(lengths.begin(), lengths.end());
  CUDA(segment_attention(0, args));
  CUDA(cudaDeviceSynchronize());
  const auto expected = run_reference(jobs,
                                      {qkv.data, qkv.data + width, qkv.data + 2 * width, nullptr,
                                       nullptr, 3 * width, heads, head_dim, shape.scale, 0.0f},
                                      out.size);
  char name[128];
  std::snprintf(name, sizeof name, "segments d%d heads %d, %zu of %d rows at most", head_dim, heads,
                ends.size(), (int)args.max_segment_rows);
  compare(name, out.host(), expected, jobs, head_dim);
}

AttentionShape shape_of(int heads, int kv_heads, int head_dim, int window = 0,
                        float softcap = 0.0f) {
  AttentionShape shape;
  shape.num_heads = heads, shape.num_kv_heads = kv_heads, shape.head_dim = head_dim,
  shape.window = window, shape.softcap = softcap;
  return shape;
}

void small_checks() {
  for (const Way way : {Way::kPrefill, Way::kPortable}) {
    check_paged(shape_of(7, 1, 128), {{0, 150}, {70, 1}, {5, 0}, {190, 40}}, way);
    check_paged(shape_of(4, 2, 64, 20), {{100, 90}}, way, Ranges::kPictures);
    check_paged(shape_of(4, 2, 64, 20), {{100, 90}, {3, 1}}, way, Ranges::kAny);
  }
  check_paged(shape_of(7, 1, 128), {{300, 1}, {0, 1}, {63, 1}, {64, 1}, {9, 0}}, Way::kDecode);
  check_paged(shape_of(7, 1, 128), {{300, 1}, {0, 1}, {9, 0}}, Way::kDecode, Ranges::kNone, true);
  check_fresh(shape_of(7, 1, 128), {{300, 1}, {0, 1}, {63, 1}, {64, 1}, {9, 0}});
  check_fresh(shape_of(20, 1, 64), {{300, 1}, {5, 1}}, true);
  std::vector<SpanSpec> many(40, SpanSpec{20, 1});
  many[7].start = 1500;
  check_paged(shape_of(2, 1, 64), many, Way::kDecode);
  check_paged(shape_of(2, 1, 256, 0, 50.0f), {{130, 70}, {3, 1}}, Way::kPrefill);
  check_segments(2, 80, {64, 30, 1, 200, 64});
  check_segments(1, 20, {70, 3});
}

void all_checks() {
  const std::vector<SpanSpec> mixed = {{0, 333},  {0, 1},  {700, 1},    {4, 0},
                                       {129, 64}, {63, 2}, {1000, 257}, {0, 64}};
  for (const Way way : {Way::kPrefill, Way::kPortable}) {
    for (const int head_dim : {128, 64, 256, 80, 72, 96, 20, 16, 32, 160, 192, 112}) {
      check_paged(shape_of(8, 2, head_dim), mixed, way);
    }
    for (const int head_dim : {128, 64, 256}) {
      check_paged(shape_of(28, 4, head_dim), mixed, way);
      check_paged(shape_of(8, 2, head_dim, 100, 50.0f), mixed, way);
      check_paged(shape_of(8, 4, head_dim, 7), mixed, way);
      check_paged(shape_of(8, 1, head_dim, 200), mixed, way, Ranges::kPictures);
      check_paged(shape_of(6, 6, head_dim), mixed, way, Ranges::kPictures);
      check_paged(shape_of(8, 2, head_dim, 100), mixed, way, Ranges::kAny);
      check_paged(shape_of(8, 2, head_dim, 1500), {{2000, 700}, {0, 300}}, way);
    }
    check_paged(shape_of(28, 4, 128), std::vector<SpanSpec>(90, SpanSpec{40, 5}), way);
  }
  std::vector<SpanSpec> single;
  for (const int start : {0, 1, 62, 63, 64, 65, 200, 511, 1000, 2047, 5000, 9000})
    single.push_back({start, 1});
  single.push_back({10, 0});
  for (const int head_dim : {128, 64, 256, 80, 72, 96, 20, 16, 192}) {
    check_paged(shape_of(8, 2, head_dim), single, Way::kDecode);
  }
  for (const bool portable : {false, true}) {
    for (const int head_dim : {128, 64, 256, 96, 32, 192}) {
      check_fresh(shape_of(8, 2, head_dim), single, portable);
    }
    check_fresh(shape_of(28, 4, 128, 300), single, portable);
    check_fresh(shape_of(40, 2, 128), single, portable);
    check_fresh(shape_of(28, 4, 128), {{9000, 1}}, portable);
    check_fresh(shape_of(16, 8, 128), {{549, 1}, {64, 1}, {0, 1}, {0, 0}, {127, 1}}, portable);
  }
  std::vector<SpanSpec> many;
  for (int i = 0; i < 50; ++i) many.push_back({i * i * 4, i % 7 != 3});
  for (const bool portable : {false, true}) {
    check_paged(shape_of(28, 4, 128), single, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(28, 4, 128), {{9000, 1}}, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(8, 4, 128), many, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(8, 4, 128, 300), many, Way::kDecode, Ranges::kAny, portable);
    check_paged(shape_of(40, 2, 64), many, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(14, 2, 80, 700), many, Way::kDecode, Ranges::kNone, portable);
  }
  check_paged(shape_of(28, 4, 128), {{9000, 1}}, Way::kDecode);
  check_paged(shape_of(40, 2, 128, 300, 30.0f), single, Way::kDecode);
  check_paged(shape_of(8, 8, 256, 5), single, Way::kDecode);
  check_paged(shape_of(28, 4, 128), mixed, Way::kShared);
  check_paged(shape_of(28, 4, 128), mixed, Way::kShared, Ranges::kAny);
  check_paged(shape_of(8, 4, 256, 300), mixed, Way::kShared);
  check_replay();
  for (const bool portable : {false, true}) {
    check_invariance(shape_of(28, 4, 128), {300, 1, 63, 200, 7, 64, 1, 1, 1, 1}, portable);
    check_invariance(shape_of(8, 2, 256, 100), {100, 50, 1, 1, 130, 1}, portable);
    check_invariance(shape_of(8, 2, 128, 150, 20.0f), {100, 50, 1, 1, 130, 300, 1}, portable);
    check_invariance(shape_of(8, 2, 64), {333, 1, 1, 40, 1}, portable);
    check_invariance(shape_of(8, 2, 80), {333, 1, 1, 40, 1}, portable);
  }
  for (const int head_dim : {80, 72, 64, 96, 128, 20, 32, 256}) {
    check_segments(4, head_dim, {64, 64, 30, 1, 64, 17, 8});
    check_segments(4, head_dim, {1000, 64, 65, 129, 3, 400});
  }
  check_segments(16, 80, {1500});
}

/// Median milliseconds of `launch(i)`, i counting up.
double time_ms(const std::function<void(int)>& launch, int repeats = 15) {
  for (int i = 0; i < 3; ++i) launch(i);
  std::vector<cudaEvent_t> events(repeats + 1);
  for (auto& event : events) CUDA(cudaEventCreate(&event));
  CUDA(cudaEventRecord(events[0]));
  for (int i = 0; i < repeats; ++i) {
    launch(i);
    CUDA(cudaEventRecord(events[i + 1]));
  }
  CUDA(cudaDeviceSynchronize());
  std::vector<float> times(repeats);
  for (int i = 0; i < repeats; ++i) CUDA(cudaEventElapsedTime(&times[i], events[i], events[i + 1]));
  for (auto& event : events) cudaEventDestroy(event);
  std::sort(times.begin(), times.end());
  return times[repeats / 2];
}

void time_prefill(AttentionShape shape, int total, int chunk, bool portable) {
  shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  const Paged batch(shape, {{0, total}}, Ranges::kNone, 3);
  const std::size_t pool_size =
      static_cast<std::size_t>(batch.num_pages) * shape.num_kv_heads * 64 * shape.head_dim;
  Buffer<F16> queries(batch.rows * batch.query_stride), keys(pool_size), values(pool_size),
      out(batch.rows * batch.out_stride);
  Buffer<std::int32_t> page_ids(batch.page_ids);
  random_fill(queries.data, queries.size, 1);
  random_fill(keys.data, keys.size, 2);
  random_fill(values.data, values.size, 3);
  std::vector<DeviceSpan> parts;
  for (int start = 0; start < total; start += chunk)
    parts.push_back({start, std::min(chunk, total - start), start, 0});
  Buffer<DeviceSpan> spans(parts);
  const double ms = time_ms([&](int) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      PrefillArgs args;
      args.shape = shape, args.kv = {keys.data, values.data, page_ids.data, batch.num_pages},
      args.queries = queries.data;
      args.query_stride = batch.query_stride, args.out = out.data,
      args.out_stride = batch.out_stride, args.spans = spans.data + i;
      args.num_spans = 1, args.num_rows = parts[i].count, args.portable = portable;
      CUDA(prefill_attention(0, args));
    }
  });
  double pairs = 0.0;
  for (int i = 0; i < total; ++i) pairs += shape.window > 0 ? std::min(i + 1, shape.window) : i + 1;
  std::printf(
      "prefill d%-3d heads %2d/%d %6d tokens by %5d window %4d %-9s %8.3f ms %6.1f TFLOP/s\n",
      shape.head_dim, shape.num_heads, shape.num_kv_heads, total, chunk, shape.window,
      portable ? "mma.sync" : "", ms, 4.0 * pairs * shape.num_heads * shape.head_dim / ms * 1e-9);
}

void time_segments(int heads, int head_dim, int rows, int length) {
  AttentionShape shape = shape_of(heads, heads, head_dim);
  shape.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const int width = heads * head_dim;
  std::vector<std::int32_t> ends;
  for (int end = length; end - length < rows; end += length) ends.push_back(std::min(end, rows));
  Buffer<F16> qkv(static_cast<std::size_t>(rows) * 3 * width),
      out(static_cast<std::size_t>(rows) * width);
  random_fill(qkv.data, qkv.size, 7);
  Buffer<std::int32_t> device_ends(ends);
  SegmentArgs args;
  args.shape = shape, args.queries = qkv.data, args.keys = qkv.data + width,
  args.values = qkv.data + 2 * width, args.stride = 3 * width;
  args.out = out.data, args.out_stride = width, args.ends = device_ends.data,
  args.num_segments = static_cast<int>(ends.size());
  args.num_rows = rows;
  args.max_segment_rows = args.min_segment_rows = length;
  const double ms = time_ms([&](int) {
                      for (int i = 0; i < 10; ++i) CUDA(segment_attention(0, args));
                    }) /
                    10;
  std::printf("segments d%-3d heads %2d rows %5d in %5d %8.4f ms %6.1f TFLOP/s\n", head_dim, heads,
              rows, length, ms, 4.0 * rows * length * width / ms * 1e-9);
}

/// A graph of `layers` launches, each over keys and values of its own; per launch.
void time_decode(AttentionShape shape, int sequences, int keys_each, int layers,
                 bool dependent = false, int max_keys = 0, bool by_prefill = false,
                 bool ragged = false, bool fresh = false) {
  shape.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  std::vector<SpanSpec> specs(sequences, SpanSpec{keys_each - 1, 1});
  // From keys_each / 8 to about four times as many keys as keys_each, most of them short.
  for (int i = 0; ragged && i < sequences; ++i) {
    specs[i].start = static_cast<int>(
        keys_each *
        (0.125 + 4.0 * std::pow(i * 37 % sequences / static_cast<double>(sequences), 4.0)));
  }
  double total_keys = 0.0;
  int longest = 0;
  for (const SpanSpec& spec : specs) {
    total_keys += spec.start + 1;
    longest = std::max(longest, spec.start + 1);
  }
  const Paged batch(shape, specs, Ranges::kNone, 3);
  const std::size_t pool_size =
      static_cast<std::size_t>(batch.num_pages) * shape.num_kv_heads * 64 * shape.head_dim;
  Buffer<F16> queries(batch.rows * batch.query_stride), keys(pool_size * layers),
      values(pool_size * layers), out(batch.rows * batch.out_stride);
  Buffer<DeviceSpan> spans(batch.spans);
  Buffer<std::int32_t> page_ids(batch.page_ids);
  Buffer<float> angles(static_cast<std::size_t>(batch.rows) * shape.head_dim);
  angles.fill(0);
  random_fill(queries.data, queries.size, 1);
  random_fill(keys.data, keys.size, 2);
  random_fill(values.data, values.size, 3);
  max_keys = std::max(max_keys, longest);
  Buffer<char> workspace(decode_attention_workspace_bytes(shape, sequences));
  workspace.fill(0);
  cudaStream_t stream;
  CUDA(cudaStreamCreate(&stream));
  CUDA(cudaDeviceSynchronize());
  CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  const auto begin = std::chrono::steady_clock::now();
  for (int layer = 0; layer < layers; ++layer) {
    DecodeArgs args;
    args.shape = shape, args.kv = {keys.data + layer * pool_size, values.data + layer * pool_size,
                                   page_ids.data, batch.num_pages};
    args.queries = queries.data, args.query_stride = batch.query_stride, args.out = out.data,
    args.out_stride = batch.out_stride;
    args.spans = spans.data, args.num_spans = sequences, args.max_keys = max_keys,
    args.workspace = workspace.data;
    args.dependent_launch = dependent;
    if (fresh) {
      F16* fresh_keys = queries.data + shape.num_heads * shape.head_dim;
      args.fresh = {fresh_keys,
                    fresh_keys + shape.num_kv_heads * shape.head_dim,
                    batch.query_stride,
                    angles.data,
                    angles.data,
                    shape.head_dim / 2,
                    keys.data + layer * pool_size,
                    values.data + layer * pool_size};
      args.pages_ready = true;
    }
    if (!by_prefill) {
      CUDA(decode_attention(stream, args));
      continue;
    }
    PrefillArgs prefill;
    prefill.shape = shape, prefill.kv = args.kv, prefill.queries = args.queries;
    prefill.query_stride = args.query_stride, prefill.out = args.out;
    prefill.out_stride = args.out_stride, prefill.spans = args.spans;
    prefill.num_spans = prefill.num_rows = sequences, prefill.dependent_launch = dependent;
    CUDA(prefill_attention(stream, prefill));
  }
  const std::chrono::duration<double, std::micro> host_us =
      std::chrono::steady_clock::now() - begin;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CUDA(cudaStreamEndCapture(stream, &graph));
  CUDA(cudaGraphInstantiate(&exec, graph, 0));
  const double ms = time_ms([&](int) { CUDA(cudaGraphLaunch(exec, 0)); }) / layers;
  CUDA(cudaGraphExecDestroy(exec));
  CUDA(cudaGraphDestroy(graph));
  CUDA(cudaStreamDestroy(stream));
  const double bytes = 4.0 * total_keys * shape.num_kv_heads * shape.head_dim;
  std::printf(
      "decode d%-3d heads %2d/%d %3d x %5d keys (max %5d) %s%s %8.2f us %7.1f GB/s, host %.1f us\n",
      shape.head_dim, shape.num_heads, shape.num_kv_heads, sequences, keys_each, max_keys,
      dependent ? " dependent" : "",
      by_prefill ? " as prefill"
      : fresh    ? " fresh"
      : ragged   ? " ragged"
                 : "",
      ms * 1e3, bytes / ms * 1e-6, host_us.count() / layers);
}

void timings() {
  const AttentionShape qwen = shape_of(28, 4, 128);
  for (const bool portable : {false, true}) {
    time_prefill(qwen, 18180, 4096, portable);
    time_prefill(qwen, 18180, 18180, portable);
    time_prefill(qwen, 1024, 1024, portable);
    time_prefill(shape_of(32, 8, 64), 8192, 8192, portable);
    time_prefill(shape_of(8, 4, 256), 8192, 8192, portable);
    time_prefill(shape_of(8, 4, 256, 1024), 8192, 8192, portable);
  }
  time_segments(16, 80, 5184, 5184);
  time_segments(16, 80, 5184, 64);
  time_segments(16, 72, 4096, 4096);
  time_segments(16, 64, 577 * 16, 577);
  time_decode(qwen, 128, 2048, 6);
  time_decode(qwen, 128, 2048, 6, false, 32768);
  for (const int sequences : {128, 64, 16, 4})
    time_decode(qwen, sequences, 2048, 6, true, 0, false, true);
  time_decode(qwen, 128, 2048, 6, false, 0, true);
  for (const int sequences : {64, 32, 16, 8, 4, 2}) time_decode(qwen, sequences, 2048, 12, true);
  time_decode(shape_of(8, 4, 256), 64, 2048, 6);
  time_decode(shape_of(32, 8, 64), 64, 2048, 6);
  for (const int keys : {64, 512, 1024, 2048, 4096, 8192, 18180}) {
    time_decode(qwen, 1, keys, 28);
    time_decode(qwen, 1, keys, 28, true);
    time_decode(qwen, 1, keys, 28, true, 32768);
  }
  time_decode(qwen, 1, 2048, 28, true, 0, true);
  // As steps of a model are.
  for (const int sequences : {1, 4, 8, 12, 16, 32, 64}) {
    time_decode(qwen, sequences, 550, 28, true, 400000, false, false, true);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "check";
  if (what == "small") small_checks();
  if (what == "check") all_checks();
  if (what == "time") timings();
  if (what != "time") std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
