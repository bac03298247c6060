// Checks the CUDA attention kernels against a plain float reference on random data, then times
// them. Stand-alone: nvcc -gencode=arch=compute_90a,code=sm_90a -std=c++20 -O3 -Isrc
//   bench/gpu/attention_*.cu src/compute/cuda/attention/*.cu -o attention_bench
// attention_bench [check | small | time]: all checks; few small ones (for compute-sanitizer);
// timings.
#include "attention_bench.h"

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  using namespace saccade::bench;  // NOLINT
  const std::string what = argc > 1 ? argv[1] : "check";
  int failures = 0;
  if (what == "small") failures = small_checks();
  if (what == "check") failures = all_checks();
  if (what == "time") timings();
  if (what != "time") std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
