// Any config.json with any header of tensors, as a checkpoint directory: quantized layouts that
// contradict their settings are an Error, and what opens can be dequantized to its last element.
//
// An input is two JSON texts with a zero byte between them; 64 KiB of data follow the header.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "tensor/dequantize.h"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDataBytes = 64 << 10;

/// A directory of this process, in memory where there is such a place.
const fs::path& directory() {
  static const fs::path kDirectory = [] {
    const fs::path base = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    const fs::path made = base / ("saccade-fuzz-" + std::to_string(::getpid()));
    fs::create_directories(made);
    std::atexit([] { fs::remove_all(directory()); });
    return made;
  }();
  return kDirectory;
}

void write(const char* name, const std::string& text) {
  std::ofstream(directory() / name, std::ios::binary) << text;
}

void read_all(const saccade::checkpoint::Checkpoint& checkpoint) {
  for (const auto& [name, info] : checkpoint.tensors()) {
    // Shapes may be as large as the header likes where a tensor has no elements of its own.
    if (info.shape.elements() > std::int64_t{1} << 22) continue;
    try {
      for (const saccade::HostMatrix& part : checkpoint.matrix(name)) {
        if (part.outputs < 1 || part.inputs < 1) continue;
        std::vector<float> row(part.inputs);
        saccade::dequantize_row(part, 0, row.data());
        saccade::dequantize_row(part, part.outputs - 1, row.data());
      }
    } catch (const saccade::Error&) {
      // Of a dtype that cannot be computed with.
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kData(kDataBytes, '\x35');
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  if (cut == std::string::npos) return 0;
  const std::string header = input.substr(cut + 1);
  const std::uint64_t header_bytes = header.size();
  write("config.json", input.substr(0, cut));
  write("model.safetensors",
        std::string(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes) + header +
            kData);
  try {
    read_all(saccade::checkpoint::Checkpoint(directory()));
  } catch (const saccade::Error&) {
  }
  return 0;
}
