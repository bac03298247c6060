// Writing safetensors files whose tensors are known beforehand.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/output_file.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace saccade::checkpoint {

/// A tensor that will be written.
struct PlannedTensor {
  std::string name;
  std::string dtype;  ///< as safetensors writes it: "BF16", "U32"
  Shape shape;
  std::int64_t bytes = 0;
};

/// What safetensors calls a float type.
std::string safetensors_dtype(DType dtype);

/// The weights of a directory: model.safetensors, or shards and always
/// model.safetensors.index.json. Headers are written first; the tensors' bytes may come in any
/// order.
class SafetensorsWriter {
 public:
  /// Plans shards of at most `shard_bytes` (a larger tensor gets one of its own) in the order given
  /// and makes their files. `format` is the metadata's word for who wrote them: "mlx". Throws Error
  /// when there is no room.
  SafetensorsWriter(std::filesystem::path directory, std::vector<PlannedTensor> tensors,
                    std::string format, std::int64_t shard_bytes = std::int64_t{5} << 30);

  /// Bytes [offset, offset + data.size()) of a tensor. Throws Error when the disk is full.
  void write(const std::string& tensor, std::int64_t offset, std::span<const std::byte> data);
  /// Writes the index and closes the files. Throws Error, also when a tensor is not complete.
  void finish(std::int64_t parameters);

 private:
  struct Place {
    std::size_t file;
    std::int64_t begin;  ///< in the file
    std::int64_t bytes;
    std::int64_t missing;  ///< not yet written
  };
  void make_shard(std::size_t first, std::size_t last, const std::string& name);

  std::filesystem::path directory_;
  std::vector<PlannedTensor> tensors_;
  std::string format_;
  std::vector<OutputFile> files_;
  std::vector<std::string> file_names_;
  std::map<std::string, Place> places_;
};

}  // namespace saccade::checkpoint
