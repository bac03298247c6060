// The GGUF files of tests/goldens/gguf, the checkpoints they were made from, and changed copies.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_bytes.h"
#include "goldens.h"
#include "temporary_directory.h"

namespace saccade::goldens {

inline std::filesystem::path gguf_root() {
  return root() / "gguf";
}

/// An entry of pairs.json.
struct GgufPair {
  std::string name;
  std::string checkpoint;
  bool pictures = false;
  boost::json::object edits;  // {file: {dotted key: value}}

  std::filesystem::path model() const {
    return (pictures ? gguf_root() / name : gguf_root()) / (name + ".gguf");
  }
  std::filesystem::path mmproj() const { return gguf_root() / name / ("mmproj-" + name + ".gguf"); }
};

inline std::vector<GgufPair> gguf_pairs() {
  std::vector<GgufPair> pairs;
  const boost::json::value list = read_json_file(gguf_root() / "pairs.json");
  for (const auto& item : list.as_array()) {
    pairs.push_back({std::string(item.at("name").as_string()),
                     std::string(item.at("checkpoint").as_string()), item.at("pictures").as_bool(),
                     item.at("edits").as_object()});
  }
  return pairs;
}

inline GgufPair gguf_pair(const std::string& name) {
  for (GgufPair& pair : gguf_pairs()) {
    if (pair.name == name) return pair;
  }
  throw std::out_of_range(name);
}

/// The checkpoint of a pair, with the settings that the GGUF file can tell.
inline std::filesystem::path copy_checkpoint(const GgufPair& pair, const TemporaryDirectory& to) {
  const std::filesystem::path copy = to.path() / "checkpoint";
  std::filesystem::copy(root() / pair.checkpoint, copy);
  for (const auto& [file, changes] : pair.edits) {
    boost::json::value document = read_json_file(copy / std::string(file));
    for (const auto& [dotted, value] : changes.as_object()) {
      std::string pointer = "/" + std::string(dotted);
      std::replace(pointer.begin(), pointer.end(), '.', '/');
      document.at_pointer(pointer.substr(0, pointer.rfind('/')))
          .as_object()[pointer.substr(pointer.rfind('/') + 1)] = value;
    }
    to.write("checkpoint/" + std::string(file), boost::json::serialize(document));
  }
  return copy;
}

/// What a copy of a GGUF file has otherwise.
struct GgufChanges {
  std::set<std::string> without = {};                  // keys and tensors
  std::map<std::string, std::string> renamed = {};     // tensors
  std::function<void(GgufBytes&)> add = [](auto&) {};  // behind all others
};

inline std::string changed_gguf(const std::filesystem::path& path, const GgufChanges& changes) {
  const checkpoint::GgufFile file(path);
  const std::string bytes = read_text_file(path);
  const auto text_end = [&](std::size_t at) {
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data() + at, sizeof size);
    return at + sizeof size + size;
  };
  static const std::map<checkpoint::GgufFile::ValueType, std::size_t> kBytes = {
      {checkpoint::GgufFile::ValueType::kUint32, 4},
      {checkpoint::GgufFile::ValueType::kInt32, 4},
      {checkpoint::GgufFile::ValueType::kFloat32, 4},
      {checkpoint::GgufFile::ValueType::kBool, 1},
  };
  GgufBytes copy;
  for (const auto& [key, value] : file.metadata()) {
    if (changes.without.contains(key)) continue;
    std::size_t end = value.offset;
    for (std::uint64_t i = 0; i < value.count; ++i) {
      const auto size = kBytes.find(value.type);
      end = size == kBytes.end() ? text_end(end) : end + size->second;
    }
    const auto type = static_cast<std::uint32_t>(value.type);
    const std::string head =
        value.is_array ? GgufBytes::array(type, value.count) : GgufBytes::number(type);
    copy.raw(key, head + bytes.substr(value.offset, end - value.offset));
  }
  for (const auto& [name, entry] : file.tensors()) {
    if (changes.without.contains(name)) continue;
    std::vector<std::uint64_t> dims(entry.shape.dims().rbegin(), entry.shape.dims().rend());
    const auto renamed = changes.renamed.find(name);
    copy.tensor(renamed == changes.renamed.end() ? name : renamed->second, dims, entry.type,
                bytes.substr(entry.offset, entry.bytes));
  }
  changes.add(copy);
  return copy.bytes();
}

}  // namespace saccade::goldens
