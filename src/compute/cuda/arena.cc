#include "compute/cuda/arena.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <iterator>
#include <map>
#include <mutex>
#include <vector>

namespace saccade::compute::cuda {
namespace {

constexpr std::int64_t kAlignment = 256;

std::int64_t rounded_up(std::int64_t bytes, std::int64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// A function of the driver, found through the runtime: nothing links to the driver's library.
template <typename Function>
bool find(Function*& function, const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result);
  function = reinterpret_cast<Function*>(found);
  return error == cudaSuccess && result == cudaDriverEntryPointSuccess;
}

/// The driver's way to addresses and memory apart from each other.
struct VirtualMemory {
  decltype(cuMemAddressReserve)* reserve = nullptr;
  decltype(cuMemAddressFree)* unreserve = nullptr;
  decltype(cuMemCreate)* create = nullptr;
  decltype(cuMemRelease)* release = nullptr;
  decltype(cuMemMap)* map = nullptr;
  decltype(cuMemUnmap)* unmap = nullptr;
  decltype(cuMemSetAccess)* set_access = nullptr;
  decltype(cuMemGetAllocationGranularity)* granularity = nullptr;
  bool complete = false;
};

const VirtualMemory& driver() {
  static const VirtualMemory kDriver = [] {
    VirtualMemory d;
    d.complete = find(d.reserve, "cuMemAddressReserve") && find(d.unreserve, "cuMemAddressFree") &&
                 find(d.create, "cuMemCreate") && find(d.release, "cuMemRelease") &&
                 find(d.map, "cuMemMap") && find(d.unmap, "cuMemUnmap") &&
                 find(d.set_access, "cuMemSetAccess") &&
                 find(d.granularity, "cuMemGetAllocationGranularity");
    return d;
  }();
  return kDriver;
}

}  // namespace

/// The addresses, what is behind them, and what of that is free.
class Arena::Range {
 public:
  Range() {
    int device = 0;
    std::size_t free = 0;
    std::size_t total = 0;
    if (!driver().complete || cudaGetDevice(&device) != cudaSuccess ||
        cudaMemGetInfo(&free, &total) != cudaSuccess) {
      return;
    }
    properties_.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties_.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
    std::size_t page = 0;
    if (driver().granularity(&page, &properties_, CU_MEM_ALLOC_GRANULARITY_MINIMUM)) return;
    page_ = static_cast<std::int64_t>(page);
    const std::int64_t bytes = rounded_up(static_cast<std::int64_t>(total), page_);
    if (driver().reserve(&base_, bytes, 0, 0, 0) == CUDA_SUCCESS) reserved_ = bytes;
  }
  ~Range() {
    // Everything was given back: buffers hold a reference.
    cudaDeviceSynchronize();
    trim();
    if (reserved_ > 0) driver().unreserve(base_, reserved_);
  }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

  /// Where `bytes` are free, which they are no longer; negative: nowhere.
  std::int64_t take(std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    auto place = free_.begin();
    while (place != free_.end() && place->second < bytes) ++place;
    if (place == free_.end()) {
      if (!grow(bytes)) return -1;
      place = std::prev(free_.end());
    }
    const std::int64_t first = place->first;
    const std::int64_t rest = place->second - bytes;
    free_.erase(place);
    if (rest > 0) free_.emplace(first + bytes, rest);
    return first;
  }

  void give_back(std::int64_t first, std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    add_free(first, bytes);
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    while (!pieces_.empty() && free_at_end() >= pieces_.back().bytes) {
      const Piece piece = pieces_.back();
      pieces_.pop_back();
      end_ -= piece.bytes;
      const auto last = std::prev(free_.end());
      last->second -= piece.bytes;
      if (last->second == 0) free_.erase(last);
      driver().unmap(base_ + end_, piece.bytes);
      driver().release(piece.memory);
    }
  }

  void* at(std::int64_t offset) const { return reinterpret_cast<void*>(base_ + offset); }

 private:
  struct Piece {
    CUmemGenericAllocationHandle memory;
    std::int64_t bytes;
  };

  void add_free(std::int64_t first, std::int64_t bytes) {
    auto next = free_.lower_bound(first);
    if (next != free_.end() && first + bytes == next->first) {
      bytes += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == first) {
        before->second += bytes;
        return;
      }
    }
    free_.emplace_hint(next, first, bytes);
  }

  std::int64_t free_at_end() const {
    if (free_.empty()) return 0;
    const auto last = std::prev(free_.end());
    return last->first + last->second == end_ ? last->second : 0;
  }

  /// Puts memory at the end until `bytes` are free there.
  bool grow(std::int64_t bytes) {
    Piece piece{0, rounded_up(bytes - free_at_end(), page_ > 0 ? page_ : 1)};
    if (end_ + piece.bytes > reserved_) return false;
    if (driver().create(&piece.memory, piece.bytes, &properties_, 0)) return false;
    CUmemAccessDesc access{};
    access.location = properties_.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    const bool mapped = driver().map(base_ + end_, piece.bytes, 0, piece.memory, 0) == CUDA_SUCCESS;
    if (!mapped || driver().set_access(base_ + end_, piece.bytes, &access, 1)) {
      if (mapped) driver().unmap(base_ + end_, piece.bytes);
      driver().release(piece.memory);
      return false;
    }
    add_free(end_, piece.bytes);
    end_ += piece.bytes;
    pieces_.push_back(piece);
    return true;
  }

  std::mutex mutex_;
  CUmemAllocationProp properties_{};
  CUdeviceptr base_ = 0;
  std::int64_t page_ = 0;
  std::int64_t reserved_ = 0;
  std::int64_t end_ = 0;                       // memory is behind [0, end_)
  std::vector<Piece> pieces_;                  // of it, in order
  std::map<std::int64_t, std::int64_t> free_;  // bytes by first byte
};

Arena::Arena() : range_(std::make_shared<Range>()) {}

std::shared_ptr<void> Arena::take(std::int64_t bytes) {
  bytes = rounded_up(bytes, kAlignment);
  const std::int64_t first = range_->take(bytes);
  if (first < 0) return nullptr;
  return {range_->at(first),
          [range = range_, first, bytes](void*) { range->give_back(first, bytes); }};
}

void Arena::trim() {
  range_->trim();
}

}  // namespace saccade::compute::cuda
