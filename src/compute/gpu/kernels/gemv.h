// y = x w^T for one row of activations, or a few, as in decoding: bound by reading the weights.
//
// A group computes a stretch of outputs for one row. Lanes of a warp stand side by side along the
// inputs of one output or of a few (GemvTiling says how many for each), so that what a warp reads
// is contiguous, and each lane always has several reads on their way: the pieces that a warp works
// through form one stream, over the borders of outputs. Weights do not depend on earlier launches,
// so the first reads start before the wait for the inputs.
//
// The activations are quantized to int8 into shared memory by each group for itself, after an RMS
// norm if wanted, which saves launches; or they are kept as floats where the weights' codes are
// floats. Every output is summed in an order that depends on the shape of the weights alone.
#pragma once

#include "formats.h"
#include "functions.h"
#include "gemv_products.h"
#include "quantize.h"
#include "unpack.h"

namespace saccade {
namespace gpu {

enum class GemvStore : u32 {
  kF32,
  kF16,
  kAddF32,  ///< y += result
};

/// How a launch cuts its work; gemv_plan chooses. Groups have `tiles` tiles, the first `extra` of
/// them one more.
struct GemvTiling {
  u32 lane_shift;   ///< 2^lane_shift lanes work at an output: 3, 4 or 5
  u32 split_shift;  ///< 2^split_shift warps share the inputs of an output
  u32 units;        ///< of a row
  u32 steps;        ///< of a piece
  u32 tiles;
  u32 extra;
};

struct GemvArgs {
  WeightView weight;
  GemvTiling tiling;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* norm_weight;  ///< [inputs], of an RMS norm of x; null: none
  GPU_GLOBAL const float* bias;         ///< [outputs]; null: none
  GPU_GLOBAL void* y;
  u64 x_stride;  ///< elements, from row to row
  u64 y_stride;
  u32 n;  ///< results of a row
  float eps;
  NumberType x_type;
  GemvStore store;
  bool gated;  ///< result r is activation(output r) * output n + r
  Function activation;
};

/// Words of codes that a lane has on their way, about. With twice as many, an H200 reads no faster.
GPU_CONSTEXPR u32 kGemvWords = 16;
/// 72 registers a thread, which nearly all kernels do with; 64 cost some a tenth of their speed.
GPU_CONSTEXPR u32 kGemvThreads = 896;

/// How a kernel works through its units.
template <typename Product>
struct GemvShape {
  /// Rows that a lane works at side by side, which share the activations.
  static constexpr u32 kRows = Product::kWords <= 5 ? 2 : 1;
  static constexpr u32 kFit = kGemvWords / (kRows * Product::kWords);
  /// Reads of kRows units that are on their way.
  static constexpr u32 kStages = kFit < 2 ? 2 : kFit;
};

/// The outputs of a group: stretches of a few ("tiles"), one for each warp at a time. Of gated
/// products, first the tiles of the gates and then those that they multiply.
struct GemvTiles {
  u32 first;  ///< tile
  u32 count;  ///< of tiles, gates counted once
  u32 all;    ///< of tiles
  u32 rows;   ///< outputs of a tile
  u32 n;

  /// Output `tile_row` of a tile.
  GPU_FN u32 row(u32 tile, u32 tile_row) const {
    const bool second = tile >= count;
    const u32 r = (first + (second ? tile - count : tile)) * rows + tile_row;
    return (r < n ? r : n - 1) + (second ? n : 0);
  }
};

GPU_FN GemvTiles gemv_tiles(GPU_CONSTANT GemvArgs& args, u32 lane_rows, Group group) {
  const u32 extra = args.tiling.extra;
  GemvTiles tiles;
  tiles.n = args.n;
  tiles.rows = lane_rows << (5 - args.tiling.lane_shift);
  tiles.first = group.x() * args.tiling.tiles + (group.x() < extra ? group.x() : extra);
  tiles.count = args.tiling.tiles + (group.x() < extra ? 1 : 0);
  tiles.all = args.gated ? 2 * tiles.count : tiles.count;
  return tiles;
}

/// Where a warp stands in its stream of units. Work is cut into pieces: a tile, or where several
/// warps share the inputs, a stretch of a tile's inputs.
struct GemvCursor {
  u32 piece, step;

