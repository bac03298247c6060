// The kernel of quant_gemm.h.
//
// A warp computes 32 outputs (two tiles of mma's 16 rows) for kTiles * 8 rows of activations over
// its share of the inputs, which it takes in stages of 128. The warps of a block that share a
// range of inputs are a team: each fetches its own weights, all together the activations, with
// cp.async into a ring of stages. A chunk's plane of 4-bit codes is what ldmatrix wants: lane
// (g, t) of a warp gets word t of row g, in which are quads t and t + 4, and these are the lane's
// parts of mma's operand.
//
// Scales, of which formats have many kinds, go through registers: a lane reads what its row needs
// for the next stage while the warp works on this one, and stores floats.
#pragma once

#include "compute/cuda/quant_gemm_kernel.h"
#include "compute/gpu/kernels/unpack.h"

namespace saccade::compute::cuda {

SACCADE_EVERYWHERE constexpr u32 units_of_stage(ScaleUnit unit) {
  return unit == ScaleUnit::kHalf    ? 2 * kStageChunks
         : unit == ScaleUnit::kChunk ? kStageChunks
                                     : kStageChunks / 2;
}

/// Shared bytes from row to row of a plane with `bytes` for a chunk, such that eight rows lie in
/// different banks; rows of 16 bytes a chunk are permuted instead.
SACCADE_EVERYWHERE constexpr u32 plane_stride(u32 bytes) {
  return bytes == 8 ? kStageChunks * 8 + 16 : kStageChunks * bytes;
}

/// Where things are in a team's shared memory.
template <CodeKind kCodes, ScaleUnit kUnit, u32 kTiles>
struct TeamLayout {
  using P = Planes<kCodes>;
  static constexpr u32 kLowStride = plane_stride(P::kLowWords * 4);
  static constexpr u32 kHighStride = P::kHighWords > 0 ? plane_stride(P::kHighWords * 4) : 0;
  static constexpr u32 kUnits = units_of_stage(kUnit);
  static constexpr u32 kRows = kTiles * 8;
  static constexpr u32 kWarpWeights = kWarpOutputs * (kLowStride + kHighStride);
  static constexpr u32 kWarpScales = kWarpOutputs * kUnits * 8;
  static constexpr u32 kActivations = kRows * kStageChunks * kChunk;
  static constexpr u32 kActivationScales = kRows * kStageChunks * 8;
  static constexpr u32 kActivationSums = kRows * kUnits * 4;

  SACCADE_EVERYWHERE static constexpr u32 stage_bytes(u32 warps) {
    return warps * kWarpWeights + kActivations;
  }
  /// Of one of the two buffers of scales.
  SACCADE_EVERYWHERE static constexpr u32 scale_bytes(u32 warps) {
    return warps * kWarpScales + kActivationScales + kActivationSums;
  }
  SACCADE_EVERYWHERE static constexpr u32 bytes(u32 warps, u32 stages) {
    return stages * stage_bytes(warps) + 2 * scale_bytes(warps);
  }
};

GPU_FN void copy_async16(u32 to, const u8* from, bool valid) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(valid ? 16u : 0u));
}
GPU_FN void copy_async4(u32 to, const u8* from, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from),
               "r"(valid ? 4u : 0u));
}
GPU_FN void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kPending>
GPU_FN void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}
/// Waits until at most `pending` of this thread's groups of copies are on their way.
GPU_FN void wait_copies(u32 pending) {
  switch (pending) {
    case 0:
      return wait_copies<0>();
    case 1:
      return wait_copies<1>();
    case 2:
      return wait_copies<2>();
    case 3:
      return wait_copies<3>();
    case 4:
      return wait_copies<4>();
    case 5:
      return wait_copies<5>();
    default:
      return wait_copies<6>();
  }
}

GPU_FN void load_matrices(u32* to, u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}
GPU_FN u32 load_word(u32 address) {
  u32 word;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(address) : "memory");
  return word;
}

/// 1.5 * 2^23: an integer below 2^22 added to these bits is the float of both's sum.
constexpr u32 kMagicBits = 0x4b400000u;
constexpr float kMagic = 12582912.0f;

