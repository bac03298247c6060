#include "compute/cuda/cuda_device.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <optional>

#include "compute/cuda/check.h"
#include "compute/cuda/launch.h"

namespace saccade::compute::cuda {
namespace {

// Asynchronous copies begin here.
constexpr int kOldestMajor = 8;
// Buffers from this size on lie in arenas; smaller ones share the driver's pages as they are.
constexpr std::int64_t kLargeBytes = std::int64_t{1} << 20;
// Of a thread. CUDA sets it aside for every thread that the GPU can hold: its own 1,024 bytes are
// 266 MiB on an H200. Kernels here have frames of a few dozen bytes; one that needs more, as a
// library's may, gets it when it is launched.
constexpr std::size_t kStackBytes = 128;

/// Thrown where an operation would need the host's data while a graph is recorded.
struct NotRecordable {};

cudaDeviceProp properties_of(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "asking for the GPU's properties");
  return properties;
}

DeviceInfo describe(int index, const cudaDeviceProp& properties) {
  std::size_t free = 0;
  std::size_t total = properties.totalGlobalMem;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  const std::string capability =
      fmt::format("compute capability {}.{}", properties.major, properties.minor);
  return {fmt::format("cuda:{}", index),
          properties.name,
          properties.multiProcessorCount,
          capability,
          {capability},
          static_cast<std::int64_t>(total),
          static_cast<std::int64_t>(free)};
}

/// A tensor on its way to pinned memory.
class PinnedReadback : public Readback {
 public:
  PinnedReadback(const Tensor& from, std::shared_ptr<void> memory, cudaStream_t stream)
      : bytes_(from.bytes()), memory_(std::move(memory)) {
    check(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming), "making an event");
    check(cudaMemcpyAsync(memory_.get(), from.raw(), bytes_, cudaMemcpyDeviceToHost, stream),
          "download");
    check(cudaEventRecord(done_, stream), "recording an event");
  }
  ~PinnedReadback() override {
    cudaEventSynchronize(done_);
    cudaEventDestroy(done_);
  }
  void wait(void* to) override {
    check(cudaEventSynchronize(done_), "waiting for the GPU");
    std::memcpy(to, memory_.get(), bytes_);
  }

 private:
  std::int64_t bytes_;
  std::shared_ptr<void> memory_;
  cudaEvent_t done_ = nullptr;
};

}  // namespace

Stream::Stream() {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
}

Stream::~Stream() {
  cudaStreamDestroy(stream_);
}

/// Operations as a CUDA graph. What they took of memory stays theirs, at the same places.
class CudaDevice::Graph : public Recording {
 public:
  ~Graph() override {
    if (executable) cudaGraphExecDestroy(executable);
  }
  MemoryPool memory;
  cudaGraphExec_t executable = nullptr;
  int runs = 0;
  bool recordable = true;
};

CudaDevice::CudaDevice(const CudaOptions& options, const cudaDeviceProp& properties)
    : GpuDevice(options.exact),
      options_(options),
      properties_(properties),
      staging_(stream_),
      pieces_(stream_),
      blas_(stream_) {}

CudaDevice::~CudaDevice() {
  cudaStreamSynchronize(stream_);
}

void CudaDevice::make_current() const {
  check(cudaSetDevice(options_.index), "choosing the GPU");
}

DeviceInfo CudaDevice::info() const {
  make_current();
  return describe(options_.index, properties_);
}

std::int64_t CudaDevice::padded_rows(std::int64_t rows) const {
  // A graph for each power of two, and in steps of 32 above.
  if (rows > 64) return (rows + 31) / 32 * 32;
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(rows)));
}

void CudaDevice::check_not_recording() const {
  if (recording()) throw NotRecordable();
}

std::unique_ptr<Readback> CudaDevice::read_back(const Tensor& from) {
  check_not_recording();
  make_current();
  if (!from.dense()) fail("[read_back] wanted a dense tensor");
  return std::make_unique<PinnedReadback>(from, pinned_.take(from.bytes()), stream_);
}

std::unique_ptr<Recording> CudaDevice::make_recording() {
  return std::make_unique<Graph>();
}

