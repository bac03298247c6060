#include "tensor/tensor.h"

#include "base/error.h"

namespace saccade {

Tensor::Tensor(std::shared_ptr<void> storage, void* data, DType dtype, Shape shape)
    : storage_(std::move(storage)), data_(data), dtype_(dtype), shape_(shape) {
  row_stride_ = row_elements();
}

void Tensor::check_type(std::size_t element_bytes) const {
  if (element_bytes != dtype_bytes(dtype_)) {
    fail("tensor {} of {}: read with elements of {} bytes", shape_.text(), dtype_name(dtype_),
         element_bytes);
  }
}

Tensor Tensor::view() const {
  Tensor copy(storage_, data_, dtype_, shape_);
  copy.row_stride_ = row_stride_;
  return copy;
}

Tensor Tensor::view_rows(std::int64_t begin, std::int64_t count) const {
  if (begin < 0 || count < 0 || begin + count > rows()) {
    fail("tensor {}: no rows [{}, {})", shape_.text(), begin, begin + count);
  }
  Tensor part = view();
  part.data_ = static_cast<std::byte*>(data_) + begin * row_stride_ * dtype_bytes(dtype_);
  std::array<std::int64_t, Shape::kMaxRank> dims{};
  for (int i = 0; i < shape_.rank(); ++i) dims[i] = shape_[i];
  dims[0] = count;
  part.shape_ = Shape(std::span<const std::int64_t>(dims.data(), shape_.rank()));
  return part;
}

Tensor Tensor::view_columns(std::int64_t begin, std::int64_t count) const {
  if (shape_.rank() != 2 || begin < 0 || count < 0 || begin + count > shape_[1]) {
    fail("tensor {}: no columns [{}, {})", shape_.text(), begin, begin + count);
  }
  Tensor part = view();
  part.data_ = static_cast<std::byte*>(data_) + begin * dtype_bytes(dtype_);
  part.shape_ = {shape_[0], count};
  return part;
}

Tensor Tensor::view_as(Shape shape) const {
  if (!dense() || shape.elements() != shape_.elements()) {
    fail("tensor {}: cannot be seen as {}", shape_.text(), shape.text());
  }
  return Tensor(storage_, data_, dtype_, shape);
}

}  // namespace saccade
