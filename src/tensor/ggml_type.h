// The element types of GGUF files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace saccade {

/// Types as GGUF files number them. A row is a run of blocks, each of `elements` values in `bytes`
/// bytes; see ggml_traits. Only the types Saccade reads are here, others have a name alone.
enum class GgmlType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kBF16 = 30,
  kMXFP4 = 39,
};

struct GgmlTraits {
  GgmlType type;
  std::string_view name;  ///< as llama.cpp writes it: "Q4_K"
  int elements;           ///< of one block
  int bytes;              ///< of one block
};

/// The layout of a type, or nothing for a number that is not readable.
std::optional<GgmlTraits> ggml_traits(std::uint32_t type);
/// The layout of a type that is readable.
GgmlTraits ggml_traits(GgmlType type);
/// The type called `name` ("q4_k", in any case), or nothing.
std::optional<GgmlType> ggml_type_named(std::string_view name);
/// What llama.cpp calls a type, readable or not: "IQ2_XXS", or "of an unknown number".
std::string_view ggml_type_name(std::uint32_t type);
/// The names of all readable types, "F32, F16, ...", for errors.
std::string_view ggml_readable_types();

}  // namespace saccade
