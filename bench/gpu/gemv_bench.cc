// Checks the kernels for packed weights on a GPU against the reference, and times them.
//
//   nvcc -std=c++20 -O3 -arch=sm_90 -DFMT_HEADER_ONLY -Isrc -Iinclude -o gemv_bench \
//     bench/gpu/gemv_bench.cc bench/gpu/gemv_kernels.cu src/compute/gpu/weight_*.cc \
//     src/base/thread_pool.cc src/tensor/{dequantize,ggml_blocks,ggml_type,weight_format,tensor}.cc
//   ./gemv_bench [check] [kernels] [search] [chains] [dequantize]
//
// Times are of launches in a captured graph, each allowed to start while the one before it ends, on
// weights that no cache holds. The share is of the bandwidth of a copy, measured first, counting
// what it reads and writes; of a product, the bytes of its weights.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string_view>
#include <vector>

#include "../../tests/compute/random_weights.h"
#include "compute/gpu/weight_kernels.h"
#include "compute/gpu/weight_pack.h"
#include "gemv_kernels.h"

namespace saccade::compute::gpu {
namespace {

using namespace saccade::gpu;  // NOLINT: the kernels' arguments

#define CUDA_CHECK(call)                                                          \
  do {                                                                            \
    const cudaError_t status = (call);                                            \
    if (status != cudaSuccess) {                                                  \
      std::printf("%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(status)); \
      std::exit(1);                                                               \
    }                                                                             \
  } while (0)

void launch(Kernel kernel, const Grid& grid, void* args, cudaStream_t stream) {
  const void* function = function_of(kernel);
  if (grid.shared_bytes > 48 * 1024) {
    CUDA_CHECK(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(grid.shared_bytes)));
  }
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y, grid.z);
  config.blockDim = dim3(grid.threads);
  config.dynamicSmemBytes = grid.shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  void* pointers[] = {args};
  CUDA_CHECK(cudaLaunchKernelExC(&config, function, pointers));
}

void launch_wait(u32 groups, cudaStream_t stream) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(groups);
  config.blockDim = dim3(256);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  CUDA_CHECK(cudaLaunchKernelExC(&config, wait_function(), nullptr));
}

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    CUDA_CHECK(
        cudaMalloc(reinterpret_cast<void**>(&data_), std::max<std::size_t>(count, 1) * sizeof(T)));
    CUDA_CHECK(cudaMemset(data_, 0xff, count * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& from) : DeviceArray(from.size()) {
    CUDA_CHECK(cudaMemcpy(data_, from.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return data_; }
  std::vector<T> download() const {
    std::vector<T> to(count_);
    CUDA_CHECK(cudaMemcpy(to.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return to;
  }

 private:
  std::size_t count_;
  T* data_ = nullptr;
};

int processors() {
  int count = 0;
  CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0));
  return count;
}

// --- checks

double relative_error(const std::vector<float>& found, const std::vector<float>& wanted) {
  double squares = 0.0, errors = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    squares += static_cast<double>(wanted[i]) * wanted[i];
    errors += std::pow(static_cast<double>(found[i]) - wanted[i], 2);
  }
  return std::sqrt(errors / squares);
}

bool check(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs,
           ThreadPool& threads) {
  HostMatrix matrix;
  if (format.quantized()) {
    matrix = random_weights(format, outputs, inputs, 5);
  } else {
    std::mt19937 random(5);
    auto bytes = std::make_shared<Bytes>();
    for (std::int64_t i = 0; i < outputs * inputs; ++i) put_number(*bytes, format.dtype, random);
    matrix = {.format = format,
              .outputs = outputs,
              .inputs = inputs,
              .data = bytes->data(),
              .storage = bytes};
  }
  const std::vector<float> values = dequantized(matrix);
  const SegmentLayout layout = weight_layout(std::span(&matrix, 1)).at(0);
  DeviceArray<std::byte> memory(layout.bytes);
  std::vector<std::byte> staging(staging_bytes(layout, outputs));
  for (const WeightCopy& copy : pack_rows(layout, 0, outputs, staging.data(), threads)) {
    CUDA_CHECK(cudaMemcpy(memory.get() + copy.to, staging.data() + copy.from, copy.bytes,
                          cudaMemcpyHostToDevice));
  }
  const WeightView view = weight_view(layout, memory.get());

  DeviceArray<float> dense(outputs * inputs);
  const DequantizePlan plan = dequantize_plan(view, outputs, inputs);
  DequantizeArgs to_dense{};
  to_dense.weight = view;
  to_dense.y = dense.get();
  to_dense.y_stride = inputs;
  to_dense.rows = static_cast<u32>(outputs);
  to_dense.column_groups = plan.column_groups;
  const bool dequantize = function_of(plan.kernel) != nullptr;
  if (dequantize) launch(plan.kernel, plan.grid, &to_dense, nullptr);
  const bool same = !dequantize || dense.download() == values;

  // Whole numbers, the largest of each 32 being 127: quantization to int8 keeps them.
  std::mt19937 random(7);
  std::vector<float> x(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) {
    x[i] = i % 32 == 0 ? 127.0f : static_cast<float>(static_cast<int>(random() % 255) - 127);
  }
  const DeviceArray<float> device_x(x), y(outputs);
  GemvArgs args{};
  args.weight = view;
  args.x = device_x.get();
  args.y = y.get();
  args.n = static_cast<u32>(outputs);
  const GemvPlan gemv = gemv_plan(view, outputs, false, 1, processors());
  args.tiling = gemv.tiling;
  launch(gemv.kernel, gemv.grid, &args, nullptr);
  std::vector<float> wanted(outputs);
  for (std::int64_t o = 0; o < outputs; ++o) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < inputs; ++i) {
      sum += static_cast<double>(x[i]) * values[o * inputs + i];
    }
    wanted[o] = static_cast<float>(sum);
  }
  const double error = relative_error(y.download(), wanted);
  const bool good = same && error < 1e-5;
  if (!good) {
    std::printf("FAILED %s [%ld, %ld]: dequantized %s, error %.2g\n", format.name().c_str(),
                outputs, inputs, same ? "the same" : "differs", error);
  }
  return good;
}

void check_all() {
  ThreadPool threads(8);
  std::vector<WeightFormat> formats = quantized_formats();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    formats.push_back(WeightFormat::floating(dtype));
  }
  int checked = 0, good = 0;
  for (const WeightFormat& format : formats) {
    for (const auto& [outputs, inputs] : {std::pair{300L, 768L}, {5000L, 768L}, {42L, 2304L}}) {
      HostMatrix empty{.format = format, .outputs = outputs, .inputs = inputs};
      static const std::byte kSome{};
      empty.offsets = &kSome;
      const WeightView view = weight_layout(std::span(&empty, 1)).at(0).view;
      if (!function_of(gemv_plan(view, outputs, false, 1, 1).kernel)) continue;
      ++checked;
      good += check(format, outputs, inputs, threads) ? 1 : 0;
    }
  }
  std::printf("%d of %d checks are good\n", good, checked);
}

