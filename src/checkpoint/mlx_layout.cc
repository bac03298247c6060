// Quantized weights as MLX writes them (mlx.core.quantize), and fp8.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "checkpoint/weight_layouts.h"
#include "tensor/dequantize.h"

namespace saccade::checkpoint {
namespace {

using Kind = WeightFormat::Kind;

struct MlxSettings {
  std::string mode = "affine";
  int bits = 0;
  std::int64_t group_size = 0;
};

/// The settings of one module: its own entry, else the common ones.
MlxSettings read_settings(const LayoutInput& input) {
  const boost::json::value* own = input.settings.find(input.module);
  const bool has_own = own && own->is_object();
  const JsonObject source =
      has_own ? JsonObject(*own, input.settings.where() + ": " + input.module) : input.settings;
  MlxSettings settings;
  settings.mode = source.string_or("mode", input.settings.string_or("mode", "affine"));
  // The group size and bits of the other modes are what MLX defaults to.
  const bool nv = settings.mode == "nvfp4";
  const bool affine = settings.mode == "affine";
  settings.group_size =
      affine ? source.integer("group_size") : source.integer_or("group_size", nv ? 16 : 32);
  settings.bits =
      static_cast<int>(affine ? source.integer("bits")
                              : source.integer_or("bits", settings.mode == "mxfp8" ? 8 : 4));
  return settings;
}

WeightFormat read_format(const LayoutInput& input) {
  const MlxSettings settings = read_settings(input);
  const auto refuse = [&](std::string_view what) {
    fail("{}: {}: {} with {} bits and groups of {} is not supported; {}", input.settings.where(),
         input.module, settings.mode, settings.bits, settings.group_size, what);
  };
  if (settings.mode == "affine") {
    const bool bits_known = settings.bits >= 2 && settings.bits <= 8 && settings.bits != 7;
    const bool group_known =
        settings.group_size == 32 || settings.group_size == 64 || settings.group_size == 128;
    if (!bits_known || !group_known) refuse("2, 3, 4, 5, 6 or 8 bits, groups of 32, 64 or 128 are");
    const StoredTensor scales = input.tensor(".scales");
    const auto dtype = float_dtype(scales.dtype);
    if (!dtype || !input.has(".biases") || input.tensor(".biases").dtype != scales.dtype) {
      fail("tensor {}.scales: wanted floating-point scales and biases of one type", input.module);
    }
    return {.kind = Kind::kAffine,
            .dtype = *dtype,
            .bits = settings.bits,
            .group_size = settings.group_size};
  }
  const std::int64_t group = settings.mode == "nvfp4" ? 16 : 32;
  const int bits = settings.mode == "mxfp8" ? 8 : 4;
  const Kind kind = settings.mode == "mxfp4"   ? Kind::kMxfp4
                    : settings.mode == "mxfp8" ? Kind::kMxfp8
                                               : Kind::kNvfp4;
  if (settings.mode != "mxfp4" && settings.mode != "mxfp8" && settings.mode != "nvfp4") {
    refuse("the modes affine, mxfp4, mxfp8 and nvfp4 are");
  }
  if (settings.group_size != group || settings.bits != bits) refuse("this mode has one size alone");
  if (input.tensor(".scales").dtype != "U8") {
    fail("tensor {}.scales has dtype {}; {} wants U8", input.module, input.tensor(".scales").dtype,
         settings.mode);
  }
  return {.kind = kind, .bits = bits, .group_size = group};
}

}  // namespace

StoredWeight mlx_weight(const LayoutInput& input) {
  const WeightFormat format = read_format(input);
  const StoredTensor words = input.tensor(".weight");
  const StoredTensor scales = input.tensor(".scales");
  const int rank = words.shape.rank();
  const auto mismatch = [&] {
    fail("tensor {0}.weight {1} {2} does not go with {0}.scales {3} at {4} bits and groups of {5}",
         input.module, words.dtype, words.shape.text(), scales.shape.text(), format.bits,
         format.group_size);
  };
  if (words.dtype != "U32" || rank < 2 || scales.shape.rank() != rank) mismatch();
  std::vector<std::int64_t> dims(words.shape.dims().begin(), words.shape.dims().end());
  const std::int64_t inputs = scales.shape[rank - 1] * format.group_size;
  bool fits = dims.back() * 32 == inputs * format.bits;
  dims.back() = inputs;
  std::int64_t outputs = 1;
  for (int i = 0; i + 1 < rank; ++i) {
    fits = fits && scales.shape[i] == dims[i];
    outputs *= dims[i];
  }
  if (!fits) mismatch();
  HostMatrix matrix{format, outputs, inputs, words.data, scales.data};
  std::vector<std::string> tensors = {input.module + ".weight", input.module + ".scales"};
  if (format.kind == Kind::kAffine) {
    const StoredTensor biases = input.tensor(".biases");
    if (biases.shape != scales.shape) mismatch();
    matrix.offsets = biases.data;
    tensors.push_back(input.module + ".biases");
  } else if (format.kind == Kind::kNvfp4 && input.has(".global_scale")) {
    fail("tensor {}.global_scale: nvfp4 with a global scale is not supported yet", input.module);
  }
  return make_weight(matrix, Shape(std::span<const std::int64_t>(dims)), std::move(tensors));
}

namespace {

/// The sizes of the blocks of weights that scales [rows, columns] belong to: those of config.json
/// where they fit, else a scale for each row or for all.
void set_blocks(HostMatrix& matrix, const LayoutInput& input, const StoredTensor& scales) {
  const std::int64_t rows = scales.shape.rank() > 0 ? scales.shape[0] : 1;
  const std::int64_t columns = rows ? scales.shape.elements() / rows : 0;
  const bool by_row = columns == 1 && (rows == 1 || rows == matrix.outputs);
  if (by_row) {
    matrix.format.group_rows = rows == 1 ? matrix.outputs : 1;
    matrix.format.group_size = matrix.inputs;
    return;
  }
  std::vector<std::int64_t> sides;
  if (input.settings.has("weight_block_size")) sides = input.settings.integers("weight_block_size");
  if (sides.size() != 2 || sides[0] < 1 || sides[1] < 1) {
    fail("{}: weight_block_size: wanted two positive sizes for the scales of {}.weight",
         input.settings.where(), input.module);
  }
  matrix.format.group_rows = sides[0];
  matrix.format.group_size = sides[1];
  const bool fits =
      columns == matrix.groups() && rows == (matrix.outputs + sides[0] - 1) / sides[0];
  if (!fits) {
    fail("tensor {}.weight [{}, {}] in blocks of [{}, {}] does not fit scales of {}", input.module,
         matrix.outputs, matrix.inputs, sides[0], sides[1], scales.shape.text());
  }
}

}  // namespace

StoredWeight fp8_weight(const LayoutInput& input) {
  const StoredTensor codes = input.tensor(".weight");
  if (codes.shape.rank() < 1) fail("tensor {}.weight: wanted a matrix of fp8", input.module);
  const std::int64_t outputs = codes.shape[0];
  const std::int64_t inputs = outputs ? codes.shape.elements() / outputs : 0;
  HostMatrix matrix{{.kind = Kind::kFp8, .group_size = inputs, .group_rows = outputs},
                    outputs,
                    inputs,
                    codes.data};
  std::vector<std::string> tensors = {input.module + ".weight"};
  auto values = std::make_shared<std::vector<float>>(1, 1.0f);
  for (const char* suffix : {".weight_scale_inv", ".weight_scale"}) {
    if (!input.has(suffix)) continue;
    const StoredTensor scales = input.tensor(suffix);
    const auto dtype = float_dtype(scales.dtype);
    if (!dtype) fail("tensor {}{}: scales of {}", input.module, suffix, scales.dtype);
    set_blocks(matrix, input, scales);
    values->clear();
    for (std::int64_t i = 0; i < scales.shape.elements(); ++i) {
      values->push_back(float_at(scales.data, *dtype, i));
    }
    tensors.push_back(input.module + suffix);
    break;
  }
  matrix.scales = reinterpret_cast<const std::byte*>(values->data());
  matrix.storage = std::move(values);
  return make_weight(matrix, codes.shape, std::move(tensors));
}

}  // namespace saccade::checkpoint
