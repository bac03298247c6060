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
  std::int64_t chunks() const { return (inputs() + kChunk - 1) / kChunk; }

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

  struct Quantized {
    const std::int8_t* codes;  // [rows, chunks * kChunk]
    const ChunkSums* sums;     // [rows, chunks]
  };
  /// The rows rounded to int8.
  Quantized quantized(const std::vector<std::int32_t>& order) {
    constexpr std::int64_t kSumFloats = sizeof(ChunkSums) / sizeof(float);
    auto* codes = reinterpret_cast<std::int8_t*>(
        device_.scratch(kCodes, rows() * chunks() * kChunk / static_cast<int>(sizeof(float))));
    auto* sums =
        reinterpret_cast<ChunkSums*>(device_.scratch(kSums, rows() * chunks() * kSumFloats));
    if (made_codes_ == &order) return {codes, sums};
    made_codes_ = &order;
    device_.for_rows(rows(), inputs(), [&](std::int64_t row) {
      const float* x = x_.row(row);
      std::vector<float> ordered;
      if (!order.empty()) {
        ordered.resize(inputs());
        for (std::int64_t i = 0; i < inputs(); ++i) ordered[i] = x[order[i]];
        x = ordered.data();
      }
      device_.kernels_.quantize_row(codes + row * chunks() * kChunk, sums + row * chunks(), x,
                                    inputs());
    });
    return {codes, sums};
  }

 private:
  // Slots of CpuDevice::scratch.
  static constexpr int kTiles = 0;
  static constexpr int kCodes = 1;
  static constexpr int kSums = 2;

  CpuDevice& device_;
  const Tensor& x_;
  // The order of inputs that the scratch holds now; segments of one matrix mostly share it.
  const std::vector<std::int32_t>* made_tiles_ = nullptr;
  int made_tile_rows_ = 0;
  bool made_pairs_ = false;
  const std::vector<std::int32_t>* made_codes_ = nullptr;
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

void CpuDevice::multiply_quantized(const PackedSegment& segment, LinearInput& input,
                                   const Tensor& y, const float* bias) {
  const auto& order = segment.input_order.empty() ? kInOrder : segment.input_order;
  const bool integer = segment.integer() && rounded_inputs_;
  const int tile_rows = kernels_.tile_rows;
  LinearInput::Quantized quantized{};
  const float* tiles_of_x = nullptr;
  if (integer) {
    quantized = input.quantized(order);
  } else {
    tiles_of_x = input.tiles(order, tile_rows, false);
  }
  const std::int64_t k = input.inputs();
  const std::int64_t width = input.chunks() * kChunk;
  const ProductItems items = product_items(input.rows(), tile_rows, segment);
  threads_.parallel_for(items.row_items * items.panel_items, [&](std::int64_t item) {
    const std::int64_t row = item % items.row_items * items.rows_per_item;
    const std::int64_t count = std::min(input.rows() - row, items.rows_per_item);
    const std::int64_t panel = item / items.row_items * items.panels_per_item;
    const std::int64_t panel_end = std::min(segment.panels(), panel + items.panels_per_item);
    float* to = y.row(row) + segment.first;
    const QuantGemmArgs args{static_cast<const std::uint8_t*>(segment.data.get()),
                             &*segment.layout,
                             integer ? nullptr : tiles_of_x + row * k,
                             integer ? quantized.codes + row * width : nullptr,
                             integer ? quantized.sums + row * input.chunks() : nullptr,
                             width,
                             input.chunks(),
                             to,
                             bias,
                             k,
                             segment.outputs,
                             count,
                             y.row_stride(),
                             panel,
                             panel_end};
    integer ? kernels_.quant_gemm(args) : kernels_.quant_gemm_float(args);
  });
}

void CpuDevice::do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) {
  if (x.rows() == 0) return;
  LinearInput input(*this, x);
  for (const PackedSegment& segment : static_cast<const PackedMatrix&>(w).segments()) {
    const float* own_bias = bias ? bias->data<float>() + segment.first : nullptr;
    if (segment.layout) {
      multiply_quantized(segment, input, y, own_bias);
    } else {
      multiply_floats(segment, input, y, own_bias);
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
