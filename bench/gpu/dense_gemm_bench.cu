// Checks the dense products of a GPU against plain sums, and times them in turns with cuBLASLt on a
// chip that has been busy for a while. Stand-alone:
//   nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++20 -O3 -Isrc -Iinclude -Ibench/gpu -c
//     bench/gpu/dense_gemm_bench.cu src/compute/cuda/gemm/dense_gemm.cu
//   g++ -std=c++20 -O2 -DFMT_HEADER_ONLY -DSACCADE_CUDA_LIBRARIES='"/usr/local/cuda/lib64"' -Isrc
//     -Iinclude -I/usr/local/cuda/include -c src/compute/cuda/{blas,memory}.cc
//     src/base/thread_pool.cc
//   nvcc -o dense_gemm_bench {dense_gemm_bench,dense_gemm,blas,memory,thread_pool}.o
// dense_gemm_bench [check | small | time]: all checks; few small ones (for compute-sanitizer);
// timings.
#include <cuda_fp16.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "compute/cuda/blas.h"
#include "compute/cuda/gemm/dense_gemm.h"
#include "compute/gpu/kernels/elementwise.h"
#include "cuda_timing.h"

using namespace saccade::compute::cuda;  // NOLINT
using saccade::bench::DeviceArray;
using saccade::bench::processors;
using saccade::gpu::Function;
using F16 = __half;

namespace {

int failures = 0;

__device__ std::uint32_t hash(std::uint64_t i) {
  std::uint64_t z = i * 0x9e3779b97f4a7c15ull + 0x2545f4914f6cdd1dull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return static_cast<std::uint32_t>(z >> 32);
}

/// A normal distribution (Box and Muller, 1958).
__device__ float gaussian(std::uint64_t i) {
  const float u = (hash(2 * i) + 1.0f) * 0x1p-32f;
  return sqrtf(-2.0f * logf(u)) * cospif(hash(2 * i + 1) * 0x1p-31f);
}

/// As activations are, or with `bf16` as weights are whose checkpoint has bfloat16.
__global__ void fill_f16(F16* to, std::size_t count, float scale, std::uint64_t seed, bool bf16) {
  for (std::size_t i = blockIdx.x * 256ull + threadIdx.x; i < count; i += gridDim.x * 256ull) {
    float value = scale * gaussian(i + (seed << 40));
    if (bf16) value = __uint_as_float((__float_as_uint(value) + 0x8000u) & 0xffff0000u);
    to[i] = __float2half_rn(value);
  }
}

__global__ void fill_f32(float* to, std::size_t count, float scale, std::uint64_t seed) {
  for (std::size_t i = blockIdx.x * 256ull + threadIdx.x; i < count; i += gridDim.x * 256ull) {
    to[i] = scale * gaussian(i + (seed << 40));
  }
}

/// One result of the product.
__device__ float plain_sum(const DenseGemmArgs& args, std::int64_t row, std::int64_t output) {
  const F16* x = static_cast<const F16*>(args.x) + row * args.x_stride;
  const F16* w = static_cast<const F16*>(args.w) + output * args.w_stride;
  float sum = args.bias ? args.bias[output] : 0.0f;
  for (std::int64_t i = 0; i < args.inputs; ++i) sum += __half2float(x[i]) * __half2float(w[i]);
  return sum;
}

__device__ float rounded(float value) {
  return __half2float(__float2half_rn(value));
}

/// What args.y [rows, columns] should be, in f32.
__global__ void plain_product(float* y, DenseGemmArgs args) {
  const std::int64_t column = blockIdx.x * 32ll + threadIdx.x;
  const std::int64_t row = blockIdx.y * 8ll + threadIdx.y;
  if (column >= args.columns || row >= args.rows) return;
  float sum = plain_sum(args, row, column);
  if (args.epilogue == GemmEpilogue::kGate) {
    DenseGemmArgs up = args;
    up.w = static_cast<const F16*>(args.w) + args.up_row * args.w_stride;
    up.bias = args.up_bias;
    sum = saccade::gpu::apply(args.activation, rounded(sum), 0.0f) *
          rounded(plain_sum(up, row, column));
  }
  y[row * args.columns + column] = sum;
}

__global__ void gate_kernel(const __grid_constant__ saccade::gpu::GateArgs args) {
  saccade::gpu::gate<saccade::gpu::f16, saccade::gpu::f16>(args, nullptr, {});
}

const char* name_of(GemmEpilogue epilogue) {
  return epilogue == GemmEpilogue::kGate ? "gate" : "store";
}

struct Shape {
  GemmEpilogue epilogue;
  std::int64_t rows, outputs, inputs;

  std::int64_t columns() const { return epilogue == GemmEpilogue::kGate ? outputs / 2 : outputs; }
};

/// A product with matrices of its own. Strides are `padding` larger than they must be.
struct Matrices {
  Shape shape;
  DeviceArray<F16> x, w;
  DeviceArray<float> bias;
  DeviceArray<F16> y;
  DenseGemmArgs args;

