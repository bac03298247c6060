#include "compute/cpu/cpu_device.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/memory_info.h"
#include "compute/cpu/isa.h"
#include "compute/cpu/packed_matrix.h"
#include "compute/cpu/paged_kv.h"

namespace saccade::compute::cpu {
namespace {

// Elements of a work item of row-by-row operations: about ten microseconds of work.
constexpr std::int64_t kItemElements = 16384;

ActivationKind kernel_kind(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return ActivationKind::kSilu;
    case Activation::kGelu:
      return ActivationKind::kGelu;
    case Activation::kGeluTanh:
      return ActivationKind::kGeluTanh;
    case Activation::kQuickGelu:
      return ActivationKind::kQuickGelu;
    case Activation::kRelu:
      return ActivationKind::kRelu;
  }
  return ActivationKind::kSilu;
}

}  // namespace

CpuDevice::CpuDevice(const CpuOptions& options)
    : kernels_(kernels_for(options.isa)),
      threads_(options.threads > 0 ? options.threads : available_cores()) {}

DeviceInfo CpuDevice::info() const {
  return {"cpu",        processor_name(),     threads_.num_threads(),  kernels_.name,
          built_isas(), total_memory_bytes(), available_memory_bytes()};
}

Tensor CpuDevice::empty(DType dtype, const Shape& shape) {
  const std::int64_t bytes = shape.elements() * static_cast<std::int64_t>(dtype_bytes(dtype));
  std::shared_ptr<void> storage = buffers_.take(bytes);
  void* data = storage.get();
  return Tensor(std::move(storage), data, dtype, shape);
}

void CpuDevice::upload(const Tensor& to, const void* from) {
  if (!to.dense()) fail("[upload] wanted a dense tensor");
  if (to.bytes() > 0) std::memcpy(to.raw(), from, to.bytes());
}

void CpuDevice::download(void* to, const Tensor& from) {
  if (!from.dense()) fail("[download] wanted a dense tensor");
  if (from.bytes() > 0) std::memcpy(to, from.raw(), from.bytes());
}

std::unique_ptr<KvCache> CpuDevice::make_kv_cache(const KvLayout& layout, int num_pages) {
  return std::make_unique<PagedKv>(layout, num_pages);
}

std::int64_t CpuDevice::kv_bytes_per_token(const KvLayout& layout) const {
  return PagedKv::page_floats(layout) * static_cast<std::int64_t>(sizeof(float)) / kKeyBlock;
}

std::shared_ptr<const Weight> CpuDevice::pack(std::span<const HostTensor> parts) {
  return std::make_shared<PackedMatrix>(parts, threads_);
}

Tensor CpuDevice::to_f32(const HostTensor& tensor) {
  const WeightType type = weight_type(tensor.dtype);
  Tensor copy = empty(DType::kF32, tensor.shape);
  const std::int64_t elements = tensor.shape.elements();
  // The file's bytes may lie at any address; kernels want elements aligned.
  std::vector<std::uint32_t> aligned((tensor.bytes() + 3) / 4);
  std::memcpy(aligned.data(), tensor.data, tensor.bytes());
  kernels_.widen(copy.data<float>(), aligned.data(), type, elements);
  return copy;
}

float* CpuDevice::scratch(int slot, std::int64_t floats) {
  if (static_cast<std::size_t>(slot) >= scratch_.size()) scratch_.resize(slot + 1);
  Scratch& entry = scratch_[slot];
  if (entry.floats < floats) {
    entry = {};  // free first: the old contents are not needed
    entry = {allocate_aligned(floats * static_cast<std::int64_t>(sizeof(float))), floats};
  }
  return static_cast<float*>(entry.data.get());
}

template <typename Body>
void CpuDevice::for_rows(std::int64_t rows, std::int64_t row_elements, Body&& body) {
  const std::int64_t step =
      std::max<std::int64_t>(1, kItemElements / std::max<std::int64_t>(1, row_elements));
  threads_.parallel_for((rows + step - 1) / step, [&](std::int64_t item) {
    const std::int64_t end = std::min(rows, (item + 1) * step);
    for (std::int64_t row = item * step; row < end; ++row) body(row);
  });
}

void CpuDevice::do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) {
  const auto& matrix = static_cast<const PackedMatrix&>(w);
  const std::int64_t rows = x.rows();
  if (rows == 0) return;
  const std::int64_t k = w.inputs();
  const int tile_rows = kernels_.tile_rows;
  const std::int64_t tiles = (rows + tile_rows - 1) / tile_rows;
  float* packed = scratch(0, rows * k);
  threads_.parallel_for(tiles, [&](std::int64_t tile) {
    const std::int64_t row = tile * tile_rows;
    const int count = static_cast<int>(std::min<std::int64_t>(tile_rows, rows - row));
    pack_rows(packed + row * k, x.row(row), x.row_stride(), count, k);
  });
  // Eight tiles of rows share each pass over a group of panels; with few rows the panels are split
  // finely instead, four groups a thread, so that a thread that is late costs little.
  constexpr std::int64_t kTilesPerItem = 8;
  const std::int64_t row_items = (tiles + kTilesPerItem - 1) / kTilesPerItem;
  const std::int64_t wanted =
      std::max<std::int64_t>(1, std::int64_t{4} * threads_.num_threads() / row_items);
  std::int64_t panels_per_item = std::max<std::int64_t>(4, (matrix.panels() / wanted + 3) / 4 * 4);
  if (tiles > 1) panels_per_item = std::min<std::int64_t>(panels_per_item, 8);
  const std::int64_t panel_items = (matrix.panels() + panels_per_item - 1) / panels_per_item;
  threads_.parallel_for(row_items * panel_items, [&](std::int64_t item) {
    const std::int64_t row = item % row_items * kTilesPerItem * tile_rows;
    const std::int64_t panel = item / row_items * panels_per_item;
    kernels_.gemm({matrix.data(), matrix.type(), packed + row * k, y.row(row),
                   bias ? bias->data<float>() : nullptr, k, w.outputs(),
                   std::min(rows - row, kTilesPerItem * tile_rows), y.row_stride(), panel,
                   std::min(matrix.panels(), panel + panels_per_item)});
  });
}

