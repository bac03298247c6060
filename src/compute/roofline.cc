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

/// What a device is measured with: more for one that takes many tokens at a time.
struct Sizes {
  explicit Sizes(const Device& device)
      : rows(device.batch_tokens()), columns(std::min<std::int64_t>(4 * rows, 8192)) {}
  std::int64_t rows;     // of the product's input
  std::int64_t columns;  // of its square weight
  std::int64_t copy_rows() const { return 32 * rows; }
  // Of as many rows of 16 KiB: larger than any cache.
  std::int64_t copy_bytes() const { return copy_rows() * kCopyColumns * 4; }
  static constexpr std::int64_t kCopyColumns = 4096;
};

/// Small numbers without order, which cost a processor what real ones do.
std::vector<float> values_of(std::int64_t count) {
  std::vector<float> values(count);
  std::uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
  }
  return values;
}

template <typename Round>
std::vector<std::uint16_t> halves_of(const std::vector<float>& values, Round round) {
  std::vector<std::uint16_t> bits(values.size());
  std::ranges::transform(values, bits.begin(), round);
  return bits;
}

Tensor filled(Device& device, DType dtype, std::int64_t rows, std::int64_t columns) {
  Tensor tensor = device.empty(dtype, {rows, columns});
  const std::vector<float> values = values_of(rows * columns);
  if (dtype == DType::kF16) {
    device.upload(tensor, halves_of(values, f32_to_f16).data());
  } else {
    device.upload(tensor, values.data());
  }
  return tensor;
}

double copy_bandwidth(Device& device) {
  const Sizes sizes(device);
  const Tensor from = filled(device, DType::kF32, sizes.copy_rows(), Sizes::kCopyColumns);
  const Tensor to = device.empty(DType::kF32, from.shape());
  std::vector<std::int32_t> ids(sizes.copy_rows());
  std::iota(ids.begin(), ids.end(), 0);
  const double seconds = best_seconds(device, to, [&] { device.gather(to, from, ids); });
  return 2.0 * static_cast<double>(sizes.copy_bytes()) / seconds;
}

double product_rate(Device& device, const WeightFormat& format) {
  const Sizes sizes(device);
  const Tensor x = filled(device, device.activation_dtype(), sizes.rows, sizes.columns);
  const Tensor y = device.activations(x.shape());
  HostMatrix matrix{format, sizes.columns, sizes.columns};
  // As bfloat16 these are weights, scales and offsets; codes may be anything.
  const std::vector<std::uint16_t> numbers =
      halves_of(values_of(sizes.columns * sizes.columns), f32_to_bf16);
  matrix.data = matrix.scales = matrix.offsets = reinterpret_cast<const std::byte*>(numbers.data());
  const auto weight = device.pack(std::span(&matrix, 1));
  const double seconds = best_seconds(device, y, [&] { device.linear(y, x, *weight); });
  const auto n = static_cast<double>(sizes.columns);
  return 2.0 * static_cast<double>(sizes.rows) * n * n / seconds;
}

/// Of the products of a query with a key and of its probability with the value.
double flops_a_key(const AttentionShape& shape) {
  return 4.0 * shape.num_heads * shape.head_dim;
}

}  // namespace

std::string_view arithmetic_name(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kF32:
      return "f32";
    case Arithmetic::kBf16:
      return "bf16";
    case Arithmetic::kF16:
      return "f16";
    case Arithmetic::kInt16:
      return "int16";
    case Arithmetic::kInt8:
      return "int8";
    case Arithmetic::kQuantized:
      return "quantized";
  }
  return "";
}

Arithmetic Device::attention_arithmetic(KvPrecision /*precision*/) const {
  return activation_dtype() == DType::kF16 ? Arithmetic::kF16 : Arithmetic::kF32;
}

Arithmetic Device::product_arithmetic(const Weight& w) const {
  constexpr double kBits = 12.0;  // fewer are quantized
  const double weights = static_cast<double>(w.outputs()) * static_cast<double>(w.inputs());
  if (8.0 * static_cast<double>(w.bytes()) < kBits * weights) return Arithmetic::kQuantized;
  return attention_arithmetic(KvPrecision::kDefault);
}