  Matrices(const Shape& s, std::int64_t padding, bool with_bias, Function activation)
      : shape(s),
        x(s.rows * (up(s.inputs) + padding)),
        w(s.outputs * (up(s.inputs) + padding)),
        bias(s.outputs),
        y(s.rows * (up(s.columns()) + padding)) {
    fill_f16<<<1024, 256>>>(x.get(), s.rows * (up(s.inputs) + padding), 1.0f, 1, false);
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.inputs));
    fill_f16<<<1024, 256>>>(w.get(), s.outputs * (up(s.inputs) + padding), scale, 2, true);
    fill_f32<<<64, 256>>>(bias.get(), s.outputs, 1.0f, 3);
    args.x = x.get();
    args.w = w.get();
    if (with_bias) {
      args.bias = bias.get();
      args.up_bias = bias.get() + s.columns();
    }
    args.y = y.get();
    args.rows = s.rows;
    args.columns = args.up_row = s.columns();
    args.inputs = s.inputs;
    args.x_stride = args.w_stride = up(s.inputs) + padding;
    args.y_stride = up(s.columns()) + padding;
    args.epilogue = s.epilogue;
    args.activation = activation;
  }

  static std::int64_t up(std::int64_t size) { return (size + 7) / 8 * 8; }
};

void check(const Shape& shape, std::int64_t padding, bool with_bias, Function activation) {
  Matrices m(shape, padding, with_bias, activation);
  const std::int64_t columns = shape.columns();
  DeviceArray<float> expected(shape.rows * columns);
  plain_product<<<dim3((columns + 31) / 32, (shape.rows + 7) / 8), dim3(32, 8)>>>(expected.get(),
                                                                                  m.args);
  CUDA_CHECK(cudaDeviceSynchronize());
  if (!dense_gemm_fits(m.args)) {
    std::printf("FAILED: no kernel\n");
    ++failures;
    return;
  }
  CUDA_CHECK(dense_gemm(nullptr, m.args, processors()));
  CUDA_CHECK(cudaDeviceSynchronize());
  const std::vector<float> want = expected.download();
  const std::vector<F16> got = m.y.download();
  double error = 0.0;
  double norm = 0.0;
  double worst = 0.0;
  int touched = 0;  // between rows
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t column = 0; column < m.args.y_stride; ++column) {
      const std::size_t at = row * m.args.y_stride + column;
      if (column >= columns) {
        // Memory has been filled with bits that are no number.
        std::uint16_t bits;
        std::memcpy(&bits, &got[at], sizeof bits);
        touched += bits != 0xffff;
        continue;
      }
      const double difference =
          static_cast<double>(__half2float(got[at])) - want[row * columns + column];
      error += difference * difference;
      norm += static_cast<double>(want[row * columns + column]) * want[row * columns + column];
      worst = std::max(worst, std::isfinite(difference) ? std::abs(difference) : 1e30);
    }
  }
  const double relative = std::sqrt(error / norm);
  const bool right = relative < 4e-4 && touched == 0 && std::isfinite(relative);
  if (!right) ++failures;
  std::printf("%-5s [%lld, %lld] x %lld%s padding %lld activation %d: error %.1e, worst %.1e%s%s\n",
              name_of(shape.epilogue), (long long)shape.rows, (long long)shape.outputs,
              (long long)shape.inputs, with_bias ? " bias" : "", (long long)padding,
              static_cast<int>(activation), relative, worst, touched ? ", wrote between rows" : "",
              right ? "" : "  FAILED");
}

void check_small() {
  using enum GemmEpilogue;
  check({kGate, 300, 2 * 264, 200}, 0, true, Function::kSilu);
  check({kGate, 128, 2 * 128, 64}, 8, false, Function::kGeluTanh);
  check({kStore, 129, 200, 72}, 8, true, Function::kSilu);
  check({kStore, 257, 456, 136}, 0, false, Function::kSilu);
}

void check_all() {
  using enum GemmEpilogue;
  check_small();
  for (int f = 0; f <= static_cast<int>(Function::kSigmoid); ++f) {
    check({kGate, 513, 2 * 1000, 520}, 8, f % 2 == 0, static_cast<Function>(f));
  }
  for (const std::int64_t rows : {1, 127, 640, 1796, 4096}) {
    check({kGate, rows, 2 * 3424, 1280}, 0, true, Function::kSilu);
    check({kStore, rows, 4608, 1192}, 0, true, Function::kSilu);
  }
  check({kGate, 1796, 2 * 18944, 3584}, 0, false, Function::kSilu);
  check({kStore, 1796, 3584, 18944}, 0, false, Function::kSilu);
}

/// Something to time.
struct Candidate {
  std::string name;
  std::function<void(cudaStream_t)> run;
  std::vector<double> us;
};

