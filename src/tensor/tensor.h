// A typed, shaped window on device memory.
#pragma once

#include <memory>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace saccade {

/// Elements of one type in row-major order, rows (the first dimension) `row_stride` elements apart,
/// all inner dimensions dense. Memory belongs to the device that made it and is shared by views;
/// taking a view is always a named call, and nothing here copies elements.
class Tensor {
 public:
  Tensor() = default;
  /// `storage` keeps the memory at `data` alive.
  Tensor(std::shared_ptr<void> storage, void* data, DType dtype, Shape shape);
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  bool empty() const { return data_ == nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t size(int dim) const { return shape_[dim]; }
  std::int64_t rows() const { return shape_[0]; }
  /// Elements of one row.
  std::int64_t row_elements() const { return rows() ? shape_.elements() / rows() : 0; }
  std::int64_t row_stride() const { return row_stride_; }
  bool dense() const { return row_stride_ == row_elements() || rows() <= 1; }
  std::int64_t bytes() const { return shape_.elements() * dtype_bytes(dtype_); }

  /// The first element. Throws Error unless T is the element type (float, int32_t, uint8_t; 16-bit
  /// floats as uint16_t).
  template <typename T>
  T* data() const {
    check_type(sizeof(T));
    return static_cast<T*>(data_);
  }
  float* row(std::int64_t index) const { return data<float>() + index * row_stride_; }
  void* raw() const { return data_; }

  /// The same elements again.
  Tensor view() const;
  /// Rows [begin, begin + count).
  Tensor view_rows(std::int64_t begin, std::int64_t count) const;
  /// Columns [begin, begin + count) of a matrix.
  Tensor view_columns(std::int64_t begin, std::int64_t count) const;
  /// A dense tensor's elements under another shape with as many elements.
  Tensor view_as(Shape shape) const;

 private:
  void check_type(std::size_t element_bytes) const;

  std::shared_ptr<void> storage_;
  void* data_ = nullptr;
  DType dtype_ = DType::kF32;
  Shape shape_;
  std::int64_t row_stride_ = 0;
};

/// A tensor as it lies in a file or in host memory: dense, read-only, not owned unless `storage`
/// says otherwise. The data may lie at any address.
struct HostTensor {
  DType dtype = DType::kF32;
  Shape shape;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> storage = nullptr;  ///< keeps memory that is not a file's alive

  std::int64_t bytes() const { return shape.elements() * dtype_bytes(dtype); }
};

}  // namespace saccade