/// Products of a chunk's codes, four results of each lane, as floats that are kMagic too large.
template <bool kSigned>
GPU_FN void multiply32(u32* d, const u32* a, u32 b0, u32 b1) {
  if (kSigned) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%10, %10, %10, %10};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "r"(kMagicBits));
  } else {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%10, %10, %10, %10};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "r"(kMagicBits));
  }
}
/// The same of half a chunk.
template <bool kSigned>
GPU_FN void multiply16(u32* d, u32 a0, u32 a1, u32 b) {
  if (kSigned) {
    asm("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
        "{%7, %7, %7, %7};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a0), "r"(a1), "r"(b), "r"(kMagicBits));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
        "{%7, %7, %7, %7};"
        : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
        : "r"(a0), "r"(a1), "r"(b), "r"(kMagicBits));
  }
}

/// Scale records of a row for a stage, as they lie in memory.
template <u32 kRecords>
struct StageScales {
  u32 record[kRecords], second[kRecords], third[kRecords];
};

template <ScaleKind kScales, u32 kRecords>
GPU_FN void read_records(const WeightView& w, u32 row, u32 chunk, StageScales<kRecords>& to) {
  constexpr u32 kStep = kStageChunks / kRecords;
  if (kScales == ScaleKind::kScaleOffset && kStep == 2 && w.group_shift == 1 && w.groups % 2 == 0) {
    const Words2 both = read_kept((const Words2*)w.scales + (u64(row) * w.groups + chunk / 2) / 2);
    to.record[0] = both.x;
    to.record[kRecords - 1] = both.y;
    return;
  }
  GPU_UNROLL
  for (u32 i = 0; i < kRecords; ++i) {
    const u32 c = chunk + i * kStep;
    RawScales<kScales> raw = {0, 0, 0};
    raw.read(w, weight_row(w, row), c < w.chunks ? c : w.chunks - 1);
    to.record[i] = raw.record;
    to.second[i] = raw.second;
    to.third[i] = raw.third;
  }
}

template <ScaleKind kScales, u32 kUnits, u32 kRecords>
GPU_FN void store_records(const WeightView& w, const StageScales<kRecords>& from, float2* to) {
  const float zero = float(w.zero);
  GPU_UNROLL
  for (u32 i = 0; i < kRecords; ++i) {
    RawScales<kScales> raw;
    raw.record = from.record[i];
    raw.second = from.second[i];
    raw.third = from.third[i];
    const ChunkScales s = unpack_scales<kScales>(w, raw);
    GPU_UNROLL
    for (u32 part = 0; part < kUnits / kRecords; ++part) {
      const float scale = s.scale[part];
      const float offset = ScaleTraits<kScales>::kZero ? -(scale * s.offset[part])
                                                       : fmaf(-zero, scale, s.offset[part]);
      to[(i * (kUnits / kRecords) + part) * kWarpOutputs] = make_float2(scale, offset);
    }
  }
}

#define SACCADE_FOR_SCALE_KIND(kind, call)    \
  switch (kind) {                             \
    case ScaleKind::kScale:                   \
      return call(ScaleKind::kScale);         \
    case ScaleKind::kScaleOffset:             \
      return call(ScaleKind::kScaleOffset);   \
    case ScaleKind::kScaleZero:               \
      return call(ScaleKind::kScaleZero);     \
    case ScaleKind::kScale32:                 \
      return call(ScaleKind::kScale32);       \
    case ScaleKind::kScaleOffset32:           \
      return call(ScaleKind::kScaleOffset32); \
    case ScaleKind::kScaleZero32:             \
      return call(ScaleKind::kScaleZero32);   \
    case ScaleKind::kE8m0:                    \
      return call(ScaleKind::kE8m0);          \
    case ScaleKind::kParts8:                  \
      return call(ScaleKind::kParts8);        \
    case ScaleKind::kParts8Min:               \
      return call(ScaleKind::kParts8Min);     \
    default:                                  \
      return;                                 \
  }
#define SACCADE_FOR_HALF_SCALE_KIND(kind, call) \
  switch (kind) {                               \
    case ScaleKind::kE4m3:                      \
      return call(ScaleKind::kE4m3);            \
    case ScaleKind::kParts16:                   \
      return call(ScaleKind::kParts16);         \
    case ScaleKind::kParts16Min:                \
      return call(ScaleKind::kParts16Min);      \
    case ScaleKind::kParts16Six:                \
      return call(ScaleKind::kParts16Six);      \
    default:                                    \
      return;                                   \
  }