// --- times

/// Microseconds of what `enqueue` puts on a stream, as a graph; the median of some runs.
double time_us(const std::function<void(cudaStream_t)>& enqueue) {
  cudaStream_t stream;
  CUDA_CHECK(cudaStreamCreate(&stream));
  cudaGraph_t graph;
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  enqueue(stream);
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec;
  CUDA_CHECK(cudaGraphInstantiate(&exec, graph, 0));
  cudaEvent_t begin, end;
  CUDA_CHECK(cudaEventCreate(&begin));
  CUDA_CHECK(cudaEventCreate(&end));
  std::vector<float> times;
  for (int run = 0; run < 9; ++run) {
    CUDA_CHECK(cudaEventRecord(begin, stream));
    CUDA_CHECK(cudaGraphLaunch(exec, stream));
    CUDA_CHECK(cudaEventRecord(end, stream));
    CUDA_CHECK(cudaStreamSynchronize(stream));
    float ms = 0.0f;
    CUDA_CHECK(cudaEventElapsedTime(&ms, begin, end));
    if (run >= 2) times.push_back(ms);
  }
  std::sort(times.begin(), times.end());
  CUDA_CHECK(cudaGraphExecDestroy(exec));
  CUDA_CHECK(cudaGraphDestroy(graph));
  CUDA_CHECK(cudaStreamDestroy(stream));
  return 1e3 * times[times.size() / 2];
}

