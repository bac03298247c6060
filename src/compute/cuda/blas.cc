#include "compute/cuda/blas.h"

#include <cublasLt.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <tuple>

#include "compute/cuda/check.h"
#include "compute/cuda/memory.h"

namespace saccade::compute::cuda {
namespace {

// What the library recommends for Hopper.
constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;
// The rows for which the algorithm is chosen that all row counts use where bits must not differ:
// large enough to be good for prefill.
constexpr std::int64_t kInvariantRows = 512;

// Of the library's suggestions for a product, in its order, so many are looked at.
constexpr int kSuggestions = 8;
// Rows from which products are large enough for preferred_tiles.
constexpr std::int64_t kLargeRows = 1024;

// Tiles by their numbers in cublasLt.h, which older ones have no names for: outputs x rows.
constexpr int kTile128x128 = 20, kTile256x128 = 24, kTile112x128 = 165, kTile144x128 = 184,
              kTile168x128 = 197, kTile176x128 = 201, kTile192x192 = 209, kTile320x128 = 248;

/// Large tiles that the library suggests first for large products on Hopper.
bool replaceable(int tile) {
  return tile == kTile256x128 || tile == kTile192x192 || tile == kTile320x128;
}

/// What is faster than those, in this order, if it is suggested as well. Measured on a warm H200,
/// all suggestions in turns: at 4096 rows [37888, 3584] takes 1.63 instead of 1.72 ms, and added to
/// f32, [3584, 18944] takes 0.84 instead of 0.92 ms. Larger tiles leave more multiprocessors
/// without work in the last round, and the clocks fall either way.
std::span<const int> preferred_tiles(DType y_type) {
  static constexpr int kOfF16[] = {kTile168x128, kTile144x128, kTile176x128};
  static constexpr int kOfF32[] = {kTile112x128, kTile128x128};
  if (y_type == DType::kF32) return kOfF32;
  return kOfF16;
}

/// The functions of the library that are used, under their own names.
struct Library {
// clang-format off: the list is one name a line
#define SACCADE_CUBLASLT(X)               \
  X(cublasLtCreate)                       \
  X(cublasLtDestroy)                      \
  X(cublasLtMatmul)                       \
  X(cublasLtMatmulAlgoConfigGetAttribute) \
  X(cublasLtMatmulAlgoGetHeuristic)       \
  X(cublasLtMatmulDescCreate)             \
  X(cublasLtMatmulDescDestroy)            \
  X(cublasLtMatmulDescSetAttribute)       \
  X(cublasLtMatrixLayoutCreate)           \
  X(cublasLtMatrixLayoutDestroy)          \
  X(cublasLtMatmulPreferenceCreate)       \
  X(cublasLtMatmulPreferenceDestroy)      \
  X(cublasLtMatmulPreferenceSetAttribute)
// clang-format on
#define SACCADE_MEMBER(name) decltype(&::name) name = nullptr;
  SACCADE_CUBLASLT(SACCADE_MEMBER)
#undef SACCADE_MEMBER
};

void* open_library() {
  // Where the loader looks, and where the toolkit was when this was built.
  for (const char* name :
       {"libcublasLt.so.13", "libcublasLt.so.12", SACCADE_CUDA_LIBRARIES "/libcublasLt.so"}) {
    if (void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return handle;
  }
  fail(
      "cuBLASLt (libcublasLt.so of the CUDA toolkit) is not found: {}; install the CUDA toolkit or "
      "name its folder in LD_LIBRARY_PATH",
      ::dlerror());
}

const Library& library() {
  static const Library kLibrary = [] {
    void* handle = open_library();
    Library opened;
#define SACCADE_LOAD(name) \
  opened.name = reinterpret_cast<decltype(opened.name)>(::dlsym(handle, #name));
    SACCADE_CUBLASLT(SACCADE_LOAD)
#undef SACCADE_LOAD
    return opened;
  }();
  return kLibrary;
}

void check_blas(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail("[cuda] {}: cuBLASLt status {}", what, static_cast<int>(status));
}

cudaDataType_t data_type(DType type) {
  return type == DType::kF32 ? CUDA_R_32F : CUDA_R_16F;
}

/// A product's descriptors. cuBLAS counts columns first: y^T [outputs, rows] = w [inputs,
/// outputs]^T x^T [inputs, rows].
class Descriptors {
 public:
  Descriptors(const Product& p, std::int64_t rows) {
    const Library& lt = library();
    check_blas(lt.cublasLtMatmulDescCreate(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "matmul");
    const cublasOperation_t transpose = CUBLAS_OP_T;
    set(CUBLASLT_MATMUL_DESC_TRANSA, transpose);
    if (p.bias) {
      const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
      const cudaDataType_t type = data_type(p.y_type);
      set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type);
    }
    check_blas(
        lt.cublasLtMatrixLayoutCreate(&w_, data_type(p.x_type), p.inputs, p.outputs, p.w_stride),
        "layout");
    check_blas(lt.cublasLtMatrixLayoutCreate(&x_, data_type(p.x_type), p.inputs, rows, p.x_stride),
               "layout");
    check_blas(lt.cublasLtMatrixLayoutCreate(&y_, data_type(p.y_type), p.outputs, rows, p.y_stride),
               "layout");
  }
  ~Descriptors() {
    const Library& lt = library();
    lt.cublasLtMatmulDescDestroy(operation_);
    lt.cublasLtMatrixLayoutDestroy(w_);
    lt.cublasLtMatrixLayoutDestroy(x_);
    lt.cublasLtMatrixLayoutDestroy(y_);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  cublasLtMatmulDesc_t operation() const { return operation_; }
  cublasLtMatrixLayout_t w() const { return w_; }
  cublasLtMatrixLayout_t x() const { return x_; }
  cublasLtMatrixLayout_t y() const { return y_; }

 private:
  template <typename T>
  void set(cublasLtMatmulDescAttributes_t name, const T& value) {
    check_blas(library().cublasLtMatmulDescSetAttribute(operation_, name, &value, sizeof value),
               "matmul");
  }
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t w_ = nullptr;
  cublasLtMatrixLayout_t x_ = nullptr;
  cublasLtMatrixLayout_t y_ = nullptr;
};

/// What the choice of an algorithm depends on.
using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                       std::int64_t, DType, DType, bool, bool, bool>;

}  // namespace

struct Blas::State {
  cudaStream_t stream;
  bool hopper = false;
  cublasLtHandle_t handle = nullptr;
  std::shared_ptr<void> workspace;
  std::map<Key, cublasLtMatmulAlgo_t> algorithms;

  cublasLtMatmulAlgo_t choose(const Product& p, const Descriptors& descriptors);
  const cublasLtMatmulAlgo_t& algorithm(const Product& p);
};

Blas::Blas(cudaStream_t stream) : state_(std::make_unique<State>()) {
  state_->stream = stream;
}

Blas::~Blas() {
  if (state_->handle) library().cublasLtDestroy(state_->handle);
}

namespace {

int tile_of(const cublasLtMatmulAlgo_t& algorithm) {
  int tile = 0;
  library().cublasLtMatmulAlgoConfigGetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID, &tile,
                                                 sizeof tile, nullptr);
  return tile;
}

/// Whether the current device is of compute capability 9.0.
bool on_hopper() {
  int device = 0;
  int major = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  return major == 9;
}

}  // namespace

cublasLtMatmulAlgo_t Blas::State::choose(const Product& p, const Descriptors& descriptors) {
  const Library& lt = library();
  cublasLtMatmulPreference_t preference = nullptr;
  check_blas(lt.cublasLtMatmulPreferenceCreate(&preference), "preference");
  const std::uint64_t workspace_bytes = p.invariant ? 0 : kWorkspaceBytes;
  lt.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                          &workspace_bytes, sizeof workspace_bytes);
  if (p.invariant) {
    // Parts of a sum that are added up afterwards would be cut by the number of rows.
    const std::uint32_t whole_sums = CUBLASLT_REDUCTION_SCHEME_NONE;
    lt.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                            &whole_sums, sizeof whole_sums);
  }
  std::array<cublasLtMatmulHeuristicResult_t, kSuggestions> found{};
  const bool choosy = hopper && !p.invariant && p.rows >= kLargeRows && p.x_type == DType::kF16;
  int count = 0;
  lt.cublasLtMatmulAlgoGetHeuristic(handle, descriptors.operation(), descriptors.w(),
                                    descriptors.x(), descriptors.y(), descriptors.y(), preference,
                                    choosy ? kSuggestions : 1, found.data(), &count);
  lt.cublasLtMatmulPreferenceDestroy(preference);
  if (count < 1) {
    fail("[cuda] cuBLASLt knows no way to multiply [{}, {}] by [{}, {}]", p.rows, p.inputs,
         p.outputs, p.inputs);
  }
  if (!choosy || !replaceable(tile_of(found[0].algo))) return found[0].algo;
  for (const int tile : preferred_tiles(p.y_type)) {
    for (int i = 1; i < count; ++i) {
      if (tile_of(found[i].algo) == tile) return found[i].algo;
    }
  }
  return found[0].algo;
}

const cublasLtMatmulAlgo_t& Blas::State::algorithm(const Product& p) {
  const std::int64_t rows = p.invariant ? kInvariantRows : p.rows;
  const Key key{rows,     p.outputs, p.inputs, p.y_stride,        p.x_stride, p.w_stride,
                p.x_type, p.y_type,  p.add,    p.bias != nullptr, p.invariant};
  const auto found = algorithms.find(key);
  if (found != algorithms.end()) return found->second;
  return algorithms.emplace(key, choose(p, Descriptors(p, rows))).first->second;
}

void Blas::multiply(const Product& p) {
  if (p.rows == 0 || p.outputs == 0) return;
  State& state = *state_;
  if (!state.handle) {
    check_blas(library().cublasLtCreate(&state.handle), "starting cuBLASLt");
    state.workspace = allocate(kWorkspaceBytes);
    state.hopper = on_hopper();
  }
  const cublasLtMatmulAlgo_t& algorithm = state.algorithm(p);
  const Descriptors descriptors(p, p.rows);
  const float alpha = 1.0f;
  const float beta = p.add ? 1.0f : 0.0f;
  check_blas(library().cublasLtMatmul(state.handle, descriptors.operation(), &alpha, p.w,
                                      descriptors.w(), p.x, descriptors.x(), &beta, p.y,
                                      descriptors.y(), p.y, descriptors.y(), &algorithm,
                                      state.workspace.get(), kWorkspaceBytes, state.stream),
             "matrix product");
}

}  // namespace saccade::compute::cuda
