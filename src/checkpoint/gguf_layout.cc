#include "checkpoint/gguf_layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.h"

namespace saccade::checkpoint {
namespace {

using Value = GgufFile::Value;
using ValueType = GgufFile::ValueType;
using Entry = GgufFile::Entry;

static_assert(std::endian::native == std::endian::little, "GGUF values are used as they lie");

constexpr std::uint64_t kMaxNameBytes = 65535;  // of a key, by the specification
constexpr std::uint32_t kMaxRank = 4;           // of a tensor: GGML_MAX_DIMS
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::string_view kAlignmentKey = "general.alignment";

// The least that a metadata value and the description of a tensor can take: no count may promise
// more of them than would fit into the rest of the file.
constexpr std::uint64_t kLeastValueBytes = 8 + 4 + 1;
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 4 + 8;

struct TypeTraits {
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array kTypes = {
    TypeTraits{"uint8", 1},   TypeTraits{"int8", 1},   TypeTraits{"uint16", 2},
    TypeTraits{"int16", 2},   TypeTraits{"uint32", 4}, TypeTraits{"int32", 4},
    TypeTraits{"float32", 4}, TypeTraits{"bool", 1},   TypeTraits{"string", 0},
    TypeTraits{"array", 0},   TypeTraits{"uint64", 8}, TypeTraits{"int64", 8},
    TypeTraits{"float64", 8}};

/// A name from the file, fit for a one-line message whatever it holds.
std::string printable(std::string_view name) {
  constexpr std::size_t kShown = 80;
  std::string text;
  for (const char c : name.substr(0, kShown)) text += c >= ' ' && c <= '~' ? c : '?';
  return name.size() > kShown ? text + "..." : text;
}

/// Reads from the front of a file to its end, and never beyond.
class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const std::string& where)
      : bytes_(bytes), where_(where) {}

  GgufLayout read() {
    read_magic();
    const auto tensor_count = take<std::uint64_t>("the number of tensors");
    const auto value_count = take<std::uint64_t>("the number of metadata values");
    check_count(value_count, kLeastValueBytes, "metadata values");
    check_count(tensor_count, kLeastTensorBytes, "tensors");
    for (std::uint64_t i = 0; i < value_count; ++i) read_value(i);
    read_alignment();
    for (std::uint64_t i = 0; i < tensor_count; ++i) read_tensor(i);
    place_tensors();
    return std::move(layout_);
  }

 private:
  std::uint64_t left() const { return bytes_.size() - at_; }

  [[noreturn]] void cut_short(std::string_view what) const {
    fail("{}: the file ends in {} at byte {}: it was cut short or is damaged; fetch it again",
         where_, what, bytes_.size());
  }