double copy_bytes_per_us() {
  constexpr std::size_t kBytes = std::size_t{2} << 30;
  DeviceArray<std::byte> from(kBytes), to(kBytes);
  const double us =
      time_us([&](cudaStream_t stream) { copy(to.get(), from.get(), kBytes, stream); });
  const double copy_us = time_us([&](cudaStream_t stream) {
    CUDA_CHECK(cudaMemcpyAsync(to.get(), from.get(), kBytes, cudaMemcpyDeviceToDevice, stream));
  });
  std::printf("copy: kernel %.2f TB/s, memcpy %.2f TB/s\n", 2e-6 * kBytes / us,
              2e-6 * kBytes / copy_us);
  return 2.0 * kBytes / std::min(us, copy_us);
}

struct NamedFormat {
  const char* name;
  WeightFormat format;
};

const NamedFormat kFormats[] = {
    {"mlx4",
     {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64}},
    {"Q4_0", WeightFormat::blocks(GgmlType::kQ4_0)},
    {"Q4_K", WeightFormat::blocks(GgmlType::kQ4_K)},
    {"Q8_0", WeightFormat::blocks(GgmlType::kQ8_0)},
    {"bf16", WeightFormat::floating(DType::kBF16)},
#if !defined(SACCADE_BENCH_FEW)
    {"Q6_K", WeightFormat::blocks(GgmlType::kQ6_K)},
    {"Q5_K", WeightFormat::blocks(GgmlType::kQ5_K)},
    {"Q3_K", WeightFormat::blocks(GgmlType::kQ3_K)},
    {"Q2_K", WeightFormat::blocks(GgmlType::kQ2_K)},
    {"IQ4_XS", WeightFormat::blocks(GgmlType::kIQ4_XS)},
    {"mxfp4", {.kind = WeightFormat::Kind::kMxfp4, .group_size = 32}},
    {"nvfp4", {.kind = WeightFormat::Kind::kNvfp4, .group_size = 16}},
    {"mlx8",
     {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 8, .group_size = 64}},
    {"fp8", {.kind = WeightFormat::Kind::kFp8, .group_size = 128, .group_rows = 128}},
#endif
};

/// Weights with random codes and small scales.
class TimedWeight {
 public:
  TimedWeight(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs)
      : layout_(layout_of(format, outputs, inputs)), memory_(layout_.bytes) {
    for (std::size_t i = 0; i < kWeightArrays; ++i) {
      const ArrayLayout& array = layout_.arrays[i];
      const auto name = static_cast<WeightArray>(i);
      u32 keep = ~0u, set = 0;
      if (name == WeightArray::kScales) keep = 0x03030303u, set = 0x2c2c2c2cu;
      if (!format.quantized()) keep = 0x8fff8fffu, set = 0x30003000u;
      if (layout_.view.codes == CodeKind::kE4m3 && name != WeightArray::kScales) keep = 0xcfcfcfcfu;
      fill(memory_.get() + array.offset, array.bytes(outputs), keep, set);
    }
  }

  WeightView view() const { return weight_view(layout_, memory_.get()); }
  double bytes() const { return static_cast<double>(layout_.bytes); }

 private:
  static SegmentLayout layout_of(const WeightFormat& format, std::int64_t outputs,
                                 std::int64_t inputs) {
    static const std::byte kSome{};
    const HostMatrix matrix{
        .format = format, .outputs = outputs, .inputs = inputs, .offsets = &kSome};
    return weight_layout(std::span(&matrix, 1)).at(0);
  }

