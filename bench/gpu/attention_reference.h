// Attention as plain sums of floats, and how far the kernels may be from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attention_inputs.h"

namespace saccade::bench {

/// One query row and head of the reference: block per (row, head).
struct ReferenceJob {
  std::int64_t query;  ///< element offsets
  std::int64_t out;
  std::int32_t begin, end;  ///< keys
  std::int32_t first_page;  ///< paged: of the sequence; else: first row
  std::int32_t kv_head;
};

struct ReferenceArgs {
  const F16 *queries, *keys, *values;
  const std::int32_t* page_ids;  ///< null: rows of a matrix
  std::int64_t stride;           ///< of that matrix
  int num_kv_heads, head_dim;
  float scale, softcap;
};

/// What `out` of `out_size` elements should have where jobs write, else zeros.
std::vector<float> run_reference(const std::vector<ReferenceJob>& jobs, const ReferenceArgs& args,
                                 std::size_t out_size);

/// Prints and counts the relative error over what `jobs` wrote; elsewhere out must still be the
/// poison.
void compare(const std::string& name, const std::vector<F16>& out,
             const std::vector<float>& expected, const std::vector<ReferenceJob>& jobs,
             int head_dim);

/// The batch's outputs with the reference over memory's queries, keys and values.
void compare_paged(const std::string& name, const PagedBatch& batch, const PagedMemory& memory);

void count_failure();
/// Since the program began.
int failures();

}  // namespace saccade::bench
