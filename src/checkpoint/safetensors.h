// The safetensors file format.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mapped_file.h"
#include "tensor/tensor.h"

namespace saccade::checkpoint {

/// A tensor as a file stores it, of whatever dtype.
struct StoredTensor {
  std::string dtype;  ///< as in the file: "BF16", "U32"
  Shape shape;
  const std::byte* data = nullptr;
  std::int64_t bytes = 0;
};

/// The element type of a safetensors dtype that holds floating-point numbers Saccade computes with:
/// F32, F16 and BF16.
std::optional<DType> float_dtype(std::string_view name);

/// One .safetensors file, mapped: an 8-byte little-endian header length, a JSON header naming each
/// tensor's dtype, shape and byte range, then the data. Nothing is copied or read ahead.
class SafetensorsFile {
 public:
  /// Throws Error when the file is truncated, its header is not what the format says, or byte
  /// ranges lie outside the file, overlap or disagree with shapes. Dtypes that are
  /// unknown are kept by name and refused when asked for.
  explicit SafetensorsFile(const std::filesystem::path& path);

  struct Entry {
    std::string dtype;  ///< as in the file: "BF16"
    Shape shape;
    std::size_t begin = 0;  ///< byte range in the data section
    std::size_t end = 0;
  };
  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  const std::filesystem::path& path() const { return file_.path(); }

  /// The program that wrote the file, by its own metadata: "pt", "mlx"; empty when it does not say.
  const std::string& format() const { return format_; }

  /// Throws Error when there is no such tensor or its dtype is unknown.
  StoredTensor get(std::string_view name) const;
  /// Throws Error when there is no such tensor or its dtype is not one of float_dtype().
  HostTensor tensor(std::string_view name) const;
  /// The tensor's file pages will not be needed again soon.
  void release(std::string_view name) const;

 private:
  const Entry& entry(std::string_view name) const;

  MappedFile file_;
  std::size_t data_offset_ = 0;
  std::string format_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace saccade::checkpoint
