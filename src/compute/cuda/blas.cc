#include "compute/cuda/blas.h"

#include <cublasLt.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <map>
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

/// The functions of the library that are used, under their own names.
struct Library {
// clang-format off: the list is one name a line
#define SACCADE_CUBLASLT(X)          \
  X(cublasLtCreate)                  \
  X(cublasLtDestroy)                 \
  X(cublasLtMatmul)                  \
  X(cublasLtMatmulAlgoGetHeuristic)  \
  X(cublasLtMatmulDescCreate)        \
  X(cublasLtMatmulDescDestroy)       \
  X(cublasLtMatmulDescSetAttribute)  \
  X(cublasLtMatrixLayoutCreate)      \
  X(cublasLtMatrixLayoutDestroy)     \
  X(cublasLtMatmulPreferenceCreate)  \
  X(cublasLtMatmulPreferenceDestroy) \
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
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  lt.cublasLtMatmulAlgoGetHeuristic(handle, descriptors.operation(), descriptors.w(),
                                    descriptors.x(), descriptors.y(), descriptors.y(), preference,
                                    1, &found, &count);
  lt.cublasLtMatmulPreferenceDestroy(preference);
  if (count < 1) {
    fail("[cuda] cuBLASLt knows no way to multiply [{}, {}] by [{}, {}]", p.rows, p.inputs,
         p.outputs, p.inputs);
  }
  return found.algo;
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
