// The subset of C++ that CUDA, the Metal Shading Language and a host compiler share.
//
// A kernel body is a template or function
//
//   GPU_FN void name(GPU_CONSTANT NameArgs& args, GPU_SHARED u8* shared, Group group)
//
// that every thread of a grid of thread groups runs. It is C++14 without recursion, virtual
// functions, exceptions, double and dynamic memory, without Metal's own words as names (thread,
// half, device, kernel), and every pointer says which memory it points into:
//
//   GPU_GLOBAL    the device's memory         (CUDA: global,   Metal: device)
//   GPU_CONSTANT  the arguments of the launch (CUDA: param,    Metal: constant), read-only
//   GPU_SHARED    memory of one thread group  (CUDA: shared,   Metal: threadgroup)
//   GPU_THREAD    the thread's own memory     (CUDA: local,    Metal: thread)
//
// A function that hosts call as well is GPU_FN_ANYWHERE. References say their memory too, and
// constants outside of functions are GPU_CONSTEXPR. Structs are copied from one memory to another
// member by member, and their functions called in the thread's own. Every kernel begins with
// group.allow_next() and, before it reads what another launch may have written or writes anything,
// group.wait_for_inputs().
//
// The tests parse every kernel once with distinct address spaces (cmake/metal_parse_test.cmake), so
// that a missing qualifier is an error here as it would be on Metal.
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
GPU_CONSTEXPR u32 kLanes = 32;

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

/// Conversion from float, rounded to the nearest, ties to even, and back. What f16 cannot hold
/// becomes its largest number, since infinities become not-a-numbers in the next sum; libraries'
/// products write infinities, so these are read as that, too. Not-a-numbers stay, so that whoever
/// looks for them finds them.
template <typename T>
struct Rounded;
template <>
struct Rounded<float> {
  static GPU_FN float from(float value) { return value; }
  static GPU_FN float read(float value) { return value; }
};
template <>
struct Rounded<f16> {
  static GPU_FN f16 from(float value) { return f16(held_halves(float_to_half(value))); }
  static GPU_FN float read(f16 value) { return half_to_float(u16(held_halves(u32(value)))); }
};

/// What one thread reads or writes at once of rows that are read by many: 16 bytes of 16-bit
/// floats.
GPU_CONSTEXPR u32 kUnit = 8;

GPU_FN void load_unit(GPU_GLOBAL const float* from, GPU_THREAD float* to) {
  const Words4 low = *(GPU_GLOBAL const Words4*)from;
  const Words4 high = *(GPU_GLOBAL const Words4*)(from + 4);
  to[0] = as_float(low.x);
  to[1] = as_float(low.y);
  to[2] = as_float(low.z);
  to[3] = as_float(low.w);
  to[4] = as_float(high.x);
  to[5] = as_float(high.y);
  to[6] = as_float(high.z);
  to[7] = as_float(high.w);
}
GPU_FN void load_unit(GPU_GLOBAL const f16* from, GPU_THREAD float* to) {
  const Words4 words = *(GPU_GLOBAL const Words4*)from;
  const u32 x = held_halves(words.x);
  const u32 y = held_halves(words.y);
  const u32 z = held_halves(words.z);
  const u32 w = held_halves(words.w);
  to[0] = half_to_float(u16(x));
  to[1] = half_to_float(u16(x >> 16));
  to[2] = half_to_float(u16(y));
  to[3] = half_to_float(u16(y >> 16));
  to[4] = half_to_float(u16(z));
  to[5] = half_to_float(u16(z >> 16));
  to[6] = half_to_float(u16(w));
  to[7] = half_to_float(u16(w >> 16));
}
GPU_FN void store_unit(GPU_GLOBAL float* to, GPU_THREAD const float* from) {
  Words4 low;
  low.x = as_bits(from[0]);
  low.y = as_bits(from[1]);
  low.z = as_bits(from[2]);
  low.w = as_bits(from[3]);
  Words4 high;
  high.x = as_bits(from[4]);
  high.y = as_bits(from[5]);
  high.z = as_bits(from[6]);
  high.w = as_bits(from[7]);
  *(GPU_GLOBAL Words4*)to = low;
  *(GPU_GLOBAL Words4*)(to + 4) = high;
}
/// Two f16 in a word, `low` in its low half.
GPU_FN u32 f16_pair(float low, float high) {
  return held_halves(float_to_half_pair(low, high));
}
GPU_FN void store_unit(GPU_GLOBAL f16* to, GPU_THREAD const float* from) {
  Words4 words;
  words.x = f16_pair(from[0], from[1]);
  words.y = f16_pair(from[2], from[3]);
  words.z = f16_pair(from[4], from[5]);
  words.w = f16_pair(from[6], from[7]);
  *(GPU_GLOBAL Words4*)to = words;
}

