// Writing GGUF files for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace saccade {

/// Puts a GGUF file together in memory: metadata and tensors in the order they are added.
class GgufBytes {
 public:
  explicit GgufBytes(std::uint32_t version = 3, std::size_t alignment = 32)
      : version_(version), alignment_(alignment) {
    if (alignment != 32) set("general.alignment", static_cast<std::uint32_t>(alignment));
  }

  GgufBytes& set(std::string_view key, std::uint32_t value) { return scalar(key, 4, value); }
  GgufBytes& set(std::string_view key, std::int32_t value) { return scalar(key, 5, value); }
  GgufBytes& set(std::string_view key, float value) { return scalar(key, 6, value); }
  GgufBytes& set(std::string_view key, bool value) { return scalar<std::uint8_t>(key, 7, value); }
  GgufBytes& set(std::string_view key, std::uint64_t value) { return scalar(key, 10, value); }
  GgufBytes& set(std::string_view key, std::int64_t value) { return scalar(key, 11, value); }
  GgufBytes& set(std::string_view key, double value) { return scalar(key, 12, value); }
  GgufBytes& set(std::string_view key, std::string_view value) {
    return raw(key, number<std::uint32_t>(8) + text(value));
  }
  GgufBytes& set(std::string_view key, const char* value) {
    return set(key, std::string_view(value));
  }
  GgufBytes& set(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes = array(8, values.size());
    for (const std::string& value : values) bytes += text(value);
    return raw(key, bytes);
  }
  GgufBytes& set(std::string_view key, const std::vector<std::int32_t>& values) {
    return list(key, 5, values);
  }
  GgufBytes& set(std::string_view key, const std::vector<float>& values) {
    return list(key, 6, values);
  }
  /// A value as its bytes: the number of its type, then the value.
  GgufBytes& raw(std::string_view key, std::string_view bytes) {
    metadata_ += text(key) + std::string(bytes);
    ++values_;
    return *this;
  }

  /// `dims` innermost first, as files have them. The data is placed behind what came before.
  GgufBytes& tensor(std::string_view name, const std::vector<std::uint64_t>& dims,
                    std::uint32_t type, std::string_view data) {
    data_.resize(aligned(data_.size()));
    describe(name, dims, type, data_.size());
    data_ += data;
    return *this;
  }
  /// A description alone, whatever it says.
  GgufBytes& describe(std::string_view name, const std::vector<std::uint64_t>& dims,
                      std::uint32_t type, std::uint64_t offset) {
    infos_ += text(name) + number(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) infos_ += number(dim);
    infos_ += number(type) + number(offset);
    ++tensors_;
    return *this;
  }

  std::string bytes() const {
    std::string file = "GGUF" + number(version_) + number(tensors_) + number(values_);
    file += metadata_ + infos_;
    if (tensors_) file.resize(aligned(file.size()));
    return file + data_;
  }

  template <typename T>
  static std::string number(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }
  static std::string text(std::string_view value) {
    return number(std::uint64_t{value.size()}) + std::string(value);
  }
  static std::string array(std::uint32_t type, std::uint64_t count) {
    return number<std::uint32_t>(9) + number(type) + number(count);
  }

 private:
  std::size_t aligned(std::size_t size) const {
    return (size + alignment_ - 1) / alignment_ * alignment_;
  }
  template <typename T>
  GgufBytes& scalar(std::string_view key, std::uint32_t type, T value) {
    return raw(key, number(type) + number(value));
  }
  template <typename T>
  GgufBytes& list(std::string_view key, std::uint32_t type, const std::vector<T>& values) {
    std::string bytes = array(type, values.size());
    for (const T value : values) bytes += number(value);
    return raw(key, bytes);
  }

  std::uint32_t version_;
  std::size_t alignment_;
  std::uint64_t values_ = 0;
  std::uint64_t tensors_ = 0;
  std::string metadata_;
  std::string infos_;
  std::string data_;
};

}  // namespace saccade
