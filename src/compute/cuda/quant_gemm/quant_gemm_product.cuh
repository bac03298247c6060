// The products of quant_gemm_kernel.cuh.
//
// A warp computes 32 outputs (two tiles of mma's 16 rows) for kTiles * 8 rows of activations over
// its share of the inputs, which it takes in stages of 256. The kWarps warps that share a range of
// inputs are a team: each fetches its own weights, all together the activations, with cp.async into
// a ring of stages. A chunk's plane of 4-bit codes is what ldmatrix wants: lane (g, t) of a warp
// gets word t of row g, in which are quads t and t + 4, and these are the lane's parts of mma's
// operand.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm_instructions.cuh"
#include "compute/cuda/quant_gemm/quant_gemm_layout.cuh"

namespace saccade::compute::cuda {

/// A warp's work on its share of the inputs.
template <CodeKind kCodes, ScaleUnit kUnit, ScaleKind kFixed, u32 kTiles, u32 kWarps>
class WarpProduct {
 public:
  using Layout = TeamLayout<kCodes, kUnit, kTiles, kWarps>;
  using P = Planes<kCodes>;
  static constexpr bool kSigned = kCodes == CodeKind::kTable4;
  static constexpr u32 kUnits = Layout::kUnits;
  static constexpr u32 kRecords = kUnit == ScaleUnit::kPair ? kUnits : kStageChunks;
  static constexpr u32 kRows = Layout::kRows;
  static constexpr u32 kThreads = kWarps * kLanes;
  /// Of a stage's four pairs of chunks. A warp that is a team has few neighbours and gains 2 % from
  /// more at once (H200); with four warps it makes no difference, with more tiles registers end.
  static constexpr u32 kUnrolledPairs = kTiles <= 2 && kWarps == 1 ? 4 : 1;
  /// Pairs of chunks of activations in a stage.
  static constexpr u32 kPairs = kRows * kStageChunks / 2;

  /// results[m][n]: outputs 16 m + g and + 8, rows 8 n + 2 t and + 1.
  float results[2][kTiles][4];

  /// Of blocks [first, last) of 256 inputs, for a tile of the outputs.
  GPU_FN WarpProduct(const QuantGemmKernelArgs& args, u8* shared, u32 tile, u32 first, u32 last,
                     u32 first_row)
      : a_(args),
        first_row_(first_row),
        lane_(threadIdx.x % kLanes),
        warp_(threadIdx.x / kLanes % kWarps),
        team_(threadIdx.x / kThreads) {
    shared_ = shared + team_ * Layout::bytes(a_.stages);
    address_ = u32(__cvta_generic_to_shared(shared_));
    first_output_ = (tile * kWarps + warp_) * (a_.pair_distance ? kWarpOutputs / 2 : kWarpOutputs);
    const u32 begin = team_ * (last - first) / a_.depth_warps;
    const bool helps = team_ >= a_.depth_warps;
    first_chunk_ = (first + begin) * kStageChunks;
    stages_ = helps ? 0 : (team_ + 1) * (last - first) / a_.depth_warps - begin;
    GPU_UNROLL
    for (u32 m = 0; m < 2; ++m) {
      GPU_UNROLL
      for (u32 n = 0; n < kTiles; ++n) {
        GPU_UNROLL
        for (u32 i = 0; i < 4; ++i) results[m][n][i] = 0.0f;
      }
    }
  }

  /// Sets the first stages on their way; waits for the inputs between weights and activations.
  GPU_FN void start() {
    for (u32 s = 0; s < ahead(); ++s) copy_weights(s, s);
    if (stages_ > 0) read_scales<kUnit, kFixed>(a_.w, lane_row(), first_chunk_, scales_);
    wait_for_inputs();
    for (u32 s = 0; s < ahead(); ++s) {
      copy_activations(s, s);
      commit_copies();
    }
  }

