// Integer products with quantized weights on the CPU.
#include <algorithm>

#include "compute/cpu/cpu_device.h"
#include "compute/cpu/packed_matrix.h"

namespace saccade::compute::cpu {
namespace {

/// Codes of a block of rows: half the L2 cache of a Sapphire Rapids core. With 192 rows of 11008
/// inputs, which no L2 cache holds, products took a fifth longer.
constexpr std::int64_t kRowBlockBytes = std::int64_t{1} << 20;
/// With fewer, unpacking weights would take over a twentieth of the time.
constexpr std::int64_t kMinBlockRows = 72;

/// Blocks start at multiples of the widest tile's rows, so that only the last has smaller tiles.
constexpr std::int64_t kRowStep = 8;
static_assert(kDotBlockRows % kRowStep == 0);  // so that no block grows beyond the most

/// Of a thread's part of one row's product.
constexpr std::int64_t kMinSlicePanels = 4;
constexpr std::int64_t kMaxSlices = 8;

// Slots of CpuDevice::scratch.
constexpr int kCodes = 2;
constexpr int kScales = 3;
constexpr int kTerms = 4;

std::int64_t divide_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step;
}

}  // namespace

QuantizedRows CpuDevice::quantize(const Tensor& x, const PackedSegment& segment,
                                  const RowNorm& norm) {
  const QuantLayout& layout = *segment.layout;
  const std::int64_t rows = x.rows();
  const std::int64_t inputs = x.size(1);
  const std::int64_t blocks = divide_up(inputs, kBlock);
  const QuantizedRows quantized{
      reinterpret_cast<std::int8_t*>(
          scratch(kCodes, blocks * rows * kBlock / static_cast<int>(sizeof(float)))),
      scratch(kScales, blocks * rows),
      reinterpret_cast<UnitTerm*>(scratch(kTerms, blocks * rows * layout.block_units())), rows};
  const std::vector<std::int32_t>& order = segment.input_order;
  for_rows(rows, inputs, [&](std::int64_t row) {
    if (order.empty()) {
      return kernels_.quantize_row(quantized, row, x.row(row), inputs, layout, norm);
    }
    std::vector<float> normed(norm.weight ? inputs : 0);
    if (norm.weight) {
      kernels_.rms_norm(normed.data(), x.row(row), norm.weight, inputs, norm.eps);
    }
    const float* from = norm.weight ? normed.data() : x.row(row);
    std::vector<float> ordered(inputs);
    for (std::int64_t i = 0; i < inputs; ++i) ordered[i] = from[order[i]];
    kernels_.quantize_row(quantized, row, ordered.data(), inputs, layout, {});
  });
  return quantized;
}

bool CpuDevice::do_fused_linear(const Tensor& y, const Tensor& x, const Weight& w,
                                const LinearOptions& options) {
  const auto& segments = static_cast<const PackedMatrix&>(w).segments();
  const bool integers = segments.size() == 1 && segments[0].integer() && rounded_inputs_;
  if (!integers) return false;
  // Gates work on pairs of whole panels.
  if (options.gate && w.outputs() % (2 * kPanel) != 0) return false;
  RowNorm norm;
  if (options.norm_weight) norm = {options.norm_weight->data<float>(), options.norm_eps};
  const QuantizedRows rounded = quantize(x, segments[0], norm);
  multiply_integers(segments[0], rounded, w.inputs(), y,
                    options.bias ? options.bias->data<float>() : nullptr, options);
  return true;
}

void CpuDevice::multiply_integers(const PackedSegment& segment, const QuantizedRows& x,
                                  std::int64_t inputs, const Tensor& y, const float* bias,
                                  const LinearOptions& options) {
  const std::int64_t all_panels = options.gate ? segment.panels() / 2 : segment.panels();
  QuantGemmArgs all{static_cast<const std::uint8_t*>(segment.data.get()),
                    &*segment.layout,
                    nullptr,
                    &x,
                    0,
                    y.row(0) + segment.first,
                    bias,
                    inputs,
                    segment.outputs,
                    x.rows,
                    y.row_stride(),
                    0,
                    all_panels,
                    options.gate.has_value(),
                    kernel_kind(options.gate.value_or(Activation::kSilu)),
                    options.add};
  if (x.rows == 1) return multiply_row(all);
  // Rows in even blocks, each with all panels before the next, so that its codes stay in a cache.
  // Panels are split finely, sixteen items a thread, so that a thread that is late costs little.
  const std::int64_t block_rows =
      std::clamp<std::int64_t>(kRowBlockBytes / inputs, kMinBlockRows, kDotBlockRows);
  const std::int64_t row_blocks = divide_up(x.rows, block_rows);
  const auto block_begin = [&](std::int64_t block) {
    return std::min(x.rows, divide_up(x.rows * block / row_blocks, kRowStep) * kRowStep);
  };
  const std::int64_t wanted = divide_up(all_panels, std::int64_t{16} * threads_.num_threads());
  const std::int64_t panels = std::clamp<std::int64_t>(wanted / 2 * 2, 2, 8);
  const std::int64_t panel_items = divide_up(all_panels, panels);
  threads_.parallel_for(row_blocks * panel_items, [&](std::int64_t item) {
    const std::int64_t block = item / panel_items;
    QuantGemmArgs args = all;
    args.first_row = block_begin(block);
    args.rows = block_begin(block + 1) - args.first_row;
    args.y += args.first_row * args.y_stride;
    args.panel_begin = item % panel_items * panels;
    args.panel_end = std::min(all_panels, args.panel_begin + panels);
    kernels_.quant_gemm(args);
  });
}

void CpuDevice::multiply_row(const QuantGemmArgs& all) {
  const std::int64_t ranges = threads_.num_threads();
  // A slice is some microseconds of reading: short beside a loop's time, long beside its own start.
  const std::int64_t slices =
      std::clamp<std::int64_t>(all.panel_end / ranges / kMinSlicePanels, 1, kMaxSlices);
  threads_.parallel_ranges(slices, [&](std::int64_t range, std::int64_t slice) {
    QuantGemmArgs args = all;
    args.panel_begin = all.panel_end * range / ranges;
    args.panel_end = all.panel_end * (range + 1) / ranges;
    args.slice = slice;
    args.slices = slices;
    kernels_.quant_gemm(args);
  });
}

}  // namespace saccade::compute::cpu
