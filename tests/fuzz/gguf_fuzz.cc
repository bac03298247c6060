// Any bytes as a .gguf file: readable metadata and tensors, a tokenizer, or an Error, nothing else.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "checkpoint/gguf_tokenizer.h"
#include "memory_file.h"
#include "text/tokenizer.h"

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

void use_tokenizer(const GgufFile& file) {
  static_cast<void>(tokenizer_config_json(file));
  const auto tokenizer = saccade::text::Tokenizer::from_json(tokenizer_json(file), "tokenizer");
  const std::vector<std::int32_t> ids =
      tokenizer.encode("The quick\tbrown <s> fox; 42 \xC3\xA9\n\n  ab", {.add_special = true});
  static_cast<void>(tokenizer.decode(ids, false));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saccade::MemoryFile bytes(data, size);
  ask([&] {
    const GgufFile file(bytes.path());
    read_all(file);
    use_tokenizer(file);
  });
  return 0;
}
