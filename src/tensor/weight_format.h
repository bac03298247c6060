// How files store the numbers of a weight matrix.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tensor/dtype.h"
#include "tensor/ggml_type.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

namespace saccade {

/// The storage of a matrix [outputs, inputs]. Quantized formats hold a small code for each weight
/// and share a scale (and perhaps an offset) among a group of consecutive inputs of one output.
struct WeightFormat {
  enum class Kind : std::uint8_t {
    kFloat,      ///< plain floating-point numbers of `dtype`
    kGgml,       ///< blocks of `ggml`, scales inside
    kAffine,     ///< scale * code + offset; scales and offsets of `dtype` (MLX)
    kZeroPoint,  ///< scale * (code - zero); scales of `dtype`, zeros u8 (AWQ, GPTQ, ...)
    kMxfp4,      ///< E2M1 codes, E8M0 scales (OCP Microscaling, 2023)
    kMxfp8,      ///< E4M3 codes, E8M0 scales (OCP Microscaling, 2023)
    kNvfp4,      ///< E2M1 codes, E4M3 scales, one float scale for the whole
    kFp8,        ///< E4M3 codes, scales of f32 for blocks of group_rows x group_size
  };

  Kind kind = Kind::kFloat;
  DType dtype = DType::kF32;
  GgmlType ggml = GgmlType::kF32;
  int bits = 0;                 ///< of a code; kAffine and kZeroPoint
  std::int64_t group_size = 0;  ///< inputs that share a scale; all kinds but kFloat and kGgml
  std::int64_t group_rows = 0;  ///< outputs that share a scale; kFp8

  static WeightFormat floating(DType dtype) { return {.dtype = dtype}; }
  static WeightFormat blocks(GgmlType type);

  bool operator==(const WeightFormat&) const = default;
  bool quantized() const { return kind != Kind::kFloat; }
  /// What people call it: "bf16", "Q4_K", "4-bit (groups of 64)".
  std::string name() const;
  /// Bits a weight takes, scales included.
  double bits_per_weight() const;
};

/// A weight matrix as it lies in a file: rows of codes, and scales beside them where the format
/// keeps them apart. Not owned, unless `storage` says otherwise.
struct HostMatrix {
  WeightFormat format;
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  const std::byte* data = nullptr;     ///< floats, blocks or codes, row after row
  const std::byte* scales = nullptr;   ///< [outputs, groups], or [row blocks, groups] of kFp8
  const std::byte* offsets = nullptr;  ///< like scales; offsets, or zeros (null: the middle code)
  float global_scale = 1.0f;           ///< kNvfp4
  /// Column i of the codes belongs to input input_order[i]; null: to input i.
  const std::int32_t* input_order = nullptr;
  std::shared_ptr<const void> storage;  ///< keeps memory that is not a file's alive

  /// Bytes of a row of `data`.
  std::int64_t row_bytes() const;
  /// Scales of a row.
  std::int64_t groups() const;
  /// Bytes of codes, scales and offsets.
  std::int64_t bytes() const;
};

/// A copy of the matrix whose row i is the matrix's row rows[i]. Throws Error where that would part
/// outputs that share a scale.
HostMatrix select_rows(const HostMatrix& matrix, std::span<const std::int64_t> rows);

/// A float matrix with the elements of `tensor`, its first dimension being the outputs.
HostMatrix float_matrix(const HostTensor& tensor);

}  // namespace saccade
