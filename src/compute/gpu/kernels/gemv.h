// y = x w^T for one row of activations, or a few, as in decoding: bound by reading the weights.
//
// A group computes a stretch of outputs for one row. Lanes of a warp stand side by side along the
// inputs of one output or of a few (GemvArgs::lanes for each), so that what a warp reads is
// contiguous, and each lane always has several reads on their way: the pieces that a warp works
// through form one stream, over the borders of outputs. Weights do not depend on earlier launches,
// so the first reads start before the wait for the inputs.
//
// The activations are quantized to int8 into shared memory by each group for itself, after an RMS
// norm if wanted, which saves launches; or they are kept as floats where the weights' codes are
// floats. Every output is summed in an order that depends on the shape of the weights alone.
#pragma once

#include "activations.h"
#include "formats.h"
#include "quantize.h"
#include "unpack.h"

namespace saccade {
namespace gpu {

enum class GemvStore : u32 {
  kF32,
  kBf16,
  kAddF32,  ///< y += result
};

struct GemvArgs {
  WeightView weight;
  GPU_GLOBAL const void* x;
  GPU_GLOBAL const float* norm_weight;  ///< [inputs], of an RMS norm of x; null: none
  GPU_GLOBAL const float* bias;         ///< [outputs]; null: none
  GPU_GLOBAL void* y;
  u64 x_stride;  ///< elements, from row to row
  u64 y_stride;
  u32 n;      ///< results of a row
  u32 lanes;  ///< of an output: 8, 16 or 32; gemv_plan chooses
  float eps;
  NumberType x_type;
  GemvStore store;
  bool gated;  ///< result r is activation(output r) * output n + r
  ActivationKind activation;
};

/// The pieces of a weight row that one lane takes at a time ("units"), and the shared memory for
/// the activations. Rows are filled up to whole steps of GemvArgs::lanes units.
///
/// Integer codes: a unit is a chunk.
template <CodeKind kCodes, ScaleKind kScales>
struct IntegerProduct {
  static constexpr u32 kUnitInputs = kChunk;
  /// 16 bytes of codes of inputs 0 .. 15, 16 of the others, and an ActivationChunk.
  static constexpr u32 kUnitBytes = 40;
  static constexpr u32 kWords = sizeof(RawCodes<kCodes>) / 4;

  struct Unit {
    RawCodes<kCodes> codes;
    RawScales<kScales> scales;

    GPU_FN void read(GPU_CONSTANT WeightView& w, u32 row, u32 unit) {
      codes.read(w, row, unit);
      scales.read(w, row, unit);
    }
  };

  static GPU_FN GPU_SHARED ActivationChunk* chunk_of(GPU_SHARED u8* x, u32 units, u32 unit) {
    return (GPU_SHARED ActivationChunk*)(x + units * 32) + unit;
  }

  /// Quantizes the row; returns this thread's share of the sum of its squares.
  static GPU_FN float fill(GPU_SHARED u8* x, u32 units, const RowReader& reader, Group group) {
    constexpr u32 kAtOnce = 2;  // quads of a thread on their way
    const u32 quads = units * kQuads;
    float squares = 0.0f;
    for (u32 first = group.thread(); first < quads; first += kAtOnce * group.threads()) {
      float values[kAtOnce][4];
      GPU_UNROLL
      for (u32 j = 0; j < kAtOnce; ++j) reader.read(4 * (first + j * group.threads()), values[j]);
      GPU_UNROLL
      for (u32 j = 0; j < kAtOnce; ++j) {
        const u32 i = first + j * group.threads();
        if (i >= quads) break;  // units are a multiple of 8, so whole warps leave
        squares += reader.apply_norm(4 * i, values[j]);
        const QuantizedQuad quad = quantize_quad(values[j], group);
        const u32 unit = i / kQuads, q = i % kQuads;
        ((GPU_SHARED u32*)x)[(q / 4 * units + unit) * 4 + q % 4] = quad.codes;
        if (q == 0) {
          GPU_SHARED ActivationChunk* to = chunk_of(x, units, unit);
          to->scale = quad.chunk.scale;
          to->sums = quad.chunk.sums;
        }
      }
    }
    return squares;
  }