template <ScaleUnit kUnit, u32 kRecords>
GPU_FN void read_scales(const WeightView& w, u32 row, u32 chunk, StageScales<kRecords>& to) {
#define SACCADE_READ(kind) read_records<kind>(w, row, chunk, to)
  if constexpr (kUnit == ScaleUnit::kHalf) {
    SACCADE_FOR_HALF_SCALE_KIND(w.scale_kind, SACCADE_READ)
  } else {
    SACCADE_FOR_SCALE_KIND(w.scale_kind, SACCADE_READ)
  }
#undef SACCADE_READ
}
template <ScaleUnit kUnit, u32 kRecords>
GPU_FN void store_scales(const WeightView& w, const StageScales<kRecords>& from, float2* to) {
#define SACCADE_STORE(kind) store_records<kind, units_of_stage(kUnit)>(w, from, to)
  if constexpr (kUnit == ScaleUnit::kHalf) {
    SACCADE_FOR_HALF_SCALE_KIND(w.scale_kind, SACCADE_STORE)
  } else {
    SACCADE_FOR_SCALE_KIND(w.scale_kind, SACCADE_STORE)
  }
#undef SACCADE_STORE
}

/// A warp's work on its share of the inputs.
template <CodeKind kCodes, ScaleUnit kUnit, u32 kTiles>
class WarpProduct {
 public:
  using Layout = TeamLayout<kCodes, kUnit, kTiles>;
  using P = Planes<kCodes>;
  static constexpr bool kSigned = kCodes == CodeKind::kTable4;
  static constexpr u32 kUnits = Layout::kUnits;
  static constexpr u32 kRecords = kUnit == ScaleUnit::kPair ? kUnits : kStageChunks;
  static constexpr u32 kRows = Layout::kRows;
  /// Pairs of activation chunks that a thread brings, at most.
  static constexpr u32 kPairs = kRows * (kStageChunks / 2) / kLanes;

  /// results[m][n]: outputs 16 m + g and + 8, rows 8 n + 2 t and + 1.
  float results[2][kTiles][4];

  GPU_FN WarpProduct(const QuantGemmKernelArgs& args, u8* shared, u32 output_tile, u32 split,
                     u32 first_row)
      : a_(args), first_row_(first_row), lane_(threadIdx.x % kLanes) {
    const u32 warp = threadIdx.x / kLanes;
    warp_ = warp % a_.output_warps;
    team_ = warp / a_.output_warps;
    thread_ = warp_ * kLanes + lane_;
    team_threads_ = a_.output_warps * kLanes;
    stage_bytes_ = Layout::stage_bytes(a_.output_warps);
    shared_ = shared + team_ * Layout::bytes(a_.output_warps, a_.stages);
    address_ = u32(__cvta_generic_to_shared(shared_));
    first_output_ = (output_tile * a_.output_warps + warp_) *
                    (a_.pair_distance ? kWarpOutputs / 2 : kWarpOutputs);
    // Shares are cut at multiples of 256 inputs.
    const u32 blocks = (a_.w.chunks + 7) / 8;
    const u32 parts = a_.splits * a_.depth_warps;
    const u32 part = split * a_.depth_warps + team_;
    first_chunk_ = u32(u64(part) * blocks / parts) * 8;
    u32 end = u32(u64(part + 1) * blocks / parts) * 8;
    end = end < a_.w.chunks ? end : a_.w.chunks;
    stages_ = end > first_chunk_ ? (end - first_chunk_ + kStageChunks - 1) / kStageChunks : 0;
    for (u32 m = 0; m < 2; ++m) {
      for (u32 n = 0; n < kTiles; ++n) {
        for (u32 i = 0; i < 4; ++i) results[m][n][i] = 0.0f;
      }
    }
  }

