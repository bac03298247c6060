// Times of quantized products: of a model's matrices in chains, with other plans, in other formats.
#include <algorithm>
#include <functional>
#include <string>

#include "quant_gemm_bench.h"

namespace saccade::bench {
namespace {

struct Linear {
  const char* name;
  std::int64_t outputs, inputs;
  bool gated, coded;
};
const Linear kQwen7B[] = {{"qkv", 4608, 3584, false, false},
                          {"o", 3584, 3584, false, true},
                          {"gate_up", 37888, 3584, true, true},
                          {"down", 3584, 18944, false, true},
                          {"head", 152064, 3584, false, false}};
constexpr int kLayers = 28;

/// Random memory for a weight, without packing one.
struct RandomWeight {
  compute::gpu::SegmentLayout layout;
  Buffer memory;
  WeightView view;

  RandomWeight(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs)
      : layout(make_layout(format, outputs, inputs)),
        memory(static_cast<std::size_t>(layout.bytes)),
        view(compute::gpu::weight_view(layout, memory.get())) {
    static const std::vector<std::uint16_t> noise = [] {
      std::mt19937 random(5);
      std::vector<std::uint16_t> words(16 << 20);
      for (auto& word : words) word = static_cast<std::uint16_t>(random());
      return words;
    }();
    static const Buffer source(noise);
    static const Buffer scales = [] {
      std::vector<std::uint16_t> words = noise;
      for (auto& word : words) word = static_cast<std::uint16_t>((word & 0x83ffu) | 0x1c00u);
      return Buffer(words);
    }();
    for (std::size_t i = 0; i < compute::gpu::kWeightArrays; ++i) {
      const auto& array = layout.arrays[i];
      const std::int64_t bytes = array.bytes(outputs);
      const std::int64_t step = std::int64_t{32} << 20;
      for (std::int64_t at = 0; at < bytes; at += step) {
        CHECK(cudaMemcpy(memory.get() + array.offset + at, (i < 2 ? source : scales).get(),
                         std::min(step, bytes - at), cudaMemcpyDeviceToDevice));
      }
    }
  }
  static compute::gpu::SegmentLayout make_layout(const WeightFormat& format, std::int64_t outputs,
                                                 std::int64_t inputs) {
    const HostMatrix matrix{format, outputs, inputs};
    return compute::gpu::weight_layout(std::span(&matrix, 1)).at(0);
  }
};

struct Launch {
  const RandomWeight* weight;
  bool gated, coded;
  How how;
};

/// Everything a chain of launches needs besides weights.
struct Bed {
  Buffer y_codes{64 * 18944}, y_chunks{64 * 592 * 8}, squares{64 * 592 * 4}, norm{18944 * 4};
  Buffer codes{64 * 18944}, chunks{64 * 592 * 8}, y{std::size_t{64} * 152064 * 4},
      workspace{64 << 20};
  cudaStream_t stream{};

  Bed() {
    const Activations x = random_activations(64, 18944, 9);
    CHECK(cudaMemcpy(codes.get(), x.codes.data(), x.codes.size(), cudaMemcpyHostToDevice));
    CHECK(cudaMemcpy(chunks.get(), x.chunks.data(), x.chunks.size() * 8, cudaMemcpyHostToDevice));
    workspace.fill(0);
    norm.fill(0);
    y.fill(0);
    CHECK(cudaStreamCreate(&stream));
  }

  void launch(const Launch& l, int rows, bool overlap) const {
    QuantGemmArgs args;
    args.weight = l.weight->view;
    args.codes = codes.get();
    args.chunks = reinterpret_cast<const ActivationChunk*>(chunks.get());
    args.y = y.get();
    args.y_stride = args.weight.outputs;
    args.rows = rows;
    args.output = l.gated   ? QuantGemmOutput::kGateF16
                  : l.coded ? QuantGemmOutput::kAddF32
                            : QuantGemmOutput::kF32;
    if (l.coded) {
      args.y_codes = y_codes.get();
      args.y_chunks = reinterpret_cast<ActivationChunk*>(y_chunks.get());
    }
    if (l.coded && !l.gated) {
      args.y_norm = reinterpret_cast<const float*>(norm.get());
      args.y_squares = reinterpret_cast<float*>(squares.get());
    }
    args.workspace = workspace.get();
    args.overlap = overlap;
    multiply(args, l.how, stream);
  }

