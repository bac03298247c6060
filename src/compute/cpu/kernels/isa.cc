// Compiled once per instruction set, with SACCADE_ISA_<NAME> defined and the compiler told of it.
#include <utility>

#include "compute/cpu/kernels/attention.h"
#include "compute/cpu/kernels/channel_attention.h"
#include "compute/cpu/kernels/depthwise.h"
#include "compute/cpu/kernels/elementwise.h"
#include "compute/cpu/kernels/gemm.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/peak.h"
#include "compute/cpu/kernels/quant_gemm.h"
#include "compute/cpu/kernels/quantize.h"
#include "compute/cpu/kernels/recurrent.h"

#define SACCADE_TEXT_OF(x) #x
#define SACCADE_TEXT(x) SACCADE_TEXT_OF(x)

namespace saccade::compute::cpu::SACCADE_ISA {

extern const Kernels kKernels;
const Kernels kKernels = {SACCADE_TEXT(SACCADE_ISA),
                          kPeak,
                          kTileRows,
                          gemm,
                          quant_gemm,
                          quant_gemm_float,
                          quantize_row,
                          dequantize_output,
                          attend,
                          store_rounded_token,
                          rms_norm,
                          layer_norm,
                          add_rows,
                          add_scaled_row,
                          scale_row,
                          multiply_rows,
                          softcap_row,
                          activate,
                          gate,
                          rotate,
                          depthwise,
                          causal_conv_row,
                          normalize_head,
                          delta_rule,
                          widen,
                          channel_weights,
                          mix_channels,
#if defined(SACCADE_ISA_AVX512_BF16)
                          pack_pairs
#else
                          nullptr
#endif
};

}  // namespace saccade::compute::cpu::SACCADE_ISA
