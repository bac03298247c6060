// Finding the parts of a GGUF file; see gguf.h for reading them.
#pragma once

#include <map>
#include <span>
#include <string>

#include "checkpoint/gguf.h"

namespace saccade::checkpoint {

struct GgufLayout {
  std::map<std::string, GgufFile::Value, std::less<>> metadata;
  std::map<std::string, GgufFile::Entry, std::less<>> tensors;
};

/// Walks through all of a file but the data of its tensors and checks what it says. Every value and
/// every tensor of the result lies inside `bytes`. Throws Error naming `where` and the place.
GgufLayout read_gguf_layout(std::span<const std::byte> bytes, const std::string& where);

/// Bytes of one value of a type, 0 for strings and arrays.
std::size_t gguf_type_bytes(GgufFile::ValueType type);
/// As the specification writes it, in lower case: "uint32".
std::string_view gguf_type_name(GgufFile::ValueType type);

}  // namespace saccade::checkpoint
