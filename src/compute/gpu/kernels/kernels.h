// The table of all shared kernels. SACCADE_GPU_KERNELS(X) expands X(name, (body), Args, threads)
// for each: the name under which hosts launch it, the function that its threads run, the arguments
// of a launch, and the most threads of a group.
#pragma once

#include "dequantize.h"
#include "gemv.h"
#include "norms.h"
#include "quantize.h"

#define SACCADE_GPU_KERNELS(X)  \
  SACCADE_NORM_KERNELS(X)       \
  SACCADE_QUANTIZE_KERNELS(X)   \
  SACCADE_DEQUANTIZE_KERNELS(X) \
  SACCADE_GEMV_KERNELS(X)
