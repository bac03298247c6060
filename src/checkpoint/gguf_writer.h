// Writing GGUF files whose tensors are known beforehand.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_file.h"
#include "checkpoint/gguf.h"
#include "tensor/ggml_type.h"

namespace saccade::checkpoint {

/// A version 3 file with data aligned to 32 bytes. Metadata and tensors are announced first; open()
/// writes them, and the tensors' bytes may then come in any order.
class GgufWriter {
 public:
  /// Metadata in the order of the calls.
  void add(std::string_view key, std::string_view text);
  void add(std::string_view key, std::uint32_t number);
  void add(std::string_view key, float number);
  void add(std::string_view key, bool truth);
  void add(std::string_view key, const char* text) { add(key, std::string_view(text)); }
  void add_array(std::string_view key, const std::vector<std::string>& texts);
  void add_array(std::string_view key, const std::vector<std::int32_t>& numbers);
  void add_array(std::string_view key, const std::vector<float>& numbers);

  /// A tensor, outermost dimension first.
  void add_tensor(const std::string& name, GgmlType type, const Shape& shape);

  /// Makes the file. Throws Error when there is no room.
  void open(const std::filesystem::path& path);
  void write(const std::string& tensor, std::int64_t offset, std::span<const std::byte> data);
  /// Throws Error, also when a tensor is not complete.
  void finish();

 private:
  struct Planned {
    std::string name;
    GgmlType type;
    Shape shape;
    std::int64_t begin = 0;  ///< in the data section
    std::int64_t bytes = 0;
    std::int64_t missing = 0;
  };
  void add_key(std::string_view key, GgufFile::ValueType type);
  void add_array_key(std::string_view key, GgufFile::ValueType type, std::size_t count);

  std::string metadata_;
  std::uint64_t metadata_count_ = 0;
  std::vector<Planned> tensors_;
  std::map<std::string, std::size_t> by_name_;
  std::int64_t data_bytes_ = 0;
  std::int64_t data_begin_ = 0;
  std::optional<OutputFile> file_;
};

}  // namespace saccade::checkpoint
