// Checks of prefill, decoding and segments against the reference and against each other.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "attention_bench.h"
#include "attention_reference.h"

namespace saccade::bench {
namespace {

enum class Way { kPrefill, kPortable, kDecode, kShared };

bool same_bits(const std::vector<F16>& a, const std::vector<F16>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * 2) == 0;
}

void decode_twice(const PagedBatch& batch, PagedMemory& memory, bool portable) {
  DecodeArgs args = decode_args(batch, memory);
  args.max_keys += 100, args.portable = portable;
  Buffer<char> workspace(decode_attention_workspace_bytes(batch.shape, args.num_spans));
  workspace.fill(0);
  args.workspace = workspace.data;
  CUDA_CHECK(decode_attention(0, args));
  const auto once = memory.out.host();
  memory.out.fill(0xff);
  CUDA_CHECK(decode_attention(0, args));
  if (!same_bits(once, memory.out.host())) {
    count_failure();
    std::printf("FAIL decode differs from run to run\n");
  }
}

std::string name_of(const PagedBatch& batch, Way way, Ranges ranges) {
  const AttentionShape& shape = batch.shape;
  char name[128];
  std::snprintf(name, sizeof name, "%s d%d heads %d/%d window %d cap %.0f spans %zu%s",
                way == Way::kDecode    ? "decode"
                : way == Way::kShared  ? "both"
                : way == Way::kPrefill ? "prefill"
                                       : "prefill mma",
                shape.head_dim, shape.num_heads, shape.num_kv_heads, shape.window, shape.softcap,
                batch.spans.size(),
                ranges == Ranges::kPictures ? " pictures"
                : ranges == Ranges::kAny    ? " any keys"
                                            : "");
  return name;
}

void check_paged(AttentionShape shape, const std::vector<SpanSpec>& list, Way way,
                 Ranges ranges = Ranges::kNone, bool portable = false) {
  if (shape.softcap > 0) shape.scale *= 8.0f;  // so that scores are where the cap bends them
  const unsigned seed = 17 + list.size() + shape.head_dim;
  const PagedBatch batch(shape, list, ranges, seed);
  PagedMemory memory(batch, seed);
  poison_unused(memory.keys, batch);
  poison_unused(memory.values, batch);
  memory.out.fill(0xff);
  if (way == Way::kDecode || way == Way::kShared) decode_twice(batch, memory, portable);
  if (way != Way::kDecode) {
    PrefillArgs args = prefill_args(batch, memory);
    args.portable = way == Way::kPortable;
    args.min_count = way == Way::kShared ? 2 : 1;
    CUDA_CHECK(prefill_attention(0, args));
  }
  CUDA_CHECK(cudaDeviceSynchronize());
  compare_paged(name_of(batch, way, ranges), batch, memory);
}

/// Rows of a prompt prefilled whole and in chunks, the last ones one at a time: the same bits.
void check_invariance(const AttentionShape& shape, const std::vector<int>& chunks, bool portable) {
  const int total = std::accumulate(chunks.begin(), chunks.end(), 0);
  const PagedBatch batch(shape, {{0, total}}, Ranges::kNone, 5);
  PagedMemory memory(batch, 1);
  std::vector<std::vector<F16>> results;
  for (const bool whole : {true, false}) {
    memory.out.fill(0xff);
    int start = 0;
    for (const int count : whole ? std::vector<int>{total} : chunks) {
      Buffer<DeviceSpan> span(std::vector<DeviceSpan>{{start, count, start, 0}});
      PrefillArgs args = prefill_args(batch, memory);
      args.spans = span.data, args.num_rows = count, args.portable = portable;
      CUDA_CHECK(prefill_attention(0, args));
      CUDA_CHECK(cudaDeviceSynchronize());
      start += count;
    }
    results.push_back(memory.out.host());
  }
  const bool same = same_bits(results[0], results[1]);
  if (!same) count_failure();
  std::printf("%s chunks and whole give the same bits, d%d window %d%s\n", same ? "ok  " : "FAIL",
              shape.head_dim, shape.window, portable ? " mma.sync" : "");
}

/// A captured launch replayed with other lengths, longer and shorter, gives what a fresh one does.
void check_replay(int sequences) {
  AttentionShape shape = shape_of(28, 4, 128);
  shape.scale = 0.09f;
  constexpr int kPages = 64;
  const std::size_t pool_size = static_cast<std::size_t>(kPages) * 4 * kPageTokens * 128;
  const std::size_t width = 28 * 128;
  Buffer<F16> queries(sequences * width), keys(pool_size), values(pool_size);
  Buffer<F16> out(sequences * width), fresh(sequences * width);
  random_fill(queries.data, queries.size, 1);
  random_fill(keys.data, keys.size, 2);
  random_fill(values.data, values.size, 3);
  std::vector<std::int32_t> pages(kPages);
  std::iota(pages.begin(), pages.end(), 0);
  Buffer<std::int32_t> page_ids(pages);
  Buffer<DeviceSpan> spans(std::vector<DeviceSpan>(sequences, DeviceSpan{0, 1, 4000, 0}));
  Buffer<char> workspace(decode_attention_workspace_bytes(shape, sequences));
  workspace.fill(0);
  DecodeArgs args;
  args.shape = shape, args.kv = {keys.data, values.data, page_ids.data, kPages};
  args.queries = queries.data, args.query_stride = width, args.out = out.data;
  args.out_stride = width, args.spans = spans.data, args.num_spans = sequences;
  args.max_keys = kPages * kPageTokens, args.workspace = workspace.data;
  args.dependent_launch = true;
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CUDA_CHECK(cudaStreamCreate(&stream));
  CUDA_CHECK(cudaDeviceSynchronize());
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  for (int i = 0; i < 3; ++i) CUDA_CHECK(decode_attention(stream, args));
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  CUDA_CHECK(cudaGraphInstantiate(&exec, graph, 0));
  bool same = true;
  for (const int start : {4000, 10, 700, 4095, 0}) {
    std::vector<DeviceSpan> now;
    for (int i = 0; i < sequences; ++i) now.push_back({i, i % 5 != 4, (start + i * 37) % 4096, 0});
    CUDA_CHECK(cudaMemcpy(spans.data, now.data(), now.size() * sizeof(DeviceSpan),
                          cudaMemcpyHostToDevice));
    out.fill(0xff);
    fresh.fill(0xff);
    CUDA_CHECK(cudaGraphLaunch(exec, stream));
    CUDA_CHECK(cudaStreamSynchronize(stream));
    DecodeArgs again = args;
    again.out = fresh.data, again.dependent_launch = false;
    CUDA_CHECK(decode_attention(stream, again));
    CUDA_CHECK(cudaStreamSynchronize(stream));
    same &= same_bits(out.host(), fresh.host());
  }
  if (!same) count_failure();
  std::printf("%s replays with other lengths, %d sequences\n", same ? "ok  " : "FAIL", sequences);
  CUDA_CHECK(cudaGraphExecDestroy(exec));
  CUDA_CHECK(cudaGraphDestroy(graph));
  CUDA_CHECK(cudaStreamDestroy(stream));
}

/// Each row sees its segment. NaN lies behind the last one.
void check_segments(int heads, int head_dim, const std::vector<int>& lengths) {
  const AttentionShape shape = shape_of(heads, heads, head_dim);
  const int width = heads * head_dim;
  std::vector<std::int32_t> ends;
  std::vector<ReferenceJob> jobs;
  int rows = 0;
  for (const int length : lengths) {
    for (int i = 0; i < length; ++i) {
      for (int head = 0; head < heads; ++head) {
        const std::int64_t row = rows + i;
        jobs.push_back({row * 3 * width + head * head_dim, row * width + head * head_dim, 0, length,
                        rows, head});
      }
    }
    ends.push_back(rows += length);
  }
  Buffer<F16> qkv(static_cast<std::size_t>(rows + 200) * 3 * width),
      out(static_cast<std::size_t>(rows + 8) * width);
  qkv.fill(0xff);
  random_fill(qkv.data, static_cast<std::size_t>(rows) * 3 * width, 7);
  out.fill(0xff);
  Buffer<std::int32_t> device_ends(ends);
  SegmentArgs args;
  args.shape = shape, args.queries = qkv.data, args.keys = qkv.data + width,
  args.values = qkv.data + 2 * width, args.stride = 3 * width;
  args.out = out.data, args.out_stride = width, args.ends = device_ends.data,
  args.num_segments = static_cast<int>(ends.size());
  args.num_rows = rows;
  args.max_segment_rows = *std::max_element(lengths.begin(), lengths.end());
  args.min_segment_rows = *std::min_element(lengths.begin(), lengths.end());
  CUDA_CHECK(segment_attention(0, args));
  CUDA_CHECK(cudaDeviceSynchronize());
  const auto expected = run_reference(jobs,
                                      {.queries = qkv.data,
                                       .keys = qkv.data + width,
                                       .values = qkv.data + 2 * width,
                                       .page_ids = nullptr,
                                       .stride = 3 * width,
                                       .num_kv_heads = heads,
                                       .head_dim = head_dim,
                                       .scale = shape.scale,
                                       .softcap = 0.0f},
                                      out.size);
  char name[128];
  std::snprintf(name, sizeof name, "segments d%d heads %d, %zu of %d rows at most", head_dim, heads,
                ends.size(), static_cast<int>(args.max_segment_rows));
  compare(name, out.host(), expected, jobs, head_dim);
}

void check_prefill(const std::vector<SpanSpec>& mixed) {
  for (const Way way : {Way::kPrefill, Way::kPortable}) {
    for (const int head_dim : {128, 64, 256, 80, 72, 96, 20, 16, 32, 160, 192, 112}) {
      check_paged(shape_of(8, 2, head_dim), mixed, way);
    }
    for (const int head_dim : {128, 64, 256}) {
      check_paged(shape_of(28, 4, head_dim), mixed, way);
      check_paged(shape_of(8, 2, head_dim, 100, 50.0f), mixed, way);
      check_paged(shape_of(8, 4, head_dim, 7), mixed, way);
      check_paged(shape_of(8, 1, head_dim, 200), mixed, way, Ranges::kPictures);
      check_paged(shape_of(6, 6, head_dim), mixed, way, Ranges::kPictures);
      check_paged(shape_of(8, 2, head_dim, 100), mixed, way, Ranges::kAny);
      check_paged(shape_of(8, 2, head_dim, 1500), {{2000, 700}, {0, 300}}, way);
    }
    check_paged(shape_of(28, 4, 128), std::vector<SpanSpec>(90, SpanSpec{40, 5}), way);
  }
}

void check_fresh_tokens(const std::vector<SpanSpec>& single) {
  for (const bool portable : {false, true}) {
    for (const int head_dim : {128, 64, 256, 96, 32, 192}) {
      check_fresh(shape_of(8, 2, head_dim), single, portable);
    }
    check_fresh(shape_of(28, 4, 128, 300), single, portable);
    check_fresh(shape_of(40, 2, 128), single, portable);
    check_fresh(shape_of(28, 4, 128), {{9000, 1}}, portable);
    check_fresh(shape_of(16, 8, 128), {{549, 1}, {64, 1}, {0, 1}, {0, 0}, {127, 1}}, portable);
  }
}

void check_decode(const std::vector<SpanSpec>& single) {
  std::vector<SpanSpec> many;
  for (int i = 0; i < 50; ++i) many.push_back({i * i * 4, i % 7 != 3});
  for (const bool portable : {false, true}) {
    check_paged(shape_of(28, 4, 128), single, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(28, 4, 128), {{9000, 1}}, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(8, 4, 128), many, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(8, 4, 128, 300), many, Way::kDecode, Ranges::kAny, portable);
    check_paged(shape_of(40, 2, 64), many, Way::kDecode, Ranges::kNone, portable);
    check_paged(shape_of(14, 2, 80, 700), many, Way::kDecode, Ranges::kNone, portable);
  }
  check_paged(shape_of(28, 4, 128), {{9000, 1}}, Way::kDecode);
  check_paged(shape_of(40, 2, 128, 300, 30.0f), single, Way::kDecode);
  check_paged(shape_of(8, 8, 256, 5), single, Way::kDecode);
}

}  // namespace