  /// Microseconds of a chain, replayed as a graph; the median.
  double time(const std::vector<Launch>& chain, int rows, bool overlap, int repeats) const {
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (const Launch& l : chain) launch(l, rows, overlap);
    cudaGraph_t graph{};
    CHECK(cudaStreamEndCapture(stream, &graph));
    cudaGraphExec_t exec{};
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    cudaEvent_t begin{}, end{};
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    std::vector<float> times;
    for (int i = 0; i < repeats + 1; ++i) {
      CHECK(cudaEventRecord(begin, stream));
      CHECK(cudaGraphLaunch(exec, stream));
      CHECK(cudaEventRecord(end, stream));
      CHECK(cudaEventSynchronize(end));
      float ms = 0.0f;
      CHECK(cudaEventElapsedTime(&ms, begin, end));
      if (i > 0) times.push_back(ms);
    }
    CHECK(cudaGraphExecDestroy(exec));
    CHECK(cudaGraphDestroy(graph));
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    return times[times.size() / 2] * 1000.0;
  }
};

double copy_bandwidth() {
  const std::size_t bytes = std::size_t{2} << 30;
  const Buffer from(bytes), to(bytes);
  from.fill(1);
  cudaEvent_t begin{}, end{};
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  float best = 1e9f;
  for (int i = 0; i < 6; ++i) {
    CHECK(cudaEventRecord(begin));
    CHECK(cudaMemcpyAsync(to.get(), from.get(), bytes, cudaMemcpyDeviceToDevice));
    CHECK(cudaEventRecord(end));
    CHECK(cudaEventSynchronize(end));
    float ms = 0.0f;
    CHECK(cudaEventElapsedTime(&ms, begin, end));
    best = std::min(best, ms);
  }
  return 2.0 * static_cast<double>(bytes) / best * 1e3;
}

/// As many of one matrix as make 400 MB, so that nothing stays in the cache from one to the next.
std::vector<RandomWeight> copies(const WeightFormat& format, const Linear& l) {
  std::vector<RandomWeight> weights;
  std::int64_t bytes = 0;
  while (weights.empty() || (bytes < (std::int64_t{400} << 20) && weights.size() < 28)) {
    weights.emplace_back(format, l.outputs, l.inputs);
    bytes += weights.back().layout.bytes;
  }
  return weights;
}

double time_one(const Bed& bed, const std::vector<RandomWeight>& weights, bool gated, bool coded,
                const How& how, int rows, bool overlap) {
  std::vector<Launch> chain;
  for (int i = 0; i < 28; ++i) chain.push_back({&weights[i % weights.size()], gated, coded, how});
  return bed.time(chain, rows, overlap, 5) / 28.0;
}

void print_line(const char* name, int rows, const How& how, double us, double bytes,
                double bandwidth) {
  std::printf("%-10s rows %2d  ", name, rows);
  if (how.cut) {
    std::printf("clusters of %d share %s", how.cut->cluster,
                how.cut->shares_inputs ? "inputs " : "outputs");
  } else {
    const QuantGemmPlan& plan = how.plan;
    std::printf("plan %3d x %d x %d, %d stages  ", plan.workers, plan.depth_warps,
                plan.output_warps, plan.stages);
  }
  std::printf("  %8.2f us  %5.2f TB/s  %3.0f%%\n", us, bytes / us / 1e6,
              100.0 * bytes / us * 1e6 / bandwidth);
}

}  // namespace

void time_model(const std::vector<int>& rows_list, bool streamed) {
  const double bandwidth = copy_bandwidth();
  std::printf("copy: %.2f TB/s\n", bandwidth / 1e12);
  const Bed bed;
  std::vector<RandomWeight> weights;
  for (int layer = 0; layer < kLayers; ++layer) {
    for (int i = 0; i < 4; ++i)
      weights.emplace_back(affine(4), kQwen7B[i].outputs, kQwen7B[i].inputs);
  }
  weights.emplace_back(affine(4), kQwen7B[4].outputs, kQwen7B[4].inputs);
  for (const int rows : rows_list) {
    const auto how = [&](int i) -> How {
      const WeightView& w = i == 4 ? weights.back().view : weights[i].view;
      const bool gated = kQwen7B[i].gated;
      if (!streamed || !stream_gemm_pays(w, rows, gated, multiprocessors())) {
        return {quant_gemm_plan(w, gated, multiprocessors())};
      }
      return {{}, stream_gemm_cut(w, gated, kQwen7B[i].coded, multiprocessors())};
    };
    std::vector<Launch> step;
    double bytes = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const int l = i + 1 == weights.size() ? 4 : static_cast<int>(i % 4);
      step.push_back({&weights[i], kQwen7B[l].gated, kQwen7B[l].coded, how(l)});
      bytes += static_cast<double>(weights[i].layout.bytes);
    }
    for (int l = 0; l < 5; ++l) {
      std::vector<Launch> chain;
      if (l == 4) {
        chain = {step.back(), step.back()};
      } else {
        for (int layer = 0; layer < kLayers; ++layer) chain.push_back(step[4 * layer + l]);
      }
      const double n = static_cast<double>(chain.size());
      print_line(kQwen7B[l].name, rows, chain[0].how, bed.time(chain, rows, true, 10) / n,
                 static_cast<double>(chain[0].weight->layout.bytes), bandwidth);
    }
    const double plain = bed.time(step, rows, false, 10);
    const double overlapped = bed.time(step, rows, true, 10);
    std::printf("step, rows %d: %.0f us, %.0f us with overlap (%.0f%% of copy)\n", rows, plain,
                overlapped, 100.0 * bytes / overlapped * 1e6 / bandwidth);
  }
}

