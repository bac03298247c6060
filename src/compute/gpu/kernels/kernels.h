// The table of all shared kernels. SACCADE_GPU_KERNELS(X) expands X(name, (body), Args, threads)
// for each: the name under which hosts launch it, the function that its threads run, the arguments
// of a launch, and the most threads of a group.
#pragma once

#include "attention.h"
#include "channel_attention.h"
#include "convolution.h"
#include "dequantize.h"
#include "elementwise.h"
#include "gather.h"
#include "gemv.h"
#include "kv.h"
#include "norms.h"
#include "quantize.h"
#include "recurrent.h"
#include "rotary.h"
#include "sampling.h"

#define SACCADE_GPU_KERNELS(X)   \
  SACCADE_ATTENTION_KERNELS(X)   \
  SACCADE_CHANNEL_KERNELS(X)     \
  SACCADE_CONVOLUTION_KERNELS(X) \
  SACCADE_DEQUANTIZE_KERNELS(X)  \
  SACCADE_ELEMENTWISE_KERNELS(X) \
  SACCADE_GATHER_KERNELS(X)      \
  SACCADE_GEMV_KERNELS(X)        \
  SACCADE_KV_KERNELS(X)          \
  SACCADE_NORM_KERNELS(X)        \
  SACCADE_QUANTIZE_KERNELS(X)    \
  SACCADE_RECURRENT_KERNELS(X)   \
  SACCADE_ROTARY_KERNELS(X)      \
  SACCADE_SAMPLING_KERNELS(X)
