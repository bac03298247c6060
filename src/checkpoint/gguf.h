// The GGUF file format of llama.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "tensor/ggml_type.h"
#include "tensor/shape.h"

namespace saccade::checkpoint {

/// One .gguf file, mapped: a header with typed metadata, a description of each tensor, then the
/// data. Versions 2 and 3, which share a layout, little-endian. Nothing but names is copied.
class GgufFile {
 public:
  /// Throws Error, naming file and place, when the file is not GGUF, is of another version or byte
  /// order, is cut short, or its metadata or tensors contradict its size or each other. Memory in
  /// use stays in proportion to the file whatever its counts claim. Tensor types that Saccade
  /// cannot read are kept by number and refused when their data is asked for.
  explicit GgufFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }

  /// Types of metadata values as files number them.
  enum class ValueType : std::uint32_t {
    kUint8 = 0,
    kInt8 = 1,
    kUint16 = 2,
    kInt16 = 3,
    kUint32 = 4,
    kInt32 = 5,
    kFloat32 = 6,
    kBool = 7,
    kString = 8,
    kArray = 9,
    kUint64 = 10,
    kInt64 = 11,
    kFloat64 = 12,
  };
  /// Where a metadata value lies. An array counts its elements, each of `type`.
  struct Value {
    ValueType type;
    bool is_array = false;
    std::uint64_t count = 1;
    std::size_t offset = 0;  ///< of the first element in the file
  };
  const std::map<std::string, Value, std::less<>>& metadata() const { return metadata_; }
  bool has(std::string_view key) const { return metadata_.contains(key); }

  /// Each gives nothing for a key that is absent and throws Error, naming file and key, for a value
  /// of another type. Any integer type counts as an integer, any integer or float as a number.
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string_view> string(std::string_view key) const;
  /// Likewise for arrays, of which an absent one is empty. Strings point into the mapping.
  std::vector<std::string_view> strings(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;

  /// The description of one tensor.
  struct Entry {
    std::uint32_t type = 0;  ///< a GgmlType when ggml_traits() knows it
    Shape shape;             ///< outermost first, so a matrix is [outputs, inputs]
    std::size_t offset = 0;  ///< of its data in the file
    std::size_t bytes = 0;   ///< 0 for a type that cannot be read
  };
  const std::map<std::string, Entry, std::less<>>& tensors() const { return tensors_; }
  /// Throws Error when there is no such tensor.
  const Entry& entry(std::string_view name) const;
  /// The data of one of tensors(). Throws Error, naming tensor and type, for a type that cannot be
  /// read.
  const std::byte* data(const Entry& entry) const;
  /// The tensor's file pages will not be needed again soon.
  void release(const Entry& entry) const { file_.release(entry.offset, entry.bytes); }

 private:
  const Value* find(std::string_view key, bool is_array) const;
  [[noreturn]] void wrong_type(std::string_view key, std::string_view wanted) const;
  std::int64_t integer_at(std::string_view key, const Value& value, std::uint64_t index) const;
  double number_at(std::string_view key, const Value& value, std::uint64_t index) const;

  MappedFile file_;
  std::map<std::string, Value, std::less<>> metadata_;
  std::map<std::string, Entry, std::less<>> tensors_;
};

}  // namespace saccade::checkpoint