  /// Goes on by a step; whether that ends the piece.
  GPU_FN bool next(u32 steps, u32 warps) {
    if (++step < steps) return false;
    step = 0;
    piece += warps;
    return true;
  }
};

/// What a warp works through, and how far it has been read.
template <typename Product>
struct GemvStream {
  static constexpr u32 kRows = GemvShape<Product>::kRows;
  using Units = typename Product::Unit[kRows];

  GemvTiles tiles;
  u32 lanes;  ///< of an output
  u32 lane;   ///< of this output's lanes
  u32 row;    ///< of this lane's first output in its tile
  u32 units;  ///< of a row
  u32 steps;  ///< of a piece
  u32 split_shift;
  u32 splits;  ///< pieces of a tile
  u32 pieces;  ///< of the group; those of a tile are neighbours
  u32 warps;
  GemvCursor ahead;  ///< what is read next
  u32 ahead_unit;
  typename Product::Row ahead_rows[kRows];

  GPU_FN void start(GPU_CONSTANT GemvArgs& args, Group group) {
    tiles = gemv_tiles(args, kRows, group);
    lanes = 1u << args.tiling.lane_shift;
    lane = group.lane() & (lanes - 1);
    row = group.lane() >> args.tiling.lane_shift;
    units = args.tiling.units;
    steps = args.tiling.steps;
    split_shift = args.tiling.split_shift;
    splits = 1u << split_shift;
    pieces = tiles.all << split_shift;
    warps = group.warps();
    ahead.piece = group.warp();
    ahead.step = 0;
    find_piece(args.weight);
  }

  /// Units of a row, filled up to whole steps.
  GPU_FN u32 filled() const { return steps * splits * lanes; }

  GPU_FN u32 tile_row(u32 j) const { return row + j * (tiles.rows / kRows); }

  /// This lane's first unit of a piece.
  GPU_FN u32 first_unit(u32 piece) const { return (piece & (splits - 1)) * steps * lanes + lane; }

  GPU_FN void find_piece(GPU_CONSTANT WeightView& w) {
    ahead_unit = first_unit(ahead.piece);
    GPU_UNROLL
    for (u32 j = 0; j < kRows; ++j) {
      ahead_rows[j] = Product::row(w, tiles.row(ahead.piece >> split_shift, tile_row(j)));
    }
  }

  GPU_FN void read(GPU_CONSTANT WeightView& w, GPU_THREAD typename GPU_THREAD Product::Unit* to) {
    if (ahead.piece >= pieces) return;
    GPU_UNROLL
    for (u32 j = 0; j < kRows; ++j) {
      to[j].read(w, ahead_rows[j], ahead_unit < units ? ahead_unit : units - 1);
    }
    ahead_unit += lanes;
    if (ahead.next(steps, warps)) find_piece(w);
  }

  /// Works through the stream; `results` gets the sums of the rows of each piece.
  template <u32 kStages>
  GPU_FN void multiply(GPU_CONSTANT WeightView& w, typename Product::Unit (*stages)[kRows],
                       GPU_SHARED const u8* x, GPU_SHARED float* results, Group group) {
    GemvCursor now = {group.warp(), 0};
    u32 unit = first_unit(now.piece);
    float sums[kRows] = {};
    while (now.piece < pieces) {
      GPU_UNROLL
      for (u32 s = 0; s < kStages; ++s) {
        if (now.piece >= pieces) break;
        typename Product::X activations;
        activations.read(x, filled(), unit);
        GPU_UNROLL
        for (u32 j = 0; j < kRows; ++j) {
          sums[j] = Product::multiply(w, stages[s][j], activations, sums[j]);
        }
        read(w, stages[s]);
        unit += lanes;
        const u32 piece = now.piece;
        if (now.next(steps, warps)) {
          finish_piece(piece, sums, results, group);
          unit = first_unit(now.piece);
        }
      }
    }
  }