  GPU_FN void run() {
    const u32 ahead = a_.stages - 1;
    StageScales<kRecords> scales;
    for (u32 s = 0; s < ahead; ++s) copy_weights(s);
    const u32 own_row = output_row(lane_);
    if (stages_ > 0) read_scales<kUnit>(a_.w, own_row, first_chunk_, scales);
    wait_for_inputs();
    ActivationChunk chunks[kPairs][2];
    read_activation_scales(0, chunks);
    for (u32 s = 0; s < ahead; ++s) {
      copy_activations(s);
      commit_copies();
    }
    u32 slot = 0, next_slot = ahead;
    for (u32 s = 0; s < stages_; ++s) {
      wait_copies(ahead - 1);
      u8* to = scale_buffer(s);
      store_scales<kUnit>(a_.w, scales, (float2*)(to + warp_ * Layout::kWarpScales) + lane_);
      store_activation_scales(chunks, to + a_.output_warps * Layout::kWarpScales);
      team_barrier();
      // Everybody is done with the stage before this one, and its slot is free.
      copy_weights(s + ahead, next_slot);
      copy_activations(s + ahead, next_slot);
      commit_copies();
      if (s + 1 < stages_) {
        read_scales<kUnit>(a_.w, own_row, first_chunk_ + (s + 1) * kStageChunks, scales);
        read_activation_scales(s + 1, chunks);
      }
      multiply_stage(address_ + slot * stage_bytes_, to);
      slot = slot + 1 == a_.stages ? 0 : slot + 1;
      next_slot = next_slot + 1 == a_.stages ? 0 : next_slot + 1;
    }
    wait_copies<0>();
  }

