// The subset of C++ that CUDA, the Metal Shading Language and a host compiler share.
//
// A kernel body is a template or function
//
//   GPU_FN void name(GPU_CONSTANT NameArgs& args, GPU_SHARED u8* shared, Group group)
//
// that every thread of a grid of thread groups runs. It is C++14 without recursion, virtual
// functions, exceptions, double and dynamic memory, and every pointer says which memory it points
// into:
//
//   GPU_GLOBAL    the device's memory         (CUDA: global,   Metal: device)
//   GPU_CONSTANT  the arguments of the launch (CUDA: param,    Metal: constant), read-only
//   GPU_SHARED    memory of one thread group  (CUDA: shared,   Metal: threadgroup)
//
// A pointer without a qualifier points into the thread's own memory. The tests compile every kernel
// once with four distinct address spaces, so that a missing qualifier is an error here as it would
// be on Metal.
#pragma once

#if defined(__METAL_VERSION__)
#include "portable_metal.h"
#elif defined(__CUDACC__)
#include "portable_cuda.h"
#else
#include "portable_host.h"
#endif

namespace saccade {
namespace gpu {

/// Threads that exchange values without barriers: a warp, a SIMD group.
constexpr u32 kLanes = 32;

/// Storage of 16-bit floats; arithmetic is done in float. (Enumerations, because only scalars can
/// be copied between address spaces everywhere.)
enum class bf16 : u16 {};
enum class f16 : u16 {};

GPU_FN float to_float(float value) {
  return value;
}
GPU_FN float to_float(bf16 value) {
  return as_float(u32(value) << 16);
}
GPU_FN float to_float(f16 value) {
  return half_to_float(u16(value));
}

/// Conversion from float, rounded to the nearest, ties to even.
template <typename T>
struct Rounded;
template <>
struct Rounded<float> {
  static GPU_FN float from(float value) { return value; }
};
template <>
struct Rounded<bf16> {
  static GPU_FN bf16 from(float value) { return bf16(float_to_bfloat(value)); }
};
template <>
struct Rounded<f16> {
  static GPU_FN f16 from(float value) { return f16(float_to_half(value)); }
};

// Sums and maxima over the lanes of a warp; every lane has the result. The order of the additions
// is a fixed tree, so results do not depend on timing.
GPU_FN float warp_sum(float value, Group group) {
  for (u32 mask = kLanes / 2; mask > 0; mask /= 2) value += group.shuffle_xor(value, mask);
  return value;
}
GPU_FN float warp_max(float value, Group group) {
  for (u32 mask = kLanes / 2; mask > 0; mask /= 2) {
    value = max_of(value, group.shuffle_xor(value, mask));
  }
  return value;
}

/// The sum over all threads of a group, in every thread. `scratch` holds a float for each warp and
/// may be used again after the next barrier.
GPU_FN float group_sum(float value, GPU_SHARED float* scratch, Group group) {
  value = warp_sum(value, group);
  if (group.lane() == 0) scratch[group.warp()] = value;
  group.barrier();
  value = group.lane() < group.warps() ? scratch[group.lane()] : 0.0f;
  return warp_sum(value, group);
}

}  // namespace gpu
}  // namespace saccade
