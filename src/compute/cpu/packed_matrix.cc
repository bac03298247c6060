#include "compute/cpu/packed_matrix.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "compute/cpu/mapped_memory.h"
#include "compute/cpu/quant_formats.h"
#include "compute/cpu/quant_pack.h"

namespace saccade::compute::cpu {
namespace {

std::int64_t total_outputs(std::span<const HostMatrix> parts) {
  std::int64_t outputs = 0;
  for (const HostMatrix& part : parts) {
    if (part.inputs != parts[0].inputs) {
      fail("[pack] cannot stack [{}, {}] and [{}, {}]", parts[0].outputs, parts[0].inputs,
           part.outputs, part.inputs);
    }
    outputs += part.outputs;
  }
  return outputs;
}

/// Interleaves up to kPanel rows into one panel, T being an integer as wide as the element, and
/// kPairs the consecutive inputs of an output that lie together.
template <typename T, int kPairs = 1>
void pack_panel(T* to, const std::byte* const* rows, int count, std::int64_t inputs) {
  const std::int64_t steps = (inputs + kPairs - 1) / kPairs;
  if (count < kPanel || steps * kPairs > inputs) {
    std::memset(to, 0, sizeof(T) * steps * kPairs * kPanel);
  }
  // Rows of a mapped file may lie at any address, so elements are copied as bytes. Taking a stretch
  // of columns at a time keeps the panel part being written in the L1 cache.
  constexpr std::int64_t kStretch = 256;
  for (std::int64_t begin = 0; begin < inputs; begin += kStretch) {
    const std::int64_t end = std::min(inputs, begin + kStretch);
    for (int r = 0; r < count; ++r) {
      for (std::int64_t i = begin; i < end; ++i) {
        T* place = to + (i / kPairs * kPanel + r) * kPairs + i % kPairs;
        std::memcpy(place, rows[r] + i * sizeof(T), sizeof(T));
      }
    }
  }
}

/// The same for rows of f16, rounded to bf16.
void pack_rounded_panel(std::uint16_t* to, const std::byte* const* rows, int count,
                        std::int64_t inputs) {
  std::vector<std::uint16_t> rounded(count * inputs);
  const std::byte* starts[kPanel] = {};
  for (int r = 0; r < count; ++r) {
    std::uint16_t* row = rounded.data() + r * inputs;
    std::memcpy(row, rows[r], inputs * sizeof(std::uint16_t));
    for (std::int64_t i = 0; i < inputs; ++i) row[i] = f32_to_bf16(f16_to_f32(row[i]));
    starts[r] = reinterpret_cast<const std::byte*>(row);
  }
  pack_panel<std::uint16_t, 2>(to, starts, count, inputs);
}

WeightType stored_type(DType dtype, bool bf16_pairs) {
  const WeightType type = weight_type(dtype);
  return bf16_pairs && type != WeightType::kF32 ? WeightType::kBF16Pairs : type;
}

std::int64_t float_panel_bytes(WeightType type, std::int64_t inputs) {
  switch (type) {
    case WeightType::kF32:
      return inputs * kPanel * 4;
    case WeightType::kF16:
    case WeightType::kBF16:
      return inputs * kPanel * 2;
    case WeightType::kBF16Pairs:
      return (inputs + 1) / 2 * kPanel * 4;
  }
  return 0;
}

std::shared_ptr<void> pack_floats(std::span<const HostMatrix> parts, WeightType type,
                                  ThreadPool& threads) {
  const std::int64_t inputs = parts[0].inputs;
  const bool rounded = type == WeightType::kBF16Pairs && parts[0].format.dtype == DType::kF16;
  std::vector<const std::byte*> rows;
  for (const HostMatrix& part : parts) {
    for (std::int64_t r = 0; r < part.outputs; ++r) {
      rows.push_back(part.data + r * part.row_bytes());
    }
  }
  const auto outputs = static_cast<std::int64_t>(rows.size());
  const std::int64_t panels = (outputs + kPanel - 1) / kPanel;
  const std::int64_t panel_bytes = float_panel_bytes(type, inputs);
  std::shared_ptr<void> data = allocate_aligned(panels * panel_bytes);
  threads.parallel_for(panels, [&](std::int64_t panel) {
    const std::int64_t first = panel * kPanel;
    const int count = static_cast<int>(std::min<std::int64_t>(kPanel, outputs - first));
    std::byte* to = static_cast<std::byte*>(data.get()) + panel * panel_bytes;
    auto* halves = reinterpret_cast<std::uint16_t*>(to);
    if (type == WeightType::kF32) {
      pack_panel(reinterpret_cast<std::uint32_t*>(to), &rows[first], count, inputs);
    } else if (rounded) {
      pack_rounded_panel(halves, &rows[first], count, inputs);
    } else if (type == WeightType::kBF16Pairs) {
      pack_panel<std::uint16_t, 2>(halves, &rows[first], count, inputs);
    } else {
      pack_panel(halves, &rows[first], count, inputs);
    }
  });
  return data;
}

/// Whether two matrices can share panels.
bool same_storage(const HostMatrix& a, const HostMatrix& b) {
  return a.format == b.format && a.global_scale == b.global_scale &&
         (a.offsets == nullptr) == (b.offsets == nullptr) && !a.input_order && !b.input_order &&
         // Scales that rows share would have to start at panels.
         a.format.group_rows == 0;
}

}  // namespace

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

PackedMatrix::PackedMatrix(std::span<const HostMatrix> parts, WeightUse use, bool bf16_pairs,
                           ThreadPool& threads)
    : Weight(total_outputs(parts), parts[0].inputs) {
  for (std::size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
    PackedSegment segment;
    if (!segments_.empty()) segment.first = segments_.back().first + segments_.back().outputs;
    for (end = begin; end < parts.size(); ++end) {
      if (end > begin && !same_storage(parts[begin], parts[end])) break;
      segment.outputs += parts[end].outputs;
    }
    const std::span<const HostMatrix> run = parts.subspan(begin, end - begin);
    if (run[0].format.quantized()) {
      segment.layout = quant_layout(run[0]);
      // As fused products take them: CpuDevice::do_fused_linear.
      const bool pairs = segment.outputs == outputs() && outputs() % (2 * kPanel) == 0;
      const bool gated = use.gated && pairs && segment.integer();
      if (gated) segment.layout->gates = segment.panels() / 2;
      segment.data = pack_quantized(run, *segment.layout, threads);
      if (const std::int32_t* order = run[0].input_order) {
        segment.input_order.assign(order, order + inputs());
      }
    } else {
      segment.type = stored_type(run[0].format.dtype, bf16_pairs);
      segment.data = pack_floats(run, segment.type, threads);
    }
    segments_.push_back(std::move(segment));
  }
}

PackedMatrix::PackedMatrix(std::vector<PackedSegment> segments, std::int64_t inputs)
    : Weight(segments.back().first + segments.back().outputs, inputs),
      segments_(std::move(segments)) {}

std::optional<PackedSegment> PackedMatrix::panels_of(const OutputRange& range) const {
  if (range.first < 0 || range.count <= 0 || range.first + range.count > outputs()) {
    fail("[part] outputs {} to {} of {}", range.first, range.first + range.count, outputs());
  }
  const PackedSegment& whole = segment_of(range.first);
  const std::int64_t begin = range.first - whole.first;
  const std::int64_t end = begin + range.count;
  if (begin % kPanel != 0 || (end % kPanel != 0 && end != whole.outputs)) return std::nullopt;
  if (end > whole.outputs) return std::nullopt;
  if (whole.layout && whole.layout->gates > 0) return std::nullopt;
  const std::int64_t panel_bytes = whole.bytes(inputs()) / whole.panels();
  PackedSegment segment = whole;
  segment.outputs = range.count;
  segment.data = {whole.data,
                  static_cast<std::byte*>(whole.data.get()) + begin / kPanel * panel_bytes};
  return segment;
}

std::shared_ptr<const Weight> PackedMatrix::part(std::span<const OutputRange> ranges) const {
  std::vector<PackedSegment> segments;
  std::int64_t outputs = 0;
  for (const OutputRange& range : ranges) {
    std::optional<PackedSegment> segment = panels_of(range);
    if (!segment) return nullptr;
    segment->first = outputs;
    outputs += range.count;
    segments.push_back(std::move(*segment));
  }
  if (segments.empty()) return nullptr;
  return std::shared_ptr<const Weight>(new PackedMatrix(std::move(segments), inputs()));
}

std::int64_t PackedSegment::bytes(std::int64_t inputs) const {
  if (layout) return panels() * layout->panel_bytes(inputs);
  return panels() * float_panel_bytes(type, inputs);
}

std::int64_t PackedMatrix::bytes() const {
  std::int64_t bytes = 0;
  for (const PackedSegment& segment : segments_) bytes += segment.bytes(inputs());
  return bytes;
}

const PackedSegment& PackedMatrix::segment_of(std::int64_t output) const {
  for (const PackedSegment& segment : segments_) {
    if (output < segment.first + segment.outputs) return segment;
  }
  fail("[embed] no output {} in {}", output, outputs());
}

void copy_row(void* to, const PackedSegment& segment, std::int64_t inputs, std::int64_t output,
              std::int64_t begin, std::int64_t count) {
  const std::byte* panel = static_cast<const std::byte*>(segment.data.get()) +
                           output / kPanel * float_panel_bytes(segment.type, inputs);
  const std::int64_t lane = output % kPanel;
  const auto copy = [&]<typename T>(T* target, std::int64_t pairs) {
    const T* from = reinterpret_cast<const T*>(panel);
    for (std::int64_t i = begin; i < begin + count; ++i) {
      target[i - begin] = from[(i / pairs * kPanel + lane) * pairs + i % pairs];
    }
  };
  if (segment.type == WeightType::kF32) {
    copy(static_cast<std::uint32_t*>(to), 1);
  } else {
    copy(static_cast<std::uint16_t*>(to), segment.type == WeightType::kBF16Pairs ? 2 : 1);
  }
}

}  // namespace saccade::compute::cpu
