// Any bytes as a .safetensors file: readable tensors or an Error, nothing else.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "memory_file.h"

namespace {

constexpr std::size_t kLengthBytes = 8;  // before the header

/// Touches both ends of a tensor, so that a range outside the file is a crash here and not later.
void read_ends(const saccade::HostTensor& tensor) {
  const std::int64_t bytes = tensor.bytes();
  if (bytes < 0) std::abort();
  if (bytes == 0) return;
  volatile std::byte seen = tensor.data[0];
  seen = tensor.data[bytes - 1];
  static_cast<void>(seen);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

/// Three of four mutants get a header length that ends at the last brace; else nearly all of them
/// would be refused for their length and never reach the header.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned int seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 == 0 || size <= kLengthBytes) return size;
  std::size_t end = size;
  while (end > kLengthBytes && data[end - 1] != '}') --end;
  const std::uint64_t header_bytes = end - kLengthBytes;
  std::memcpy(data, &header_bytes, kLengthBytes);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saccade::MemoryFile bytes(data, size);
  try {
    const saccade::checkpoint::SafetensorsFile file(bytes.path());
    for (const auto& [name, entry] : file.entries()) {
      try {
        read_ends(file.tensor(name));
        file.release(name);
      } catch (const saccade::Error&) {
        // A dtype that Saccade has no use for; the other tensors may still be read.
      }
    }
  } catch (const saccade::Error&) {
  }
  return 0;
}