void CudaDevice::capture(Graph& graph, const std::function<void()>& body) {
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "beginning a graph");
  pool_ = &graph.memory;
  std::exception_ptr error;
  try {
    body();
  } catch (const NotRecordable&) {
    graph.recordable = false;
  } catch (...) {
    error = std::current_exception();
  }
  pool_ = &memory_;
  cudaGraph_t captured = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream_, &captured);
  if (error) std::rethrow_exception(error);
  if (!graph.recordable) {
    cudaGetLastError();
    if (captured) cudaGraphDestroy(captured);
    return;
  }
  check(ended, "ending a graph");
  const cudaError_t made = cudaGraphInstantiate(&graph.executable, captured, 0);
  cudaGraphDestroy(captured);
  check(made, "making a graph");
}

void CudaDevice::run(Recording& recording, const std::function<void()>& body) {
  make_current();
  auto& graph = static_cast<Graph&>(recording);
  // The first time loads kernels and chooses algorithms, and a step that is done once needs no
  // graph.
  if (graph.runs++ == 0 || !graph.recordable) return body();
  if (!graph.executable) capture(graph, body);
  if (!graph.recordable) return body();
  check(cudaGraphLaunch(graph.executable, stream_), "running a graph");
}

std::shared_ptr<void> CudaDevice::take_memory(std::int64_t bytes) {
  make_current();
  if (bytes < kLargeBytes || recording()) return pool_->take(bytes);
  std::shared_ptr<void> memory = large_.take(bytes);
  return memory ? memory : pool_->take(bytes);
}

std::shared_ptr<void> CudaDevice::take_lasting_memory(std::int64_t bytes) {
  make_current();
  const auto take = [&] {
    std::shared_ptr<void> memory;
    if (bytes >= kLargeBytes) memory = lasting_.take(bytes);
    return memory ? memory : allocate(bytes);
  };
  try {
    return take();
  } catch (const Error&) {
    cudaStreamSynchronize(stream_);
    memory_.trim();
    large_.trim();
    return take();
  }
}

void CudaDevice::copy_in(void* to, const void* from, std::int64_t bytes) {
  coded_ = {};
  check_not_recording();
  if (bytes <= 0) return;
  make_current();
  if (bytes <= StagingRing::kLargest) return staging_.upload(to, from, bytes);
  pieces_.upload(to, static_cast<const std::byte*>(from), bytes, threads());
}

void CudaDevice::copy_out(void* to, const void* from, std::int64_t bytes) {
  check_not_recording();
  if (bytes <= 0) return;
  make_current();
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "download");
  check(cudaStreamSynchronize(stream_), "waiting for the GPU");
}

void* CudaDevice::cleared_workspace(std::vector<Workspace>& workspaces, std::int64_t bytes) {
  if (workspaces.empty() || workspaces.back().bytes < bytes) {
    check_not_recording();
    std::shared_ptr<void> memory = take_lasting_memory(bytes);
    check(cudaMemsetAsync(memory.get(), 0, bytes, stream_), "clearing a workspace");
    workspaces.push_back({bytes, std::move(memory)});
  }
  return workspaces.back().memory.get();
}

void CudaDevice::launch_kernel(gpu::Kernel kernel, const gpu::Grid& grid, const void* args) {
  coded_ = {};
  make_current();
  check(launch(kernel, grid, args, stream_), "launching a kernel");
}

std::unique_ptr<Device> make_cuda_device(const CudaOptions& options) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    cudaGetLastError();
    fail("no NVIDIA GPU can be used: {}; install NVIDIA's driver, or use --device cpu",
         cudaGetErrorString(status));
  }
  if (options.index >= count) {
    fail("there is no GPU cuda:{}: this machine has {} (saccade devices lists them)", options.index,
         count);
  }
  const cudaDeviceProp properties = properties_of(options.index);
  if (properties.major < kOldestMajor) {
    fail("cuda:{} ({}) is too old: its compute capability is {}.{}, and {}.0 or later is needed",
         options.index, properties.name, properties.major, properties.minor, kOldestMajor);
  }
  check(cudaSetDevice(options.index), "choosing the GPU");
  check(cudaDeviceSetLimit(cudaLimitStackSize, kStackBytes), "setting the size of stacks");
  return std::make_unique<CudaDevice>(options, properties);
}

std::vector<DeviceInfo> list_cuda_devices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return {};
  }
  int current = 0;
  check(cudaGetDevice(&current), "asking for the GPU in use");
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < count; ++i) {
    const cudaDeviceProp properties = properties_of(i);
    if (properties.major < kOldestMajor) continue;
    check(cudaSetDevice(i), "choosing the GPU");
    devices.push_back(describe(i, properties));
  }
  check(cudaSetDevice(current), "choosing the GPU");
  return devices;
}

}  // namespace saccade::compute::cuda