  GPU_FN void finish_piece(u32 piece, GPU_THREAD float* sums, GPU_SHARED float* results,
                           Group group) const {
    for (u32 mask = lanes / 2; mask > 0; mask /= 2) {
      GPU_UNROLL
      for (u32 j = 0; j < kRows; ++j) sums[j] += group.shuffle_xor(sums[j], mask);
    }
    // All first pieces come first, then all second ones.
    GPU_SHARED float* to =
        results + ((piece & (splits - 1)) * tiles.all + (piece >> split_shift)) * tiles.rows;
    GPU_UNROLL
    for (u32 j = 0; j < kRows; ++j) {
      if (lane == 0) to[tile_row(j)] = sums[j];
      sums[j] = 0.0f;
    }
  }

  /// The sum of output i of the group.
  GPU_FN float result(GPU_SHARED const float* results, u32 i) const {
    float sum = results[i];
    for (u32 s = 1; s < splits; ++s) sum += results[s * tiles.all * tiles.rows + i];
    return sum;
  }
};

/// Brings the activations to shared memory; returns this thread's share of the sum of their
/// squares. `units` is a multiple of 8, so warps stay together.
template <typename Product, RowKind kKind>
GPU_FN float gemv_fill(GPU_CONSTANT GemvArgs& args, GPU_SHARED u8* x, u32 units, Group group) {
  const u64 first = group.y() * args.x_stride * (args.x_type == NumberType::kF32 ? 4 : 2);
  const RowReader<kKind> reader = {(GPU_GLOBAL const u8*)args.x + first, args.norm_weight,
                                   args.weight.input_order, args.x_type, args.weight.inputs};
  const u32 items = units * Product::kUnitInputs / kColumns;
  float squares = 0.0f;
  typename RowReader<kKind>::Raw now = reader.read(group.thread_index() * kColumns);
  for (u32 i = group.thread_index(); i < items; i += group.threads()) {
    float values[kColumns];
    reader.unpack(now, values);
    // Long rows are the inner ones, of f16: what comes next is on its way.
    if (kKind == RowKind::kPairs) now = reader.read((i + group.threads()) * kColumns);
    squares += reader.apply_norm(i * kColumns, values);
    Product::fill(x, units, i, values, group);
    if (kKind != RowKind::kPairs) now = reader.read((i + group.threads()) * kColumns);
  }
  return squares;
}

template <typename Product>
GPU_FN float gemv_fill(GPU_CONSTANT GemvArgs& args, GPU_SHARED u8* x, u32 units, Group group) {
  switch (row_kind(args.weight.input_order, args.x_stride, args.weight.inputs, args.x_type)) {
    case RowKind::kAny:
      return gemv_fill<Product, RowKind::kAny>(args, x, units, group);
    case RowKind::kFloats:
      return gemv_fill<Product, RowKind::kFloats>(args, x, units, group);
    case RowKind::kPairs:
      return gemv_fill<Product, RowKind::kPairs>(args, x, units, group);
  }
  return 0.0f;
}

/// What is added to a result that is not gated: its bias, and what y holds already.
GPU_FN float gemv_beside(GPU_CONSTANT GemvArgs& args, u32 row, u64 at) {
  float sum = args.bias && !args.gated ? args.bias[row] : 0.0f;
  if (args.store == GemvStore::kAddF32) sum += ((GPU_GLOBAL const float*)args.y)[at];
  return sum;
}

GPU_FN void gemv_store(GPU_CONSTANT GemvArgs& args, u64 at, float value) {
  if (args.store == GemvStore::kF16) {
    ((GPU_GLOBAL f16*)args.y)[at] = Rounded<f16>::from(value);
  } else {
    ((GPU_GLOBAL float*)args.y)[at] = value;
  }
}

/// Shared memory: the activations, a float for each lane of a warp, sums for each row.
template <typename Product>
GPU_FN void gemv(GPU_CONSTANT GemvArgs& args, GPU_SHARED u8* shared, Group group) {
  using Shape = GemvShape<Product>;
  group.allow_next();
  GemvStream<Product> stream;
  stream.start(args, group);
  typename Product::Unit stages[Shape::kStages][Shape::kRows];
  GPU_UNROLL
  for (u32 s = 0; s < Shape::kStages; ++s) stream.read(args.weight, stages[s]);
  const u32 outputs = stream.tiles.count * stream.tiles.rows;
  const u32 first_row = stream.tiles.first * stream.tiles.rows;
  const u64 y_row = group.y() * args.y_stride;

  group.wait_for_inputs();
  // For this thread's first output, read before the products.
  float beside = 0.0f;
  if (group.thread_index() < outputs && first_row + group.thread_index() < args.n) {
    beside = gemv_beside(args, first_row + group.thread_index(),
                         y_row + first_row + group.thread_index());
  }
  const u32 filled = stream.filled();
  GPU_SHARED float* squares = (GPU_SHARED float*)(shared + filled * Product::kUnitBytes);
  GPU_SHARED float* results = squares + kLanes;
  float square = gemv_fill<Product>(args, shared, filled, group);
  if (args.norm_weight) {
    square = warp_sum(square, group);
    if (group.lane() == 0) squares[group.warp()] = square;
  }
  group.barrier();
  stream.template multiply<Shape::kStages>(args.weight, stages, shared, results, group);
  group.barrier();

  // The norm's factor of the whole row comes last: it changes no codes.
  float factor = 1.0f;
  if (args.norm_weight) {
    const float all = warp_sum(group.lane() < group.warps() ? squares[group.lane()] : 0.0f, group);
    factor = inverse_square_root(all / float(args.weight.inputs) + args.eps);
  }
  for (u32 i = group.thread_index(); i < outputs && first_row + i < args.n; i += group.threads()) {
    const u32 row = first_row + i;
    if (i != group.thread_index()) beside = gemv_beside(args, row, y_row + row);
    float value = stream.result(results, i) * factor;
    if (args.gated) {
      float other = stream.result(results, outputs + i) * factor;
      if (args.bias) {
        value += args.bias[row];
        other += args.bias[args.n + row];
      }
      value = apply(args.activation, value, 0.0f) * other;
    }
    gemv_store(args, y_row + row, value + beside);
  }
}

#define SACCADE_GEMV_INTEGERS(X, name, codes, scales, numbers)                                    \
  X(gemv_##name, (gemv<IntegerProduct<CodeKind::codes, ScaleKind::scales, NumberKind::numbers>>), \
    GemvArgs, kGemvThreads)
#define SACCADE_GEMV_SMALL_FLOATS(X, name, codes, scales, numbers) \
  X(gemv_##name, (gemv<SmallFloatProduct<ScaleKind::scales>>), GemvArgs, kGemvThreads)
#define SACCADE_GEMV_FLOATS(X, name, codes) \
  X(gemv_##name, (gemv<FloatProduct<CodeKind::codes>>), GemvArgs, kGemvThreads)
#define SACCADE_GEMV_KERNELS(X)                             \
  SACCADE_INTEGER_FORMATS(SACCADE_GEMV_INTEGERS, X)         \
  SACCADE_SMALL_FLOAT_FORMATS(SACCADE_GEMV_SMALL_FLOATS, X) \
  SACCADE_FLOAT_FORMATS(SACCADE_GEMV_FLOATS, X)

}  // namespace gpu
}  // namespace saccade
