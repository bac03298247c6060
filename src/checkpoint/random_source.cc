#include "checkpoint/random_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>

#include "base/error.h"
#include "tensor/quantize.h"

namespace saccade::checkpoint {
namespace {

// Of weights; as models are initialized.
constexpr float kDeviation = 0.02f;
constexpr std::int64_t kPoolValues = std::int64_t{1} << 20;
constexpr std::int64_t kPoolBlocks = std::int64_t{1} << 17;
// Sixteen codes in steps of this around zero have about the deviation above.
constexpr float kStep = 0.0045f;

WeightFormat mlx4() {
  return {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
}

bool is_norm(const std::string& name) {
  return name.find("norm") != std::string::npos || name.find("ln_q") != std::string::npos;
}

/// About normally distributed: the sum of four uniform numbers, which is the same everywhere, as
/// std::normal_distribution is not.
std::vector<float> normal_values(std::mt19937_64& random) {
  const float scale = kDeviation * std::sqrt(3.0f) / 65536.0f;
  std::vector<float> values(kPoolValues);
  for (float& value : values) {
    const std::uint64_t bits = random();
    std::int64_t sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<std::int64_t>(bits >> 16 * i & 0xffff);
    value = static_cast<float>(sum - 2 * 65536) * scale;
  }
  return values;
}

std::vector<std::byte> random_bytes(std::mt19937_64& random, std::int64_t count) {
  std::vector<std::byte> bytes(count);
  for (std::int64_t i = 0; i + 8 <= count; i += 8) {
    const std::uint64_t bits = random();
    std::memcpy(bytes.data() + i, &bits, sizeof(bits));
  }
  return bytes;
}

/// Blocks of Q4_0: a scale as f16, and 32 codes of 4 bits.
std::vector<std::byte> q4_0_blocks(std::mt19937_64& random) {
  const int size = ggml_traits(GgmlType::kQ4_0).bytes;
  std::vector<std::byte> bytes = random_bytes(random, kPoolBlocks * size);
  for (std::int64_t i = 0; i < kPoolBlocks; ++i) {
    const float factor = 0.5f + static_cast<float>(random() >> 40) * 0x1p-24f;
    const std::uint16_t scale = f32_to_f16(kStep * factor);
    std::memcpy(bytes.data() + i * size, &scale, sizeof(scale));
  }
  return bytes;
}

std::vector<std::byte> stored(const std::vector<float>& values, DType dtype) {
  std::vector<std::byte> bytes(values.size() * dtype_bytes(dtype));
  store_floats(values.data(), static_cast<std::int64_t>(values.size()), dtype, bytes.data());
  return bytes;
}

/// Fills `to` with the pool over and over, from `from` on.
void repeat(std::span<const std::byte> pool, std::size_t from, std::span<std::byte> to) {
  while (!to.empty()) {
    const std::size_t count = std::min(to.size(), pool.size() - from);
    std::memcpy(to.data(), pool.data() + from, count);
    to = to.subspan(count);
    from = 0;
  }
}

void fill_bf16(std::span<std::byte> to, float value) {
  const std::uint16_t bits = f32_to_bf16(value);
  for (std::size_t i = 0; i < to.size(); i += sizeof(bits)) {
    std::memcpy(to.data() + i, &bits, sizeof(bits));
  }
}

}  // namespace

RandomSource::RandomSource(const std::string& shape, const std::string& weights)
    : shape_(random_shape(shape)), weights_(weights) {
  if (weights != "bf16" && weights != "mlx4" && weights != "q4_0") {
    fail_usage("weights: wanted bf16, mlx4 or q4_0, found \"{}\"", weights);
  }
  for (const NamedShape& tensor : tensors_of(shape_)) {
    const WeightFormat format = format_of(tensor.name, tensor.shape);
    HostMatrix whole{format, tensor.shape[0], tensor.shape.elements() / tensor.shape[0]};
    whole.offsets = reinterpret_cast<const std::byte*>(this);  // so that bytes() counts them
    tensors_[tensor.name] = {format.name(), tensor.shape, whole.bytes()};
    formats_[tensor.name] = format;
  }
  make_pools();
}

WeightFormat RandomSource::format_of(const std::string& name, const Shape& shape) const {
  const bool tower = name.starts_with("visual.");
  if (weights_ == "bf16" || (weights_ == "mlx4" && (tower || shape.rank() < 2))) {
    return WeightFormat::floating(DType::kBF16);
  }
  if (weights_ == "mlx4") return mlx4();
  if (shape.rank() < 2) return WeightFormat::floating(DType::kF32);
  return WeightFormat::blocks(tower ? GgmlType::kF16 : GgmlType::kQ4_0);
}

void RandomSource::make_pools() {
  std::mt19937_64 random(1);
  const std::vector<float> values = normal_values(random);
  for (const auto& [name, format] : formats_) {
    if (pools_.contains(format.name())) continue;
    if (format.quantized()) {
      const bool blocks = format.kind == WeightFormat::Kind::kGgml;
      pools_[format.name()] = blocks ? Pool{q4_0_blocks(random), ggml_traits(GgmlType::kQ4_0).bytes}
                                     : Pool{random_bytes(random, kPoolValues * 4), 8};
      continue;
    }
    const auto unit = static_cast<std::int64_t>(dtype_bytes(format.dtype));
    pools_[format.name()] = {stored(values, format.dtype), unit};
    pools_["ones " + format.name()] = {stored(std::vector<float>(64, 1.0f), format.dtype), unit};
  }
}

const RandomSource::Pool& RandomSource::pool_of(const WeightFormat& format,
                                                const std::string& name) const {
  return pools_.at(is_norm(name) ? "ones " + format.name() : format.name());
}

std::string RandomSource::where() const {
  return fmt::format("random {} ({})", shape_.name, weights_);
}

std::string RandomSource::where(const std::string& file) const {
  return where() + ": " + file;
}

std::optional<std::string> RandomSource::text(const std::string& file) const {
  const auto document = json(file);
  if (!document) return std::nullopt;
  return boost::json::serialize(*document);
}

std::optional<boost::json::value> RandomSource::json(const std::string& file) const {
  if (file == "config.json") return config_of(shape_);
  if (file == "preprocessor_config.json") return preprocessor_config_of(shape_);
  if (file == "tokenizer_config.json") return tokenizer_config_of(shape_);
  if (file == "tokenizer.json") return tokenizer_of(shape_);
  return std::nullopt;
}

std::vector<HostMatrix> RandomSource::matrix(const std::string& name) const {
  const TensorInfo& info = tensors_.at(name);
  const WeightFormat& format = formats_.find(name)->second;
  auto memory = std::make_shared_for_overwrite<std::byte[]>(info.bytes);
  const std::span all(memory.get(), static_cast<std::size_t>(info.bytes));
  HostMatrix matrix{format, info.shape[0], info.shape.elements() / info.shape[0]};
  const auto codes = static_cast<std::size_t>(matrix.outputs * matrix.row_bytes());
  matrix.data = all.data();
  // Tensors begin at different places, so that layers are not all the same.
  const Pool& pool = pool_of(format, name);
  const std::size_t units = pool.bytes.size() / pool.unit;
  repeat(pool.bytes, std::hash<std::string>()(name) % units * pool.unit, all.first(codes));
  if (format.kind == WeightFormat::Kind::kAffine) {
    const std::size_t half = (all.size() - codes) / 2;
    matrix.scales = all.data() + codes;
    matrix.offsets = all.data() + codes + half;
    fill_bf16(all.subspan(codes, half), kStep);
    fill_bf16(all.subspan(codes + half), -7.5f * kStep);
  }
  matrix.storage = std::move(memory);
  return {std::move(matrix)};
}

}  // namespace saccade::checkpoint
