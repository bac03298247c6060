#include "saccade/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "tensor/weight_format.h"

namespace saccade {
namespace {

using Kind = WeightFormat::Kind;

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

FormatInfo info(const WeightFormat& format, std::string name, std::string files,
                std::string quantize) {
  // Kernels multiply codes that are small floating-point numbers as floats.
  const bool floats =
      !format.quantized() || format.kind == Kind::kMxfp8 || format.kind == Kind::kFp8;
  return {std::move(name), std::move(files), format.bits_per_weight(), floats ? "float" : "integer",
          std::move(quantize)};
}

}  // namespace

std::vector<FormatInfo> weight_formats() {
  std::vector<FormatInfo> formats;
  const auto add = [&](const WeightFormat& format, std::string name, std::string files,
                       std::string quantize = {}) {
    formats.push_back(info(format, std::move(name), std::move(files), std::move(quantize)));
  };
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    add(WeightFormat::floating(dtype), std::string(dtype_name(dtype)), "Hugging Face, MLX, GGUF");
  }
  add({.kind = Kind::kFp8, .group_size = 128, .group_rows = 128}, "fp8 (E4M3)", "Hugging Face");
  for (const int bits : {8, 6, 5, 4, 3, 2}) {
    add({.kind = Kind::kAffine, .dtype = DType::kBF16, .bits = bits, .group_size = 64},
        fmt::format("{}-bit in groups", bits), "MLX", std::to_string(bits));
  }
  add({.kind = Kind::kMxfp8, .group_size = 32}, "mxfp8", "MLX", "mxfp8");
  add({.kind = Kind::kNvfp4, .group_size = 16}, "nvfp4", "MLX", "nvfp4");
  add({.kind = Kind::kMxfp4, .group_size = 32}, "mxfp4", "MLX", "mxfp4");
  const WeightFormat int4{
      .kind = Kind::kZeroPoint, .dtype = DType::kF16, .bits = 4, .group_size = 128};
  add(int4, "int4", "AWQ, GPTQ, compressed-tensors");
  for (const GgmlType type :
       {GgmlType::kQ8_0, GgmlType::kQ6_K, GgmlType::kQ5_1, GgmlType::kQ5_0, GgmlType::kQ5_K,
        GgmlType::kQ4_1, GgmlType::kQ4_0, GgmlType::kQ4_K, GgmlType::kIQ4_NL, GgmlType::kIQ4_XS,
        GgmlType::kMXFP4, GgmlType::kQ3_K, GgmlType::kQ2_K}) {
    const std::string name(ggml_traits(type).name);
    add(WeightFormat::blocks(type), name, "GGUF", lower(name));
  }
  return formats;
}

}  // namespace saccade