  SegmentLayout layout_;
  DeviceArray<std::byte> memory_;
};

/// What products read and write beside weights. Norms take turns, as those of layers do: they come
/// from memory, not from a cache.
struct Buffers {
  static constexpr std::size_t kNorms = 128, kNormSize = 32768;
  DeviceArray<float> residual{32768}, wide{200000}, norm{kNorms * kNormSize};
  DeviceArray<u16> small{65536};

  Buffers() {
    fill(residual.get(), 4 * 32768, 0x807fffffu, 0x3f000000u);
    fill(norm.get(), 4 * kNorms * kNormSize, 0x007fffffu, 0x3f000000u);
    fill(small.get(), 4 * 32768, 0x807f807fu, 0x3f003f00u);
  }

  const float* next_norm() const { return norm.get() + turn++ % kNorms * kNormSize; }

 private:
  mutable std::size_t turn = 0;
};

enum class Use { kNormed, kNormedGated, kAdd };

void enqueue_gemv(const WeightView& view, Use use, const Buffers& buffers, cudaStream_t stream,
                  const GemvPlan* chosen = nullptr) {
  GemvArgs args{};
  args.weight = view;
  args.n = use == Use::kNormedGated ? view.outputs / 2 : view.outputs;
  args.gated = use == Use::kNormedGated;
  args.eps = 1e-6f;
  if (use == Use::kAdd) {
    args.x = buffers.small.get();
    args.x_type = NumberType::kF16;
    args.y = buffers.wide.get();
    args.store = GemvStore::kAddF32;
  } else {
    args.x = buffers.residual.get();
    args.norm_weight = buffers.next_norm();
    args.y = use == Use::kNormed ? static_cast<void*>(buffers.wide.get()) : buffers.small.get();
    args.store = use == Use::kNormed ? GemvStore::kF32 : GemvStore::kF16;
  }
  const GemvPlan plan = chosen ? *chosen : gemv_plan(view, args.n, args.gated, 1, processors());
  args.tiling = plan.tiling;
  launch(plan.kernel, plan.grid, &args, stream);
}

struct Shape {
  std::int64_t outputs, inputs;
  Use use;
};

const Shape kShapes[] = {
    {37888, 3584, Use::kNormedGated}, {3584, 18944, Use::kAdd},   {152064, 3584, Use::kNormed},
    {4608, 3584, Use::kNormed},       {3584, 3584, Use::kAdd},    {22016, 2048, Use::kNormedGated},
    {2048, 11008, Use::kAdd},         {2560, 2048, Use::kNormed}, {2048, 2048, Use::kAdd}};

void time_kernels(double copy_rate) {
  const Buffers buffers;
  for (const NamedFormat& format : kFormats) {
    std::printf("%-6s", format.name);
    for (const Shape& shape : kShapes) {
      std::vector<std::unique_ptr<TimedWeight>> weights;
      double bytes = 0.0;
      while (bytes < 4e8) {
        weights.push_back(
            std::make_unique<TimedWeight>(format.format, shape.outputs, shape.inputs));
        bytes += weights.back()->bytes();
      }
      const double us = time_us([&](cudaStream_t stream) {
        for (const auto& weight : weights) {
          enqueue_gemv(weight->view(), shape.use, buffers, stream);
        }
      });
      std::printf(" %7.2f us %3.0f%%", us / static_cast<double>(weights.size()),
                  100.0 * bytes / us / copy_rate);
    }
    std::printf("\n");
  }
  const WeightView view = TimedWeight(kFormats[0].format, 64, 3584).view();
  for (const Shape& shape : kShapes) {
    WeightView shaped = view;
    shaped.inputs = static_cast<u32>(shape.inputs);
    const bool gated = shape.use == Use::kNormedGated;
    const GemvPlan plan =
        gemv_plan(shaped, gated ? shape.outputs / 2 : shape.outputs, gated, 1, processors());
    std::printf("  %ldx%ld: %u groups of %u, %u lanes, %u splits;", shape.outputs, shape.inputs,
                plan.grid.x, plan.grid.threads, 1u << plan.tiling.lane_shift,
                1u << plan.tiling.split_shift);
  }
  std::printf("\n");
}