  GPU_FN void run() {
    const u32 ahead = this->ahead();
    const u32 own_row = lane_row();
    u32 slot = 0, free_slot = ahead;
    for (u32 s = 0; s < stages_; ++s) {
      const u32 stage = slot * Layout::kStageBytes;
      u8* to =
          shared_ + a_.stages * Layout::kStageBytes + s % Layout::kScaleSlots * Layout::kScaleBytes;
      wait_copies(ahead - 1);
      store_scales<kUnit, kFixed>(a_.w, scales_,
                                  (float2*)(to + warp_ * Layout::kWarpScales) + lane_);
      store_activation_scales(shared_ + stage + Layout::kActivationChunks, to);
      team_barrier();
      if (!kAlone) refill(s + ahead, free_slot);
      if (s + 1 < stages_) {
        read_scales<kUnit, kFixed>(a_.w, own_row, first_chunk_ + (s + 1) * kStageChunks, scales_);
      }
      multiply_stage(address_ + stage, to);
      if (kAlone) {
        __syncwarp();
        refill(s + ahead, slot);
      }
      slot = slot + 1 == a_.stages ? 0 : slot + 1;
      free_slot = free_slot + 1 == a_.stages ? 0 : free_slot + 1;
    }
    // A team without a stage meets as well: after one that never did, compute-sanitizer's racecheck
    // (CUDA 13.0) no longer sees that __syncthreads orders anything.
    if (!kAlone && stages_ == 0) team_barrier();
    wait_copies(0);
  }

  /// To [teams][rows][outputs] in shared memory.
  GPU_FN void store_results(float* to, u32 stride) const {
    to += team_ * kRows * stride + warp_ * kWarpOutputs + lane_ / 4 + lane_ % 4 * 2 * stride;
    GPU_UNROLL
    for (u32 m = 0; m < 2; ++m) {
      GPU_UNROLL
      for (u32 n = 0; n < kTiles; ++n) {
        GPU_UNROLL
        for (u32 i = 0; i < 4; ++i) {
          to[(n * 8 + i % 2) * stride + m * 16 + i / 2 * 8] = results[m][n][i];
        }
      }
    }
  }

 private:
  /// A warp alone knows when it is done with a stage. Warps of a team are a barrier apart, so the
  /// stage that is refilled is the one before.
  static constexpr bool kAlone = kWarps == 1;
  /// Stages on their way.
  GPU_FN u32 ahead() const { return kAlone ? a_.stages : a_.stages - 1; }

  GPU_FN void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
    cudaTriggerProgrammaticLaunchCompletion();
    cudaGridDependencySynchronize();
#endif
  }
  GPU_FN void team_barrier() {
    if (kWarps == 1) {
      __syncwarp();
    } else {
      asm volatile("bar.sync %0, %1;" ::"r"(team_ + 1), "n"(kThreads) : "memory");
    }
  }

  GPU_FN u32 end_of_outputs() const {
    return a_.pair_distance ? a_.pair_distance : a_.w.outputs;
  }
  /// From the rows of a warp's first tile to those of the second.
  GPU_FN u32 tile_distance() const {
    return a_.pair_distance ? a_.pair_distance : 16;
  }

  /// The matrix's row whose scales this lane reads; beyond the end it is the last.
  GPU_FN u32 lane_row() const {
    const u32 row = first_output_ + lane_ % 16 + lane_ / 16 * tile_distance();
    return row < a_.w.outputs ? row : a_.w.outputs - 1;
  }

  GPU_FN void refill(u32 stage, u32 slot) {
    copy_weights(stage, slot);
    copy_activations(stage, slot);
    commit_copies();
  }

