// Checks of the kernels for packed weights against the reference.
#include <cmath>
#include <random>

#include "../../tests/compute/random_weights.h"
#include "compute/cuda/gemv/stream_gemv.h"
#include "compute/gpu/weight_pack.h"
#include "gemv_bench.h"
#include "gemv_inputs.h"

namespace saccade::compute::gpu {
namespace {

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
  std::vector<float> wanted(outputs);
  for (std::int64_t o = 0; o < outputs; ++o) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < inputs; ++i) {
      sum += static_cast<double>(x[i]) * values[o * inputs + i];
    }
    wanted[o] = static_cast<float>(sum);
  }
  const auto error_of = [&](const auto& product) {
    CUDA_CHECK(cudaMemset(y.get(), 0xff, outputs * sizeof(float)));
    product();
    return relative_error(y.download(), wanted);
  };
  const double error = error_of([&] { multiply(args, nullptr); });
  const double shared_error =
      error_of([&] { multiply(args, gemv_plan(view, outputs, false, 1, processors()), nullptr); });
  const bool good = same && error < 1e-5 && shared_error < 1e-5;
  if (!good) {
    std::printf("FAILED %s [%ld, %ld]: dequantized %s, errors %.2g and %.2g\n",
                format.name().c_str(), outputs, inputs, same ? "the same" : "differs", error,
                shared_error);
  }
  return good;
}

/// The results of one row by the weights at `view`.
std::vector<float> results_of(const WeightView& view, Use use, const Buffers& buffers,
                              const GemvPlan* plan) {
  CUDA_CHECK(cudaMemset(buffers.wide.get(), 0, 200000 * sizeof(float)));
  enqueue_gemv(view, use, buffers, nullptr, plan);
  std::vector<float> results;
  if (use == Use::kNormedGated) {
    for (const u16 half : buffers.small.download()) results.push_back(f16_to_f32(half));
  } else {
    results = buffers.wide.download();
  }
  results.resize(use == Use::kNormedGated ? view.outputs / 2 : view.outputs);
  return results;
}

/// Whether the streamed product of a model's shape is the shared kernel's.
bool check_stream(const NamedFormat& format, const Shape& shape) {
  const TimedWeight weight(format.format, shape.outputs, shape.inputs);
  const bool gated = shape.use == Use::kNormedGated;
  const std::int64_t n = gated ? shape.outputs / 2 : shape.outputs;
  const GemvPlan plan = gemv_plan(weight.view(), n, gated, 1, processors());
  // Norms take turns, so each has buffers of its own.
  const Buffers first, second;
  const auto wanted = results_of(weight.view(), shape.use, first, &plan);
  const auto found = results_of(weight.view(), shape.use, second, nullptr);
  const double error = found == wanted ? 0.0 : relative_error(found, wanted);
  if (error < 1e-4) return true;
  std::printf("FAILED %s %ldx%ld: error %.2g\n", format.name, shape.outputs, shape.inputs, error);
  return false;
}

}  // namespace

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
  for (const NamedFormat& format : kFormats) {
    for (const Shape& shape : kShapes) {
      const WeightView view = TimedWeight(format.format, 64, shape.inputs).view();
      if (!function_of(gemv_plan(view, 64, false, 1, 1).kernel)) continue;
      if (!cuda::stream_gemv_fits(view)) continue;
      ++checked;
      good += check_stream(format, shape) ? 1 : 0;
    }
  }
  std::printf("%d of %d checks are good\n", good, checked);
}

}  // namespace saccade::compute::gpu