// The same in pieces of 8 bytes, for rows that begin at no better place.
GPU_FN void load_pieces(GPU_GLOBAL const float* from, GPU_THREAD float* to) {
  GPU_UNROLL
  for (u32 i = 0; i < kUnit / 2; ++i) {
    const Words2 words = *((GPU_GLOBAL const Words2*)from + i);
    to[2 * i] = as_float(words.x);
    to[2 * i + 1] = as_float(words.y);
  }
}
GPU_FN void load_pieces(GPU_GLOBAL const f16* from, GPU_THREAD float* to) {
  GPU_UNROLL
  for (u32 i = 0; i < kUnit / 4; ++i) {
    const Words2 words = *((GPU_GLOBAL const Words2*)from + i);
    const u32 x = held_halves(words.x);
    const u32 y = held_halves(words.y);
    to[4 * i] = half_to_float(u16(x));
    to[4 * i + 1] = half_to_float(u16(x >> 16));
    to[4 * i + 2] = half_to_float(u16(y));
    to[4 * i + 3] = half_to_float(u16(y >> 16));
  }
}
GPU_FN void store_pieces(GPU_GLOBAL float* to, GPU_THREAD const float* from) {
  GPU_UNROLL
  for (u32 i = 0; i < kUnit / 2; ++i) {
    Words2 words;
    words.x = as_bits(from[2 * i]);
    words.y = as_bits(from[2 * i + 1]);
    *((GPU_GLOBAL Words2*)to + i) = words;
  }
}
GPU_FN void store_pieces(GPU_GLOBAL f16* to, GPU_THREAD const float* from) {
  GPU_UNROLL
  for (u32 i = 0; i < kUnit / 4; ++i) {
    Words2 words;
    words.x = f16_pair(from[4 * i], from[4 * i + 1]);
    words.y = f16_pair(from[4 * i + 2], from[4 * i + 3]);
    *((GPU_GLOBAL Words2*)to + i) = words;
  }
}

/// The next kUnit elements of a row that has `left` more, zeros after them; at once if `wide` and
/// there are as many.
template <typename T>
GPU_FN void load_some(GPU_GLOBAL const T* from, u32 left, bool wide, GPU_THREAD float* to) {
  if (wide && left >= kUnit) {
    load_unit(from, to);
    return;
  }
  if (left >= kUnit && (address_of(from) & 7u) == 0) {
    load_pieces(from, to);
    return;
  }
  GPU_UNROLL
  for (u32 i = 0; i < kUnit; ++i) to[i] = i < left ? Rounded<T>::read(from[i]) : 0.0f;
}
template <typename T>
GPU_FN void store_some(GPU_GLOBAL T* to, u32 left, bool wide, GPU_THREAD const float* from) {
  if (wide && left >= kUnit) {
    store_unit(to, from);
    return;
  }
  if (left >= kUnit && (address_of(to) & 7u) == 0) {
    store_pieces(to, from);
    return;
  }
  GPU_UNROLL
  for (u32 i = 0; i < kUnit; ++i) {
    if (i < left) to[i] = Rounded<T>::from(from[i]);
  }
}

/// Whether rows `stride` elements apart all begin at multiples of 16 bytes.
template <typename T>
GPU_FN bool aligned_rows(GPU_GLOBAL const T* rows, u64 stride) {
  return ((address_of(rows) | stride * sizeof(T)) & 15u) == 0;
}

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
