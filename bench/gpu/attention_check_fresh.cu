// Decoding of tokens that turns, stores and attends at once, against the reference over pages that
// have these tokens.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "attention_bench.h"
#include "attention_reference.h"

namespace saccade::bench {
namespace {

/// Rotations that are exact, so that what is turned back and then turned has its bits again.
struct QuarterTurns {
  std::vector<float> cosines, sines;  ///< [rows, half]
  int half;

  QuarterTurns(int rows, int half) : cosines(rows * half), sines(rows * half), half(half) {
    for (std::size_t i = 0; i < cosines.size(); ++i) {
      const int turn = static_cast<int>(i * 7 % 4);
      cosines[i] = turn == 0 ? 1.0f : turn == 2 ? -1.0f : 0.0f;
      sines[i] = turn == 1 ? 1.0f : turn == 3 ? -1.0f : 0.0f;
    }
  }

  void turn_back(F16* head, int row) const {
    for (int i = 0; i < half; ++i) {
      const float a = __half2float(head[i]), b = __half2float(head[i + half]);
      const float c = cosines[row * half + i], s = sines[row * half + i];
      head[i] = __float2half(a * c + b * s);
      head[i + half] = __float2half(b * c - a * s);
    }
  }
};

/// A batch before it is decoded: not yet turned, and without its tokens in the pages.
struct BeforeDecoding {
  std::vector<F16> qkv;           ///< rows of the batch
  std::vector<F16> keys, values;  ///< pages, with NaN where the tokens will be
};

/// Of a batch that has been decoded, which memory holds.
BeforeDecoding before_decoding(const PagedBatch& batch, const PagedMemory& memory,
                               const QuarterTurns& turns) {
  BeforeDecoding was = {memory.queries.host(), memory.keys.host(), memory.values.host()};
  const int dim = batch.shape.head_dim, heads = batch.shape.num_heads;
  const int kv_heads = batch.shape.num_kv_heads;
  for (const DeviceSpan& span : batch.spans) {
    if (span.count == 0) continue;
    F16* row = &was.qkv[span.row * batch.query_stride];
    for (int head = 0; head < kv_heads; ++head) {
      const std::int64_t page = batch.page_ids[span.first_page + span.start / kPageTokens];
      const std::size_t at =
          ((page * kv_heads + head) * kPageTokens + span.start % kPageTokens) * dim;
      F16* key = row + (heads + head) * dim;
      std::copy_n(&was.keys[at], dim, key);
      std::copy_n(&was.values[at], dim, key + kv_heads * dim);
      std::memset(&was.keys[at], 0xff, dim * 2);
      std::memset(&was.values[at], 0xff, dim * 2);
    }
    for (int head = 0; head < heads + kv_heads; ++head) {
      turns.turn_back(row + head * dim, span.row);
    }
  }
  return was;
}

/// Outputs once more, as codes.
struct Codes {
  int of_row;  ///< chunks of 32
  Buffer<signed char> codes;
  Buffer<uint2> chunks;

  explicit Codes(const PagedBatch& batch)
      : of_row(batch.shape.num_heads * batch.shape.head_dim / 32),
        codes(static_cast<std::size_t>(batch.rows) * of_row * 32),
        chunks(static_cast<std::size_t>(batch.rows) * of_row) {}
};

/// Codes within half a step of the outputs, and their sums.
void check_codes(const PagedBatch& batch, const std::vector<F16>& out, const Codes& coded) {
  const std::vector<signed char> codes = coded.codes.host();
  const std::vector<uint2> chunks = coded.chunks.host();
  for (const DeviceSpan& span : batch.spans) {
    for (int c = 0; span.count == 1 && c < coded.of_row; ++c) {
      const std::size_t chunk = static_cast<std::size_t>(span.row) * coded.of_row + c;
      float scale;
      std::memcpy(&scale, &chunks[chunk].x, sizeof scale);
      int sums[2] = {0, 0};
      bool near = true;
      for (int i = 0; i < 32; ++i) {
        const float value = __half2float(out[span.row * batch.out_stride + c * 32 + i]);
        const int code = codes[chunk * 32 + i];
        near &= std::fabs(value - scale * code) <= 0.51f * scale;
        sums[i / 16] += code;
      }
      const auto low = static_cast<std::int16_t>(chunks[chunk].y & 0xffffu);
      const auto high = static_cast<std::int16_t>(chunks[chunk].y >> 16);
      if (near && low == sums[0] && high == sums[1]) continue;
      count_failure();
      std::printf("FAIL codes of row %d, chunk %d\n", span.row, c);
      return;
    }
  }
}

/// Any NaN is any other, and zeros have no sign: a turn by sums with zeros may lose it.
bool same_numbers(const std::vector<F16>& a, const std::vector<F16>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float x = __half2float(a[i]), y = __half2float(b[i]);
    if (x != y && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

}  // namespace

void check_fresh(const AttentionShape& shape, const std::vector<SpanSpec>& list, bool portable) {
  const PagedBatch batch(shape, list, Ranges::kNone, 23);
  const int dim = shape.head_dim, kv_heads = shape.num_kv_heads;
  PagedMemory memory(batch, 1);
  poison_unused(memory.keys, batch);
  poison_unused(memory.values, batch);
  const QuarterTurns turns(batch.rows, dim / 2);
  // From here on memory is what decoding has to leave in the pages, to the bit.
  const BeforeDecoding was = before_decoding(batch, memory, turns);
  Buffer<F16> qkv(was.qkv), keys(was.keys), values(was.values);
  Buffer<float> cosines(turns.cosines), sines(turns.sines);
  const Codes coded(batch);
  DecodeArgs args = decode_args(batch, memory);
  args.queries = qkv.data, args.kv.keys = keys.data, args.kv.values = values.data;
  args.max_keys = batch.num_pages * kPageTokens, args.portable = portable;
  args.fresh = {.keys = qkv.data + shape.num_heads * dim,
                .values = qkv.data + (shape.num_heads + kv_heads) * dim,
                .stride = batch.query_stride,
                .cosines = cosines.data,
                .sines = sines.data,
                .table_stride = dim / 2,
                .page_keys = keys.data,
                .page_values = values.data};
  args.pages_ready = true;
  args.coded = {coded.codes.data, coded.chunks.data, coded.of_row};
  Buffer<char> workspace(decode_attention_workspace_bytes(shape, args.num_spans));
  workspace.fill(0);
  args.workspace = workspace.data;
  memory.out.fill(0xff);
  CUDA_CHECK(decode_attention(0, args));
  CUDA_CHECK(cudaDeviceSynchronize());
  check_codes(batch, memory.out.host(), coded);
  if (!same_numbers(keys.host(), memory.keys.host()) ||
      !same_numbers(values.host(), memory.values.host())) {
    count_failure();
    std::printf("FAIL pages are not what they should be after decoding fresh tokens\n");
  }
  char name[128];
  std::snprintf(name, sizeof name, "decode fresh d%d heads %d/%d window %d spans %zu%s", dim,
                shape.num_heads, kv_heads, shape.window, batch.spans.size(),
                portable ? " portable" : "");
  compare_paged(name, batch, memory);
}

}  // namespace saccade::bench