void Device::count_product(std::int64_t rows, const Weight& w) {
  const double weights = static_cast<double>(w.outputs()) * static_cast<double>(w.inputs());
  work_->operations[product_arithmetic(w)] += 2.0 * static_cast<double>(rows) * weights;
  work_->weight_bytes += static_cast<double>(w.bytes());
}

void Device::count_segments(const AttentionShape& shape, std::span<const std::int64_t> ends) {
  std::int64_t begin = 0;
  for (const std::int64_t end : ends) {
    const auto rows = static_cast<double>(end - begin);
    work_->operations[attention_arithmetic(KvPrecision::kDefault)] +=
        flops_a_key(shape) * rows * rows;
    begin = end;
  }
}

void Device::count_attention(const KvCache& cache, const AttentionShape& shape,
                             const SpanTable& spans) {
  KvLayout layer(1, shape.num_kv_heads, shape.head_dim);
  layer.precision = cache.layout().precision;
  const auto key_bytes = static_cast<double>(kv_bytes_per_token(layer));
  for (const SequenceSpan& span : spans.spans()) {
    double pairs = 0.0;
    KeyRange all{span.start, span.start};  // that some token sees
    for (std::int64_t i = 0; i < span.count; ++i) {
      const KeyRange keys = span.keys_of(i, shape);
      pairs += static_cast<double>(keys.end - keys.begin);
      all = {std::min(all.begin, keys.begin), std::max(all.end, keys.end)};
    }
    work_->operations[attention_arithmetic(layer.precision)] += flops_a_key(shape) * pairs;
    work_->kv_bytes += key_bytes * static_cast<double>(all.end - all.begin);
  }
}

void Device::count_state(const StateStore& states, const SpanTable& spans) {
  // Read and written once for each span; what is computed is small beside the layer's products.
  const auto elements = static_cast<double>(states.layout().layer_elements());
  work_->kv_bytes += 2.0 * sizeof(float) * elements * static_cast<double>(spans.spans().size());
}

namespace {

double seconds_of(Arithmetic arithmetic, const Work& work, const Roofline& roofline) {
  const double operations = work.operations[arithmetic];
  return operations > 0.0 ? operations / roofline.operations[arithmetic] : 0.0;
}

}  // namespace

double Roofline::seconds(const Work& work) const {
  double computing = 0.0;
  for (const Arithmetic kind : kAllArithmetics) computing += seconds_of(kind, work, *this);
  return std::max(computing, (work.weight_bytes + work.kv_bytes) / bytes_per_second);
}

std::string_view Roofline::bound(const Work& work) const {
  if (seconds({{}, work.weight_bytes, work.kv_bytes}) == seconds(work)) return "memory";
  return arithmetic_name(*std::ranges::max_element(kAllArithmetics, {}, [&](Arithmetic arithmetic) {
    return seconds_of(arithmetic, work, *this);
  }));
}

Roofline measure_by_operations(Device& device) {
  constexpr auto kAffine = WeightFormat::Kind::kAffine;
  const WeightFormat four_bits{.kind = kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
  const Sizes sizes(device);
  Roofline roofline;
  roofline.bytes_per_second = copy_bandwidth(device);
  roofline.bandwidth =
      fmt::format("copy of {} MiB, bytes read and written", sizes.copy_bytes() >> 20);
  roofline.operations[device.attention_arithmetic(KvPrecision::kDefault)] =
      product_rate(device, WeightFormat::floating(DType::kBF16));
  roofline.operations[Arithmetic::kQuantized] = product_rate(device, four_bits);
  roofline.products =
      fmt::format("this program's own products of [{}, {}] by [{}, {}], bf16 and 4-bit weights",
                  sizes.rows, sizes.columns, sizes.columns, sizes.columns);
  return roofline;
}

}  // namespace saccade::compute
