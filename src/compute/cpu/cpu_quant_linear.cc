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

/// Rows whose scales of a block are a cache line.
constexpr std::int64_t kScaleRows = 64 / sizeof(float);

/// Of a thread's part of a product. A slice is some microseconds of reading for one row, and of
/// products for several: short beside a loop's time, long beside its own start.
constexpr std::int64_t kMinSlicePanels = 4;
constexpr std::int64_t kMaxSlices = 8;
constexpr std::int64_t kMinRowsSlicePanels = 2;
constexpr std::int64_t kMaxRowsSlices = 32;

// Slots of CpuDevice::scratch.
constexpr int kCodes = 2;
constexpr int kScales = 3;
constexpr int kTerms = 4;

std::int64_t divide_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step;
}

/// A row, normed, in the order in which a matrix has its inputs.
std::vector<float> ordered_row(const Kernels& kernels, const float* x,
                               const std::vector<std::int32_t>& order, const RowNorm& norm) {
  std::vector<float> normed(norm.weight ? order.size() : 0);
  if (norm.weight) {
    kernels.rms_norm(normed.data(), x, norm.weight, std::ssize(order), norm.eps);
    x = normed.data();
  }
  std::vector<float> ordered(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) ordered[i] = x[order[i]];
  return ordered;
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
  if (rows == 0) return quantized;
  // An item has all rows whose scales are in one cache line: threads would take it from each other
  // with every block. Of few rows it has a part of the blocks; norms are then found once for each.
  // Inputs are put in order for a whole row at once: there every row is an item.
  const std::int64_t item_rows = order.empty() ? kScaleRows : 1;
  const std::int64_t row_items = divide_up(rows, item_rows);
  const std::int64_t wanted =
      std::min(rows * inputs / kItemElements, std::int64_t{2} * threads_.num_threads());
  const std::int64_t block_items =
      order.empty() ? std::clamp<std::int64_t>(wanted / row_items, 1, blocks) : 1;
  threads_.parallel_for(row_items * block_items, [&](std::int64_t item) {
    const std::int64_t first_row = item / block_items * item_rows;
    const std::int64_t end_row = std::min(rows, first_row + item_rows);
    const std::int64_t part = item % block_items;
    const std::int64_t first = blocks * part / block_items;
    const std::int64_t end = blocks * (part + 1) / block_items;
    for (std::int64_t row = first_row; row < end_row; ++row) {
      if (order.empty()) {
        kernels_.quantize_row(quantized, row, first, end, x.row(row), inputs, layout, norm);
      } else {
        const std::vector<float> ordered = ordered_row(kernels_, x.row(row), order, norm);
        kernels_.quantize_row(quantized, row, first, end, ordered.data(), inputs, layout, {});
      }
    }
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
  // Rows in even blocks, each with all panels before the next, so that its codes stay in a cache.
  const std::int64_t block_rows =
      std::clamp<std::int64_t>(kRowBlockBytes / inputs, kMinBlockRows, kDotBlockRows);
  const std::int64_t row_blocks = divide_up(x.rows, block_rows);
  const auto block_begin = [&](std::int64_t block) {
    return std::min(x.rows, divide_up(x.rows * block / row_blocks, kRowStep) * kRowStep);
  };
  // Each thread has a range of panels, slice by slice, and then helps with those of others. Several
  // rows go through pairs of panels: of a gate and what it gates, or of two in a range.
  const std::int64_t step = options.gate ? 1 : 2;
  const std::int64_t ranges = threads_.num_threads();
  const auto range_begin = [&](std::int64_t range) {
    return std::min(all_panels, divide_up(all_panels, step) * range / ranges * step);
  };
  const std::int64_t slices =
      x.rows == 1
          ? std::clamp<std::int64_t>(all_panels / ranges / kMinSlicePanels, 1, kMaxSlices)
          : std::clamp<std::int64_t>(all_panels / ranges / kMinRowsSlicePanels, 1, kMaxRowsSlices);
  threads_.parallel_ranges(row_blocks * slices, [&](std::int64_t range, std::int64_t slice) {
    const std::int64_t block = slice / slices;
    QuantGemmArgs args = all;
    args.first_row = block_begin(block);
    args.rows = block_begin(block + 1) - args.first_row;
    args.y += args.first_row * args.y_stride;
    args.panel_begin = range_begin(range);
    args.panel_end = range_begin(range + 1);
    args.slice = slice % slices;
    args.slices = slices;
    kernels_.quant_gemm(args);
  });
}

}  // namespace saccade::compute::cpu
