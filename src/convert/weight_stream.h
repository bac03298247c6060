// One weight on its way from a checkpoint to a file, a block of rows at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "tensor/quantize.h"

namespace saccade::conversion {

/// What becomes of one weight.
struct WeightPlan {
  std::string source;          ///< its Hugging Face name
  std::string name;            ///< in the destination; of a quantized one in MLX without ".weight"
  WeightFormat format;         ///< in the destination
  Shape shape;                 ///< in the destination; of the numbers, however they are stored
  bool keep_codes = false;     ///< the source's codes, written in `format`
  bool channels_last = false;  ///< a convolution's kernel that MLX wants turned
  std::function<void(float*, std::int64_t count)> change;  ///< of the numbers; none: as they are
  std::vector<std::int64_t> row_order;  ///< row i of the destination is this one; empty: i
  std::int64_t first_row = 0;           ///< of the source
};

/// Takes rows [first, first + count) of a plan, in order.
using RowSink =
    std::function<void(std::int64_t first, std::int64_t count, const QuantizedRows& rows)>;

/// Reads a weight and hands it on in its new format. Blocks are about 16 million weights, and the
/// source's pages are given back after each. `rows`: how many rows the destination has.
void stream_weight(const checkpoint::Checkpoint& source, const WeightPlan& plan, std::int64_t rows,
                   ThreadPool& threads, const RowSink& sink);

}  // namespace saccade::conversion