int small_checks() {
  for (const Way way : {Way::kPrefill, Way::kPortable}) {
    check_paged(shape_of(7, 1, 128), {{0, 150}, {70, 1}, {5, 0}, {190, 40}}, way);
    check_paged(shape_of(4, 2, 64, 20), {{100, 90}}, way, Ranges::kPictures);
    check_paged(shape_of(4, 2, 64, 20), {{100, 90}, {3, 1}}, way, Ranges::kAny);
  }
  check_paged(shape_of(7, 1, 128), {{300, 1}, {0, 1}, {63, 1}, {64, 1}, {9, 0}}, Way::kDecode);
  check_paged(shape_of(7, 1, 128), {{300, 1}, {0, 1}, {9, 0}}, Way::kDecode, Ranges::kNone, true);
  check_fresh(shape_of(7, 1, 128), {{300, 1}, {0, 1}, {63, 1}, {64, 1}, {9, 0}});
  check_fresh(shape_of(20, 1, 64), {{300, 1}, {5, 1}}, true);
  std::vector<SpanSpec> many(40, SpanSpec{20, 1});
  many[7].start = 1500;
  check_paged(shape_of(2, 1, 64), many, Way::kDecode);
  check_paged(shape_of(2, 1, 256, 0, 50.0f), {{130, 70}, {3, 1}}, Way::kPrefill);
  check_segments(2, 80, {64, 30, 1, 200, 64});
  check_segments(1, 20, {70, 3});
  return failures();
}

