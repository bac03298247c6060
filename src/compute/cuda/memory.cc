#include "compute/cuda/memory.h"

#include <bit>
#include <cstring>
#include <map>
#include <vector>

#include "compute/cuda/check.h"

namespace saccade::compute::cuda {
namespace {

// Passed more than once a step only by steps of hundreds of sequences.
constexpr std::int64_t kRingBytes = std::int64_t{4} << 20;
constexpr std::int64_t kAlignment = 256;
// Eight threads copy a piece in the time that the GPU takes for it, about; smaller ones would be
// mostly waiting for each other.
constexpr std::int64_t kPieceBytes = std::int64_t{2} << 20;
constexpr std::int64_t kThreadBytes = std::int64_t{128} << 10;
// A buffer is not given to a request that needs less than this part of it.
constexpr std::int64_t kLargestFit = 8;

/// Sizes in steps of an eighth of a power of two, so that nearly equal ones share buffers.
std::int64_t size_class(std::int64_t bytes) {
  bytes = std::max<std::int64_t>(bytes, kAlignment);
  const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(bytes)));
  const std::int64_t step = std::max(power / 8, kAlignment);
  return (bytes + step - 1) / step * step;
}

[[noreturn]] void fail_out_of_memory(std::int64_t bytes) {
  std::size_t free = 0;
  std::size_t total = 0;
  cudaMemGetInfo(&free, &total);
  fail(
      "the GPU has no room for another {} MiB: {} of its {} MiB are free; close other programs on "
      "it, or "
      "take a smaller or quantized model",
      (bytes >> 20) + 1, free >> 20, total >> 20);
}

}  // namespace

std::shared_ptr<void> allocate(std::int64_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, std::max<std::int64_t>(bytes, kAlignment));
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    fail_out_of_memory(bytes);
  }
  check(status, "taking memory");
  return {memory, [](void* taken) { cudaFree(taken); }};
}

std::shared_ptr<void> allocate_pinned(std::int64_t bytes) {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, std::max<std::int64_t>(bytes, kAlignment)), "taking pinned memory");
  return {memory, [](void* taken) { cudaFreeHost(taken); }};
}

struct MemoryPool::Shelf {
  std::map<std::int64_t, std::vector<std::shared_ptr<void>>> free;  // by size; none is empty
};

MemoryPool::MemoryPool(std::shared_ptr<void> (*allocator)(std::int64_t))
    : allocator_(allocator), shelf_(std::make_shared<Shelf>()) {}

std::shared_ptr<void> MemoryPool::take(std::int64_t bytes) {
  std::int64_t size = size_class(bytes);
  const auto fitting = shelf_->free.lower_bound(size);
  std::shared_ptr<void> memory;
  if (fitting != shelf_->free.end() && fitting->first <= kLargestFit * size) {
    size = fitting->first;
    memory = std::move(fitting->second.back());
    fitting->second.pop_back();
    if (fitting->second.empty()) shelf_->free.erase(fitting);
  } else {
    try {
      memory = allocator_(size);
    } catch (const Error&) {
      // What lies on the shelves may be enough.
      cudaDeviceSynchronize();
      trim();
      memory = allocator_(size);
    }
  }
  void* address = memory.get();
  return {address, [shelf = shelf_, size, kept = std::move(memory)](void*) mutable {
            shelf->free[size].push_back(std::move(kept));
          }};
}

void MemoryPool::trim() {
  shelf_->free.clear();
}

PieceUploader::~PieceUploader() {
  for (const Piece& piece : pieces_) {
    if (!piece.read) continue;
    cudaEventSynchronize(piece.read);
    cudaEventDestroy(piece.read);
  }
}

PieceUploader::Piece& PieceUploader::next_piece() {
  Piece& piece = pieces_[turn_];
  turn_ = (turn_ + 1) % kPieces;
  if (!piece.memory) {
    piece.memory = allocate_pinned(kPieceBytes);
    check(cudaEventCreateWithFlags(&piece.read, cudaEventDisableTiming), "making an event");
  }
  check(cudaEventSynchronize(piece.read), "waiting for uploads");
  return piece;
}

void PieceUploader::upload(void* to, const std::byte* from, std::int64_t bytes,
                           ThreadPool& threads) {
  for (std::int64_t done = 0; done < bytes; done += kPieceBytes) {
    const std::int64_t size = std::min(kPieceBytes, bytes - done);
    Piece& piece = next_piece();
    auto* pinned = static_cast<std::byte*>(piece.memory.get());
    threads.parallel_for((size + kThreadBytes - 1) / kThreadBytes, [&](std::int64_t part) {
      const std::int64_t begin = part * kThreadBytes;
      std::memcpy(pinned + begin, from + done + begin, std::min(kThreadBytes, size - begin));
    });
    check(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, pinned, size, cudaMemcpyHostToDevice,
                          stream_),
          "upload");
    check(cudaEventRecord(piece.read, stream_), "recording an event");
  }
}

StagingRing::StagingRing(cudaStream_t stream) : stream_(stream) {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, kRingBytes), "taking pinned memory");
  memory_ = static_cast<std::byte*>(memory);
}

StagingRing::~StagingRing() {
  cudaFreeHost(memory_);
}

void StagingRing::upload(void* to, const void* from, std::int64_t bytes) {
  if (used_ + bytes > kRingBytes) {
    check(cudaStreamSynchronize(stream_), "waiting for uploads");
    used_ = 0;
  }
  std::memcpy(memory_ + used_, from, bytes);
  check(cudaMemcpyAsync(to, memory_ + used_, bytes, cudaMemcpyHostToDevice, stream_), "upload");
  used_ = (used_ + bytes + 63) / 64 * 64;
}

}  // namespace saccade::compute::cuda
