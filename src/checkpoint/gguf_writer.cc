#include "checkpoint/gguf_writer.h"

#include <bit>

#include "base/error.h"

namespace saccade::checkpoint {
namespace {

using ValueType = GgufFile::ValueType;

constexpr std::int64_t kAlignment = 32;
static_assert(std::endian::native == std::endian::little, "numbers are written as they lie here");

template <typename T>
void put(std::string& to, T number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_text(std::string& to, std::string_view text) {
  put(to, static_cast<std::uint64_t>(text.size()));
  to.append(text);
}

std::int64_t aligned(std::int64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

void GgufWriter::add_key(std::string_view key, ValueType type) {
  put_text(metadata_, key);
  put(metadata_, static_cast<std::uint32_t>(type));
  ++metadata_count_;
}

void GgufWriter::add_array_key(std::string_view key, ValueType type, std::size_t count) {
  add_key(key, ValueType::kArray);
  put(metadata_, static_cast<std::uint32_t>(type));
  put(metadata_, static_cast<std::uint64_t>(count));
}

void GgufWriter::add(std::string_view key, std::string_view text) {
  add_key(key, ValueType::kString);
  put_text(metadata_, text);
}

void GgufWriter::add(std::string_view key, std::uint32_t number) {
  add_key(key, ValueType::kUint32);
  put(metadata_, number);
}

void GgufWriter::add(std::string_view key, float number) {
  add_key(key, ValueType::kFloat32);
  put(metadata_, number);
}

void GgufWriter::add(std::string_view key, bool truth) {
  add_key(key, ValueType::kBool);
  put(metadata_, static_cast<std::uint8_t>(truth));
}

void GgufWriter::add_array(std::string_view key, const std::vector<std::string>& texts) {
  add_array_key(key, ValueType::kString, texts.size());
  for (const std::string& text : texts) put_text(metadata_, text);
}

void GgufWriter::add_array(std::string_view key, const std::vector<std::int32_t>& numbers) {
  add_array_key(key, ValueType::kInt32, numbers.size());
  for (const std::int32_t number : numbers) put(metadata_, number);
}

void GgufWriter::add_array(std::string_view key, const std::vector<float>& numbers) {
  add_array_key(key, ValueType::kFloat32, numbers.size());
  for (const float number : numbers) put(metadata_, number);
}

void GgufWriter::add_tensor(const std::string& name, GgmlType type, const Shape& shape) {
  const GgmlTraits traits = ggml_traits(type);
  Planned planned{name, type, shape, data_bytes_,
                  shape.elements() / traits.elements * traits.bytes};
  planned.missing = planned.bytes;
  data_bytes_ = aligned(data_bytes_ + planned.bytes);
  if (!by_name_.emplace(name, tensors_.size()).second) fail("tensor {} is there twice", name);
  tensors_.push_back(std::move(planned));
}

void GgufWriter::open(const std::filesystem::path& path) {
  std::string header = "GGUF";
  put(header, std::uint32_t{3});
  put(header, static_cast<std::uint64_t>(tensors_.size()));
  put(header, metadata_count_);
  header += metadata_;
  for (const Planned& tensor : tensors_) {
    put_text(header, tensor.name);
    put(header, static_cast<std::uint32_t>(tensor.shape.rank()));
    // Innermost dimension first.
    for (int i = tensor.shape.rank() - 1; i >= 0; --i) {
      put(header, static_cast<std::uint64_t>(tensor.shape[i]));
    }
    put(header, static_cast<std::uint32_t>(tensor.type));
    put(header, static_cast<std::uint64_t>(tensor.begin));
  }
  data_begin_ = aligned(static_cast<std::int64_t>(header.size()));
  header.resize(data_begin_, '\0');
  file_.emplace(path, data_begin_ + data_bytes_);
  file_->write_at(0, std::as_bytes(std::span(header)));
  // Gaps for alignment are zeros already; the last one makes the file as long as it says.
  if (data_bytes_ > 0) {
    const std::byte zero{};
    file_->write_at(data_begin_ + data_bytes_ - 1, std::span(&zero, 1));
  }
}

void GgufWriter::write(const std::string& tensor, std::int64_t offset,
                       std::span<const std::byte> data) {
  const auto found = by_name_.find(tensor);
  const auto size = static_cast<std::int64_t>(data.size());
  if (found == by_name_.end() || offset < 0 || offset + size > tensors_[found->second].bytes) {
    fail("tensor {}: {} bytes at {} were not planned", tensor, size, offset);
  }
  Planned& planned = tensors_[found->second];
  file_->write_at(data_begin_ + planned.begin + offset, data);
  planned.missing -= size;
}

void GgufWriter::finish() {
  for (const Planned& tensor : tensors_) {
    if (tensor.missing != 0) {
      fail("tensor {}: {} bytes were not written", tensor.name, tensor.missing);
    }
  }
  file_->close();
}

}  // namespace saccade::checkpoint
