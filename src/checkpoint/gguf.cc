#include "checkpoint/gguf.h"

#include <cstring>

#include "base/error.h"
#include "checkpoint/gguf_layout.h"

namespace saccade::checkpoint {
namespace {

using ValueType = GgufFile::ValueType;

bool is_integer(ValueType type) {
  switch (type) {
    case ValueType::kUint8:
    case ValueType::kInt8:
    case ValueType::kUint16:
    case ValueType::kInt16:
    case ValueType::kUint32:
    case ValueType::kInt32:
    case ValueType::kUint64:
    case ValueType::kInt64:
      return true;
    default:
      return false;
  }
}

bool is_number(ValueType type) {
  return is_integer(type) || type == ValueType::kFloat32 || type == ValueType::kFloat64;
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

GgufFile::GgufFile(const std::filesystem::path& path) : file_(path) {
  GgufLayout layout = read_gguf_layout(file_.bytes(), path.string());
  metadata_ = std::move(layout.metadata);
  tensors_ = std::move(layout.tensors);
}

const GgufFile::Value* GgufFile::find(std::string_view key, bool is_array) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return nullptr;
  if (found->second.is_array != is_array) wrong_type(key, is_array ? "an array" : "one value");
  return &found->second;
}

void GgufFile::wrong_type(std::string_view key, std::string_view wanted) const {
  const Value& value = metadata_.find(key)->second;
  const std::string_view name = gguf_type_name(value.type);
  fail("{}: metadata {}: wanted {}, found {}", path().string(), key, wanted,
       value.is_array ? fmt::format("an array of {} {}", value.count, name) : std::string(name));
}

std::int64_t GgufFile::integer_at(std::string_view key, const Value& value,
                                  std::uint64_t index) const {
  const std::byte* at = file_.bytes().data() + value.offset + index * gguf_type_bytes(value.type);
  switch (value.type) {
    case ValueType::kUint8:
      return load<std::uint8_t>(at);
    case ValueType::kInt8:
      return load<std::int8_t>(at);
    case ValueType::kUint16:
      return load<std::uint16_t>(at);
    case ValueType::kInt16:
      return load<std::int16_t>(at);
    case ValueType::kUint32:
      return load<std::uint32_t>(at);
    case ValueType::kInt32:
      return load<std::int32_t>(at);
    case ValueType::kInt64:
      return load<std::int64_t>(at);
    case ValueType::kUint64: {
      const auto number = load<std::uint64_t>(at);
      if (number > static_cast<std::uint64_t>(INT64_MAX)) {
        fail("{}: metadata {}: {} is out of range", path().string(), key, number);
      }
      return static_cast<std::int64_t>(number);
    }
    default:
      wrong_type(key, value.is_array ? "integers" : "an integer");
  }
}

double GgufFile::number_at(std::string_view key, const Value& value, std::uint64_t index) const {
  const std::byte* at = file_.bytes().data() + value.offset + index * gguf_type_bytes(value.type);
  if (value.type == ValueType::kFloat32) return static_cast<double>(load<float>(at));
  if (value.type == ValueType::kFloat64) return load<double>(at);
  if (!is_number(value.type)) wrong_type(key, value.is_array ? "numbers" : "a number");
  return static_cast<double>(integer_at(key, value, index));
}

std::optional<std::int64_t> GgufFile::integer(std::string_view key) const {
  const Value* value = find(key, false);
  return value ? std::optional(integer_at(key, *value, 0)) : std::nullopt;
}

std::optional<double> GgufFile::number(std::string_view key) const {
  const Value* value = find(key, false);
  return value ? std::optional(number_at(key, *value, 0)) : std::nullopt;
}

std::optional<bool> GgufFile::boolean(std::string_view key) const {
  const Value* value = find(key, false);
  if (!value) return std::nullopt;
  if (value->type != ValueType::kBool) wrong_type(key, "a boolean");
  return load<std::uint8_t>(file_.bytes().data() + value->offset) != 0;
}

std::optional<std::string_view> GgufFile::string(std::string_view key) const {
  const Value* value = find(key, false);
  if (!value) return std::nullopt;
  if (value->type != ValueType::kString) wrong_type(key, "a string");
  const std::byte* at = file_.bytes().data() + value->offset;
  return std::string_view(reinterpret_cast<const char*>(at) + sizeof(std::uint64_t),
                          load<std::uint64_t>(at));
}

std::vector<std::string_view> GgufFile::strings(std::string_view key) const {
  const Value* value = find(key, true);
  if (!value) return {};
  if (value->type != ValueType::kString) wrong_type(key, "strings");
  std::vector<std::string_view> list;
  list.reserve(value->count);
  const std::byte* at = file_.bytes().data() + value->offset;
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto size = load<std::uint64_t>(at);
    at += sizeof size;
    list.emplace_back(reinterpret_cast<const char*>(at), size);
    at += size;
  }
  return list;
}

std::vector<std::int64_t> GgufFile::integers(std::string_view key) const {
  const Value* value = find(key, true);
  if (!value) return {};
  if (!is_integer(value->type)) wrong_type(key, "integers");
  std::vector<std::int64_t> list;
  list.reserve(value->count);
  for (std::uint64_t i = 0; i < value->count; ++i) list.push_back(integer_at(key, *value, i));
  return list;
}

std::vector<double> GgufFile::numbers(std::string_view key) const {
  const Value* value = find(key, true);
  if (!value) return {};
  if (!is_number(value->type)) wrong_type(key, "numbers");
  std::vector<double> list;
  list.reserve(value->count);
  for (std::uint64_t i = 0; i < value->count; ++i) list.push_back(number_at(key, *value, i));
  return list;
}

const GgufFile::Entry& GgufFile::entry(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail("{}: no tensor {}", path().string(), name);
  return found->second;
}

const std::byte* GgufFile::data(const Entry& entry) const {
  if (ggml_traits(entry.type)) return file_.bytes().data() + entry.offset;
  std::string_view name = "?";
  for (const auto& [key, tensor] : tensors_) {
    if (&tensor == &entry) name = key;
  }
  fail("{}: tensor {} has type {} ({}); {} can be read", path().string(), name, entry.type,
       ggml_type_name(entry.type), ggml_readable_types());
}

}  // namespace saccade::checkpoint
