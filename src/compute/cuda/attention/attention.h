// Attention on NVIDIA tensor cores: prefill over pages, segments of a vision tower, decoding.
// Plain C++ over the CUDA runtime, so that hosts and kernels need nothing else of the backend.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace saccade::compute::cuda {

/// Tokens of a page of keys and values.
inline constexpr int kPageTokens = 64;

/// Consecutive tokens of one sequence in a ragged batch, as kernels read it.
struct DeviceSpan {
  std::int32_t row;         ///< of the span's first token in the batch
  std::int32_t count;       ///< tokens in the span; 0: nothing is done
  std::int32_t start;       ///< index of the span's first token in its sequence
  std::int32_t first_page;  ///< index into page_ids of the page with the sequence's first token
};

/// Heads and the way from a product of query and key to a weight.
struct AttentionShape {
  int num_heads = 0;
  int num_kv_heads = 0;     ///< divides num_heads
  int head_dim = 0;         ///< even, at most 256
  float scale = 1.0f;       ///< of scores; positive
  float softcap = 0.0f;     ///< a scaled score s becomes softcap * tanh(s / softcap); 0: it stays
  std::int32_t window = 0;  ///< keys a query sees at most, itself included; 0: all
};

/// Keys and values of one layer. Page p holds [num_kv_heads][kPageTokens][head_dim] of each.
struct PagedKeyValues {
  const void* keys = nullptr;              ///< f16; 16-byte aligned for speed
  const void* values = nullptr;            ///< f16, the same
  const std::int32_t* page_ids = nullptr;  ///< device; a sequence's pages from first_page on
  std::int64_t num_pages = 0;              ///< pages behind keys and behind values
};

/// Queries and outputs of a ragged batch and the spans that it is made of. Rows of all matrices of
/// this file begin at multiples of 4 bytes; of 16 bytes where the faster kernels are to be used.
struct PrefillArgs {
  AttentionShape shape;
  PagedKeyValues kv;
  const void* queries = nullptr;      ///< f16 [num_rows, num_heads * head_dim]
  std::int64_t query_stride = 0;      ///< elements from row to row
  void* out = nullptr;                ///< f16 [num_rows, num_heads * head_dim]
  std::int64_t out_stride = 0;        ///< elements from row to row
  const DeviceSpan* spans = nullptr;  ///< device [num_spans]
  int num_spans = 0;
  /// At least the sum of the counts of all spans that this call works on; sizes the launch.
  std::int64_t num_rows = 0;
  /// For each row of the batch one past the last key that it sees, no more than the end of its
  /// span. Device [rows of the batch]; null: each sees up to itself.
  const std::int32_t* end_keys = nullptr;
  /// For each row of the batch the first key that it sees, -1: as the window says. Device [rows of
  /// the batch]; null: as the window says for all. No row is left without a key.
  const std::int32_t* first_keys = nullptr;
  /// Shorter spans are left alone, so that prefill_attention (2) and decode_attention can share one
  /// array of spans.
  int min_count = 1;
  /// By mma.sync also where wgmma runs; for tests.
  bool portable = false;
  /// Launch with programmatic stream serialization: the kernel may start while the one before it
  /// finishes, and waits for it on the device before it reads anything.
  bool dependent_launch = false;
};

/// Tokens that DecodeArgs' spans are about and whose keys and values are not in the pages: each is
/// turned by its angles, as its queries are, attended to, and stored.
struct FreshTokens {
  const void* keys = nullptr;      ///< f16 [rows of the batch, num_kv_heads * head_dim]
  const void* values = nullptr;    ///< the same
  std::int64_t stride = 0;         ///< elements from row to row of both
  const float* cosines = nullptr;  ///< [rows of the batch, head_dim / 2], rows 8-byte aligned
  const float* sines = nullptr;
  std::int64_t table_stride = 0;
  void* page_keys = nullptr;  ///< PagedKeyValues' memory
  void* page_values = nullptr;
};

/// Outputs as int8 codes besides, 32 neighbouring columns with a scale of their own (a chunk), as
/// gpu/kernels/quantize.h makes them.
struct CodedRows {
  void* codes = nullptr;   ///< int8 [rows of the batch, chunks_of_row, 32]
  void* chunks = nullptr;  ///< gpu::ActivationChunk [rows of the batch, chunks_of_row]
  std::int64_t chunks_of_row = 0;
};