Product library_product(const Matrices& m) {
  Product product;
  product.y = m.args.y;
  product.x = m.args.x;
  product.w = m.args.w;
  product.rows = m.args.rows;
  product.outputs = m.shape.outputs;
  product.inputs = m.args.inputs;
  product.y_stride = m.args.y_stride;
  product.x_stride = m.args.x_stride;
  product.w_stride = m.args.w_stride;
  return product;
}

void gate(cudaStream_t stream, F16* product, std::int64_t rows, std::int64_t columns) {
  saccade::gpu::GateArgs args{};
  args.gate_up = product;
  args.y = product;
  args.y_stride = args.x_stride = static_cast<saccade::gpu::u64>(2 * columns);
  args.n = static_cast<saccade::gpu::u32>(columns);
  args.function = Function::kSilu;
  gate_kernel<<<dim3(rows, (columns + 2047) / 2048), 256, 0, stream>>>(args);
}

/// In turns, `rounds` times; a candidate runs for about `ms` each time, which should be long enough
/// for the chip to find the clock that its power allows.
void time_in_turns(cudaStream_t stream, std::vector<Candidate>& candidates, double flops,
                   int rounds, double ms) {
  cudaEvent_t begin, end;
  CUDA_CHECK(cudaEventCreate(&begin));
  CUDA_CHECK(cudaEventCreate(&end));
  const auto time = [&](const Candidate& candidate, int count) {
    CUDA_CHECK(cudaEventRecord(begin, stream));
    for (int i = 0; i < count; ++i) candidate.run(stream);
    CUDA_CHECK(cudaEventRecord(end, stream));
    CUDA_CHECK(cudaStreamSynchronize(stream));
    float elapsed = 0.0f;
    CUDA_CHECK(cudaEventElapsedTime(&elapsed, begin, end));
    return elapsed / count;
  };
  std::vector<int> counts;
  for (Candidate& candidate : candidates) {
    time(candidate, 2);
    counts.push_back(std::max(1, static_cast<int>(ms / time(candidate, 3))));
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      candidates[i].us.push_back(1e3 * time(candidates[i], counts[i]));
    }
  }
  for (Candidate& candidate : candidates) {
    std::sort(candidate.us.begin(), candidate.us.end());
    const double us = candidate.us[candidate.us.size() / 2];
    std::printf("  %-28s %8.1f us (%.1f to %.1f)  %5.0f TFLOP/s\n", candidate.name.c_str(), us,
                candidate.us.front(), candidate.us.back(), flops / us * 1e-6);
  }
  std::fflush(stdout);
}

void time_shape(cudaStream_t stream, Blas& blas, const Shape& shape, int rounds) {
  Matrices m(shape, 0, false, Function::kSilu);
  const bool gated = shape.epilogue == GemmEpilogue::kGate;
  DeviceArray<F16> product(gated ? shape.rows * shape.outputs : 0);
  Product library = library_product(m);
  if (gated) {
    library.y = product.get();
    library.y_stride = shape.outputs;
  }
  std::vector<Candidate> candidates;
  candidates.push_back({"cuBLASLt", [&](cudaStream_t) { blas.multiply(library); }, {}});
  if (gated) {
    candidates.push_back({"cuBLASLt, gates",
                          [&](cudaStream_t s) {
                            blas.multiply(library);
                            gate(s, product.get(), shape.rows, shape.columns());
                          },
                          {}});
  }
  candidates.push_back(
      {"dense_gemm", [&](cudaStream_t s) { CUDA_CHECK(dense_gemm(s, m.args, processors())); }, {}});
  const double flops = 2.0 * shape.rows * shape.outputs * shape.inputs;
  std::printf("%s [%lld, %lld] x %lld\n", name_of(shape.epilogue), (long long)shape.rows,
              (long long)shape.outputs, (long long)shape.inputs);
  time_in_turns(stream, candidates, flops, rounds, 250.0);
}

/// Until the chip is as warm as it gets under products.
void warm_up(cudaStream_t stream, Blas& blas, double seconds) {
  Matrices m({GemmEpilogue::kStore, 4096, 37888, 3584}, 0, false, Function::kSilu);
  const Product product = library_product(m);
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() <
         seconds) {
    for (int i = 0; i < 50; ++i) blas.multiply(product);
    CUDA_CHECK(cudaStreamSynchronize(stream));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "check";
  if (what == "check") check_all();
  if (what == "small") check_small();
  if (what == "time") {
    using enum GemmEpilogue;
    cudaStream_t stream;
    CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    Blas blas(stream);
    warm_up(stream, blas, argc > 2 ? std::atof(argv[2]) : 60.0);
    for (const std::int64_t rows : {4096, 1796, 512, 256}) {
      time_shape(stream, blas, {kGate, rows, 2 * 18944, 3584}, 9);
      time_shape(stream, blas, {kStore, rows, 4608, 3584}, 9);
    }
  }
  if (failures > 0) std::printf("%d FAILED\n", failures);
  return failures == 0 ? 0 : 1;
}
