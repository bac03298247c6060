// The parts of quant_gemm_bench.cc, and what they share.
#pragma once

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <vector>

#include "compute/cuda/quant_gemm/quant_gemm.h"
#include "compute/cuda/stream_gemm/stream_gemm.h"
#include "compute/gpu/weight_pack.h"
#include "packed_weights.h"
#include "random_weights.h"

namespace saccade::bench {

using namespace saccade::compute;        // NOLINT
using namespace saccade::compute::cuda;  // NOLINT
using saccade::gpu::ActivationChunk;
using saccade::gpu::Function;
using saccade::gpu::WeightView;

#define CHECK(call)                                                                        \
  do {                                                                                     \
    const cudaError_t status_ = (call);                                                    \
    if (status_ != cudaSuccess) {                                                          \
      std::fprintf(stderr, "%s:%d %s\n", __FILE__, __LINE__, cudaGetErrorString(status_)); \
      std::exit(1);                                                                        \
    }                                                                                      \
  } while (false)

/// Device memory.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes) : bytes_(bytes) { CHECK(cudaMalloc(&data_, bytes + 256)); }
  template <typename T>
  explicit Buffer(const std::vector<T>& from) : Buffer(from.size() * sizeof(T)) {
    CHECK(cudaMemcpy(data_, from.data(), bytes_, cudaMemcpyHostToDevice));
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr;
  }
  std::byte* get() const { return static_cast<std::byte*>(data_); }
  void fill(int value) const { CHECK(cudaMemset(data_, value, bytes_)); }
  template <typename T>
  std::vector<T> read() const {
    std::vector<T> to(bytes_ / sizeof(T));
    CHECK(cudaMemcpy(to.data(), data_, bytes_, cudaMemcpyDeviceToHost));
    return to;
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

inline int multiprocessors() {
  int count = 0;
  CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0));
  return count;
}

/// Which kernel multiplies, and how it cuts the work: streamed where there is a cut.
struct How {
  QuantGemmPlan plan;
  std::optional<StreamGemmCut> cut = std::nullopt;
};

inline void multiply(const QuantGemmArgs& args, const How& how, cudaStream_t stream) {
  if (how.cut) {
    CHECK(stream_gemm(args, *how.cut, multiprocessors(), stream));
  } else {
    quant_gemm(args, how.plan, stream);
  }
}

/// All that stream_gemm_cut chooses from.
inline const std::vector<StreamGemmCut> kCuts = {{1, false}, {2, false}, {2, true}};

/// Activations as int8, as the quantizing kernel makes them, and as numbers.
struct Activations {
  std::vector<std::int8_t> codes;
  std::vector<ActivationChunk> chunks;
  std::vector<float> values;  // [rows, chunks * 32]
};

inline Activations random_activations(std::int64_t rows, std::int64_t inputs, unsigned seed) {
  const std::int64_t chunks = (inputs + 31) / 32;
  Activations a{std::vector<std::int8_t>(rows * chunks * 32),
                std::vector<ActivationChunk>(rows * chunks),
                std::vector<float>(rows * chunks * 32)};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (std::int64_t chunk = 0; chunk < rows * chunks; ++chunk) {
    float values[32];
    float largest = 0.0f;
    for (std::int64_t i = 0; i < 32; ++i) {
      values[i] = chunk % chunks * 32 + i < inputs ? normal(random) : 0.0f;
      largest = std::max(largest, std::abs(values[i]));
    }
    const float scale = largest / 127.0f;
    int sums[2] = {0, 0};
    for (std::int64_t i = 0; i < 32; ++i) {
      const int code = static_cast<int>(std::nearbyint(values[i] * (127.0f / largest)));
      a.codes[chunk * 32 + i] = static_cast<std::int8_t>(code);
      a.values[chunk * 32 + i] = scale * static_cast<float>(code);
      sums[i / 16] += code;
    }
    a.chunks[chunk] = {
        scale, (static_cast<unsigned>(sums[0]) & 0xffffu) | static_cast<unsigned>(sums[1]) << 16};
  }
  return a;
}

inline WeightFormat affine(int bits) {
  return {
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = bits, .group_size = 64};
}

/// Every format, odd sizes and plans, all epilogues; how many checks failed.
int check();
/// The same for a few formats, for compute-sanitizer.
int check_few();
/// Streamed products: formats, rows, cuts, all epilogues, codes of results.
int check_streamed();
/// Fewer of them, for compute-sanitizer.
int check_streamed_few();

void time_model(const std::vector<int>& rows_list, bool streamed);
void time_cuts(const std::vector<int>& rows_list);
void time_plans(const std::vector<int>& rows_list);
void time_formats();
void profile(const std::vector<int>& rows_list);

}  // namespace saccade::bench
