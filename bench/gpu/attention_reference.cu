// Attention as plain sums of floats, and comparisons with it.
#include "attention_reference.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace saccade::bench {
namespace {

int failure_count = 0;

__global__ void reference(const ReferenceJob* jobs, ReferenceArgs args, float* out) {
  extern __shared__ float scores[];
  __shared__ float highest, total;
  const ReferenceJob job = jobs[blockIdx.x];
  const auto row = [&](int key) -> std::int64_t {
    if (args.page_ids == nullptr) {
      return (job.first_page + key) * args.stride + job.kv_head * args.head_dim;
    }
    const std::int64_t page = args.page_ids[job.first_page + key / kPageTokens];
    return ((page * args.num_kv_heads + job.kv_head) * kPageTokens + key % kPageTokens) *
           args.head_dim;
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
    out[job.out + d] = sum / total;
  }
}

/// Of every row and head of a batch.
std::vector<ReferenceJob> jobs_of(const PagedBatch& batch) {
  const AttentionShape& shape = batch.shape;
  std::vector<ReferenceJob> all;
  const int group = shape.num_heads / shape.num_kv_heads;
  for (const DeviceSpan& span : batch.spans) {
    for (int i = 0; i < span.count; ++i) {
      const std::int64_t row = span.row + i;
      const int own = span.start + i + 1;
      const int said = batch.first_keys.empty() ? -1 : batch.first_keys[row];
      const int in_window = shape.window > 0 ? std::max(0, own - shape.window) : 0;
      const int begin = said >= 0 ? said : in_window;
      const int end = batch.end_keys.empty() ? own : batch.end_keys[row];
      for (int head = 0; head < shape.num_heads; ++head) {
        all.push_back({row * batch.query_stride + head * shape.head_dim,
                       row * batch.out_stride + head * shape.head_dim, begin, end, span.first_page,
                       head / group});
      }
    }
  }
  return all;
}

}  // namespace

void count_failure() {
  ++failure_count;
}

int failures() {
  return failure_count;
}

std::vector<float> run_reference(const std::vector<ReferenceJob>& jobs, const ReferenceArgs& args,
                                 std::size_t out_size) {
  constexpr int kSharedBytes = 200 * 1024;  // scores of 51,200 keys
  Buffer<ReferenceJob> device_jobs(jobs);
  Buffer<float> out(out_size);
  out.fill(0);
  CUDA_CHECK(
      cudaFuncSetAttribute(reference, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes));
  if (!jobs.empty()) {
    reference<<<jobs.size(), 128, kSharedBytes>>>(device_jobs.data, args, out.data);
  }
  CUDA_CHECK(cudaDeviceSynchronize());
  return out.host();
}

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
  if (!good) count_failure();
  std::printf("%s %-58s rel %.2e max %.2e%s\n", good ? "ok  " : "FAIL", name.c_str(), relative,
              worst, spilled ? " wrote outside" : "");
}

void compare_paged(const std::string& name, const PagedBatch& batch, const PagedMemory& memory) {
  const auto jobs = jobs_of(batch);
  const auto expected = run_reference(jobs,
                                      {.queries = memory.queries.data,
                                       .keys = memory.keys.data,
                                       .values = memory.values.data,
                                       .page_ids = memory.page_ids.data,
                                       .stride = 0,
                                       .num_kv_heads = batch.shape.num_kv_heads,
                                       .head_dim = batch.shape.head_dim,
                                       .scale = batch.shape.scale,
                                       .softcap = batch.shape.softcap},
                                      memory.out.size);
  compare(name, memory.out.host(), expected, jobs, batch.shape.head_dim);
}

}  // namespace saccade::bench
