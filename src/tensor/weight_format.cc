#include "tensor/weight_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace saccade {
namespace {

using Kind = WeightFormat::Kind;

/// Bits of a code stored apart from its scale.
int code_bits(const WeightFormat& format) {
  switch (format.kind) {
    case Kind::kAffine:
    case Kind::kZeroPoint:
      return format.bits;
    case Kind::kMxfp4:
    case Kind::kNvfp4:
      return 4;
    default:
      return 8;
  }
}

std::int64_t scale_bytes(const WeightFormat& format) {
  switch (format.kind) {
    case Kind::kAffine:
    case Kind::kZeroPoint:
      return static_cast<std::int64_t>(dtype_bytes(format.dtype));
    case Kind::kFp8:
      return sizeof(float);
    default:
      return 1;
  }
}

std::int64_t offset_bytes(const WeightFormat& format) {
  if (format.kind == Kind::kAffine) return static_cast<std::int64_t>(dtype_bytes(format.dtype));
  return format.kind == Kind::kZeroPoint ? 1 : 0;
}

}  // namespace

WeightFormat WeightFormat::blocks(GgmlType type) {
  switch (type) {
    case GgmlType::kF32:
      return floating(DType::kF32);
    case GgmlType::kF16:
      return floating(DType::kF16);
    case GgmlType::kBF16:
      return floating(DType::kBF16);
    default:
      return {.kind = Kind::kGgml, .ggml = type};
  }
}

std::string WeightFormat::name() const {
  switch (kind) {
    case Kind::kFloat:
      return std::string(dtype_name(dtype));
    case Kind::kGgml:
      return std::string(ggml_traits(ggml).name);
    case Kind::kAffine:
      return fmt::format("{}-bit (groups of {})", bits, group_size);
    case Kind::kZeroPoint:
      return fmt::format("int{} (groups of {})", bits, group_size);
    case Kind::kMxfp4:
      return "mxfp4";
    case Kind::kMxfp8:
      return "mxfp8";
    case Kind::kNvfp4:
      return "nvfp4";
    case Kind::kFp8:
      return "fp8";
  }
  return "?";
}

double WeightFormat::bits_per_weight() const {
  if (kind == Kind::kFloat) return 8.0 * static_cast<double>(dtype_bytes(dtype));
  if (kind == Kind::kGgml) {
    const GgmlTraits traits = ggml_traits(ggml);
    return 8.0 * traits.bytes / traits.elements;
  }
  const auto shared = static_cast<double>(group_size * (group_rows ? group_rows : 1));
  const auto extra = static_cast<double>(scale_bytes(*this) + offset_bytes(*this));
  return code_bits(*this) + 8.0 * extra / shared;
}

std::int64_t HostMatrix::row_bytes() const {
  if (format.kind == Kind::kFloat) {
    return inputs * static_cast<std::int64_t>(dtype_bytes(format.dtype));
  }
  if (format.kind == Kind::kGgml) {
    const GgmlTraits traits = ggml_traits(format.ggml);
    return inputs / traits.elements * traits.bytes;
  }
  return inputs * code_bits(format) / 8;
}

std::int64_t HostMatrix::groups() const {
  if (format.group_size == 0) return 0;
  return (inputs + format.group_size - 1) / format.group_size;
}

std::int64_t HostMatrix::bytes() const {
  std::int64_t rows = outputs;
  if (format.group_rows > 0) rows = (outputs + format.group_rows - 1) / format.group_rows;
  const std::int64_t shared = scale_bytes(format) + (offsets ? offset_bytes(format) : 0);
  return outputs * row_bytes() + rows * groups() * shared;
}

namespace {

/// The first rows of the blocks that share scales, as numbers of blocks.
std::vector<std::int64_t> select_scale_rows(const HostMatrix& matrix,
                                            std::span<const std::int64_t> rows) {
  const std::int64_t block = std::max<std::int64_t>(1, matrix.format.group_rows);
  std::vector<std::int64_t> blocks;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int64_t in_block = static_cast<std::int64_t>(i) % block;
    if (in_block == 0) blocks.push_back(rows[i] / block);
    if (rows[i] != blocks.back() * block + in_block) {
      fail("rows of a matrix whose scales are for {} rows each cannot change places one by one",
           block);
    }
  }
  return blocks;
}

std::vector<std::byte> copy_rows(const std::byte* from, std::int64_t row_bytes,
                                 std::span<const std::int64_t> rows) {
  std::vector<std::byte> copy(rows.size() * row_bytes);
  for (std::size_t i = 0; from && i < rows.size(); ++i) {
    std::memcpy(copy.data() + i * row_bytes, from + rows[i] * row_bytes, row_bytes);
  }
  return copy;
}

}  // namespace

HostMatrix select_rows(const HostMatrix& matrix, std::span<const std::int64_t> rows) {
  struct Copy {
    std::vector<std::byte> data, scales, offsets;
    std::shared_ptr<const void> source;  // of what is not copied
  };
  const WeightFormat& format = matrix.format;
  const std::vector<std::int64_t> scale_rows = select_scale_rows(matrix, rows);
  auto copy = std::make_shared<Copy>(
      Copy{copy_rows(matrix.data, matrix.row_bytes(), rows),
           copy_rows(matrix.scales, matrix.groups() * scale_bytes(format), scale_rows),
           copy_rows(matrix.offsets, matrix.groups() * offset_bytes(format), scale_rows),
           matrix.storage});
  HostMatrix selected = matrix;
  selected.outputs = static_cast<std::int64_t>(rows.size());
  selected.data = copy->data.data();
  if (matrix.scales) selected.scales = copy->scales.data();
  if (matrix.offsets) selected.offsets = copy->offsets.data();
  selected.storage = std::move(copy);
  return selected;
}

HostMatrix float_matrix(const HostTensor& tensor) {
  const std::int64_t outputs = tensor.shape.rank() > 0 ? tensor.shape[0] : 1;
  return {.format = WeightFormat::floating(tensor.dtype),
          .outputs = outputs,
          .inputs = outputs ? tensor.shape.elements() / outputs : 0,
          .data = tensor.data,
          .storage = tensor.storage};
}

}  // namespace saccade
