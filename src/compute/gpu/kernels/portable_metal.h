// What portable.h needs of Metal. Never compiled yet: written from the Metal Shading Language
// specification (version 3.1), for a compiler that runs on macOS alone. What the host can check of
// the kernels, cmake/metal_parse_check.cmake does.
//
// A kernel of the table becomes an entry point as in
//
//   kernel void rms_norm_f32_f32_entry(constant RmsNormArgs& args [[buffer(0)]],
//                                      threadgroup uchar* shared [[threadgroup(0)]],
//                                      uint3 place [[threadgroup_position_in_grid]],
//                                      uint3 groups [[threadgroups_per_grid]],
//                                      uint thread [[thread_index_in_threadgroup]],
//                                      uint3 threads [[threads_per_threadgroup]]) {
//     rms_norm<float, float>(args, shared, Group{place, groups.x, thread, threads.x});
//   }
//
// Arguments hold addresses (MTLBuffer.gpuAddress), whose buffers are made resident.
#pragma once

#include <metal_stdlib>

#define GPU_FN inline
#define GPU_FN_ANYWHERE inline
#define GPU_GLOBAL device
#define GPU_CONSTANT const constant
#define GPU_SHARED threadgroup
#define GPU_THREAD thread
#define GPU_CONSTEXPR constant constexpr
#define GPU_UNROLL _Pragma("unroll")

namespace saccade {
namespace gpu {

using i8 = char;
using i32 = int;
using u8 = uchar;
using u16 = ushort;
using u32 = uint;
using u64 = ulong;
typedef uint4 Words4;
typedef uint2 Words2;

struct Group {
  uint3 place;
  u32 groups;
  u32 index;
  u32 count;

  u32 thread_() const { return index; }
  u32 threads() const { return count; }
  u32 lane() const { return index % 32; }
  u32 warp() const { return index / 32; }
  u32 warps() const { return (count + 31) / 32; }
  u32 x() const { return place.x; }
  u32 y() const { return place.y; }
  u32 z() const { return place.z; }
  u32 groups_x() const { return groups; }
};

}  // namespace gpu
}  // namespace saccade
