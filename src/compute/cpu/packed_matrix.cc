#include "compute/cpu/packed_matrix.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.h"

namespace saccade::compute::cpu {
namespace {

constexpr std::int64_t kAlignment = 64;

std::int64_t total_outputs(std::span<const HostTensor> parts) {
  std::int64_t outputs = 0;
  for (const HostTensor& part : parts) {
    if (part.shape.rank() != 2 || part.dtype != parts[0].dtype ||
        part.shape[1] != parts[0].shape[1]) {
      fail("[pack] cannot stack {} {} and {} {}", dtype_name(parts[0].dtype), parts[0].shape.text(),
           dtype_name(part.dtype), part.shape.text());
    }
    outputs += part.shape[0];
  }
  return outputs;
}

/// Interleaves up to kPanel rows into one panel, T being an integer as wide as the element.
template <typename T>
void pack_panel(T* to, const std::byte* const* rows, int count, std::int64_t inputs) {
  if (count < kPanel) std::memset(to, 0, sizeof(T) * inputs * kPanel);
  // Rows of a mapped file may lie at any address, so elements are copied as bytes. Taking a stretch
  // of columns at a time keeps the panel part being written in the L1 cache.
  constexpr std::int64_t kStretch = 256;
  for (std::int64_t begin = 0; begin < inputs; begin += kStretch) {
    const std::int64_t end = std::min(inputs, begin + kStretch);
    for (int r = 0; r < count; ++r) {
      for (std::int64_t i = begin; i < end; ++i) {
        std::memcpy(&to[i * kPanel + r], rows[r] + i * sizeof(T), sizeof(T));
      }
    }
  }
}

}  // namespace

std::shared_ptr<void> allocate_aligned(std::int64_t bytes) {
  const std::int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, std::max(rounded, kAlignment));
  if (!memory) throw std::bad_alloc();
  return {memory, std::free};
}

WeightType weight_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return WeightType::kF32;
    case DType::kF16:
      return WeightType::kF16;
    case DType::kBF16:
      return WeightType::kBF16;
    default:
      fail("weights of type {} have no CPU kernels; f32, f16 and bf16 have", dtype_name(dtype));
  }
}

PackedMatrix::PackedMatrix(std::span<const HostTensor> parts, ThreadPool& threads)
    : Weight(total_outputs(parts), parts[0].shape[1], parts[0].dtype),
      type_(weight_type(parts[0].dtype)) {
  const std::size_t element = dtype_bytes(dtype());
  const std::int64_t panel_bytes = inputs() * kPanel * static_cast<std::int64_t>(element);
  data_ = allocate_aligned(panels() * panel_bytes);
  std::vector<const std::byte*> rows;
  rows.reserve(outputs());
  for (const HostTensor& part : parts) {
    for (std::int64_t r = 0; r < part.shape[0]; ++r) {
      rows.push_back(part.data + r * inputs() * static_cast<std::int64_t>(element));
    }
  }
  threads.parallel_for(panels(), [&](std::int64_t panel) {
    const std::int64_t first = panel * kPanel;
    const int count = static_cast<int>(std::min<std::int64_t>(kPanel, outputs() - first));
    std::byte* to = static_cast<std::byte*>(data_.get()) + panel * panel_bytes;
    if (element == 4) {
      pack_panel(reinterpret_cast<std::uint32_t*>(to), &rows[first], count, inputs());
    } else {
      pack_panel(reinterpret_cast<std::uint16_t*>(to), &rows[first], count, inputs());
    }
  });
}

void PackedMatrix::copy_row(void* to, std::int64_t output) const {
  const std::int64_t first = output / kPanel * inputs() * kPanel + output % kPanel;
  const auto copy = [&]<typename T>(T* target) {
    const T* from = static_cast<const T*>(data_.get()) + first;
    for (std::int64_t i = 0; i < inputs(); ++i) target[i] = from[i * kPanel];
  };
  if (dtype_bytes(dtype()) == 4) {
    copy(static_cast<std::uint32_t*>(to));
  } else {
    copy(static_cast<std::uint16_t*>(to));
  }
}

}  // namespace saccade::compute::cpu