  static GPU_FN i32 dot(u32 codes, u32 x, i32 sum) {
    return kCodes == CodeKind::kTable4 ? dot4(codes, x, sum) : dot4_unsigned(codes, x, sum);
  }

  /// sum + weights * activations of a unit.
  static GPU_FN float multiply(GPU_CONSTANT WeightView& w, const Unit& weights,
                               GPU_SHARED const u8* x, u32 units, u32 unit, float sum) {
    using S = ScaleTraits<kScales>;
    const Words4 low = *((GPU_SHARED const Words4*)x + unit);
    const Words4 high = *((GPU_SHARED const Words4*)x + units + unit);
    const Words2 beside = *((GPU_SHARED const Words2*)(x + units * 32) + unit);
    const u32 first[4] = {low.x, low.y, low.z, low.w};
    const u32 second[4] = {high.x, high.y, high.z, high.w};
    i32 dots[2] = {0, 0};
    GPU_UNROLL
    for (u32 q = 0; q < 4; ++q) {
      const QuadPair quads = unpack_quads<kCodes>(w, weights.codes, q);
      dots[0] = dot(quads.first, first[q], dots[0]);
      dots[1] = dot(quads.second, second[q], dots[1]);
    }
    const float scale = as_float(beside.x);
    i32 sums[2] = {half_sum(beside.y, 0), half_sum(beside.y, 1)};
    const ChunkScales scales = unpack_scales<kScales>(w, weights.scales);
    constexpr u32 kParts = S::kTwoParts ? 2 : 1;
    if (!S::kTwoParts) {
      dots[0] += dots[1];
      sums[0] += sums[1];
    }
    GPU_UNROLL
    for (u32 p = 0; p < kParts; ++p) {
      float products = 0.0f;
      if (S::kZero) {
        products = float(dots[p]) - scales.offset[p] * float(sums[p]);
      } else if (S::kOffset || kCodes == CodeKind::kTable4) {
        products = float(dots[p]);
      } else {
        products = float(dots[p] - w.zero * sums[p]);
      }
      sum = fused(products, scales.scale[p] * scale, sum);
      if (S::kOffset) sum = fused(scales.offset[p], scale * float(sums[p]), sum);
    }
    return sum;
  }
};

/// Activations as floats: quad q of unit u at [q][u].
template <u32 kQuadsOfUnit>
struct FloatActivations {
  static constexpr u32 kUnitInputs = 4 * kQuadsOfUnit;
  static constexpr u32 kUnitBytes = 16 * kQuadsOfUnit;

  static GPU_FN float fill(GPU_SHARED u8* x, u32 units, const RowReader& reader, Group group) {
    const u32 quads = units * kQuadsOfUnit;
    float squares = 0.0f;
    for (u32 i = group.thread(); i < quads; i += group.threads()) {
      float values[4];
      reader.read(4 * i, values);
      squares += reader.apply_norm(4 * i, values);
      GPU_SHARED float* to =
          (GPU_SHARED float*)x + (i % kQuadsOfUnit * units + i / kQuadsOfUnit) * 4;
      Words4 words;
      words.x = as_bits(values[0]);
      words.y = as_bits(values[1]);
      words.z = as_bits(values[2]);
      words.w = as_bits(values[3]);
      *(GPU_SHARED Words4*)to = words;
    }
    return squares;
  }

  /// sum + weights * quad q of a unit.
  static GPU_FN float multiply_quad(const float* weights, GPU_SHARED const u8* x, u32 units,
                                    u32 unit, u32 q, float sum) {
    const Words4 words = *((GPU_SHARED const Words4*)x + q * units + unit);
    sum = fused(weights[0], as_float(words.x), sum);
    sum = fused(weights[1], as_float(words.y), sum);
    sum = fused(weights[2], as_float(words.z), sum);
    return fused(weights[3], as_float(words.w), sum);
  }
};

/// E4M3 codes: a unit is a chunk.
template <ScaleKind kScales>
struct SmallFloatProduct : FloatActivations<8> {
  using Activations = FloatActivations<8>;
  static constexpr u32 kWords = 8;
  using Unit = typename IntegerProduct<CodeKind::kE4m3, kScales>::Unit;

