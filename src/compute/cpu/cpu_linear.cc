// Products with weight matrices, and rows of them, on the CPU.
#include <algorithm>

#include "compute/cpu/cpu_device.h"
#include "compute/cpu/packed_matrix.h"

namespace saccade::compute::cpu {

class CpuDevice::LinearInput {
 public:
  LinearInput(CpuDevice& device, const Tensor& x) : device_(device), x_(x) {}

  std::int64_t rows() const { return x_.rows(); }
  std::int64_t inputs() const { return x_.size(1); }

  /// The rows as the float kernels' tiles: see pack_rows.
  const float* tiles(const std::vector<std::int32_t>& order) {
    float* tiles = device_.scratch(kTiles, rows() * inputs());
    if (made_tiles_ == &order) return tiles;
    made_tiles_ = &order;
    const int tile_rows = device_.kernels_.tile_rows;
    device_.threads_.parallel_for((rows() + tile_rows - 1) / tile_rows, [&](std::int64_t tile) {
      const std::int64_t row = tile * tile_rows;
      const int count = static_cast<int>(std::min<std::int64_t>(tile_rows, rows() - row));
      float* to = tiles + row * inputs();
      if (order.empty()) {
        pack_rows(to, x_.row(row), x_.row_stride(), count, inputs());
        return;
      }
      for (int r = 0; r < count; ++r) {
        for (std::int64_t i = 0; i < inputs(); ++i) to[i * count + r] = x_.row(row + r)[order[i]];
      }
    });
    return tiles;
  }

 private:
  // Slots of CpuDevice::scratch.
  static constexpr int kTiles = 0;

  CpuDevice& device_;
  const Tensor& x_;
  // The order of inputs that the scratch holds now; segments of one matrix mostly share it.
  const std::vector<std::int32_t>* made_tiles_ = nullptr;
};

void CpuDevice::multiply(const PackedSegment& segment, LinearInput& input, const Tensor& y,
                         const float* bias) {
  static const std::vector<std::int32_t> kInOrder;
  const auto& order = segment.input_order.empty() ? kInOrder : segment.input_order;
  const float* tiles_of_x = input.tiles(order);
  const std::int64_t rows = input.rows();
  const std::int64_t k = input.inputs();
  const int tile_rows = kernels_.tile_rows;
  const std::int64_t tiles = (rows + tile_rows - 1) / tile_rows;
  // Eight tiles of rows share each pass over a group of panels, and all rows where a pass unpacks
  // them; with few rows the panels are split finely instead, four groups a thread, so that a thread
  // that is late costs little.
  const std::int64_t tiles_per_item = segment.layout ? tiles : 8;
  const std::int64_t row_items = (tiles + tiles_per_item - 1) / tiles_per_item;
  const std::int64_t wanted =
      std::max<std::int64_t>(1, std::int64_t{4} * threads_.num_threads() / row_items);
  std::int64_t panels_per_item = std::max<std::int64_t>(4, (segment.panels() / wanted + 3) / 4 * 4);
  if (tiles > 1) panels_per_item = std::min<std::int64_t>(panels_per_item, 8);
  const std::int64_t panel_items = (segment.panels() + panels_per_item - 1) / panels_per_item;
  threads_.parallel_for(row_items * panel_items, [&](std::int64_t item) {
    const std::int64_t row = item % row_items * tiles_per_item * tile_rows;
    const std::int64_t count = std::min(rows - row, tiles_per_item * tile_rows);
    const std::int64_t panel = item / row_items * panels_per_item;
    const std::int64_t panel_end = std::min(segment.panels(), panel + panels_per_item);
    float* to = y.row(row) + segment.first;
    if (!segment.layout) {
      kernels_.gemm({segment.data.get(), segment.type, tiles_of_x + row * k, to, bias, k,
                     segment.outputs, count, y.row_stride(), panel, panel_end});
      return;
    }
    const QuantGemmArgs args{static_cast<const std::uint8_t*>(segment.data.get()),
                             &*segment.layout,
                             tiles_of_x + row * k,
                             nullptr,
                             0,
                             to,
                             bias,
                             k,
                             segment.outputs,
                             count,
                             y.row_stride(),
                             panel,
                             panel_end};
    kernels_.quant_gemm_float(args);
  });
}

void CpuDevice::do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) {
  if (x.rows() == 0) return;
  LinearInput input(*this, x);
  QuantizedRows rounded{};
  const PackedSegment* rounded_for = nullptr;
  for (const PackedSegment& segment : static_cast<const PackedMatrix&>(w).segments()) {
    const float* segment_bias = bias ? bias->data<float>() + segment.first : nullptr;
    if (!segment.integer() || !integer_products_) {
      multiply(segment, input, y, segment_bias);
      continue;
    }
    if (!rounded_for || !segment.same_inputs(*rounded_for)) rounded = quantize(x, segment);
    rounded_for = &segment;
    multiply_integers(segment, rounded, x.size(1), y, segment_bias, {});
  }
}

void CpuDevice::do_embed(const Tensor& y, const Weight& w, const Tensor& ids_tensor) {
  const auto& matrix = static_cast<const PackedMatrix&>(w);
  const auto* ids = ids_tensor.data<std::int32_t>();
  for_rows(y.rows(), w.inputs(), [&](std::int64_t row) {
    const PackedSegment& segment = matrix.segment_of(ids[row]);
    const std::int64_t output = ids[row] - segment.first;
    if (segment.layout) {
      kernels_.dequantize_output(y.row(row), static_cast<const std::uint8_t*>(segment.data.get()),
                                 *segment.layout, w.inputs(), output);
    } else if (segment.type == WeightType::kF32) {
      copy_row(y.row(row), segment, w.inputs(), output);
    } else {
      std::vector<std::uint16_t> stored(w.inputs());
      copy_row(stored.data(), segment, w.inputs(), output);
      kernels_.widen(y.row(row), stored.data(), segment.type, w.inputs());
    }
  });
}

}  // namespace saccade::compute::cpu
