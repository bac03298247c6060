#include "compute/cpu/cpu_device.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/memory_info.h"
#include "compute/cpu/isa.h"
#include "compute/cpu/mapped_memory.h"
#include "compute/cpu/packed_matrix.h"
#include "compute/cpu/paged_kv.h"

namespace saccade::compute::cpu {

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
    case Activation::kSigmoid:
      return ActivationKind::kSigmoid;
  }
  return ActivationKind::kSilu;
}

CpuDevice::CpuDevice(const CpuOptions& options)
    : kernels_(kernels_for(options.isa)),
      rounded_inputs_(options.rounded_inputs),
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

KvCodes CpuDevice::kv_codes(KvPrecision precision) const {
  if (precision == KvPrecision::kInt8) {
    if (!has_int8_kv()) fail("keys and values of 8 bits need rounded inputs");
    return KvCodes::kInt8;
  }
  return rounded_inputs_ ? KvCodes::kInt16 : KvCodes::kFloat;
}

std::unique_ptr<KvCache> CpuDevice::make_kv_cache(const KvLayout& layout, int num_pages) {
  return std::make_unique<PagedKv>(layout, kv_codes(layout.precision), num_pages);
}

std::int64_t CpuDevice::kv_bytes_per_token(const KvLayout& layout) const {
  return PagedKv::page_bytes(layout, kv_codes(layout.precision)) / kKeyBlock;
}

std::shared_ptr<const Weight> CpuDevice::do_pack(std::span<const HostMatrix> parts, WeightUse use) {
  auto packed =
      std::make_shared<PackedMatrix>(parts, use, rounded_inputs_ && kernels_.pack_pairs, threads_);
  std::erase_if(packed_, [](const auto& other) { return other.expired(); });
  packed_.push_back(packed);
  return packed;
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

void CpuDevice::do_clamp(const Tensor& y, const Tensor& x, float low, float high) {
  // Exact, so that no kernel is needed to make it the same on every instruction set.
  for_rows(x.rows(), x.size(1), [&](std::int64_t row) {
    std::transform(x.row(row), x.row(row) + x.size(1), y.row(row),
                   [&](float value) { return std::clamp(value, low, high); });
  });
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

void CpuDevice::do_apply_gate(const Tensor& y, const Tensor& gate, Activation activation) {
  const ActivationKind kind = kernel_kind(activation);
  for_rows(y.rows(), y.size(1), [&](std::int64_t row) {
    kernels_.gate(y.row(row), gate.row(row), y.row(row), y.size(1), kind);
  });
}

void CpuDevice::do_rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, int head_dim) {
  for_rows(x.rows(), x.size(1), [&](std::int64_t row) {
    for (std::int64_t column = 0; column < x.size(1); column += head_dim) {
      kernels_.rotate(x.row(row) + column, cos.row(row), sin.row(row), cos.size(1));
    }
  });
}

void CpuDevice::do_rotary_table(const Tensor& cos, const Tensor& sin, const Tensor& positions,
                                const Tensor& frequencies, const Tensor& axes, float scale) {
  const std::int64_t rows = cos.rows();
  const std::int64_t n = cos.size(1);
  const auto* position = positions.data<std::int32_t>();
  const auto* axis = axes.data<std::int32_t>();
  // A cosine in double costs about a hundred multiply-adds.
  for_rows(rows, n * 100, [&](std::int64_t row) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float angle =
          static_cast<float>(position[axis[i] * rows + row]) * frequencies.data<float>()[i];
      // In double, so that the table does not depend on the C library's float functions.
      const double exact = angle;
      cos.row(row)[i] = static_cast<float>(std::cos(exact)) * scale;
      sin.row(row)[i] = static_cast<float>(std::sin(exact)) * scale;
    }
  });
}

void CpuDevice::do_gather(const Tensor& y, const Tensor& x, const Tensor& ids) {
  const std::size_t bytes = x.size(1) * sizeof(float);
  const auto* id = ids.data<std::int32_t>();
  for_rows(y.rows(), x.size(1),
           [&](std::int64_t row) { std::memcpy(y.row(row), x.row(id[row]), bytes); });
}

void CpuDevice::do_gather_columns(const Tensor& y, const Tensor& x, const Tensor& ids) {
  const auto* id = ids.data<std::int32_t>();
  const std::int64_t n = ids.size(0);
  for_rows(y.rows(), n, [&](std::int64_t row) {
    const float* from = x.row(row);
    float* to = y.row(row);
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[id[i]];
  });
}

void CpuDevice::do_scatter(const Tensor& y, const Tensor& x, const Tensor& ids) {
  const std::size_t bytes = x.size(1) * sizeof(float);
  const auto* id = ids.data<std::int32_t>();
  for_rows(x.rows(), x.size(1),
           [&](std::int64_t row) { std::memcpy(y.row(id[row]), x.row(row), bytes); });
}

void CpuDevice::do_scatter_add(const Tensor& y, const Tensor& x, const Tensor& ids,
                               const Tensor& factors) {
  const auto* id = ids.data<std::int32_t>();
  for_rows(x.rows(), x.size(1), [&](std::int64_t row) {
    kernels_.add_scaled(y.row(id[row]), x.row(row), factors.data<float>()[row], x.size(1));
  });
}

void CpuDevice::do_sample(const Tensor& ids, const Tensor& logits, SamplerSlots& samplers,
                          const Tensor& slots) {
  const auto vocab_size = static_cast<std::size_t>(logits.size(1));
  const auto* slot = slots.data<std::int32_t>();
  auto* id = ids.data<std::int32_t>();
  threads_.parallel_for(logits.rows(), [&](std::int64_t row) {
    const std::span<float> values(logits.row(row), vocab_size);
    const bool chooses = slot[row] >= 0 && all_finite(values);
    id[row] = chooses ? samplers.at(slot[row]).choose(values) : -1;
  });
}

}  // namespace saccade::compute::cpu