/// The best launches of each shape, to hold gemv_plan's choice against.
void search_plans() {
  const Buffers buffers;
  for (const int index : {0, 3, 4}) {
    for (const Shape& shape : kShapes) {
      std::vector<std::unique_ptr<TimedWeight>> weights;
      double bytes = 0.0;
      while (bytes < 2e8) {
        weights.push_back(
            std::make_unique<TimedWeight>(kFormats[index].format, shape.outputs, shape.inputs));
        bytes += weights.back()->bytes();
      }
      const bool gated = shape.use == Use::kNormedGated;
      const std::int64_t n = gated ? shape.outputs / 2 : shape.outputs;
      std::vector<std::pair<double, GemvPlan>> found;
      for (const GemvPlan& plan : gemv_plans(weights[0]->view(), n, gated, 1, processors())) {
        const double us = time_us([&](cudaStream_t stream) {
          for (const auto& weight : weights) {
            enqueue_gemv(weight->view(), shape.use, buffers, stream, &plan);
          }
        });
        found.push_back({us / static_cast<double>(weights.size()), plan});
      }
      std::sort(found.begin(), found.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      std::printf("%s %ldx%ld:", kFormats[index].name, shape.outputs, shape.inputs);
      const GemvPlan own = gemv_plan(weights[0]->view(), n, gated, 1, processors());
      for (std::size_t i = 0; i < found.size(); ++i) {
        const GemvPlan& plan = found[i].second;
        const bool is_own = plan.grid.threads == own.grid.threads &&
                            plan.tiling.lane_shift == own.tiling.lane_shift &&
                            plan.tiling.split_shift == own.tiling.split_shift;
        if (i < 7 || is_own) {
          std::printf(" %s%.2f:%u/%u/%u", is_own ? "*" : "", found[i].first, plan.grid.threads / 32,
                      1u << plan.tiling.lane_shift, 1u << plan.tiling.split_shift);
        }
      }
      std::printf("\n");
    }
  }
}

/// Steps of a model: four products a layer, without and with three small launches between.
void time_chain(const char* name, const WeightFormat& format, std::int64_t layers,
                std::span<const Shape, 4> shapes, const Shape& head, double copy_rate) {
  const Buffers buffers;
  std::vector<std::unique_ptr<TimedWeight>> weights;
  double bytes = 0.0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    for (const Shape& shape : shapes) {
      weights.push_back(std::make_unique<TimedWeight>(format, shape.outputs, shape.inputs));
      bytes += weights.back()->bytes();
    }
  }
  const TimedWeight head_weight(format, head.outputs, head.inputs);
  bytes += head_weight.bytes();
  for (const int small : {0, 3}) {
    const double us = time_us([&](cudaStream_t stream) {
      for (std::int64_t layer = 0; layer < layers; ++layer) {
        for (int i = 0; i < 4; ++i) {
          enqueue_gemv(weights[layer * 4 + i]->view(), shapes[i].use, buffers, stream);
          if (i > 0) continue;
          for (int j = 0; j < small; ++j) {
            RmsNormArgs args{};
            args.y = buffers.wide.get();
            args.x = buffers.wide.get();
            args.weight = buffers.norm.get();
            args.n = 512;
            launch(Kernel::rms_norm_f32_f32, {.x = 8, .threads = 128, .shared_bytes = 128}, &args,
                   stream);
          }
        }
      }
      enqueue_gemv(head_weight.view(), Use::kNormed, buffers, stream);
    });
    std::printf("%s, %d launches a layer: %.0f us, %.0f%% of %.0f us; %.2f us a launch more\n",
                name, 4 + small, us, 100.0 * bytes / us / copy_rate, bytes / copy_rate,
                (us - bytes / copy_rate) / static_cast<double>(layers * (4 + small) + 1));
  }
}

