#include "convert/weight_stream.h"

#include <algorithm>

#include "base/error.h"
#include "checkpoint/mlx_names.h"
#include "convert/recode.h"
#include "tensor/dequantize.h"

namespace saccade::conversion {
namespace {

// 64 MiB as float32, which with what is made of it stays far below 1 GiB.
constexpr std::int64_t kBlockWeights = std::int64_t{16} << 20;

/// A weight's parts as one matrix.
class Rows {
 public:
  explicit Rows(std::vector<HostMatrix> parts) : parts_(std::move(parts)) {}

  const HostMatrix& part_of(std::int64_t row, std::int64_t& in_part) const {
    in_part = row;
    for (const HostMatrix& part : parts_) {
      if (in_part < part.outputs) return part;
      in_part -= part.outputs;
    }
    fail("row {} is beyond a weight's end", row);
  }
  void read(std::int64_t row, float* to) const {
    std::int64_t in_part = 0;
    const HostMatrix& part = part_of(row, in_part);
    dequantize_row(part, in_part, to);
  }

 private:
  std::vector<HostMatrix> parts_;
};

void stream_codes(const Rows& rows, const WeightPlan& plan, std::int64_t count, std::int64_t block,
                  const RowSink& sink) {
  for (std::int64_t row = 0; row < count;) {
    const bool reordered = !plan.row_order.empty();
    std::int64_t in_part = 0;
    const HostMatrix& part =
        rows.part_of(plan.first_row + (reordered ? plan.row_order[row] : row), in_part);
    const std::int64_t some =
        reordered ? 1 : std::min({block, count - row, part.outputs - in_part});
    sink(row, some, recode_rows(part, in_part, some, plan.format));
    row += some;
  }
}

}  // namespace

void stream_weight(const checkpoint::Checkpoint& source, const WeightPlan& plan, std::int64_t rows,
                   ThreadPool& threads, const RowSink& sink) {
  std::vector<HostMatrix> parts = source.matrix(plan.source);
  if (plan.channels_last) {
    parts = {checkpoint::turned_channels(parts.at(0), source.info(plan.source).shape, true)};
  }
  const std::int64_t inputs = parts.at(0).inputs;
  const std::int64_t block =
      std::max<std::int64_t>(1, kBlockWeights / std::max<std::int64_t>(1, inputs));
  const Rows stored(std::move(parts));
  if (plan.keep_codes) return stream_codes(stored, plan, rows, block, sink);
  std::vector<float> values;
  for (std::int64_t first = 0; first < rows; first += block) {
    const std::int64_t count = std::min(block, rows - first);
    values.resize(count * inputs);
    threads.parallel_for(count, [&](std::int64_t i) {
      const std::int64_t row = plan.row_order.empty() ? first + i : plan.row_order[first + i];
      float* to = values.data() + i * inputs;
      stored.read(plan.first_row + row, to);
      if (plan.change) plan.change(to, inputs);
    });
    sink(first, count, quantize_rows(plan.format, values.data(), count, inputs, threads));
    source.release(plan.source);
  }
}

}  // namespace saccade::conversion