  /// Copies a stage of a plane with kBytes for a chunk; 16 of them are permuted against bank
  /// conflicts.
  template <u32 kBytes, u32 kPieceBytes>
  GPU_FN void copy_pieces(u32 to, const u8* plane, u32 chunk) {
    constexpr u32 kPieces = kBytes * kStageChunks / kPieceBytes;  // of a row
    constexpr u32 kStep = kLanes / kPieces;                       // rows that are copied at once
    const u64 row_bytes = u64(a_.w.chunks) * kBytes;
    const u32 lane_row = lane_ / kPieces;
    const u32 piece = lane_ % kPieces;
    const u32 offset = chunk * kBytes + piece * kPieceBytes;
    const u8* from = plane + (first_output_ + lane_row) * row_bytes + offset;
    const u8* second = from + tile_distance() * row_bytes;
    // Lanes have rows and inputs that exist as long as this is more than the row's distance.
    const i32 rest = offset < row_bytes ? i32(end_of_outputs()) - i32(first_output_ + lane_row) : 0;
    const i32 second_rest = a_.pair_distance ? rest : rest - 16;
    const auto copy = [&](bool all) {
      GPU_UNROLL
      for (u32 i = 0; i < kPieces; ++i) {
        const u32 row = i * kStep;
        const u32 place = kBytes == 16 ? piece ^ ((row + lane_row) % 8) : piece;
        copy_weights_async<kPieceBytes>(
            to + (row + lane_row) * plane_stride(kBytes) + place * kPieceBytes,
            (row < 16 ? from : second) + row % 16 * row_bytes,
            all || i32(row % 16) < (row < 16 ? rest : second_rest));
      }
    };
    if (rest >= 16 && second_rest >= 16) {
      copy(true);
    } else {
      copy(false);
    }
  }
  template <u32 kBytes>
  GPU_FN void copy_plane(u32 to, const u8* plane, u32 chunk) {
    if (kBytes == 16 || a_.w.chunks * kBytes % 16 == 0) {
      copy_pieces<kBytes, 16>(to, plane, chunk);
    } else {
      copy_pieces<kBytes, kBytes>(to, plane, chunk);
    }
  }
  GPU_FN void copy_weights(u32 stage, u32 slot) {
    if (stage >= stages_) return;
    const u32 to = address_ + slot * Layout::kStageBytes + warp_ * Layout::kWarpWeights;
    const u32 chunk = first_chunk_ + stage * kStageChunks;
    copy_plane<P::kLowWords * 4>(to, a_.w.low, chunk);
    if constexpr (P::kHighWords > 0) {
      copy_plane<P::kHighWords * 4>(to + kWarpOutputs * Layout::kLowStride, a_.w.high, chunk);
    }
  }

