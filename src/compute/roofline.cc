#include "compute/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "compute/device.h"

namespace saccade::compute {
namespace {

using Clock = std::chrono::steady_clock;

// Larger than any cache.
constexpr std::int64_t kCopyBytes = std::int64_t{256} << 20;
constexpr std::int64_t kCopyColumns = 4096;
constexpr std::int64_t kProductRows = 512;
constexpr std::int64_t kProductSize = 2048;
constexpr int kRuns = 4;

/// Waits for everything so far.
void wait_for(Device& device, const Tensor& result) {
  std::vector<std::byte> row(result.view_rows(0, 1).bytes());
  device.download(row.data(), result.view_rows(0, 1));
}

/// Seconds of the fastest of a few runs; the first one does not count.
double best_seconds(Device& device, const Tensor& result, const std::function<void()>& body) {
  double best = 0.0;
  for (int i = 0; i <= kRuns; ++i) {
    const Clock::time_point begin = Clock::now();
    body();
    wait_for(device, result);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (i == 1 || (i > 1 && seconds < best)) best = seconds;
  }
  return best;
}

Tensor filled(Device& device, std::int64_t rows, std::int64_t columns) {
  Tensor tensor = device.empty(DType::kF32, {rows, columns});
  std::vector<float> values(rows * columns);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i * 2654435761u % 1024u) / 512.0f - 1.0f;
  }
  device.upload(tensor, values.data());
  return tensor;
}

double copy_bandwidth(Device& device) {
  const std::int64_t rows = kCopyBytes / kCopyColumns / static_cast<std::int64_t>(sizeof(float));
  const Tensor from = filled(device, rows, kCopyColumns);
  const Tensor to = device.empty(DType::kF32, {rows, kCopyColumns});
  std::vector<std::int32_t> ids(rows);
  std::iota(ids.begin(), ids.end(), 0);
  const double seconds = best_seconds(device, to, [&] { device.gather(to, from, ids); });
  return 2.0 * static_cast<double>(kCopyBytes) / seconds;
}

double product_rate(Device& device, const WeightFormat& format) {
  const Tensor x = filled(device, kProductRows, kProductSize);
  const Tensor y = device.empty(DType::kF32, {kProductRows, kProductSize});
  HostMatrix matrix{format, kProductSize, kProductSize};
  // Bits 0x3b3b are 0.0029 as bfloat16, and ordinary scales, offsets and codes.
  const std::vector<std::byte> numbers(kProductSize * matrix.row_bytes(), std::byte{0x3b});
  matrix.data = matrix.scales = matrix.offsets = numbers.data();
  const auto weight = device.pack(std::span(&matrix, 1));
  const double seconds = best_seconds(device, y, [&] { device.linear(y, x, *weight); });
  return 2.0 * kProductRows * kProductSize * kProductSize / seconds;
}

/// Of the products of a query with a key and of its probability with the value.
double flops_a_key(const AttentionShape& shape) {
  return 4.0 * shape.num_heads * shape.head_dim;
}

}  // namespace

void Device::count_product(std::int64_t rows, const Weight& w) {
  constexpr double kBits = 12.0;  // fewer are quantized
  const double weights = static_cast<double>(w.outputs()) * static_cast<double>(w.inputs());
  const double flops = 2.0 * static_cast<double>(rows) * weights;
  const bool quantized = 8.0 * static_cast<double>(w.bytes()) < kBits * weights;
  (quantized ? work_->quantized_flops : work_->float_flops) += flops;
  work_->weight_bytes += static_cast<double>(w.bytes());
}

void Device::count_segments(const AttentionShape& shape, std::span<const std::int64_t> ends) {
  std::int64_t begin = 0;
  for (const std::int64_t end : ends) {
    const auto rows = static_cast<double>(end - begin);
    work_->float_flops += flops_a_key(shape) * rows * rows;
    begin = end;
  }
}

void Device::count_attention(const KvLayout& layout, const AttentionShape& shape,
                             const SpanTable& spans) {
  const double key_bytes =
      static_cast<double>(kv_bytes_per_token(layout)) / std::max(1, layout.num_layers);
  const auto seen = [&](std::int64_t keys) {
    return shape.window > 0 ? std::min(keys, shape.window) : keys;
  };
  for (const SequenceSpan& span : spans.spans()) {
    double pairs = 0.0;
    for (std::int64_t i = 0; i < span.count; ++i) {
      const std::int64_t end = span.end_keys.empty() ? span.start + i + 1 : span.end_keys[i];
      pairs += static_cast<double>(seen(end));
    }
    work_->float_flops += flops_a_key(shape) * pairs;
    // What the first token of the span sees, and the span's own keys.
    work_->kv_bytes += key_bytes * static_cast<double>(seen(span.start) + span.count);
  }
}

double Roofline::seconds(const Work& work) const {
  const double products = work.float_flops / float_flops + work.quantized_flops / quantized_flops;
  return std::max(products, (work.weight_bytes + work.kv_bytes) / bytes_per_second);
}

bool Roofline::bound_by_memory(const Work& work) const {
  return seconds({0.0, 0.0, work.weight_bytes, work.kv_bytes}) == seconds(work);
}

Roofline measure_by_operations(Device& device) {
  constexpr auto kAffine = WeightFormat::Kind::kAffine;
  return {
      copy_bandwidth(device),
      fmt::format("copy of {} MiB, bytes read and written", kCopyBytes >> 20),
      product_rate(device, WeightFormat::floating(DType::kBF16)),
      product_rate(device, {.kind = kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64}),
      fmt::format("this program's own product of [{}, {}] by [{}, {}], bf16 and 4-bit weights",
                  kProductRows, kProductSize, kProductSize, kProductSize)};
}

}  // namespace saccade::compute