  static GPU_FN float multiply(GPU_CONSTANT WeightView& w, const Unit& weights,
                               GPU_SHARED const u8* x, u32 units, u32 unit, float sum) {
    float products = 0.0f;
    GPU_UNROLL
    for (u32 q = 0; q < 8; ++q) {
      const u32 codes = weights.codes.words[q];
      float values[4];
      GPU_UNROLL
      for (u32 i = 0; i < 4; ++i) values[i] = e4m3((codes >> (8 * i)) & 0xffu);
      products = Activations::multiply_quad(values, x, units, unit, q, products);
    }
    return fused(products, unpack_scales<kScales>(w, weights.scales).scale[0], sum);
  }
};

/// Plain floats: a unit is 16 bytes.
template <CodeKind kCodes>
struct FloatProduct : FloatActivations<kCodes == CodeKind::kF32 ? 1 : 2> {
  static constexpr u32 kQuadsOfUnit = kCodes == CodeKind::kF32 ? 1 : 2;
  using Activations = FloatActivations<kQuadsOfUnit>;
  static constexpr u32 kWords = 4;

  struct Unit {
    u32 words[4];

    GPU_FN void read(GPU_CONSTANT WeightView& w, u32 row, u32 unit) {
      WordReader<4>::read(words, w.low, u64(row) * (w.stride / Activations::kUnitInputs) + unit);
    }
  };

  static GPU_FN float value(const Unit& weights, u32 i) {
    if (kCodes == CodeKind::kF32) return as_float(weights.words[i % 4]);
    const u32 word = weights.words[i / 2];
    if (kCodes == CodeKind::kF16) return half_to_float(u16(i % 2 == 0 ? word : word >> 16));
    return as_float(i % 2 == 0 ? word << 16 : word & 0xffff0000u);
  }

  static GPU_FN float multiply(GPU_CONSTANT WeightView&, const Unit& weights,
                               GPU_SHARED const u8* x, u32 units, u32 unit, float sum) {
    GPU_UNROLL
    for (u32 q = 0; q < kQuadsOfUnit; ++q) {
      const float values[4] = {value(weights, 4 * q), value(weights, 4 * q + 1),
                               value(weights, 4 * q + 2), value(weights, 4 * q + 3)};
      sum = Activations::multiply_quad(values, x, units, unit, q, sum);
    }
    return sum;
  }
};

/// Words of codes that a lane has on their way.
#if !defined(SACCADE_GEMV_WORDS)
#define SACCADE_GEMV_WORDS 20
#endif
#if !defined(SACCADE_GEMV_THREADS)
#define SACCADE_GEMV_THREADS 768
#endif
constexpr u32 kGemvWords = SACCADE_GEMV_WORDS;
constexpr u32 kGemvThreads = SACCADE_GEMV_THREADS;

/// The outputs of a group: stretches of kLanes / lanes of them ("tiles"), one for each warp at a
/// time. Of gated products, first the tiles of the gates and then those that they multiply.
struct GemvTiles {
  u32 first;  ///< tile
  u32 count;  ///< of tiles, gates counted once
  u32 all;    ///< of tiles
  u32 rows;   ///< outputs of a tile
  u32 n;

  static GPU_FN u32 total(u32 n, u32 rows) { return (n + rows - 1) / rows; }

