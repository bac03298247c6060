#include "checkpoint/checkpoint.h"

#include <vector>

#include "base/error.h"
#include "checkpoint/directory_source.h"
#include "checkpoint/gguf_source.h"
#include "tensor/dequantize.h"

namespace saccade::checkpoint {
namespace fs = std::filesystem;
namespace {

/// The rows of all parts as f32.
HostTensor dequantized(const std::vector<HostMatrix>& parts, const Shape& shape) {
  auto values = std::make_shared<std::vector<float>>(shape.elements());
  float* to = values->data();
  for (const HostMatrix& part : parts) {
    for (std::int64_t row = 0; row < part.outputs; ++row, to += part.inputs) {
      dequantize_row(part, row, to);
    }
  }
  const auto* data = reinterpret_cast<const std::byte*>(values->data());
  return {DType::kF32, shape, data, std::move(values)};
}

std::shared_ptr<const Source> open_source(const fs::path& path, const fs::path& mmproj) {
  std::error_code status;
  if (fs::is_regular_file(path, status)) {
    return std::make_shared<GgufSource>(
        path, mmproj.empty() ? find_mmproj(path) : std::optional<fs::path>(mmproj));
  }
  if (!mmproj.empty()) {
    fail_usage("mmproj: {} is no GGUF file; a vision tower apart goes with those", path.string());
  }
  return std::make_shared<DirectorySource>(path);
}

}  // namespace

Checkpoint::Checkpoint(const fs::path& path, const fs::path& mmproj)
    : Checkpoint(open_source(path, mmproj)) {}

Checkpoint::Checkpoint(std::shared_ptr<const Source> source)
    : source_(std::move(source)), config_(json("config.json")) {}

std::optional<boost::json::value> Checkpoint::optional_json(const std::string& file) const {
  return source_->json(file);
}

std::optional<std::string> Checkpoint::optional_text(const std::string& file) const {
  return source_->text(file);
}

boost::json::value Checkpoint::json(const std::string& file) const {
  auto document = source_->json(file);
  if (!document) fail("{}: no {} in it", where(), file);
  return std::move(*document);
}

const TensorInfo& Checkpoint::info(std::string_view name) const {
  const auto found = tensors().find(name);
  if (found == tensors().end()) fail("{}: tensor {} is missing", where(), name);
  return found->second;
}

HostTensor Checkpoint::tensor(std::string_view name) const {
  const TensorInfo& found = info(name);
  const std::vector<HostMatrix> parts = matrix(name);
  if (parts.size() == 1 && !parts[0].format.quantized()) {
    return {parts[0].format.dtype, found.shape, parts[0].data, parts[0].storage};
  }
  return dequantized(parts, found.shape);
}

std::vector<HostMatrix> Checkpoint::matrix(std::string_view name) const {
  info(name);
  return source_->matrix(std::string(name));
}

void Checkpoint::release(std::string_view name) const {
  if (has(name)) source_->release(std::string(name));
}

std::int64_t Checkpoint::weight_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors()) bytes += tensor.bytes;
  return bytes;
}

}  // namespace saccade::checkpoint