int all_checks() {
  const std::vector<SpanSpec> mixed = {{0, 333},  {0, 1},  {700, 1},    {4, 0},
                                       {129, 64}, {63, 2}, {1000, 257}, {0, 64}};
  std::vector<SpanSpec> single;
  for (const int start : {0, 1, 62, 63, 64, 65, 200, 511, 1000, 2047, 5000, 9000})
    single.push_back({start, 1});
  single.push_back({10, 0});
  check_prefill(mixed);
  for (const int head_dim : {128, 64, 256, 80, 72, 96, 20, 16, 192}) {
    check_paged(shape_of(8, 2, head_dim), single, Way::kDecode);
  }
  check_fresh_tokens(single);
  check_decode(single);
  check_paged(shape_of(28, 4, 128), mixed, Way::kShared);
  check_paged(shape_of(28, 4, 128), mixed, Way::kShared, Ranges::kAny);
  check_paged(shape_of(8, 4, 256, 300), mixed, Way::kShared);
  for (const int sequences : {1, 3, 40}) check_replay(sequences);
  for (const bool portable : {false, true}) {
    check_invariance(shape_of(28, 4, 128), {300, 1, 63, 200, 7, 64, 1, 1, 1, 1}, portable);
    check_invariance(shape_of(8, 2, 256, 100), {100, 50, 1, 1, 130, 1}, portable);
    check_invariance(shape_of(8, 2, 128, 150, 20.0f), {100, 50, 1, 1, 130, 300, 1}, portable);
    check_invariance(shape_of(8, 2, 64), {333, 1, 1, 40, 1}, portable);
    check_invariance(shape_of(8, 2, 80), {333, 1, 1, 40, 1}, portable);
  }
  for (const int head_dim : {80, 72, 64, 96, 128, 20, 32, 256}) {
    check_segments(4, head_dim, {64, 64, 30, 1, 64, 17, 8});
    check_segments(4, head_dim, {1000, 64, 65, 129, 3, 400});
  }
  check_segments(16, 80, {1500});
  return failures();
}

}  // namespace saccade::bench