  /// The output that a lane works at in a tile.
  GPU_FN u32 row(u32 tile, u32 lane_row) const {
    const bool second = tile >= count;
    const u32 r = (first + (second ? tile - count : tile)) * rows + lane_row;
    return (r < n ? r : n - 1) + (second ? n : 0);
  }
};

GPU_FN GemvTiles gemv_tiles(GPU_CONSTANT GemvArgs& args, Group group) {
  GemvTiles tiles;
  tiles.n = args.n;
  tiles.rows = kLanes / args.lanes;
  const u32 total = GemvTiles::total(args.n, tiles.rows);
  // Groups differ by at most one tile.
  tiles.first = u32(u64(total) * group.x() / group.groups_x());
  tiles.count = u32(u64(total) * (group.x() + 1) / group.groups_x()) - tiles.first;
  tiles.all = args.gated ? 2 * tiles.count : tiles.count;
  return tiles;
}

/// Where a warp stands in its stream of units.
struct GemvCursor {
  u32 tile, step;

  /// Goes on by a step; whether that ends the tile.
  GPU_FN bool next(u32 steps, u32 warps) {
    if (++step < steps) return false;
    step = 0;
    tile += warps;
    return true;
  }
};

/// The units of a warp in the order in which it works through them.
struct GemvStream {
  GemvTiles tiles;
  u32 lanes;      ///< of an output
  u32 lane_unit;  ///< of this lane, among those of a step
  u32 lane_row;   ///< of this lane, among those of a tile
  u32 units;      ///< of a row
  u32 steps;      ///< of a tile
  u32 warps;
  GemvCursor ahead;  ///< what is read next
  u32 ahead_row;

