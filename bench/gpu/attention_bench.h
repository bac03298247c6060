// The parts of attention_bench.cu.
#pragma once

#include <vector>

#include "attention_inputs.h"

namespace saccade::bench {

/// Every kernel against the reference, over head sizes, windows and batches; how many checks
/// failed.
int all_checks();
/// Few of them, for compute-sanitizer.
int small_checks();
/// Decoding of tokens whose keys and values are not in the pages: what it leaves there, its outputs
/// and their codes. Counts what fails.
void check_fresh(const AttentionShape& shape, const std::vector<SpanSpec>& list,
                 bool portable = false);

void timings();

}  // namespace saccade::bench
