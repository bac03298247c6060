#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace saccade::checkpoint {
namespace {

// The reference implementation's own limit.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

/// Bytes of an element of any dtype the format names, 0 for an unknown one.
std::size_t element_bytes(std::string_view name) {
  if (name == "F64" || name == "I64" || name == "U64") return 8;
  if (name == "F32" || name == "I32" || name == "U32") return 4;
  if (name == "F16" || name == "BF16" || name == "I16" || name == "U16") return 2;
  if (name == "F8_E4M3" || name == "F8_E5M2" || name == "F8_E8M0" || name == "I8" || name == "U8" ||
      name == "BOOL") {
    return 1;
  }
  return 0;
}

/// The number of bytes a shape takes, or nothing when it overflows or a size is negative.
std::optional<std::uint64_t> shape_bytes(const std::vector<std::int64_t>& dims,
                                         std::size_t element) {
  std::uint64_t bytes = element;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dim), &bytes)) {
      return std::nullopt;
    }
  }
  return bytes;
}

SafetensorsFile::Entry parse_entry(const JsonObject& object, std::size_t data_bytes) {
  SafetensorsFile::Entry entry;
  entry.dtype = object.string("dtype");
  const std::vector<std::int64_t> dims = object.integers("shape");
  const std::vector<std::int64_t> range = object.integers("data_offsets");
  if (dims.size() > Shape::kMaxRank) {
    fail("{}: {} dimensions; at most {} are supported", object.where(), dims.size(),
         Shape::kMaxRank);
  }
  entry.shape = Shape(std::span<const std::int64_t>(dims));
  const bool ordered = range.size() == 2 && 0 <= range[0] && range[0] <= range[1];
  if (!ordered || static_cast<std::uint64_t>(range[1]) > data_bytes) {
    fail(
        "{}: data_offsets [{}] do not lie in the {} bytes of data: the file is damaged or was cut "
        "short; fetch it again",
        object.where(), fmt::join(range, ", "), data_bytes);
  }
  entry.begin = range[0];
  entry.end = range[1];
  const std::size_t element = element_bytes(entry.dtype);
  if (element == 0) return entry;  // refused by name when asked for
  const std::optional<std::uint64_t> wanted = shape_bytes(dims, element);
  if (!wanted || *wanted != entry.end - entry.begin) {
    fail("{}: shape {} of {} does not fill data_offsets [{}]", object.where(), entry.shape.text(),
         entry.dtype, fmt::join(range, ", "));
  }
  return entry;
}

}  // namespace

std::optional<DType> float_dtype(std::string_view name) {
  if (name == "F32") return DType::kF32;
  if (name == "F16") return DType::kF16;
  if (name == "BF16") return DType::kBF16;
  return std::nullopt;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const std::span<const std::byte> bytes = file_.bytes();
  const std::string where = path.string();
  std::uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) {
    fail("{}: not a safetensors file: {} bytes, too short for a header", where, bytes.size());
  }
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - sizeof header_bytes) {
    fail("{}: not a safetensors file, or cut short: the header claims {} bytes, the file has {}",
         where, header_bytes, bytes.size());
  }
  data_offset_ = sizeof header_bytes + header_bytes;
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + sizeof header_bytes,
                                header_bytes);
  const boost::json::value document = parse_json(header, where + ": header");
  const JsonObject object(document, where + ": header");
  std::vector<const Entry*> by_offset;
  for (const auto& [key, value] : object.raw()) {
    if (key == "__metadata__") {
      format_ = JsonObject(value, where + ": __metadata__").string_or("format", "");
      continue;
    }
    const JsonObject description(value, fmt::format("{}: tensor {}", where, std::string(key)));
    const auto [at, inserted] =
        entries_.emplace(std::string(key), parse_entry(description, bytes.size() - data_offset_));
    if (at->second.begin < at->second.end) by_offset.push_back(&at->second);
  }
  std::sort(by_offset.begin(), by_offset.end(),
            [](const Entry* a, const Entry* b) { return a->begin < b->begin; });
  for (std::size_t i = 1; i < by_offset.size(); ++i) {
    if (by_offset[i]->begin < by_offset[i - 1]->end) {
      fail("{}: two tensors overlap at byte {} of the data", where, by_offset[i]->begin);
    }
  }
}

const SafetensorsFile::Entry& SafetensorsFile::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail("{}: no tensor {}", path().string(), name);
  return found->second;
}

StoredTensor SafetensorsFile::get(std::string_view name) const {
  const Entry& found = entry(name);
  if (element_bytes(found.dtype) == 0) {
    fail("{}: tensor {} has the dtype {}, which Saccade does not know", path().string(), name,
         found.dtype);
  }
  return {found.dtype, found.shape, file_.bytes().data() + data_offset_ + found.begin,
          static_cast<std::int64_t>(found.end - found.begin)};
}

HostTensor SafetensorsFile::tensor(std::string_view name) const {
  const StoredTensor stored = get(name);
  const std::optional<DType> dtype = float_dtype(stored.dtype);
  if (!dtype) {
    fail("{}: tensor {} has dtype {}; F32, F16 and BF16 are supported", path().string(), name,
         stored.dtype);
  }
  return {*dtype, stored.shape, stored.data};
}

void SafetensorsFile::release(std::string_view name) const {
  const Entry& found = entry(name);
  file_.release(data_offset_ + found.begin, found.end - found.begin);
}

}  // namespace saccade::checkpoint
