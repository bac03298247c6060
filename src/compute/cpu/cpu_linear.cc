// Products with weight matrices, and rows of them, on the CPU.
#include <algorithm>

#include "compute/cpu/cpu_device.h"
#include "compute/cpu/packed_matrix.h"

namespace saccade::compute::cpu {
namespace {

const std::vector<std::int32_t> kInOrder;

}  // namespace

class CpuDevice::LinearInput {
 public:
  LinearInput(CpuDevice& device, const Tensor& x) : device_(device), x_(x) {}

  std::int64_t rows() const { return x_.rows(); }
  std::int64_t inputs() const { return x_.size(1); }

  /// Rows of a tile of the float kernels: as even as they fill the fewest tiles, so that the last
  /// is not a small one, which keeps few products on the way at a time.
  int even_tile_rows() const {
    const std::int64_t most = device_.kernels_.tile_rows;
    const std::int64_t tiles = (rows() + most - 1) / most;
    return static_cast<int>((rows() + tiles - 1) / tiles);
  }

  /// The rows as tiles of the float kernels, `tile_rows` each: floats (see pack_rows), or bf16
  /// pairs (see Kernels::pack_pairs). A tile takes as many floats' room as it has elements.
  const float* tiles(const std::vector<std::int32_t>& order, int tile_rows, bool pairs) {
    float* tiles = device_.scratch(kTiles, rows() * inputs());
    if (made_tiles_ == &order && made_tile_rows_ == tile_rows && made_pairs_ == pairs) return tiles;
    made_tiles_ = &order;
    made_tile_rows_ = tile_rows;
    made_pairs_ = pairs;
    device_.threads_.parallel_for((rows() + tile_rows - 1) / tile_rows, [&](std::int64_t tile) {
      const std::int64_t row = tile * tile_rows;
      const int count = static_cast<int>(std::min<std::int64_t>(tile_rows, rows() - row));
      if (pairs) {  // never in another order
        device_.kernels_.pack_pairs(tiles + row * ((inputs() + 1) / 2), x_.row(row),
                                    x_.row_stride(), count, inputs());
        return;
      }
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
  int made_tile_rows_ = 0;
  bool made_pairs_ = false;
};

/// Work items of a product: stretches of rows by stretches of panels, a row's stretches one after
/// the other so that threads share weights.
struct CpuDevice::ProductItems {
  std::int64_t rows_per_item;
  std::int64_t row_items;
  std::int64_t panels_per_item;
  std::int64_t panel_items;
};

CpuDevice::ProductItems CpuDevice::product_items(std::int64_t rows, int tile_rows,
                                                 const PackedSegment& segment) const {
  const std::int64_t tiles = (rows + tile_rows - 1) / tile_rows;
  // Sixteen tiles of rows share each pass over a group of panels, and all rows where a pass unpacks
  // them; with few rows the panels are split finely instead, four groups a thread, so that a thread
  // that is late costs little.
  const std::int64_t tiles_per_item = segment.layout ? tiles : 16;
  const std::int64_t row_items = (tiles + tiles_per_item - 1) / tiles_per_item;
  const std::int64_t wanted =
      std::max<std::int64_t>(1, std::int64_t{4} * threads_.num_threads() / row_items);
  std::int64_t panels_per_item = std::max<std::int64_t>(4, (segment.panels() / wanted + 3) / 4 * 4);
  if (tiles > 1) panels_per_item = std::min<std::int64_t>(panels_per_item, 8);
  return {tiles_per_item * tile_rows, row_items, panels_per_item,
          (segment.panels() + panels_per_item - 1) / panels_per_item};
}

void CpuDevice::multiply_floats(const PackedSegment& segment, LinearInput& input, const Tensor& y,
                                const float* bias) {
  const bool pairs = segment.type == WeightType::kBF16Pairs;
  const int tile_rows = input.even_tile_rows();
  const float* tiles = input.tiles(kInOrder, tile_rows, pairs);
  const std::int64_t k = input.inputs();
  const std::int64_t row_floats = pairs ? (k + 1) / 2 : k;
  const ProductItems items = product_items(input.rows(), tile_rows, segment);
  threads_.parallel_for(items.row_items * items.panel_items, [&](std::int64_t item) {
    const std::int64_t row = item % items.row_items * items.rows_per_item;
    const std::int64_t panel = item / items.row_items * items.panels_per_item;
    kernels_.gemm({segment.data.get(), segment.type, tiles + row * row_floats, tile_rows,
                   y.row(row) + segment.first, bias, k, segment.outputs,
                   std::min(input.rows() - row, items.rows_per_item), y.row_stride(), panel,
                   std::min(segment.panels(), panel + items.panels_per_item)});
  });
}

void CpuDevice::multiply_dequantized(const PackedSegment& segment, LinearInput& input,
                                     const Tensor& y, const float* bias) {
  const auto& order = segment.input_order.empty() ? kInOrder : segment.input_order;
  const int tile_rows = kernels_.tile_rows;
  const float* tiles = input.tiles(order, tile_rows, false);
  const std::int64_t k = input.inputs();
  const ProductItems items = product_items(input.rows(), tile_rows, segment);
  threads_.parallel_for(items.row_items * items.panel_items, [&](std::int64_t item) {
    const std::int64_t row = item % items.row_items * items.rows_per_item;
    const std::int64_t count = std::min(input.rows() - row, items.rows_per_item);
    const std::int64_t panel = item / items.row_items * items.panels_per_item;
    const std::int64_t panel_end = std::min(segment.panels(), panel + items.panels_per_item);
    const QuantGemmArgs args{static_cast<const std::uint8_t*>(segment.data.get()),
                             &*segment.layout,
                             tiles + row * k,
                             nullptr,
                             0,
                             y.row(row) + segment.first,
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
    const float* own_bias = bias ? bias->data<float>() + segment.first : nullptr;
    if (!segment.layout) {
      multiply_floats(segment, input, y, own_bias);
    } else if (!segment.integer() || !rounded_inputs_) {
      multiply_dequantized(segment, input, y, own_bias);
    } else {
      if (!rounded_for || !segment.same_inputs(*rounded_for)) rounded = quantize(x, segment);
      rounded_for = &segment;
      multiply_integers(segment, rounded, x.size(1), y, own_bias, {});
    }
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
      copy_row(y.row(row), segment, w.inputs(), output, 0, w.inputs());
    } else {
      constexpr std::int64_t kPiece = 512;
      std::uint16_t stored[kPiece];
      for (std::int64_t begin = 0; begin < w.inputs(); begin += kPiece) {
        const std::int64_t count = std::min(kPiece, w.inputs() - begin);
        copy_row(stored, segment, w.inputs(), output, begin, count);
        kernels_.widen(y.row(row) + begin, stored, segment.type, count);
      }
    }
  });
}

}  // namespace saccade::compute::cpu