void CpuDevice::do_embed(const Tensor& y, const Weight& w, std::span<const std::int32_t> ids) {
  const auto& matrix = static_cast<const PackedMatrix&>(w);
  for_rows(y.rows(), w.inputs(), [&](std::int64_t row) {
    if (matrix.type() == WeightType::kF32) {
      matrix.copy_row(y.row(row), ids[row]);
      return;
    }
    std::vector<std::uint16_t> stored(w.inputs());
    matrix.copy_row(stored.data(), ids[row]);
    kernels_.widen(y.row(row), stored.data(), matrix.type(), w.inputs());
  });
}

void CpuDevice::do_rms_norm(const Tensor& y, const Tensor& x, const Tensor& weight, float eps) {
  const std::int64_t n = weight.size(0);
  for_rows(x.rows(), x.size(1), [&](std::int64_t row) {
    for (std::int64_t column = 0; column < x.size(1); column += n) {
      kernels_.rms_norm(y.row(row) + column, x.row(row) + column, weight.data<float>(), n, eps);
    }
  });
}

void CpuDevice::do_layer_norm(const Tensor& y, const Tensor& x, const Tensor& weight,
                              const Tensor* bias, float eps) {
  const std::int64_t n = x.size(1);
  for_rows(x.rows(), n, [&](std::int64_t row) {
    kernels_.layer_norm(y.row(row), x.row(row), weight.data<float>(),
                        bias ? bias->data<float>() : nullptr, n, eps);
  });
}

void CpuDevice::do_add(const Tensor& y, const Tensor& x) {
  for_rows(y.rows(), y.size(1),
           [&](std::int64_t row) { kernels_.add(y.row(row), x.row(row), y.size(1)); });
}

void CpuDevice::do_scale(const Tensor& x, float factor) {
  for_rows(x.rows(), x.size(1),
           [&](std::int64_t row) { kernels_.scale(x.row(row), x.size(1), factor); });
}

void CpuDevice::do_scale_columns(const Tensor& x, const Tensor& factors) {
  for_rows(x.rows(), x.size(1), [&](std::int64_t row) {
    kernels_.multiply(x.row(row), factors.data<float>(), x.size(1));
  });
}

void CpuDevice::do_softcap(const Tensor& x, float cap) {
  for_rows(x.rows(), x.size(1),
           [&](std::int64_t row) { kernels_.softcap(x.row(row), x.size(1), cap); });
}

void CpuDevice::do_activate(const Tensor& x, Activation activation) {
  const ActivationKind kind = kernel_kind(activation);
  for_rows(x.rows(), x.size(1),
           [&](std::int64_t row) { kernels_.activate(x.row(row), x.size(1), kind); });
}

void CpuDevice::do_gate(const Tensor& y, const Tensor& gate_up, Activation activation) {
  const ActivationKind kind = kernel_kind(activation);
  const std::int64_t n = y.size(1);
  for_rows(y.rows(), n, [&](std::int64_t row) {
    kernels_.gate(y.row(row), gate_up.row(row), gate_up.row(row) + n, n, kind);
  });
}

void CpuDevice::do_rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim) {
  for_rows(x.rows(), x.size(1), [&](std::int64_t row) {
    for (std::int64_t column = 0; column < x.size(1); column += head_dim) {
      kernels_.rotate(x.row(row) + column, cos.row(row), sin.row(row), head_dim / 2);
    }
  });
}

void CpuDevice::do_gather(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids) {
  const std::size_t bytes = x.size(1) * sizeof(float);
  for_rows(y.rows(), x.size(1),
           [&](std::int64_t row) { std::memcpy(y.row(row), x.row(ids[row]), bytes); });
}

void CpuDevice::do_gather_columns(const Tensor& y, const Tensor& x,
                                  std::span<const std::int32_t> ids) {
  for_rows(y.rows(), y.size(1), [&](std::int64_t row) {
    const float* from = x.row(row);
    float* to = y.row(row);
    for (std::size_t i = 0; i < ids.size(); ++i) to[i] = from[ids[i]];
  });
}

void CpuDevice::do_scatter(const Tensor& y, const Tensor& x, std::span<const std::int32_t> ids) {
  const std::size_t bytes = x.size(1) * sizeof(float);
  for_rows(x.rows(), x.size(1),
           [&](std::int64_t row) { std::memcpy(y.row(ids[row]), x.row(row), bytes); });
}

}  // namespace saccade::compute::cpu