void time_plans(const std::vector<int>& rows_list) {
  const Bed bed;
  // Workers, warps along the inputs, warps along the outputs, stages.
  const std::vector<std::vector<QuantGemmPlan>> plans = {
      {{144, 7, 1, 1}, {264, 7, 1, 1}, {264, 4, 1, 1}},
      {{112, 7, 1, 2}},
      {{264, 2, 4, 2}},
      {{112, 8, 1, 2}, {264, 2, 4, 2}, {132, 2, 4, 2}, {132, 8, 1, 2}},
      {{264, 2, 4, 2}}};
  for (int l = 0; l < 5; ++l) {
    const auto weights = copies(affine(4), kQwen7B[l]);
    for (const int rows : rows_list) {
      for (const QuantGemmPlan& plan : plans[l]) {
        try {
          print_line(kQwen7B[l].name, rows, {plan},
                     time_one(bed, weights, kQwen7B[l].gated, false, {plan}, rows, true),
                     static_cast<double>(weights[0].layout.bytes), 4.2e12);
        } catch (const std::exception& e) {
          cudaStreamEndCapture(bed.stream, nullptr);
          cudaGetLastError();
          std::printf("%s\n", e.what());
          return;
        }
      }
    }
  }
}

void time_cuts(const std::vector<int>& rows_list) {
  const Bed bed;
  std::vector<Linear> all(std::begin(kQwen7B), std::end(kQwen7B));
  all.push_back({"3B gate_up", 22016, 2048, true, true});
  all.push_back({"3B head", 151936, 2048, false, false});
  all.push_back({"8B qkv", 6144, 4096, false, false});
  all.push_back({"8B gate_up", 24576, 4096, true, true});
  for (const Linear& l : all) {
    const auto weights = copies(affine(4), l);
    const WeightView& w = weights[0].view;
    const auto bytes = static_cast<double>(weights[0].layout.bytes);
    std::vector<How> hows = {{quant_gemm_plan(w, l.gated, multiprocessors())}};
    for (const StreamGemmCut& cut : kCuts) {
      if (stream_gemm_fits(w) && stream_gemm_can_cut(w, l.gated, l.coded, cut, multiprocessors())) {
        hows.push_back({{}, cut});
      }
    }
    for (const int rows : rows_list) {
      for (const How& how : hows) {
        print_line(l.name, rows, how, time_one(bed, weights, l.gated, l.coded, how, rows, true),
                   bytes, 4.2e12);
      }
    }
  }
}

void time_formats() {
  const Bed bed;
  std::vector<WeightFormat> formats = {affine(8), affine(6), affine(5), affine(3), affine(2)};
  for (const GgmlType type : {GgmlType::kQ8_0, GgmlType::kQ4_0, GgmlType::kQ5_0, GgmlType::kQ2_K,
                              GgmlType::kQ3_K, GgmlType::kQ4_K, GgmlType::kQ5_K, GgmlType::kQ6_K,
                              GgmlType::kIQ4_NL, GgmlType::kIQ4_XS, GgmlType::kMXFP4}) {
    formats.push_back(WeightFormat::blocks(type));
  }
  for (const WeightFormat& format : formats) {
    const auto weights = copies(format, kQwen7B[2]);
    for (const int rows : {16, 64}) {
      const How how{quant_gemm_plan(weights[0].view, true, multiprocessors())};
      print_line(format.name().c_str(), rows, how,
                 time_one(bed, weights, true, false, how, rows, true),
                 static_cast<double>(weights[0].layout.bytes), 4.2e12);
    }
  }
}

void profile(const std::vector<int>& rows_list) {
  const Bed bed;
  for (const int l : {0, 1, 2, 3}) {
    const RandomWeight weight(affine(4), kQwen7B[l].outputs, kQwen7B[l].inputs);
    for (const int rows : rows_list) {
      bed.launch({&weight,
                  kQwen7B[l].gated,
                  false,
                  {quant_gemm_plan(weight.view, kQwen7B[l].gated, multiprocessors())}},
                 rows, false);
      CHECK(cudaDeviceSynchronize());
    }
  }
}

}  // namespace saccade::bench
