// Attention between channels on a GPU.
#include "base/error.h"
#include "compute/gpu/gpu_device.h"

namespace saccade::compute::gpu {

namespace kernels = saccade::gpu;
using kernels::u32;
using kernels::u64;

void GpuDevice::do_channel_attention(const Tensor& out, const Tensor& q, const Tensor& k,
                                     const Tensor& v, int groups, float scale) {
  if (q.dtype() != k.dtype() || v.dtype() != out.dtype()) {
    fail("[channel_attention] no kernel takes {} with {} or makes {} of {}", dtype_name(q.dtype()),
         dtype_name(k.dtype()), dtype_name(out.dtype()), dtype_name(v.dtype()));
  }
  const std::int64_t rows = q.rows();
  if (rows == 0) return;
  const std::int64_t channels = q.size(1) / groups;
  const std::int64_t stretches = (rows + kernels::kChannelStretch - 1) / kernels::kChannelStretch;
  const u32 tiles = kernels::channel_tiles(static_cast<u32>(channels));
  const Tensor scores = empty(DType::kF32, {stretches * q.size(1), channels});
  const Tensor weights = empty(DType::kF32, {q.size(1), channels});
  const kernels::ChannelScoresArgs products{scores.data<float>(),
                                            q.raw(),
                                            k.raw(),
                                            static_cast<u64>(q.row_stride()),
                                            static_cast<u64>(k.row_stride()),
                                            static_cast<u32>(rows),
                                            static_cast<u32>(groups),
                                            static_cast<u32>(channels)};
  launch_kernel(typed(q, Kernel::channel_scores_f32, Kernel::channel_scores_f16),
                {static_cast<u32>(groups) * tiles * tiles, static_cast<u32>(stretches), 1,
                 kernels::kChannelThreads, kernels::kChannelSharedBytes},
                &products);
  const kernels::ChannelSoftmaxArgs softmax{weights.data<float>(),       scores.data<float>(),
                                            static_cast<u32>(stretches), static_cast<u32>(groups),
                                            static_cast<u32>(channels),  scale};
  launch_kernel(Kernel::channel_softmax, {static_cast<u32>(q.size(1)), 1, 1, kernels::kLanes, 0},
                &softmax);
  const kernels::ChannelMixArgs mix{out.raw(),
                                    v.raw(),
                                    weights.data<float>(),
                                    static_cast<u64>(out.row_stride()),
                                    static_cast<u64>(v.row_stride()),
                                    static_cast<u32>(rows),
                                    static_cast<u32>(channels)};
  constexpr std::int64_t kWarps = kernels::kChannelThreads / kernels::kLanes;
  launch_kernel(typed(v, Kernel::channel_mix_f32, Kernel::channel_mix_f16),
                {static_cast<u32>((rows + kWarps - 1) / kWarps), static_cast<u32>(groups) * tiles,
                 1, kernels::kChannelThreads, 0},
                &mix);
}

}  // namespace saccade::compute::gpu
