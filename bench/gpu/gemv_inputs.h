// Formats, shapes and memory of gemv_bench's products.
#pragma once

#include <memory>

#include "compute/gpu/weight_layout.h"
#include "gemv_bench.h"

namespace saccade::compute::gpu {

using namespace saccade::bench;  // NOLINT
using namespace saccade::gpu;    // NOLINT: the kernels' arguments

struct NamedFormat {
  const char* name;
  WeightFormat format;
};

inline const NamedFormat kFormats[] = {
    {"mlx4",
     {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64}},
    {"Q4_0", WeightFormat::blocks(GgmlType::kQ4_0)},
    {"Q4_K", WeightFormat::blocks(GgmlType::kQ4_K)},
    {"Q8_0", WeightFormat::blocks(GgmlType::kQ8_0)},
    {"bf16", WeightFormat::floating(DType::kBF16)},
#if !defined(SACCADE_BENCH_FEW)
    {"Q6_K", WeightFormat::blocks(GgmlType::kQ6_K)},
    {"Q5_K", WeightFormat::blocks(GgmlType::kQ5_K)},
    {"Q3_K", WeightFormat::blocks(GgmlType::kQ3_K)},
    {"Q2_K", WeightFormat::blocks(GgmlType::kQ2_K)},
    {"IQ4_XS", WeightFormat::blocks(GgmlType::kIQ4_XS)},
    {"mxfp4", {.kind = WeightFormat::Kind::kMxfp4, .group_size = 32}},
    {"nvfp4", {.kind = WeightFormat::Kind::kNvfp4, .group_size = 16}},
    {"mlx8",
     {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 8, .group_size = 64}},
    {"fp8", {.kind = WeightFormat::Kind::kFp8, .group_size = 128, .group_rows = 128}},
#endif
};

/// Weights with random codes and small scales.
class TimedWeight {
 public:
  TimedWeight(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs)
      : layout_(layout_of(format, outputs, inputs)), memory_(layout_.bytes) {
    for (std::size_t i = 0; i < kWeightArrays; ++i) {
      const ArrayLayout& array = layout_.arrays[i];
      const auto name = static_cast<WeightArray>(i);
      u32 keep = ~0u, set = 0;
      if (name == WeightArray::kScales) keep = 0x03030303u, set = 0x2c2c2c2cu;
      if (!format.quantized()) keep = 0x8fff8fffu, set = 0x30003000u;
      if (layout_.view.codes == CodeKind::kE4m3 && name != WeightArray::kScales) keep = 0xcfcfcfcfu;
      fill(memory_.get() + array.offset, array.bytes(outputs), keep, set);
    }
  }

  WeightView view() const { return weight_view(layout_, memory_.get()); }
  double bytes() const { return static_cast<double>(layout_.bytes); }

 private:
  static SegmentLayout layout_of(const WeightFormat& format, std::int64_t outputs,
                                 std::int64_t inputs) {
    static const std::byte kSome{};
    const HostMatrix matrix{
        .format = format, .outputs = outputs, .inputs = inputs, .offsets = &kSome};
    return weight_layout(std::span(&matrix, 1)).at(0);
  }

  SegmentLayout layout_;
  DeviceArray<std::byte> memory_;
};

/// What products read and write beside weights. Norms take turns, as those of layers do: they come
/// from memory, not from a cache.
struct Buffers {
  static constexpr std::size_t kNorms = 128, kNormSize = 32768;
  DeviceArray<float> residual{32768}, wide{200000}, norm{kNorms * kNormSize};
  DeviceArray<u16> small{65536};

  Buffers() {
    fill(residual.get(), 4 * 32768, 0x807fffffu, 0x3f000000u);
    fill(norm.get(), 4 * kNorms * kNormSize, 0x007fffffu, 0x3f000000u);
    fill(small.get(), 4 * 32768, 0x807f807fu, 0x3f003f00u);
  }

  const float* next_norm() const { return norm.get() + turn++ % kNorms * kNormSize; }

 private:
  mutable std::size_t turn = 0;
};

enum class Use { kNormed, kNormedGated, kAdd };

inline void enqueue_gemv(const WeightView& view, Use use, const Buffers& buffers,
                         cudaStream_t stream, const GemvPlan* chosen = nullptr) {
  GemvArgs args{};
  args.weight = view;
  args.n = use == Use::kNormedGated ? view.outputs / 2 : view.outputs;
  args.gated = use == Use::kNormedGated;
  args.eps = 1e-6f;
  if (use == Use::kAdd) {
    args.x = buffers.small.get();
    args.x_type = NumberType::kF16;
    args.y = buffers.wide.get();
    args.store = GemvStore::kAddF32;
  } else {
    args.x = buffers.residual.get();
    args.norm_weight = buffers.next_norm();
    args.y = use == Use::kNormed ? static_cast<void*>(buffers.wide.get()) : buffers.small.get();
    args.store = use == Use::kNormed ? GemvStore::kF32 : GemvStore::kF16;
  }
  if (chosen) return multiply(args, *chosen, stream);
  multiply(args, stream);
}

struct Shape {
  std::int64_t outputs, inputs;
  Use use;
};

inline const Shape kShapes[] = {
    {37888, 3584, Use::kNormedGated}, {3584, 18944, Use::kAdd},   {152064, 3584, Use::kNormed},
    {4608, 3584, Use::kNormed},       {3584, 3584, Use::kAdd},    {22016, 2048, Use::kNormedGated},
    {2048, 11008, Use::kAdd},         {2560, 2048, Use::kNormed}, {2048, 2048, Use::kAdd}};

}  // namespace saccade::compute::gpu
