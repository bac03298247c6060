// Any bytes as a GGUF model, perhaps with an mmproj: a checkpoint whose configuration, tensors and
// tokenizer can be read, or an Error, nothing else. Four bytes say how long the
// language model's file is; what follows it is the mmproj.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "memory_file.h"
#include "text/tokenizer.h"

namespace {

using saccade::MemoryFile;
using saccade::checkpoint::Checkpoint;

template <typename Ask>
void ask(const Ask& question) {
  try {
    question();
  } catch (const saccade::Error&) {
    // Of a family that wants more, or damaged.
  }
}

void read_all(const Checkpoint& checkpoint) {
  for (const auto& item : checkpoint.tensors()) {
    ask([&] { static_cast<void>(checkpoint.matrix(item.first)); });
    ask([&] {
      const saccade::HostTensor tensor = checkpoint.tensor(item.first);
      if (tensor.bytes() == 0) return;
      volatile std::byte seen = tensor.data[0];
      seen = tensor.data[tensor.bytes() - 1];
      static_cast<void>(seen);
      checkpoint.release(item.first);
    });
  }
  for (const char* file : {"config.json", "generation_config.json", "preprocessor_config.json",
                           "processor_config.json", "tokenizer_config.json"}) {
    ask([&] { static_cast<void>(checkpoint.optional_text(file)); });
  }
  ask([&] {
    const auto tokenizer =
        saccade::text::Tokenizer::from_json(checkpoint.json("tokenizer.json"), "tokenizer");
    static_cast<void>(tokenizer.encode("The quick brown <s> fox; 42\n\n  ab"));
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint32_t claimed = 0;
  if (size < sizeof claimed) return 0;
  std::memcpy(&claimed, data, sizeof claimed);
  data += sizeof claimed;
  size -= sizeof claimed;
  const std::size_t model_bytes = std::min<std::size_t>(claimed, size);
  const MemoryFile model(data, model_bytes);
  std::optional<MemoryFile> mmproj;
  if (size > model_bytes) mmproj.emplace(data + model_bytes, size - model_bytes);
  ask([&] {
    read_all(Checkpoint(model.path(), mmproj ? mmproj->path() : std::filesystem::path{}));
  });
  return 0;
}