struct DecodeArgs {
  AttentionShape shape;
  PagedKeyValues kv;
  const void* queries = nullptr;  ///< f16 [rows of the batch, num_heads * head_dim]
  std::int64_t query_stride = 0;
  void* out = nullptr;  ///< f16 [rows of the batch, num_heads * head_dim]
  std::int64_t out_stride = 0;
  const DeviceSpan* spans = nullptr;  ///< device [num_spans]; those with count 1 are worked on
  int num_spans = 0;
  const std::int32_t* end_keys = nullptr;    ///< as of PrefillArgs
  const std::int32_t* first_keys = nullptr;  ///< as of PrefillArgs
  /// No sequence has more keys in any replay of a captured launch. Sizes the launch; far too much
  /// costs a few empty blocks.
  std::int64_t max_keys = 0;
  /// Device, decode_attention_workspace_bytes(...) large, 256-byte aligned, zeroed once before the
  /// first use; each launch leaves it ready for the next, whatever its size. Not for launches that
  /// may overlap (dependent launches of one stream do not).
  void* workspace = nullptr;
  bool dependent_launch = false;
  /// Where decode_takes_fresh(shape), and each row sees up to itself; keys null: all is in pages.
  FreshTokens fresh;
  /// With fresh tokens: nothing that this launch may overlap writes spans, page ids or pages, so
  /// that they are read before it waits.
  bool pages_ready = false;
  /// Where heads are whole chunks; codes null: none.
  CodedRows coded;
  /// As on devices without clusters of blocks and with less shared memory; for tests.
  bool portable = false;
};

struct SegmentArgs {
  AttentionShape shape;           ///< num_kv_heads equals num_heads; no window
  const void* queries = nullptr;  ///< f16 [rows, num_heads * head_dim], as keys and values
  const void* keys = nullptr;
  const void* values = nullptr;
  std::int64_t stride = 0;  ///< elements from row to row of queries, keys and values
  void* out = nullptr;      ///< f16 [rows, num_heads * head_dim]
  std::int64_t out_stride = 0;
  std::int64_t num_rows = 0;           ///< rows of the matrices, at least the last end
  const std::int32_t* ends = nullptr;  ///< device [num_segments]; segment i: [ends[i - 1], ends[i])
  int num_segments = 0;
  std::int64_t max_segment_rows = 0;  ///< no segment is longer
  std::int64_t min_segment_rows = 0;  ///< no segment is shorter (only spares an empty launch)
  /// By mma.sync also where wgmma runs; for tests.
  bool portable = false;
  bool dependent_launch = false;
};

/// Whether the kernels here cover this shape on devices of compute capability `major`.x. What is
/// left out: odd or longer heads, and devices before 8.0.
bool attention_supported(const AttentionShape& shape, int major);

/// Causal attention over pages for spans of any length. Rows that belong to no span stay as they
/// are. On 9.0 devices with head sizes 64, 128 and 256 by wgmma and the tensor memory accelerator,
/// else by mma.sync.
///
/// The bits of a row depend on nothing but its own query and keys: not on chunking or neighbours.
/// So the batch-invariant way to decode is to leave decode_attention aside and give spans of one
/// token to this as well (the kernel is chosen by shape, device and alignment alone).
cudaError_t prefill_attention(cudaStream_t stream, const PrefillArgs& args);

/// Attention of single tokens over their pages. Keys are split over blocks, and the last block of a
/// sequence and kv head adds the parts up in their order: equal launches give equal bits. Launch
/// dimensions depend on args' host values only, so the launch can be captured and replayed with
/// other spans.
cudaError_t decode_attention(cudaStream_t stream, const DecodeArgs& args);

/// Whether decode_attention takes fresh tokens: heads whose halves are whole matrix fragments.
bool decode_takes_fresh(const AttentionShape& shape);

/// What decode_attention needs for at most num_spans spans of any length, on the current device.
/// One workspace serves launches of all smaller sizes.
std::size_t decode_attention_workspace_bytes(const AttentionShape& shape, int num_spans);

/// Attention without a mask inside segments of consecutive rows. The bits of a segment do not
/// depend on the other segments.
cudaError_t segment_attention(cudaStream_t stream, const SegmentArgs& args);

}  // namespace saccade::compute::cuda
