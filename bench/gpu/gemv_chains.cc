// Times of the products of a whole decode step.
#include <span>
#include <string_view>

#include "compute/gpu/weight_layout.h"
#include "gemv_bench.h"
#include "gemv_inputs.h"

namespace saccade::compute::gpu {
namespace {

void launch_wait(u32 groups, cudaStream_t stream) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(groups);
  config.blockDim = dim3(256);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  CUDA_CHECK(cudaLaunchKernelExC(&config, wait_function(), nullptr));
}

/// Steps of a model: four products a layer, without and with three small launches between.
void time_chain(const char* name, const WeightFormat& format, std::int64_t layers,
                std::span<const Shape, 4> shapes, const Shape& head, double copy_rate) {
  const Buffers buffers;
  std::vector<std::unique_ptr<TimedWeight>> weights;
  double bytes = 0.0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    for (const Shape& shape : shapes) {
      weights.push_back(std::make_unique<TimedWeight>(format, shape.outputs, shape.inputs));
      bytes += weights.back()->bytes();
    }
  }
  const TimedWeight head_weight(format, head.outputs, head.inputs);
  bytes += head_weight.bytes();
  for (const int small : {0, 3}) {
    const double us = time_us([&](cudaStream_t stream) {
      for (std::int64_t layer = 0; layer < layers; ++layer) {
        for (int i = 0; i < 4; ++i) {
          enqueue_gemv(weights[layer * 4 + i]->view(), shapes[i].use, buffers, stream);
          if (i > 0) continue;
          for (int j = 0; j < small; ++j) {
            RmsNormArgs args{};
            args.y = buffers.wide.get();
            args.x = buffers.wide.get();
            args.weight = buffers.norm.get();
            args.n = 512;
            launch(Kernel::rms_norm_f32_f32, {.x = 8, .threads = 128, .shared_bytes = 128}, &args,
                   stream);
          }
        }
      }
      enqueue_gemv(head_weight.view(), Use::kNormed, buffers, stream);
    });
    std::printf("%s, %d launches a layer: %.0f us, %.0f%% of %.0f us; %.2f us a launch more\n",
                name, 4 + small, us, 100.0 * bytes / us / copy_rate, bytes / copy_rate,
                (us - bytes / copy_rate) / static_cast<double>(layers * (4 + small) + 1));
  }
}

}  // namespace

void time_chains(double copy_rate) {
  const Buffers buffers;
  for (const u32 groups : {1u, 8u, 132u}) {
    const double us = time_us([&](cudaStream_t stream) {
      for (int i = 0; i < 200; ++i) {
        RmsNormArgs args{};
        args.y = buffers.wide.get();
        args.x = buffers.wide.get();
        args.weight = buffers.norm.get();
        args.n = 512;
        launch(Kernel::rms_norm_f32_f32, {.x = groups, .threads = 128, .shared_bytes = 128}, &args,
               stream);
      }
    });
    const double wait_us = time_us([&](cudaStream_t stream) {
      for (int i = 0; i < 200; ++i) {
        launch_wait(groups, stream);
      }
    });
    std::printf("%u groups: a norm takes %.2f us, a wait %.2f us\n", groups, us / 200,
                wait_us / 200);
  }
  const WeightFormat& format = kFormats[0].format;
  const Shape seven[] = {{4608, 3584, Use::kNormed},
                         {3584, 3584, Use::kAdd},
                         {37888, 3584, Use::kNormedGated},
                         {3584, 18944, Use::kAdd}};
  const Shape three[] = {{2560, 2048, Use::kNormed},
                         {2048, 2048, Use::kAdd},
                         {22016, 2048, Use::kNormedGated},
                         {2048, 11008, Use::kAdd}};
  time_chain("7B", format, 28, seven, {152064, 3584, Use::kNormed}, copy_rate);
  time_chain("3B", format, 36, three, {151936, 2048, Use::kNormed}, copy_rate);
}

}  // namespace saccade::compute::gpu
