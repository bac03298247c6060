// An NVIDIA GPU as a device.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "compute/cuda/arena.h"
#include "compute/cuda/attention/attention.h"
#include "compute/cuda/blas.h"
#include "compute/cuda/cuda.h"
#include "compute/cuda/memory.h"
#include "compute/gpu/gpu_device.h"

namespace saccade::compute::cuda {

/// A stream of its own, in whose order everything is done.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// The shared kernels on one stream, and CUDA's own for what needs matrix units. Operations that
/// are done again and again are recorded as CUDA graphs.
class CudaDevice : public gpu::GpuDevice {
 public:
  /// Rows up to which quantized weights are multiplied as integers. A step of Qwen2.5-VL-7B at 4
  /// bits costs 6.5 ms at 64 rows on an H200 and grows with them, while to dequantize all weights
  /// and multiply by the library is estimated at 8.5: about here they cross.
  static constexpr std::int64_t kFewRows = 80;

  /// Rows from which products gate their own results. With 256 rows those of Qwen2.5-VL-7B take 114
  /// us on an H200, and 131 by the library and a launch for the gates.
  static constexpr std::int64_t kGatedRows = 256;
  /// Rows from which products need not be the library's.
  static constexpr std::int64_t kLargeRows = 1024;

  CudaDevice(const CudaOptions& options, const cudaDeviceProp& properties);
  ~CudaDevice() override;

  DeviceInfo info() const override;
  std::optional<Energy> energy() override;
  int steps_ahead() const override { return 1; }
  std::int64_t padded_rows(std::int64_t rows) const override;
  std::unique_ptr<Readback> read_back(const Tensor& from) override;
  std::unique_ptr<Recording> make_recording() override;
  void run(Recording& recording, const std::function<void()>& body) override;

  std::shared_ptr<void> take_memory(std::int64_t bytes) override;
  std::shared_ptr<void> take_lasting_memory(std::int64_t bytes) override;
  void copy_in(void* to, const void* from, std::int64_t bytes) override;
  void copy_out(void* to, const void* from, std::int64_t bytes) override;

 protected:
  void launch_kernel(gpu::Kernel kernel, const gpu::Grid& grid, const void* args) override;
  bool multiply_rows(const saccade::gpu::GemvArgs& args, std::int64_t rows) override;
  bool multiply_dense(const Tensor& y, const Tensor& x, const void* w, std::int64_t w_stride,
                      const Tensor* bias, bool add) override;
  bool multiplies_gated(std::int64_t rows) const override;
  bool multiply_gated(const Tensor& y, const Tensor& x, const gpu::GatedMatrices& w,
                      Activation activation) override;
  bool multiplies_few(std::int64_t rows, const gpu::GpuWeight& w,
                      const LinearOptions& options) const override;
  bool multiply_few(const Tensor& y, const Tensor& x, const gpu::GpuWeight& w,
                    const LinearOptions& options) override;
  /// A row multiplied by itself has other bits than among others.
  std::int64_t gemv_rows() const override { return options_.batch_invariant ? 0 : 1; }
  int processors() const override { return properties_.multiProcessorCount; }
  void do_rotary_attention(const Tensor& out, KvCache& cache, int layer, const Tensor& qkv,
                           const Tensor& cos, const Tensor& sin,
                           const compute::AttentionShape& shape, const SpanTable& spans) override;
  void do_attention_paged(const Tensor& out, const Tensor& q, const KvCache& cache, int layer,
                          const compute::AttentionShape& shape, const SpanTable& spans) override;
  void do_attention_segments(const Tensor& out, const Tensor& q, const Tensor& k, const Tensor& v,
                             const compute::AttentionShape& shape,
                             std::span<const std::int64_t> ends) override;

 private:
  class Graph;
  class EnergyMeter;
  /// CUDA keeps a current GPU for each thread of the host; a device may be used from any of them.
  void make_current() const;
  struct QuantizedRows;
  /// What a launch has left as codes besides, for the product that follows at once: of a gated
  /// product, of attention, or of a sum that is normed next.
  struct CodedMatrix {
    const void* data = nullptr;
    std::int64_t rows = 0, columns = 0;
    const void* norm_weight = nullptr;  ///< of the norm between; null: none
    std::shared_ptr<QuantizedRows> quantized;
    bool is(const Tensor& x, const Tensor* norm) const;
  };
  /// The sums that a product with the weight at `weight` has made, until something else is
  /// multiplied.
  struct Added {
    const void* weight = nullptr;
    const void* data = nullptr;
    std::int64_t rows = 0, columns = 0;
  };
  /// multiply_dense by kernels of our own, where these are faster.
  bool multiply_large(const Tensor& y, const Tensor& x, const void* w, std::int64_t w_stride,
                      const Tensor* bias, bool add);
  QuantizedRows room_for(std::int64_t rows, std::int64_t chunks);
  /// Room for the codes of a matrix of whole chunks, and where attention leaves them.
  std::shared_ptr<QuantizedRows> coded_rows(const Tensor& out);
  static CodedRows coded_view(const QuantizedRows& rows);
  /// x, normed where the options say so (but for the factors of rows), as the inputs of a weight.
  QuantizedRows quantize(const Tensor& x, const saccade::gpu::WeightView& view,
                         const LinearOptions& options);
  /// The weights of the norm that is expected to take what a product adds to y; null: none.
  const Tensor* expected_norm(const Tensor& y, const gpu::GpuWeight& w,
                              const LinearOptions& options) const;
  void capture(Graph& graph, const std::function<void()>& body);
  bool on_tensor_cores(const Tensor& q, const compute::AttentionShape& shape) const;
  /// Launches decode_attention with the workspace it needs.
  void decode(DecodeArgs args);
  /// Cleared memory of at least so many bytes, that its users leave clear.
  struct Workspace {
    std::int64_t bytes;
    std::shared_ptr<void> memory;
  };
  void* cleared_workspace(std::vector<Workspace>& workspaces, std::int64_t bytes);
  bool recording() const { return pool_ != &memory_; }
  /// While a graph is recorded nothing may depend on the host.
  void check_not_recording() const;

  CudaOptions options_;
  cudaDeviceProp properties_;
  Stream stream_;
  StagingRing staging_;
  PieceUploader pieces_;
  MemoryPool pinned_{allocate_pinned};
  MemoryPool memory_;
  Arena large_;                  // what is handed out again and again, as in memory_
  Arena lasting_;                // weights, keys and values
  MemoryPool* pool_ = &memory_;  // a recording's own while it is made
  Blas blas_;
  // Recordings go on with the one they found, so older ones stay as well.
  std::vector<Workspace> decode_workspaces_;
  std::vector<Workspace> quant_workspaces_;
  std::shared_ptr<const EnergyMeter> energy_meter_;  // made when first asked for
  CodedMatrix coded_;                                // empty as soon as anything else is launched
  Added added_;
  // The norms that took the sums of products with these weights, the last time: a model does the
  // same again and again. A wrong one costs the time of codes that nobody takes.
  std::unordered_map<const void*, Tensor> norms_after_;
};

}  // namespace saccade::compute::cuda