  template <typename Unit>
  GPU_FN void read(GPU_CONSTANT WeightView& w, Unit& to) {
    if (ahead.tile >= tiles.all) return;
    const u32 unit = ahead.step * lanes + lane_unit;
    to.read(w, ahead_row, unit < units ? unit : units - 1);
    if (ahead.next(steps, warps)) ahead_row = tiles.row(ahead.tile, lane_row);
  }
};

GPU_FN GemvStream gemv_stream(GPU_CONSTANT GemvArgs& args, u32 unit_inputs, Group group) {
  GemvStream stream;
  stream.tiles = gemv_tiles(args, group);
  stream.lanes = args.lanes;
  stream.lane_unit = group.lane() & (args.lanes - 1);
  stream.lane_row = group.lane() / args.lanes;
  stream.units = (args.weight.inputs + unit_inputs - 1) / unit_inputs;
  stream.steps = (stream.units + args.lanes - 1) / args.lanes;
  stream.warps = group.warps();
  stream.ahead.tile = group.warp();
  stream.ahead.step = 0;
  stream.ahead_row = stream.tiles.row(stream.ahead.tile, stream.lane_row);
  return stream;
}

GPU_FN void gemv_store(GPU_CONSTANT GemvArgs& args, u64 at, float value) {
  switch (args.store) {
    case GemvStore::kF32:
      ((GPU_GLOBAL float*)args.y)[at] = value;
      break;
    case GemvStore::kBf16:
      ((GPU_GLOBAL bf16*)args.y)[at] = Rounded<bf16>::from(value);
      break;
    case GemvStore::kAddF32:
      ((GPU_GLOBAL float*)args.y)[at] += value;
  }
}

/// Sums of all rows of a group to what the launch wants of them.
GPU_FN void gemv_finish(GPU_CONSTANT GemvArgs& args, const GemvTiles& tiles,
                        GPU_SHARED const float* results, float factor, Group group) {
  for (u32 i = group.thread(); i < tiles.count * tiles.rows; i += group.threads()) {
    const u32 row = tiles.first * tiles.rows + i;
    if (row >= args.n) break;
    float value = results[i] * factor;
    if (args.bias) value += args.bias[row];
    if (args.gated) {
      float other = results[tiles.count * tiles.rows + i] * factor;
      if (args.bias) other += args.bias[args.n + row];
      value = activate(value, args.activation) * other;
    }
    gemv_store(args, group.y() * args.y_stride + row, value);
  }
}

GPU_FN RowReader gemv_reader(GPU_CONSTANT GemvArgs& args, Group group) {
  const u32 element = args.x_type == NumberType::kF32 ? 4 : 2;
  return {(GPU_GLOBAL const u8*)args.x + group.y() * args.x_stride * element,
          args.norm_weight,
          args.weight.input_order,
          args.x_type,
          args.weight.inputs,
          args.x_stride * element % 16 == 0};
}

/// Works through the warp's stream; `results` gets the sum of each row of the group.
template <typename Product, u32 kStages>
GPU_FN void gemv_products(GPU_CONSTANT GemvArgs& args, GemvStream& stream,
                          typename Product::Unit* stages, GPU_SHARED const u8* x,
                          GPU_SHARED float* results, Group group) {
  const u32 filled = stream.steps * stream.lanes;
  GemvCursor now = {group.warp(), 0};
  float sum = 0.0f;
  while (now.tile < stream.tiles.all) {
    GPU_UNROLL
    for (u32 s = 0; s < kStages; ++s) {
      if (now.tile >= stream.tiles.all) break;
      const u32 unit = now.step * stream.lanes + stream.lane_unit;
      sum = Product::multiply(args.weight, stages[s], x, filled, unit, sum);
      stream.read(args.weight, stages[s]);
      const u32 tile = now.tile;
      if (now.next(stream.steps, stream.warps)) {
        for (u32 mask = stream.lanes / 2; mask > 0; mask /= 2) {
          sum += group.shuffle_xor(sum, mask);
        }
        if (stream.lane_unit == 0) results[tile * stream.tiles.rows + stream.lane_row] = sum;
        sum = 0.0f;
      }
    }
  }
}

/// Shared memory: the activations, a float for each lane of a warp, a sum for each row.
template <typename Product>
GPU_FN void gemv(GPU_CONSTANT GemvArgs& args, GPU_SHARED u8* shared, Group group) {
  constexpr u32 kStages = kGemvWords / Product::kWords < 2 ? 2 : kGemvWords / Product::kWords;
  group.allow_next();
  GemvStream stream = gemv_stream(args, Product::kUnitInputs, group);
  typename Product::Unit stages[kStages];
  GPU_UNROLL
  for (u32 s = 0; s < kStages; ++s) stream.read(args.weight, stages[s]);

  group.wait_for_inputs();
  const u32 filled = stream.steps * stream.lanes;
  GPU_SHARED float* squares = (GPU_SHARED float*)(shared + filled * Product::kUnitBytes);
  GPU_SHARED float* results = squares + kLanes;
  float square = Product::fill(shared, filled, gemv_reader(args, group), group);
  if (args.norm_weight) {
    square = warp_sum(square, group);
    if (group.lane() == 0) squares[group.warp()] = square;
  }
  group.barrier();
  gemv_products<Product, kStages>(args, stream, stages, shared, results, group);
  group.barrier();
  float factor = 1.0f;
  if (args.norm_weight) {
    const float all = warp_sum(group.lane() < group.warps() ? squares[group.lane()] : 0.0f, group);
    factor = 1.0f / square_root(all / float(args.weight.inputs) + args.eps);
  }
  gemv_finish(args, stream.tiles, results, factor, group);
}

#define SACCADE_GEMV_INTEGERS(X, name, codes, scales) \
  X(gemv_##name, (gemv<IntegerProduct<CodeKind::codes, ScaleKind::scales>>), GemvArgs, kGemvThreads)
#define SACCADE_GEMV_SMALL_FLOATS(X, name, codes, scales) \
  X(gemv_##name, (gemv<SmallFloatProduct<ScaleKind::scales>>), GemvArgs, kGemvThreads)
#define SACCADE_GEMV_FLOATS(X, name, codes) \
  X(gemv_##name, (gemv<FloatProduct<CodeKind::codes>>), GemvArgs, kGemvThreads)
#define SACCADE_GEMV_KERNELS(X)                             \
  SACCADE_INTEGER_FORMATS(SACCADE_GEMV_INTEGERS, X)         \
  SACCADE_SMALL_FLOAT_FORMATS(SACCADE_GEMV_SMALL_FLOATS, X) \
  SACCADE_FLOAT_FORMATS(SACCADE_GEMV_FLOATS, X)

}  // namespace gpu
}  // namespace saccade
