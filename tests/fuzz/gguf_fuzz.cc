// Any bytes as a .gguf file: readable metadata and tensors or an Error, nothing else.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "memory_file.h"

namespace {

using saccade::checkpoint::GgufFile;

template <typename Ask>
void ask(const Ask& question) {
  try {
    question();
  } catch (const saccade::Error&) {
    // A value of another type, or a tensor type that cannot be read.
  }
}

/// Reads every value every way, and both ends of every tensor: what lies outside the file is a
/// crash here and not later.
void read_all(const GgufFile& file) {
  for (const auto& item : file.metadata()) {
    const std::string& key = item.first;
    ask([&] { static_cast<void>(file.integer(key)); });
    ask([&] { static_cast<void>(file.number(key)); });
    ask([&] { static_cast<void>(file.boolean(key)); });
    ask([&] { static_cast<void>(std::string(file.string(key).value_or(""))); });
    ask([&] { static_cast<void>(file.integers(key)); });
    ask([&] { static_cast<void>(file.numbers(key)); });
    ask([&] {
      for (const std::string_view text : file.strings(key)) static_cast<void>(std::string(text));
    });
  }
  for (const auto& item : file.tensors()) {
    const GgufFile::Entry& entry = item.second;
    ask([&] {
      const std::byte* data = file.data(entry);
      if (entry.bytes == 0) return;
      volatile std::byte seen = data[0];
      seen = data[entry.bytes - 1];
      static_cast<void>(seen);
      file.release(entry);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saccade::MemoryFile bytes(data, size);
  ask([&] { read_all(GgufFile(bytes.path())); });
  return 0;
}