void time_chains(double copy_rate) {
  const Buffers buffers;
  for (const u32 groups : {1u, 8u, 132u}) {
    const double us = time_us([&](cudaStream_t stream) {
      for (int i = 0; i < 200; ++i) {
        RmsNormArgs args{};
        args.y = buffers.wide.get();
        args.x = buffers.wide.get();
        args.weight = buffers.norm.get();
        args.n = 512;
        launch(Kernel::rms_norm_f32_f32, {.x = groups, .threads = 128, .shared_bytes = 128}, &args,
               stream);
      }
    });
    const double wait_us = time_us([&](cudaStream_t stream) {
      for (int i = 0; i < 200; ++i) {
        launch_wait(groups, stream);
      }
    });
    std::printf("%u groups: a norm takes %.2f us, a wait %.2f us\n", groups, us / 200,
                wait_us / 200);
  }
  const WeightFormat& format = kFormats[0].format;
  const Shape seven[] = {{4608, 3584, Use::kNormed},
                         {3584, 3584, Use::kAdd},
                         {37888, 3584, Use::kNormedGated},
                         {3584, 18944, Use::kAdd}};
  const Shape three[] = {{2560, 2048, Use::kNormed},
                         {2048, 2048, Use::kAdd},
                         {22016, 2048, Use::kNormedGated},
                         {2048, 11008, Use::kAdd}};
  time_chain("7B", format, 28, seven, {152064, 3584, Use::kNormed}, copy_rate);
  time_chain("3B", format, 36, three, {151936, 2048, Use::kNormed}, copy_rate);
}

void time_dequantize(double copy_rate) {
  for (const NamedFormat& format : kFormats) {
    std::vector<std::unique_ptr<TimedWeight>> weights;
    double bytes = 0.0;
    for (int i = 0; i < 4; ++i) {
      weights.push_back(std::make_unique<TimedWeight>(format.format, 18944, 3584));
      bytes += weights.back()->bytes() + 2.0 * 18944 * 3584;
    }
    DeviceArray<u16> dense(4L * 18944 * 3584);
    const DequantizePlan plan = dequantize_plan(weights[0]->view(), 18944, 3584);
    if (!function_of(plan.kernel)) continue;
    const double us = time_us([&](cudaStream_t stream) {
      for (int i = 0; i < 4; ++i) {
        DequantizeArgs args{};
        args.weight = weights[i]->view();
        args.y = dense.get() + i * 18944L * 3584;
        args.y_stride = 3584;
        args.rows = 18944;
        args.column_groups = plan.column_groups;
        args.y_type = NumberType::kF16;
        launch(plan.kernel, plan.grid, &args, stream);
      }
    });
    std::printf("%-6s [18944, 3584] to f16: %.1f us, %.0f%%\n", format.name, us / 4,
                100.0 * bytes / us / copy_rate);
  }
}

}  // namespace

int run(std::span<char*> what) {
  const auto wants = [&](std::string_view name) {
    return what.empty() || std::find(what.begin(), what.end(), name) != what.end();
  };
  if (wants("check")) check_all();
  const double first_rate = copy_bytes_per_us();  // the clocks rise meanwhile
  const double copy_rate = std::max(first_rate, copy_bytes_per_us());
  if (wants("kernels")) time_kernels(copy_rate);
  if (wants("search") && !what.empty()) search_plans();
  if (wants("chains")) time_chains(copy_rate);
  if (wants("dequantize")) time_dequantize(copy_rate);
  CUDA_CHECK(cudaDeviceSynchronize());
  return 0;
}

}  // namespace saccade::compute::gpu

int main(int argc, char** argv) {
  return saccade::compute::gpu::run(std::span(argv + 1, argv + argc));
}
