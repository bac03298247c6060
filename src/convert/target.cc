#include "convert/target.h"

#include "base/error.h"

namespace saccade::conversion {
namespace {

using Kind = WeightFormat::Kind;

constexpr const char* kMlxFormats = "2, 3, 4, 5, 6, 8, mxfp4, mxfp8 or nvfp4";
constexpr const char* kGgufFormats =
    "q8_0, q4_0, q4_1, q5_0, q5_1, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs or mxfp4";

std::optional<DType> read_dtype(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (name == "f32") return DType::kF32;
  if (name == "f16") return DType::kF16;
  if (name == "bf16") return DType::kBF16;
  fail_usage("--dtype: wanted f32, f16 or bf16, found \"{}\"", name);
}

WeightFormat read_mlx_format(const std::string& name, std::int64_t group_size) {
  if (name == "mxfp4") return {.kind = Kind::kMxfp4, .bits = 4, .group_size = 32};
  if (name == "mxfp8") return {.kind = Kind::kMxfp8, .bits = 8, .group_size = 32};
  if (name == "nvfp4") return {.kind = Kind::kNvfp4, .bits = 4, .group_size = 16};
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    if (name == std::to_string(bits)) {
      return {.kind = Kind::kAffine, .bits = bits, .group_size = group_size};
    }
  }
  if (ggml_type_named(name)) {
    fail_usage(
        "--quantize {}: that type goes with a destination that ends in .gguf; an MLX "
        "directory holds {}",
        name, kMlxFormats);
  }
  fail_usage("--quantize: wanted {}, found \"{}\"", kMlxFormats, name);
}

WeightFormat read_gguf_format(const std::string& name) {
  const auto type = ggml_type_named(name);
  if (!type || !WeightFormat::blocks(*type).quantized()) {
    fail_usage("--quantize: a .gguf file holds {}, found \"{}\"", kGgufFormats, name);
  }
  return WeightFormat::blocks(*type);
}

/// The type that llama.cpp's own mixtures give to what suffers most.
GgmlType high_type(GgmlType type) {
  switch (type) {
    case GgmlType::kQ2_K:
      return GgmlType::kQ4_K;
    case GgmlType::kQ3_K:
      return GgmlType::kQ5_K;
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
    case GgmlType::kIQ4_XS:
      return GgmlType::kQ6_K;
    default:
      return GgmlType::kQ8_0;
  }
}

WeightFormat high_format(const WeightFormat& low, const std::string& name) {
  if (low.kind == Kind::kGgml) {
    if (low.ggml != GgmlType::kQ8_0) return WeightFormat::blocks(high_type(low.ggml));
  } else if (low.kind == Kind::kAffine && low.bits < 8) {
    WeightFormat high = low;
    high.bits = low.bits < 5 ? 6 : 8;
    return high;
  }
  fail_usage("--mixed: there is no higher width to go with --quantize {}", name);
}

}  // namespace

Target read_target(const ConvertOptions& options, bool gguf) {
  Target target;
  target.dtype = read_dtype(options.dtype);
  target.towers = options.quantize_towers;
  target.group_size_given = options.group_size.has_value();
  const std::int64_t group_size = options.group_size.value_or(64);
  if (group_size != 32 && group_size != 64 && group_size != 128) {
    fail_usage("--group-size: wanted 32, 64 or 128, found {}", group_size);
  }
  if (options.quantize.empty()) {
    if (options.mixed || options.quantize_towers || options.group_size) {
      fail_usage("{} needs --quantize", options.mixed             ? "--mixed"
                                        : options.quantize_towers ? "--quantize-towers"
                                                                  : "--group-size");
    }
    return target;
  }
  target.quantized =
      gguf ? read_gguf_format(options.quantize) : read_mlx_format(options.quantize, group_size);
  if (options.group_size && target.quantized->kind != Kind::kAffine) {
    fail_usage("--group-size: {} has groups of its own size", options.quantize);
  }
  if (options.mixed) target.high = high_format(*target.quantized, options.quantize);
  return target;
}

std::optional<WeightFormat> mlx_equivalent(const HostMatrix& matrix) {
  const WeightFormat& format = matrix.format;
  const bool group = format.group_size == 32 || format.group_size == 64 || format.group_size == 128;
  switch (format.kind) {
    case Kind::kAffine:
    case Kind::kMxfp4:
    case Kind::kMxfp8:
      return format;
    case Kind::kNvfp4:
      return matrix.global_scale == 1.0f ? std::optional(format) : std::nullopt;
    case Kind::kZeroPoint: {
      if (!group || matrix.input_order || matrix.inputs % format.group_size != 0) {
        return std::nullopt;
      }
      WeightFormat affine = format;
      affine.kind = Kind::kAffine;
      return affine;
    }
    case Kind::kGgml:
      break;
    default:
      return std::nullopt;
  }
  const auto affine = [](int bits) {
    return WeightFormat{
        .kind = Kind::kAffine, .dtype = DType::kF16, .bits = bits, .group_size = 32};
  };
  switch (format.ggml) {
    case GgmlType::kQ4_0:
    case GgmlType::kQ4_1:
      return affine(4);
    case GgmlType::kQ5_0:
    case GgmlType::kQ5_1:
      return affine(5);
    case GgmlType::kQ8_0:
      return affine(8);
    case GgmlType::kMXFP4:
      return WeightFormat{.kind = Kind::kMxfp4, .bits = 4, .group_size = 32};
    default:
      return std::nullopt;
  }
}

}  // namespace saccade::conversion
