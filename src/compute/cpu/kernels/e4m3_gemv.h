// y = x w^T + bias for weights of E4M3 numbers and one row: float products, the chain of
// multiply-adds that gemm.h makes.
#pragma once

#include <algorithm>
#include <bit>

#include "compute/cpu/kernels/gemv_streams.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/quant_layout.h"
#include "compute/cpu/kernels/simd.h"
#include "compute/cpu/kernels/unpack.h"

namespace saccade::compute::cpu::SACCADE_ISA {

template <int kPanels, int kAhead>
void e4m3_gemv_panels(const QuantGemmArgs& a, const PanelList<kPanels>& panels,
                      F32x16 (&acc)[kPanels]) {
  const QuantLayout& layout = *a.layout;
  const int unit_bits = std::countr_zero(static_cast<unsigned>(layout.unit()));
  const std::int64_t panel_bytes = layout.panel_bytes(a.k);
  const std::int64_t header_bytes = layout.header_bytes();
  const std::int64_t block_bytes = layout.block_bytes();
  PanelScales scales[kPanels];
  const std::uint8_t* data[kPanels];
  for (int p = 0; p < kPanels; ++p) {
    data[p] = a.weight + layout.place(panels[p]) * panel_bytes;
    acc[p] = broadcast(0.0f);
  }
  for (std::int64_t k0 = 0; k0 < a.k; k0 += kBlock) {
    const std::int64_t depth = std::min<std::int64_t>(kBlock, a.k - k0);
    const int chunks = static_cast<int>((depth + kChunk - 1) / kChunk);
    for (int p = 0; p < kPanels; ++p) {
      const std::uint8_t* header = data[p];
      prefetch_lines<kAhead>(header, header_bytes);
      unpack_scales(header, k0, chunks, layout, scales[p]);
    }
    for (std::int64_t k = 0; k < depth; k += 4) {
      const float* x = a.x + k0 + k;
      const auto four = static_cast<int>(std::min<std::int64_t>(4, depth - k));
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        const std::uint8_t* four_codes = data[p] + header_bytes + 16 * k;
        __builtin_prefetch(four_codes + kAhead);
        const I32x16 words = as_words(load_bytes(four_codes));
        const F32x16 scale = load(scales[p].scale[k >> unit_bits]);
        const auto add_product = [&]<int kIndex>() {
          const F32x16 value = e4m3_top_byte(shift_left<24 - 8 * kIndex>(words));
          acc[p] = fma(broadcast(x[kIndex]), mul(value, scale), acc[p]);
        };
        add_product.template operator()<0>();
        if (four > 1) add_product.template operator()<1>();
        if (four > 2) add_product.template operator()<2>();
        if (four > 3) add_product.template operator()<3>();
      }
    }
    for (int p = 0; p < kPanels; ++p) data[p] += block_bytes;
  }
}

inline void e4m3_gemv(const QuantGemmArgs& a) {
  for_panels<8>(
      a, [&]<int kPanels, int kAhead>(const PanelList<kPanels>& panels, F32x16(&sums)[kPanels]) {
        e4m3_gemv_panels<kPanels, kAhead>(a, panels, sums);
      });
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