 private:
  GPU_FN void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
    cudaTriggerProgrammaticLaunchCompletion();
    cudaGridDependencySynchronize();
#endif
  }
  GPU_FN void team_barrier() {
    if (a_.output_warps == 1) {
      __syncwarp();
    } else {
      asm volatile("bar.sync %0, %1;" ::"r"(team_ + 1), "r"(team_threads_) : "memory");
    }
  }

  /// The matrix's row for row `i` of 32 of this warp; rows beyond its end repeat the last.
  GPU_FN u32 output_row(u32 i) const {
    if (a_.pair_distance) {
      const u32 row = first_output_ + i % 16;
      return (row < a_.pair_distance ? row : a_.pair_distance - 1) +
             (i < 16 ? 0 : a_.pair_distance);
    }
    const u32 row = first_output_ + i;
    return row < a_.w.outputs ? row : a_.w.outputs - 1;
  }

  GPU_FN u8* scale_buffer(u32 stage) const {
    return shared_ + a_.stages * stage_bytes_ + stage % 2 * Layout::scale_bytes(a_.output_warps);
  }

  /// Bytes of a chunk in a plane are kBytes; 16 of them are permuted against bank conflicts.
  template <u32 kBytes>
  GPU_FN void copy_plane(u32 to, const u8* plane, u32 chunk) {
    constexpr u32 kSegment = kBytes * kStageChunks;
    constexpr u32 kStride = plane_stride(kBytes);
    const u64 row_bytes = u64(a_.w.chunks) * kBytes;
    if (kBytes == 16 || row_bytes % 16 == 0) {
      constexpr u32 kPieces = kSegment / 16;
      GPU_UNROLL
      for (u32 i = 0; i < kPieces; ++i) {
        const u32 row = (i * kLanes + lane_) / kPieces;
        const u32 piece = lane_ % kPieces;
        const u32 offset = chunk * kBytes + piece * 16;
        const bool valid = offset < row_bytes;
        const u32 place = kBytes == 16 ? piece ^ (row / 2 % 4) : piece;
        copy_async16(to + row * kStride + place * 16,
                     plane + output_row(row) * row_bytes + (valid ? offset : 0), valid);
      }
    } else {
      constexpr u32 kPieces = kSegment / 4;
      for (u32 i = 0; i < kPieces; ++i) {
        const u32 row = (i * kLanes + lane_) / kPieces;
        const u32 piece = (i * kLanes + lane_) % kPieces;
        const u32 offset = chunk * kBytes + piece * 4;
        const bool valid = offset < row_bytes;
        copy_async4(to + row * kStride + piece * 4,
                    plane + output_row(row) * row_bytes + (valid ? offset : 0), valid);
      }
    }
  }
  GPU_FN void copy_weights(u32 stage, u32 slot) {
    if (stage >= stages_) return;
    const u32 to = address_ + slot * stage_bytes_ + warp_ * Layout::kWarpWeights;
    const u32 chunk = first_chunk_ + stage * kStageChunks;
    copy_plane<P::kLowWords * 4>(to, a_.w.low, chunk);
    if constexpr (P::kHighWords > 0) {
      copy_plane<P::kHighWords * 4>(to + kWarpOutputs * Layout::kLowStride, a_.w.high, chunk);
    }
  }
  GPU_FN void copy_weights(u32 stage) {
    copy_weights(stage, stage);
  }

  GPU_FN void copy_activations(u32 stage, u32 slot) {
    if (stage >= stages_) return;
    constexpr u32 kPieces = kStageChunks * 2;
    const u32 to = address_ + slot * stage_bytes_ + a_.output_warps * Layout::kWarpWeights;
    const u32 chunk = first_chunk_ + stage * kStageChunks;
    for (u32 i = thread_; i < kRows * kPieces; i += team_threads_) {
      const u32 row = i / kPieces;
      const u32 piece = i % kPieces;
      const bool valid = first_row_ + row < a_.rows && chunk + piece / 2 < a_.w.chunks;
      const u64 offset = (u64(first_row_ + row) * a_.w.chunks + chunk) * kChunk + piece * 16;
      copy_async16(to + row * kStageChunks * kChunk + (piece ^ (row % 8)) * 16,
                   a_.codes + (valid ? offset : 0), valid);
    }
  }
  GPU_FN void copy_activations(u32 stage) {
    copy_activations(stage, stage);
  }

  GPU_FN void read_activation_scales(u32 stage, ActivationChunk (*to)[2]) {
    const u32 first = first_chunk_ + stage * kStageChunks;
    GPU_UNROLL
    for (u32 i = 0; i < kPairs; ++i) {
      const u32 entry = thread_ + i * team_threads_;
      const u32 row = first_row_ + entry / (kStageChunks / 2);
      const u32 chunk = first + entry % (kStageChunks / 2) * 2;
      GPU_UNROLL
      for (u32 j = 0; j < 2; ++j) {
        to[i][j] = {0.0f, 0};
        if (entry < kRows * (kStageChunks / 2) && row < a_.rows && chunk + j < a_.w.chunks) {
          const Words2 words = *((const Words2*)a_.chunks + u64(row) * a_.w.chunks + chunk + j);
          to[i][j] = {as_float(words.x), words.y};
        }
      }
    }
  }
  /// float2 [chunks][rows]: the scale and what to add for sums that are kMagic too large; and
  /// float [units][rows]: sums of activations.
  GPU_FN void store_activation_scales(const ActivationChunk (*from)[2], u8* to) {
    float2* scales = (float2*)to;
    float* sums = (float*)(to + Layout::kActivationScales);
    GPU_UNROLL
    for (u32 i = 0; i < kPairs; ++i) {
      const u32 entry = thread_ + i * team_threads_;
      const u32 row = entry / (kStageChunks / 2);
      const u32 pair = entry % (kStageChunks / 2);
      if (entry >= kRows * (kStageChunks / 2)) break;
      float sum[2][2];
      GPU_UNROLL
      for (u32 j = 0; j < 2; ++j) {
        // With two bits less, the product with kMagic is exact, and so is the difference.
        const float scale = as_float(as_bits(from[i][j].scale) & ~3u);
        scales[(2 * pair + j) * kRows + row] = make_float2(scale, -kMagic * scale);
        const i32 first = half_sum(from[i][j].sums, 0);
        const i32 second = half_sum(from[i][j].sums, 1);
        sum[j][0] =
            rounded_product(scale, float(kUnit == ScaleUnit::kHalf ? first : first + second));
        sum[j][1] = rounded_product(scale, float(second));
      }
      if (kUnit == ScaleUnit::kPair) {
        sums[pair * kRows + row] = rounded_sum(sum[0][0], sum[1][0]);
      } else if (kUnit == ScaleUnit::kChunk) {
        sums[2 * pair * kRows + row] = sum[0][0];
        sums[(2 * pair + 1) * kRows + row] = sum[1][0];
      } else {
        for (u32 j = 0; j < 4; ++j) sums[(4 * pair + j) * kRows + row] = sum[j / 2][j % 2];
      }
    }
  }

  /// Operands of mma: codes[m][c][4] of 16 outputs and chunk `chunk` + c.
  GPU_FN void load_weights(u32 codes[2][2][4], u32 from, u32 chunk) {
    const u32 high = from + kWarpOutputs * Layout::kLowStride;
    const u32 t = lane_ % 4;
    GPU_UNROLL
    for (u32 m = 0; m < 2; ++m) {
      u32 low_words[4], high_words[4] = {0, 0, 0, 0};
      load_plane<P::kLowWords>(low_words, from, m, chunk);
      if constexpr (P::kHighWords > 0) load_plane<P::kHighWords>(high_words, high, m, chunk);
      GPU_UNROLL
      for (u32 c = 0; c < 2; ++c) {
        GPU_UNROLL
        for (u32 half = 0; half < 2; ++half) {
          const QuadPair quads =
              unpack_words<kCodes>(a_.w, low_words[2 * c + half], high_words[2 * c + half], t);
          codes[m][c][half] = quads.first;
          codes[m][c][2 + half] = quads.second;
        }
      }
    }
  }
  /// words[2 c + half]: of chunk `chunk` + c and row 16 m + 8 half + g, the one with quads t and
  /// t + 4.
  template <u32 kWords>
  GPU_FN void load_plane(u32* words, u32 from, u32 m, u32 chunk) {
    constexpr u32 kStride = plane_stride(kWords * 4);
    if constexpr (kWords == 4) {
      const u32 row = m * 16 + lane_ % 16;
      const u32 piece = (chunk + lane_ / 16) ^ (row / 2 % 4);
      load_matrices(words, from + row * kStride + piece * 16);
    } else {
      GPU_UNROLL
      for (u32 i = 0; i < 4; ++i) {
        const u32 row = m * 16 + i % 2 * 8 + lane_ / 4;
        const u32 word = (chunk + i / 2) * kWords + plane_word<kWords>(lane_ % 4);
        words[i] = load_word(from + row * kStride + word * 4);
      }
    }
  }

  GPU_FN static void add(float* to, const u32* products, float4 scales, float first, float second) {
    to[0] = fmaf(fmaf(as_float(products[0]), scales.x, scales.y), first, to[0]);
    to[1] = fmaf(fmaf(as_float(products[1]), scales.z, scales.w), first, to[1]);
    to[2] = fmaf(fmaf(as_float(products[2]), scales.x, scales.y), second, to[2]);
    to[3] = fmaf(fmaf(as_float(products[3]), scales.z, scales.w), second, to[3]);
  }
  GPU_FN static void add_offsets(float* to, float2 sums, float first, float second) {
    to[0] = fmaf(sums.x, first, to[0]);
    to[1] = fmaf(sums.y, first, to[1]);
    to[2] = fmaf(sums.x, second, to[2]);
    to[3] = fmaf(sums.y, second, to[3]);
  }

  GPU_FN void multiply_stage(u32 stage, const u8* scale_memory) {
    const u32 g = lane_ / 4;
    const u32 t = lane_ % 4;
    const float2* weight_scales = (const float2*)(scale_memory + warp_ * Layout::kWarpScales) + g;
    const u8* activation_scales = scale_memory + a_.output_warps * Layout::kWarpScales;
    const float4* scales = (const float4*)activation_scales + t;
    const float2* sums = (const float2*)(activation_scales + Layout::kActivationScales) + t;
    const u32 weights = stage + warp_ * Layout::kWarpWeights;
    const u32 activations = stage + a_.output_warps * Layout::kWarpWeights;
    constexpr u32 kPairUnits = kUnits / (kStageChunks / 2);
    // Both pairs of chunks at once do not fit into the registers for eight tiles.
#pragma unroll(kTiles == 8 ? 1 : 2)
    for (u32 chunk = 0; chunk < kStageChunks; chunk += 2) {
      u32 codes[2][2][4];
      load_weights(codes, weights, chunk);
      float2 ws[kPairUnits][2][2];
      const u32 unit = chunk / 2 * kPairUnits;
      GPU_UNROLL
      for (u32 u = 0; u < kPairUnits; ++u) {
        GPU_UNROLL
        for (u32 i = 0; i < 4; ++i) {
          ws[u][i / 2][i % 2] = weight_scales[(unit + u) * kWarpOutputs + i * 8];
        }
      }
      GPU_UNROLL
      for (u32 n = 0; n < kTiles; ++n) {
        u32 b[4];
        load_matrices(b, activations + (n * 8 + lane_ % 8) * kStageChunks * kChunk +
                             ((chunk * 2 + lane_ / 8) ^ (lane_ % 8)) * 16);
        const float4 first = scales[(chunk * kRows + n * 8) / 2];
        const float4 second = scales[((chunk + 1) * kRows + n * 8) / 2];
        float2 unit_sums[kPairUnits];
        GPU_UNROLL
        for (u32 u = 0; u < kPairUnits; ++u) {
          unit_sums[u] = sums[((unit + u) * kRows + n * 8) / 2];
        }
        GPU_UNROLL
        for (u32 m = 0; m < 2; ++m) {
          float* to = results[m][n];
          u32 d[4];
          if constexpr (kUnit == ScaleUnit::kHalf) {
            GPU_UNROLL
            for (u32 u = 0; u < 4; ++u) {
              const u32* a = codes[m][u / 2] + u % 2 * 2;
              multiply16<kSigned>(d, a[0], a[1], b[u]);
              add(to, d, u < 2 ? first : second, ws[u][m][0].x, ws[u][m][1].x);
              add_offsets(to, unit_sums[u], ws[u][m][0].y, ws[u][m][1].y);
            }
          } else {
            GPU_UNROLL
            for (u32 c = 0; c < 2; ++c) {
              const u32 u = kUnit == ScaleUnit::kPair ? 0 : c;
              multiply32<kSigned>(d, codes[m][c], b[2 * c], b[2 * c + 1]);
              add(to, d, c == 0 ? first : second, ws[u][m][0].x, ws[u][m][1].x);
              if (kUnit == ScaleUnit::kChunk || c == 1) {
                add_offsets(to, unit_sums[u], ws[u][m][0].y, ws[u][m][1].y);
              }
            }
          }
        }
      }
    }
  }

  const QuantGemmKernelArgs& a_;
  u8* shared_;
  u32 address_;
  u32 first_row_, lane_, warp_, team_, thread_, team_threads_, stage_bytes_;
  u32 first_output_, first_chunk_, stages_;
};

