// Memory of a GPU and pinned memory of the host, recycled.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/thread_pool.h"

namespace saccade::compute::cuda {

/// `bytes` of device memory, given back at the end. Throws Error when there is not so much.
std::shared_ptr<void> allocate(std::int64_t bytes);
/// The same of host memory that the GPU can write to by itself.
std::shared_ptr<void> allocate_pinned(std::int64_t bytes);

/// Keeps freed buffers for later requests: cudaMalloc waits for the GPU, and a step asks for the
/// same sizes again and again. A request gets the smallest buffer that holds it, if that is not
/// many times too large: the last step of a prompt, which has fewer rows, lives in what the others
/// left. A buffer may be handed out again while operations on it are still under way, since the
/// device does all of them in one order. Buffers may outlive the pool object.
class MemoryPool {
 public:
  explicit MemoryPool(std::shared_ptr<void> (*allocator)(std::int64_t) = allocate);

  /// At least `bytes`, aligned to 256; goes back to the pool by itself.
  std::shared_ptr<void> take(std::int64_t bytes);
  /// Gives what is not in use back to the GPU. Everything under way must be done.
  void trim();

 private:
  std::shared_ptr<void> (*allocator_)(std::int64_t);
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

/// Uploads of ordinary memory through pinned memory, piece by piece: several threads copy the next
/// piece while the GPU reads the last ones. The driver's own way has one thread.
class PieceUploader {
 public:
  explicit PieceUploader(cudaStream_t stream) : stream_(stream) {}
  ~PieceUploader();
  PieceUploader(const PieceUploader&) = delete;
  PieceUploader& operator=(const PieceUploader&) = delete;

  /// Copies `bytes` at `from` to device memory `to` in the order of the stream; `from` may change
  /// afterwards.
  void upload(void* to, const std::byte* from, std::int64_t bytes, ThreadPool& threads);

 private:
  static constexpr int kPieces = 4;
  struct Piece {
    std::shared_ptr<void> memory;
    cudaEvent_t read = nullptr;  ///< by the GPU
  };
  Piece& next_piece();

  cudaStream_t stream_;
  Piece pieces_[kPieces];
  int turn_ = 0;
};

/// Host memory that the GPU reads by itself, as a ring: small uploads are copied into it and go on
/// their way while the caller goes on.
class StagingRing {
 public:
  explicit StagingRing(cudaStream_t stream);
  ~StagingRing();
  StagingRing(const StagingRing&) = delete;
  StagingRing& operator=(const StagingRing&) = delete;

  /// Uploads of more are not for the ring.
  static constexpr std::int64_t kLargest = std::int64_t{256} << 10;
  /// Copies `bytes` at `from` to device memory `to` in the order of the stream.
  void upload(void* to, const void* from, std::int64_t bytes);

 private:
  cudaStream_t stream_;
  std::byte* memory_ = nullptr;
  std::int64_t used_ = 0;
};

}  // namespace saccade::compute::cuda
