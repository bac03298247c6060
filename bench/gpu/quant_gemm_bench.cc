// Checks the quantized products of a GPU against the reference dequantization, and times them.
// Of quant_gemm_*.cc here; needs src/compute/cuda/{quant_gemm,stream_gemm},
// src/compute/gpu/weight_{layout,pack}.cc, src/tensor, src/base/thread_pool.cc, fmt and the CUDA
// runtime; includes of tests/compute and tests/compute/gpu.
//
//   quant_gemm_bench check          every format, odd sizes and plans, all epilogues
//   quant_gemm_bench check_few      the same for a few formats, for compute-sanitizer
//   quant_gemm_bench check_streamed      the products of src/compute/cuda/stream_gemm
//   quant_gemm_bench check_streamed_few  fewer, for compute-sanitizer
//   quant_gemm_bench time [rows..]  the linear maps of Qwen2.5-VL-7B in 4 bits, as chains in graphs
//   quant_gemm_bench stream [rows..]  the same, streamed where that pays
//   quant_gemm_bench cuts [rows..]  other cuts of streamed products
//   quant_gemm_bench plans [rows..] other plans for the same matrices
//   quant_gemm_bench formats        one matrix in other formats
//   quant_gemm_bench profile [rows..]  one launch of each of a layer, for profilers
#include "quant_gemm_bench.h"

#include <string>

int main(int argc, char** argv) {
  using namespace saccade::bench;  // NOLINT
  const std::string what = argc > 1 ? argv[1] : "check";
  std::vector<int> rows;
  for (int i = 2; i < argc; ++i) rows.push_back(std::atoi(argv[i]));
  if (rows.empty()) rows = {16};
  int failures = 0;
  if (what == "check") failures = check();
  if (what == "check_few") failures = check_few();
  if (what == "check_streamed") failures = check_streamed();
  if (what == "check_streamed_few") failures = check_streamed_few();
  if (what == "time") time_model(rows, false);
  if (what == "stream") time_model(rows, true);
  if (what == "cuts") time_cuts(rows);
  if (what == "plans") time_plans(rows);
  if (what == "formats") time_formats();
  if (what == "profile") profile(rows);
  return failures == 0 ? 0 : 1;
}