/// Adds the parts of all splits, in their order, into `results`; false where this block is not the
/// last to come here.
GPU_FN bool add_splits(const QuantGemmKernelArgs& a, float* results, u32 rows, u32 outputs,
                       u32 tile) {
  __shared__ bool last;
  const u32 count = rows * outputs;
  float* tile_parts = a.partials + u64(tile) * a.splits * count;
  float* own = tile_parts + u64(blockIdx.y) * count;
  for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
    own[i] = results[i / outputs * result_stride(outputs) + i % outputs];
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(a.counters + tile, 1u) == a.splits - 1;
    if (last) a.counters[tile] = 0;
  }
  __syncthreads();
  if (!last) return false;
  __threadfence();
  for (u32 i = threadIdx.x; i < count; i += blockDim.x) {
    float sum = __ldcg(tile_parts + i);
#pragma unroll 8
    for (u32 s = 1; s < a.splits; ++s) sum += __ldcg(tile_parts + u64(s) * count + i);
    results[i / outputs * result_stride(outputs) + i % outputs] = sum;
  }
  __syncthreads();
  return true;
}

/// What becomes of the sums of row `row` (of this block) for place `place` of its outputs.
GPU_FN void put_result(const QuantGemmKernelArgs& a, const float* sums, u32 row, u32 first_output,
                       u32 place) {
  const u32 output = first_output + place;
  if (a.pair_distance) {
    if (output >= a.pair_distance) return;
    const u32 at = place / 16 * kWarpOutputs + place % 16;
    float gate = sums[at];
    float up = sums[at + 16];
    if (a.bias) {
      gate += a.bias[output];
      up += a.bias[output + a.pair_distance];
    }
    const float value = apply(a.activation, gate, 0.0f) * up;
    const u64 to = row * a.y_stride + output;
    if (a.output == QuantGemmOutput::kGateF32) ((float*)a.y)[to] = value;
    if (a.output == QuantGemmOutput::kGateBf16) ((u16*)a.y)[to] = float_to_bfloat(value);
    return;
  }
  if (output >= a.w.outputs) return;
  const float value = a.bias ? sums[place] + a.bias[output] : sums[place];
  const u64 to = row * a.y_stride + output;
  if (a.output == QuantGemmOutput::kF32) ((float*)a.y)[to] = value;
  if (a.output == QuantGemmOutput::kBf16) ((u16*)a.y)[to] = float_to_bfloat(value);
  if (a.output == QuantGemmOutput::kAddF32) ((float*)a.y)[to] += value;
}

