// Times of prefill, segments of a vision tower, and decoding.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>

#include "attention_bench.h"

namespace saccade::bench {
namespace {

/// Median milliseconds of `launch`.
double time_ms(const std::function<void()>& launch, int repeats = 15) {
  for (int i = 0; i < 3; ++i) launch();
  std::vector<cudaEvent_t> events(repeats + 1);
  for (auto& event : events) CUDA_CHECK(cudaEventCreate(&event));
  CUDA_CHECK(cudaEventRecord(events[0]));
  for (int i = 0; i < repeats; ++i) {
    launch();
    CUDA_CHECK(cudaEventRecord(events[i + 1]));
  }
  CUDA_CHECK(cudaDeviceSynchronize());
  std::vector<float> times(repeats);
  for (int i = 0; i < repeats; ++i)
    CUDA_CHECK(cudaEventElapsedTime(&times[i], events[i], events[i + 1]));
  for (auto& event : events) cudaEventDestroy(event);
  std::sort(times.begin(), times.end());
  return times[repeats / 2];
}

/// A prompt in chunks, one after the other.
void time_prefill(const AttentionShape& shape, int total, int chunk, bool portable) {
  const PagedBatch batch(shape, {{0, total}}, Ranges::kNone, 3);
  const PagedMemory memory(batch, 1);
  std::vector<DeviceSpan> parts;
  for (int start = 0; start < total; start += chunk)
    parts.push_back({start, std::min(chunk, total - start), start, 0});
  Buffer<DeviceSpan> spans(parts);
  const double ms = time_ms([&] {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      PrefillArgs args = prefill_args(batch, memory);
      args.spans = spans.data + i, args.num_rows = parts[i].count, args.portable = portable;
      CUDA_CHECK(prefill_attention(0, args));
    }
  });
  double pairs = 0.0;
  for (int i = 0; i < total; ++i) pairs += shape.window > 0 ? std::min(i + 1, shape.window) : i + 1;
  std::printf(
      "prefill d%-3d heads %2d/%d %6d tokens by %5d window %4d %-9s %8.3f ms %6.1f TFLOP/s\n",
      shape.head_dim, shape.num_heads, shape.num_kv_heads, total, chunk, shape.window,
      portable ? "mma.sync" : "", ms, 4.0 * pairs * shape.num_heads * shape.head_dim / ms * 1e-9);
}

void time_segments(int heads, int head_dim, int rows, int length) {
  const int width = heads * head_dim;
  std::vector<std::int32_t> ends;
  for (int end = length; end - length < rows; end += length) ends.push_back(std::min(end, rows));
  Buffer<F16> qkv(static_cast<std::size_t>(rows) * 3 * width),
      out(static_cast<std::size_t>(rows) * width);
  random_fill(qkv.data, qkv.size, 7);
  Buffer<std::int32_t> device_ends(ends);
  SegmentArgs args;
  args.shape = shape_of(heads, heads, head_dim);
  args.queries = qkv.data, args.keys = qkv.data + width, args.values = qkv.data + 2 * width;
  args.stride = 3 * width, args.out = out.data, args.out_stride = width;
  args.ends = device_ends.data, args.num_segments = static_cast<int>(ends.size());
  args.num_rows = rows;
  args.max_segment_rows = args.min_segment_rows = length;
  const double ms = time_ms([&] {
                      for (int i = 0; i < 10; ++i) CUDA_CHECK(segment_attention(0, args));
                    }) /
                    10;
  std::printf("segments d%-3d heads %2d rows %5d in %5d %8.4f ms %6.1f TFLOP/s\n", head_dim, heads,
              rows, length, ms, 4.0 * rows * length * width / ms * 1e-9);
}

/// How launches differ from plain ones, each after the other.
struct DecodeWay {
  bool dependent = false;   ///< each launch may start while the one before it ends
  int max_keys = 0;         ///< that the launch is sized for, if no sequence has more
  bool by_prefill = false;  ///< prefill's kernels, with spans of one token
  bool ragged = false;      ///< sequences differ in length
  bool fresh = false;       ///< the tokens' keys and values are not in the pages
};

std::vector<SpanSpec> single_tokens(int sequences, int keys_each, bool ragged) {
  std::vector<SpanSpec> specs(sequences, SpanSpec{keys_each - 1, 1});
  // From keys_each / 8 to about four times as many keys as keys_each, most of them short.
  for (int i = 0; ragged && i < sequences; ++i) {
    specs[i].start = static_cast<int>(
        keys_each *
        (0.125 + 4.0 * std::pow(i * 37 % sequences / static_cast<double>(sequences), 4.0)));
  }
  return specs;
}

/// A batch of single tokens, with keys and values of its own for each layer, and what its launches
/// use.
class DecodeLaunches {
 public:
  DecodeLaunches(const AttentionShape& shape, const std::vector<SpanSpec>& tokens, int layers,
                 const DecodeWay& way)
      : way_(way),
        batch_(shape, tokens, Ranges::kNone, 3),
        memory_(batch_, 1, layers),
        angles_(static_cast<std::size_t>(batch_.rows) * shape.head_dim),
        workspace_(decode_attention_workspace_bytes(shape, batch_.rows)) {
    angles_.fill(0);
    workspace_.fill(0);
  }

  int max_keys() const { return std::max(way_.max_keys, batch_.longest); }
  double total_keys() const {
    double keys = 0.0;
    for (const DeviceSpan& span : batch_.spans) keys += span.start + 1;
    return keys;
  }