  GPU_FN void copy_activations(u32 stage, u32 slot) {
    if (stage >= stages_) return;
    constexpr u32 kPieces = kStageChunks * 2;  // of a row
    constexpr u32 kStep = kThreads / kPieces;  // rows that are copied at once
    const u32 thread = warp_ * kLanes + lane_;
    const u32 to = address_ + slot * Layout::kStageBytes;
    const u32 chunk = first_chunk_ + stage * kStageChunks;
    const u32 thread_row = thread / kPieces;
    const u32 piece = thread % kPieces;
    const u64 row_bytes = u64(a_.w.chunks) * kChunk;
    const u8* from = a_.codes + (first_row_ + thread_row) * row_bytes + chunk * kChunk + piece * 16;
    const i32 rest =
        chunk + piece / 2 < a_.w.chunks ? i32(a_.rows) - i32(first_row_ + thread_row) : 0;
#pragma unroll 8
    for (u32 i = 0; i < kRows / kStep; ++i) {
      const u32 row = thread_row + i * kStep;
      copy_async<16>(
          to + Layout::kActivations + row * kStageChunks * kChunk + (piece ^ (row % 8)) * 16,
          from + i * kStep * row_bytes, i32(i * kStep) < rest);
    }
    copy_activation_chunks(to + Layout::kActivationChunks, thread, chunk);
  }
  /// Each thread copies what it will convert: pairs of chunks, four pairs a row.
  GPU_FN void copy_activation_chunks(u32 to, u32 thread, u32 first) {
    const u32 chunk = first + thread % 4 * 2;
    const u32 thread_row = first_row_ + thread / 4;
    const u8* from = (const u8*)(a_.chunks + u64(thread_row) * a_.w.chunks + chunk);
    const u64 step = u64(kThreads / 4) * a_.w.chunks * 8;
    const bool even = a_.w.chunks % 2 == 0;
    GPU_UNROLL
    for (u32 i = 0; i < (kPairs + kThreads - 1) / kThreads; ++i) {
      const u32 entry = thread + i * kThreads;
      if (kPairs % kThreads != 0 && entry >= kPairs) break;
      const bool row = thread_row + i * (kThreads / 4) < a_.rows;
      if (even) {
        copy_async<16>(to + entry * 16, from + i * step, row && chunk < a_.w.chunks);
      } else {
        copy_async<8>(to + entry * 16, from + i * step, row && chunk < a_.w.chunks);
        copy_async<8>(to + entry * 16 + 8, from + i * step + 8, row && chunk + 1 < a_.w.chunks);
      }
    }
  }
  GPU_FN void store_activation_scales(const u8* chunks, u8* to) {
    float* scales = (float*)(to + Layout::kActivationScales);
    float* sums = (float*)(to + Layout::kActivationSums);
    const u32 thread = warp_ * kLanes + lane_;
    GPU_UNROLL
    for (u32 i = 0; i < (kPairs + kThreads - 1) / kThreads; ++i) {
      const u32 entry = thread + i * kThreads;
      if (kPairs % kThreads != 0 && entry >= kPairs) break;
      const Words4 words = ((const Words4*)chunks)[entry];
      const ActivationChunk from[2] = {{as_float(words.x), words.y}, {as_float(words.z), words.w}};
      const u32 row = entry / 4;
      const u32 pair = entry % 4;
      float sum[2][2];
      GPU_UNROLL
      for (u32 j = 0; j < 2; ++j) {
        // With two bits less, the product with kMagic is exact, and so is the difference.
        const float scale = as_float(as_bits(from[j].scale) & ~3u);
        scales[pair * Layout::kPairScales + row / 2 * 4 + j * 2 + row % 2] = scale;
        const i32 first = half_sum(from[j].sums, 0);
        const i32 second = half_sum(from[j].sums, 1);
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
        GPU_UNROLL
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
  /// t + 4. Rows start at multiples of 128 bytes, so the permutation is one xor.
  template <u32 kWords>
  GPU_FN void load_plane(u32* words, u32 from, u32 m, u32 chunk) {
    constexpr u32 kStride = plane_stride(kWords * 4);
    if constexpr (kWords == 4) {
      const u32 row = m * 16 + lane_ % 16;
      const u32 place = (lane_ / 16) ^ (lane_ % 8);
      load_matrices(words, (from + row * kStride + place * 16) ^ (chunk * 16));
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
    const float4* scales = (const float4*)(scale_memory + Layout::kActivationScales) + t;
    const float2* sums = (const float2*)(scale_memory + Layout::kActivationSums) + t;
    const u32 weights = stage + warp_ * Layout::kWarpWeights;
    const u32 activations = stage + Layout::kActivations + lane_ % 8 * kStageChunks * kChunk +
                            ((lane_ / 8) ^ (lane_ % 8)) * 16;
    constexpr u32 kPairUnits = kUnits / (kStageChunks / 2);
#pragma unroll(kUnrolledPairs)
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
        load_matrices(b, (activations ^ (chunk * 32)) + n * 8 * kStageChunks * kChunk);
        const float4 both = scales[chunk / 2 * (Layout::kPairScales / 4) + n * 4];
        const float4 first = make_float4(both.x, -kMagic * both.x, both.y, -kMagic * both.y);
        const float4 second = make_float4(both.z, -kMagic * both.z, both.w, -kMagic * both.w);
        float2 unit_sums[kPairUnits];
        GPU_UNROLL
        for (u32 u = 0; u < kPairUnits; ++u) {
          unit_sums[u] = sums[((unit + u) * kRows + n * 8) / 2];
        }
        GPU_UNROLL
        for (u32 m = 0; m < 2; ++m) {
          multiply_tile(results[m][n], codes[m], b, first, second, unit_sums, ws, m);
        }
      }
    }
  }
  template <typename Sums, typename Scales>
  GPU_FN void multiply_tile(float* to, const u32 codes[2][4], const u32* b, float4 first,
                            float4 second, const Sums& sums, const Scales& ws, u32 m) {
    u32 d[4];
    if constexpr (kUnit == ScaleUnit::kHalf) {
      GPU_UNROLL
      for (u32 u = 0; u < 4; ++u) {
        const u32* a = codes[u / 2] + u % 2 * 2;
        multiply16<kSigned>(d, a[0], a[1], b[u]);
        add(to, d, u < 2 ? first : second, ws[u][m][0].x, ws[u][m][1].x);
        add_offsets(to, sums[u], ws[u][m][0].y, ws[u][m][1].y);
      }
    } else {
      GPU_UNROLL
      for (u32 c = 0; c < 2; ++c) {
        constexpr bool kPair = kUnit == ScaleUnit::kPair;
        const u32 u = kPair ? 0 : c;
        multiply32<kSigned>(d, codes[c], b[2 * c], b[2 * c + 1]);
        add(to, d, c == 0 ? first : second, ws[u][m][0].x, ws[u][m][1].x);
        if (!kPair || c == 1) add_offsets(to, sums[u], ws[u][m][0].y, ws[u][m][1].y);
      }
    }
  }

  const QuantGemmKernelArgs& a_;
  u8* shared_;
  u32 address_;
  u32 first_row_, lane_, warp_, team_;
  u32 first_output_, first_chunk_, stages_;
  StageScales<kRecords> scales_;  // of the next stage
};

}  // namespace saccade::compute::cuda