  template <typename T>
  T take(std::string_view what) {
    if (left() < sizeof(T)) cut_short(what);
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  std::string_view take_string(std::string_view what, std::uint64_t limit) {
    const auto size = take<std::uint64_t>(what);
    if (size > left()) {
      fail(
          "{}: {} at byte {} claims {} bytes, the file has {} left: it was cut short or is damaged",
          where_, what, at_, size, left());
    }
    if (size > limit) {
      fail("{}: {} at byte {} is {} bytes long; at most {} are allowed", where_, what, at_, size,
           limit);
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
    at_ += size;
    return text;
  }

  void check_count(std::uint64_t count, std::uint64_t least_bytes, std::string_view what) const {
    if (count <= left() / least_bytes) return;
    fail("{}: {} {} are claimed, more than the {} bytes left can hold: the file is damaged", where_,
         count, what, left());
  }

  void read_magic() {
    if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0) {
      fail("{}: not a GGUF file: it does not begin with \"GGUF\"", where_);
    }
    at_ = 4;
    const auto version = take<std::uint32_t>("the version");
    if (version == 2 || version == 3) return;
    if ((version & 0xFFFF) == 0 && version != 0) {
      fail("{}: a big-endian GGUF file; only little-endian ones can be read: convert it again",
           where_);
    }
    fail("{}: GGUF version {}; 2 and 3 can be read: convert it again with a current llama.cpp",
         where_, version);
  }

  ValueType take_type(std::string_view key) {
    const auto number = take<std::uint32_t>("the type of a metadata value");
    if (number >= kTypes.size()) {
      fail("{}: metadata {}: type {} is unknown; 0 to {} are known", where_, printable(key), number,
           kTypes.size() - 1);
    }
    return static_cast<ValueType>(number);
  }

  void read_value(std::uint64_t index) {
    const std::string_view key = take_string("a metadata key", kMaxNameBytes);
    Value value{take_type(key)};
    if (value.type == ValueType::kArray) {
      value.is_array = true;
      value.type = take_type(key);
      if (value.type == ValueType::kArray) {
        fail("{}: metadata {}: arrays of arrays are not supported", where_, printable(key));
      }
      value.count = take<std::uint64_t>("the length of an array");
    }
    value.offset = at_;
    skip_elements(key, value);
    if (!layout_.metadata.emplace(std::string(key), value).second) {
      fail("{}: metadata {} is given twice (value {})", where_, printable(key), index);
    }
  }

  void skip_elements(std::string_view key, const Value& value) {
    const std::size_t size = gguf_type_bytes(value.type);
    const std::size_t least = size ? size : sizeof(std::uint64_t);
    if (value.count > left() / least) {
      if (!value.is_array) cut_short("a metadata value");
      fail(
          "{}: metadata {}: {} elements of {} are claimed, the file has {} bytes left: it was cut "
          "short or is damaged",
          where_, printable(key), value.count, gguf_type_name(value.type), left());
    }
    if (value.type == ValueType::kString) {
      for (std::uint64_t i = 0; i < value.count; ++i) take_string("a string", left());
      return;
    }
    if (value.type == ValueType::kBool) {
      for (std::uint64_t i = 0; i < value.count; ++i) {
        if (std::to_integer<int>(bytes_[at_ + i]) > 1) {
          fail("{}: metadata {}: a boolean must be 0 or 1", where_, printable(key));
        }
      }
    }
    at_ += value.count * size;
  }

  void read_alignment() {
    const auto found = layout_.metadata.find(kAlignmentKey);
    if (found == layout_.metadata.end()) return;
    const Value& value = found->second;
    if (value.is_array || value.type != ValueType::kUint32) {
      fail("{}: metadata {}: wanted a uint32", where_, kAlignmentKey);
    }
    std::uint32_t alignment = 0;
    std::memcpy(&alignment, bytes_.data() + value.offset, sizeof alignment);
    if (!std::has_single_bit(alignment)) {
      fail("{}: metadata {}: wanted a power of two, found {}", where_, kAlignmentKey, alignment);
    }
    alignment_ = alignment;
  }

  void read_tensor(std::uint64_t index) {
    const std::string_view name = take_string("a tensor's name", kMaxNameBytes);
    const auto rank = take<std::uint32_t>("a tensor's rank");
    if (rank > kMaxRank) {
      fail("{}: tensor {}: {} dimensions; at most {} are allowed", where_, printable(name), rank,
           kMaxRank);
    }
    std::array<std::int64_t, kMaxRank> dims{};  // outermost first; the file has the innermost first
    for (std::uint32_t i = rank; i-- > 0;) {
      const auto dim = take<std::uint64_t>("a tensor's shape");
      if (dim > static_cast<std::uint64_t>(INT64_MAX)) too_large(name);
      dims[i] = static_cast<std::int64_t>(dim);
    }
    Entry entry;
    entry.shape = Shape(std::span<const std::int64_t>(dims.data(), rank));
    entry.type = take<std::uint32_t>("a tensor's type");
    entry.bytes = tensor_bytes(name, entry);
    entry.offset = take<std::uint64_t>("a tensor's offset");
    if (entry.offset % alignment_ != 0) {
      fail("{}: tensor {}: its offset {} is no multiple of the alignment {}", where_,
           printable(name), entry.offset, alignment_);
    }
    if (!layout_.tensors.emplace(std::string(name), entry).second) {
      fail("{}: tensor {} is given twice (tensor {})", where_, printable(name), index);
    }
  }

  [[noreturn]] void too_large(std::string_view name) const {
    fail("{}: tensor {}: its shape overflows: the file is damaged", where_, printable(name));
  }

  /// What a tensor takes, checked; 0 for a type that cannot be read.
  std::size_t tensor_bytes(std::string_view name, const Entry& entry) const {
    std::int64_t elements = 1;
    for (const std::int64_t dim : entry.shape.dims()) {
      if (__builtin_mul_overflow(elements, dim, &elements)) too_large(name);
    }
    const std::optional<GgmlTraits> traits = ggml_traits(entry.type);
    if (!traits) return 0;
    const int rank = entry.shape.rank();
    const std::int64_t row = rank ? entry.shape[rank - 1] : 1;
    if (row % traits->elements != 0) {
      fail("{}: tensor {} {}: rows of {} do not divide into the blocks of {} of {}", where_,
           printable(name), entry.shape.text(), row, traits->elements, traits->name);
    }
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(elements / traits->elements, std::int64_t{traits->bytes}, &bytes)) {
      too_large(name);
    }
    return static_cast<std::size_t>(bytes);
  }

  /// Turns offsets in the data into offsets in the file.
  void place_tensors() {
    const std::uint64_t padding = (alignment_ - at_ % alignment_) % alignment_;
    const std::uint64_t data = at_ + padding;
    const std::uint64_t data_bytes = data < bytes_.size() ? bytes_.size() - data : 0;
    std::vector<const std::pair<const std::string, Entry>*> by_offset;
    for (auto& tensor : layout_.tensors) {
      Entry& entry = tensor.second;
      if (entry.offset > data_bytes || entry.bytes > data_bytes - entry.offset) {
        fail(
            "{}: tensor {}: its {} bytes at {} do not lie in the {} bytes of data: the file was "
            "cut short or is damaged; fetch it again",
            where_, printable(tensor.first), entry.bytes, entry.offset, data_bytes);
      }
      entry.offset += data;
      if (entry.bytes) by_offset.push_back(&tensor);
    }
    std::sort(by_offset.begin(), by_offset.end(),
              [](auto* a, auto* b) { return a->second.offset < b->second.offset; });
    for (std::size_t i = 1; i < by_offset.size(); ++i) {
      const Entry& before = by_offset[i - 1]->second;
      if (by_offset[i]->second.offset >= before.offset + before.bytes) continue;
      fail("{}: tensors {} and {} overlap at byte {}", where_, printable(by_offset[i - 1]->first),
           printable(by_offset[i]->first), by_offset[i]->second.offset);
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::uint64_t alignment_ = kDefaultAlignment;
  GgufLayout layout_;
};

}  // namespace

GgufLayout read_gguf_layout(std::span<const std::byte> bytes, const std::string& where) {
  return Parser(bytes, where).read();
}

std::size_t gguf_type_bytes(ValueType type) {
  return kTypes[static_cast<std::size_t>(type)].bytes;
}

std::string_view gguf_type_name(ValueType type) {
  return kTypes[static_cast<std::size_t>(type)].name;
}

}  // namespace saccade::checkpoint