  void enqueue(int layer, cudaStream_t stream) const {
    if (way_.by_prefill) {
      PrefillArgs args = prefill_args(batch_, memory_);
      args.kv = kv_of(layer), args.dependent_launch = way_.dependent;
      CUDA_CHECK(prefill_attention(stream, args));
      return;
    }
    DecodeArgs args = decode_args(batch_, memory_);
    args.kv = kv_of(layer), args.dependent_launch = way_.dependent;
    args.max_keys = max_keys(), args.workspace = workspace_.data;
    if (way_.fresh) add_fresh(args, layer);
    CUDA_CHECK(decode_attention(stream, args));
  }

 private:
  F16* keys_of(int layer) const { return memory_.keys.data + layer * batch_.pool_size(); }
  F16* values_of(int layer) const { return memory_.values.data + layer * batch_.pool_size(); }
  PagedKeyValues kv_of(int layer) const {
    return {keys_of(layer), values_of(layer), memory_.page_ids.data, batch_.num_pages};
  }

  void add_fresh(DecodeArgs& args, int layer) const {
    const AttentionShape& shape = batch_.shape;
    const F16* fresh_keys = memory_.queries.data + shape.num_heads * shape.head_dim;
    args.fresh = {.keys = fresh_keys,
                  .values = fresh_keys + shape.num_kv_heads * shape.head_dim,
                  .stride = batch_.query_stride,
                  .cosines = angles_.data,
                  .sines = angles_.data,
                  .table_stride = shape.head_dim / 2,
                  .page_keys = keys_of(layer),
                  .page_values = values_of(layer)};
    args.pages_ready = true;
  }

  DecodeWay way_;
  PagedBatch batch_;
  PagedMemory memory_;
  Buffer<float> angles_;
  Buffer<char> workspace_;
};

/// Of a launch: its time in a graph of `layers`, and the host's for asking for it.
void time_decode(const AttentionShape& shape, int sequences, int keys_each, int layers,
                 const DecodeWay& way = {}) {
  const DecodeLaunches launches(shape, single_tokens(sequences, keys_each, way.ragged), layers,
                                way);
  cudaStream_t stream;
  CUDA_CHECK(cudaStreamCreate(&stream));
  CUDA_CHECK(cudaDeviceSynchronize());
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  const auto begin = std::chrono::steady_clock::now();
  for (int layer = 0; layer < layers; ++layer) launches.enqueue(layer, stream);
  const std::chrono::duration<double, std::micro> host_us =
      std::chrono::steady_clock::now() - begin;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  CUDA_CHECK(cudaGraphInstantiate(&exec, graph, 0));
  const double ms = time_ms([&] { CUDA_CHECK(cudaGraphLaunch(exec, 0)); }) / layers;
  CUDA_CHECK(cudaGraphExecDestroy(exec));
  CUDA_CHECK(cudaGraphDestroy(graph));
  CUDA_CHECK(cudaStreamDestroy(stream));
  const double bytes = 4.0 * launches.total_keys() * shape.num_kv_heads * shape.head_dim;
  std::printf(
      "decode d%-3d heads %2d/%d %3d x %5d keys (max %5d) %s%s %8.2f us %7.1f GB/s, host %.1f us\n",
      shape.head_dim, shape.num_heads, shape.num_kv_heads, sequences, keys_each,
      launches.max_keys(), way.dependent ? " dependent" : "",
      way.by_prefill ? " as prefill"
      : way.fresh    ? " fresh"
      : way.ragged   ? " ragged"
                     : "",
      ms * 1e3, bytes / ms * 1e-6, host_us.count() / layers);
}

}  // namespace

void timings() {
  const AttentionShape qwen = shape_of(28, 4, 128);
  for (const bool portable : {false, true}) {
    time_prefill(qwen, 18180, 4096, portable);
    time_prefill(qwen, 18180, 18180, portable);
    time_prefill(qwen, 1024, 1024, portable);
    time_prefill(shape_of(32, 8, 64), 8192, 8192, portable);
    time_prefill(shape_of(8, 4, 256), 8192, 8192, portable);
    time_prefill(shape_of(8, 4, 256, 1024), 8192, 8192, portable);
  }
  time_segments(16, 80, 5184, 5184);
  time_segments(16, 80, 5184, 64);
  time_segments(16, 72, 4096, 4096);
  time_segments(16, 64, 577 * 16, 577);
  time_decode(qwen, 128, 2048, 6);
  time_decode(qwen, 128, 2048, 6, {.max_keys = 32768});
  for (const int sequences : {128, 64, 16, 4}) {
    time_decode(qwen, sequences, 2048, 6, {.dependent = true, .ragged = true});
  }
  time_decode(qwen, 128, 2048, 6, {.by_prefill = true});
  for (const int sequences : {64, 32, 16, 8, 4, 2}) {
    time_decode(qwen, sequences, 2048, 12, {.dependent = true});
  }
  time_decode(shape_of(8, 4, 256), 64, 2048, 6);
  time_decode(shape_of(32, 8, 64), 64, 2048, 6);
  for (const int keys : {64, 512, 1024, 2048, 4096, 8192, 18180}) {
    time_decode(qwen, 1, keys, 28);
    time_decode(qwen, 1, keys, 28, {.dependent = true});
    time_decode(qwen, 1, keys, 28, {.dependent = true, .max_keys = 32768});
  }
  time_decode(qwen, 1, 2048, 28, {.dependent = true, .by_prefill = true});
  // As steps of a model are.
  for (const int sequences : {1, 4, 8, 12, 16, 32, 64}) {
    time_decode(qwen, sequences, 550, 28, {.dependent = true, .max_keys = 400000, .fresh = true});
  }
}

}  // namespace saccade::bench
