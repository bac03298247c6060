#include "tensor/ggml_type.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace saccade {
namespace {

constexpr std::array kReadable = {
    GgmlTraits{GgmlType::kF32, "F32", 1, 4},
    GgmlTraits{GgmlType::kF16, "F16", 1, 2},
    GgmlTraits{GgmlType::kBF16, "BF16", 1, 2},
    GgmlTraits{GgmlType::kQ8_0, "Q8_0", 32, 34},
    GgmlTraits{GgmlType::kQ4_0, "Q4_0", 32, 18},
    GgmlTraits{GgmlType::kQ4_1, "Q4_1", 32, 20},
    GgmlTraits{GgmlType::kQ5_0, "Q5_0", 32, 22},
    GgmlTraits{GgmlType::kQ5_1, "Q5_1", 32, 24},
    GgmlTraits{GgmlType::kQ2_K, "Q2_K", 256, 84},
    GgmlTraits{GgmlType::kQ3_K, "Q3_K", 256, 110},
    GgmlTraits{GgmlType::kQ4_K, "Q4_K", 256, 144},
    GgmlTraits{GgmlType::kQ5_K, "Q5_K", 256, 176},
    GgmlTraits{GgmlType::kQ6_K, "Q6_K", 256, 210},
    GgmlTraits{GgmlType::kIQ4_NL, "IQ4_NL", 32, 18},
    GgmlTraits{GgmlType::kIQ4_XS, "IQ4_XS", 256, 136},
    GgmlTraits{GgmlType::kMXFP4, "MXFP4", 32, 17},
};

// Every number that llama.cpp has given out, so that a refusal can name what it found.
constexpr std::array<std::string_view, 41> kNames = {
    "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
    "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
    "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
    "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
    "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
    "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4"};

}  // namespace

std::optional<GgmlTraits> ggml_traits(std::uint32_t type) {
  for (const GgmlTraits& traits : kReadable) {
    if (static_cast<std::uint32_t>(traits.type) == type) return traits;
  }
  return std::nullopt;
}

GgmlTraits ggml_traits(GgmlType type) {
  return *ggml_traits(static_cast<std::uint32_t>(type));
}

std::optional<GgmlType> ggml_type_named(std::string_view name) {
  const auto same = [](char a, char b) {
    return std::toupper(static_cast<unsigned char>(a)) ==
           std::toupper(static_cast<unsigned char>(b));
  };
  for (const GgmlTraits& traits : kReadable) {
    if (std::ranges::equal(name, traits.name, same)) return traits.type;
  }
  return std::nullopt;
}

std::string_view ggml_type_name(std::uint32_t type) {
  return type < kNames.size() ? kNames[type] : std::string_view("of an unknown number");
}

std::string_view ggml_readable_types() {
  return "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, "
         "IQ4_XS and MXFP4";
}

}  // namespace saccade
