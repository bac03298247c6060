#include "checkpoint/safetensors_writer.h"

#include <boost/json.hpp>
#include <cstring>

#include "base/error.h"

namespace saccade::checkpoint {

std::string safetensors_dtype(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kI32:
      return "I32";
    case DType::kU8:
      return "U8";
  }
  return "?";
}

SafetensorsWriter::SafetensorsWriter(std::filesystem::path directory,
                                     std::vector<PlannedTensor> tensors, std::string format,
                                     std::int64_t shard_bytes)
    : directory_(std::move(directory)), tensors_(std::move(tensors)), format_(std::move(format)) {
  std::vector<std::size_t> ends;
  std::int64_t filled = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (filled > 0 && filled + tensors_[i].bytes > shard_bytes) {
      ends.push_back(i);
      filled = 0;
    }
    filled += tensors_[i].bytes;
  }
  ends.push_back(tensors_.size());
  std::size_t begin = 0;
  for (std::size_t shard = 0; shard < ends.size(); ++shard) {
    make_shard(begin, ends[shard],
               ends.size() == 1
                   ? "model.safetensors"
                   : fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, ends.size()));
    begin = ends[shard];
  }
}

void SafetensorsWriter::make_shard(std::size_t first, std::size_t last, const std::string& name) {
  boost::json::object header;
  header["__metadata__"] = boost::json::object{{"format", format_}};
  std::int64_t offset = 0;
  for (std::size_t i = first; i < last; ++i) {
    const PlannedTensor& tensor = tensors_[i];
    const std::span<const std::int64_t> dims = tensor.shape.dims();
    header[tensor.name] =
        boost::json::object{{"dtype", tensor.dtype},
                            {"shape", boost::json::array(dims.begin(), dims.end())},
                            {"data_offsets", boost::json::array{offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text = boost::json::serialize(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t header_bytes = text.size();
  const auto data_begin = static_cast<std::int64_t>(sizeof header_bytes + text.size());
  OutputFile& file = files_.emplace_back(directory_ / name, data_begin + offset);
  file_names_.push_back(name);
  file.write_at(0, std::as_bytes(std::span(&header_bytes, 1)));
  file.write_at(sizeof header_bytes, std::as_bytes(std::span(text)));
  std::int64_t begin = data_begin;
  for (std::size_t i = first; i < last; ++i) {
    const std::int64_t bytes = tensors_[i].bytes;
    places_.emplace(tensors_[i].name, Place{files_.size() - 1, begin, bytes, bytes});
    begin += bytes;
  }
}

void SafetensorsWriter::write(const std::string& tensor, std::int64_t offset,
                              std::span<const std::byte> data) {
  const auto found = places_.find(tensor);
  const auto size = static_cast<std::int64_t>(data.size());
  if (found == places_.end() || offset < 0 || offset + size > found->second.bytes) {
    fail("tensor {}: {} bytes at {} were not planned", tensor, size, offset);
  }
  Place& place = found->second;
  files_[place.file].write_at(place.begin + offset, data);
  place.missing -= size;
}

void SafetensorsWriter::finish(std::int64_t parameters) {
  boost::json::object map;
  std::int64_t total = 0;
  for (const auto& [name, place] : places_) {
    if (place.missing != 0) fail("tensor {}: {} bytes were not written", name, place.missing);
    map[name] = file_names_[place.file];
    total += place.bytes;
  }
  for (OutputFile& file : files_) file.close();
  const boost::json::object index{
      {"metadata", {{"total_size", total}, {"total_parameters", parameters}}}, {"weight_map", map}};
  const std::string text = boost::json::serialize(index);
  write_file(directory_ / "model.safetensors.index.json", std::as_bytes(std::span(text)));
}

}  // namespace saccade::checkpoint
