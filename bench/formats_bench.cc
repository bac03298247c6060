// What each weight format costs and gives on this machine: packing, decoding, prefill.
//
// Usage: formats_bench [THREADS [PART OF A FORMAT'S NAME]]
// Prints a Markdown table. Decoding multiplies one row with matrices that together are larger than
// any cache, so it is bound by memory; prefill multiplies 512 rows. Medians of several runs; the
// bf16 line is measured first and last, so that a machine that changes its mind shows.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "compute/cpu/cpu_device.h"
#include "random_weights.h"

namespace saccade::compute {
namespace {

constexpr std::int64_t kInputs = 2048, kOutputs = 11008;
constexpr std::int64_t kPrefillRows = 512;
constexpr int kMatrices = 16;  // 180 MiB of the smallest formats
constexpr int kRepeats = 5;

double median_seconds(const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = 0; i < kRepeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    seconds.push_back(taken.count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[kRepeats / 2];
}

HostMatrix make_matrix(const WeightFormat& format) {
  if (format.quantized()) return random_weights(format, kOutputs, kInputs, 1);
  auto storage = std::make_shared<Bytes>(kOutputs * kInputs * dtype_bytes(format.dtype));
  // Moderate numbers of the type, none of them subnormal.
  for (std::size_t i = 1; i < storage->size(); i += 2) (*storage)[i] = std::byte{0x3c};
  HostMatrix matrix{format, kOutputs, kInputs, storage->data()};
  matrix.storage = std::move(storage);
  return matrix;
}

struct Figures {
  double pack_gb_per_s;
  double decode_gb_per_s;
  double decode_per_s;  // passes over one matrix
  double prefill_gflops;
};

Figures measure(cpu::CpuDevice& device, const WeightFormat& format) {
  const HostMatrix source = make_matrix(format);
  std::vector<std::shared_ptr<const Weight>> weights;
  const double pack = median_seconds([&] {
    weights.clear();
    weights.push_back(device.pack(std::span(&source, 1)));
  });
  while (weights.size() < kMatrices) weights.push_back(device.pack(std::span(&source, 1)));
  const Tensor x = device.empty(DType::kF32, {kPrefillRows, kInputs});
  for (std::int64_t i = 0; i < kPrefillRows * kInputs; ++i) {
    x.data<float>()[i] = static_cast<float>(i * 37 % 101) * 0.01f - 0.5f;
  }
  const Tensor y = device.empty(DType::kF32, {kPrefillRows, kOutputs});
  const auto multiply = [&](const Weight& weight, std::int64_t rows) {
    device.linear(y.view_rows(0, rows), x.view_rows(0, rows), weight);
  };
  const double decode = median_seconds([&] {
    for (const auto& weight : weights) multiply(*weight, 1);
  });
  multiply(*weights[0], kPrefillRows);
  const double prefill = median_seconds([&] { multiply(*weights[0], kPrefillRows); });
  return {static_cast<double>(source.bytes()) / pack * 1e-9,
          static_cast<double>(weights[0]->bytes()) * kMatrices / decode * 1e-9, kMatrices / decode,
          2.0 * kPrefillRows * static_cast<double>(kInputs * kOutputs) / prefill * 1e-9};
}

int run(int threads, const std::string& only) {
  cpu::CpuDevice device({threads, {}});
  const DeviceInfo info = device.info();
  std::printf("%s, %d threads, %s; matrices of %ld x %ld\n\n", info.description.c_str(),
              info.threads, info.instruction_set.c_str(), static_cast<long>(kOutputs),
              static_cast<long>(kInputs));
  std::printf(
      "| format | bits a weight | packing GB/s | decode GB/s | decode, bf16 = 1 | "
      "decode by bytes | prefill GFLOP/s | prefill, bf16 = 1 |\n");
  std::printf("|---|---|---|---|---|---|---|---|\n");
  std::vector<WeightFormat> formats = {WeightFormat::floating(DType::kBF16)};
  for (const WeightFormat& format : quantized_formats()) {
    // One of each kind: groups and scale types make little difference.
    const bool common = format.group_size == 0 || format.group_size == 64 ||
                        format.kind != WeightFormat::Kind::kAffine;
    if (common && (format.kind != WeightFormat::Kind::kZeroPoint || format.group_size == 128)) {
      if (format.kind != WeightFormat::Kind::kFp8 || format.group_rows == 128) {
        formats.push_back(format);
      }
    }
  }
  std::erase_if(formats, [&](const WeightFormat& format) {
    return format.quantized() && format.name().find(only) == std::string::npos;
  });
  formats.push_back(formats[0]);
  const Figures base = measure(device, formats[0]);
  for (const WeightFormat& format : formats) {
    const Figures figures = measure(device, format);
    std::printf("| %s | %.2f | %.2f | %.1f | %.2f | %.2f | %.0f | %.2f |\n", format.name().c_str(),
                format.bits_per_weight(), figures.pack_gb_per_s, figures.decode_gb_per_s,
                figures.decode_per_s / base.decode_per_s, 16.0 / format.bits_per_weight(),
                figures.prefill_gflops, figures.prefill_gflops / base.prefill_gflops);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace saccade::compute

int main(int argc, char** argv) {
  return saccade::compute::run(argc > 1 ? std::atoi(argv[1]) : 0, argc > 2 ? argv[2] : "");
}