/// Blocks: x over tiles of outputs, y over splits of the inputs, z over tiles of rows.
template <CodeKind kCodes, ScaleUnit kUnit, u32 kTiles>
__global__ void __launch_bounds__(256)
    quant_gemm_kernel(const __grid_constant__ QuantGemmKernelArgs a) {
  extern __shared__ __align__(128) u8 shared[];
  constexpr u32 kRows = kTiles * 8;
  const u32 outputs = a.output_warps * kWarpOutputs;
  const u32 first_row = blockIdx.z * kRows;
  float* results = (float*)shared;
  const u32 stride = result_stride(outputs);
  {
    WarpProduct<kCodes, kUnit, kTiles> product(a, shared, blockIdx.x, blockIdx.y, first_row);
    product.run();
    __syncthreads();
    const u32 warp = threadIdx.x / kLanes;
    const u32 lane = threadIdx.x % kLanes;
    float* to = results + warp / a.output_warps * kRows * stride +
                warp % a.output_warps * kWarpOutputs + lane / 4 + lane % 4 * 2 * stride;
    GPU_UNROLL
    for (u32 m = 0; m < 2; ++m) {
      GPU_UNROLL
      for (u32 n = 0; n < kTiles; ++n) {
        GPU_UNROLL
        for (u32 i = 0; i < 4; ++i) {
          to[(n * 8 + i % 2) * stride + m * 16 + i / 2 * 8] = product.results[m][n][i];
        }
      }
    }
  }
  __syncthreads();
  // Parts of the inputs are added in their order.
  if (a.depth_warps > 1) {
    for (u32 i = threadIdx.x; i < kRows * outputs; i += blockDim.x) {
      float* at = results + i / outputs * stride + i % outputs;
      float sum = *at;
      for (u32 k = 1; k < a.depth_warps; ++k) sum += at[k * kRows * stride];
      *at = sum;
    }
    __syncthreads();
  }
  if (a.splits > 1 &&
      !add_splits(a, results, kRows, outputs, blockIdx.z * gridDim.x + blockIdx.x)) {
    return;
  }
  const u32 width = a.pair_distance ? outputs / 2 : outputs;
  const u32 rows = a.rows - first_row < kRows ? a.rows - first_row : kRows;
  for (u32 i = threadIdx.x; i < rows * width; i += blockDim.x) {
    put_result(a, results + i / width * stride, first_row + i / width, blockIdx.x * width,
               i % width);
  }
}

template <CodeKind kCodes, ScaleUnit kUnit, u32 kTiles>
QuantGemmKernel make_quant_gemm_kernel() {
  using Layout = TeamLayout<kCodes, kUnit, kTiles>;
  return {(const void*)quant_gemm_kernel<kCodes, kUnit, kTiles>, kTiles * 8,
          [](u32 output_warps, u32 stages) { return Layout::bytes(output_warps, stages); }};
}

template <CodeKind kCodes, ScaleUnit kUnit>
QuantGemmKernel choose_tiles(int rows) {
  return rows <= 16   ? make_quant_gemm_kernel<kCodes, kUnit, 2>()
         : rows <= 32 ? make_quant_gemm_kernel<kCodes, kUnit, 4>()
                      : make_quant_gemm_kernel<kCodes, kUnit, 8>();
}

#define SACCADE_QUANT_GEMM_KERNELS(codes, wide_unit, narrow_unit)       \
  template <>                                                           \
  QuantGemmKernel choose_quant_gemm<codes>(ScaleUnit unit, int rows) {  \
    return unit == narrow_unit ? choose_tiles<codes, narrow_unit>(rows) \
                               : choose_tiles<codes, wide_unit>(rows);  \
  }

}  // namespace saccade::compute::cuda
