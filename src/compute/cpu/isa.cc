#include "compute/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"

namespace saccade::compute::cpu {
namespace {

bool always() {
  return true;
}

struct Entry {
  const Kernels* kernels;
  bool (*runs_here)();
  bool (*chosen_here)() = always;  // without being asked for, where it runs
};

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
bool has_avx512_vnni() {
  return has_avx512() && __builtin_cpu_supports("avx512vnni");
}
bool has_avx512_bf16() {
  return has_avx512_vnni() && __builtin_cpu_supports("avx512bf16");
}
/// Products of bf16 have bits of their own, so answers of bf16 checkpoints would not be those of
/// other machines. Zen 4 and 5 have them at twice the rate of float32, Intel's cores at half of it
/// (0.159 against 0.310 TFLOP/s on two cores of a Sapphire Rapids).
bool only_when_asked_for() {
  return false;
}
/// Conversion of halves; clang 14 does not know it by name.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
/// Dot products of bytes in AVX's own encoding, which GCC 12 does not know by name.
bool has_avx_vnni() {
  constexpr unsigned kAvxVnni = 1u << 4;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvxVnni) != 0;
}
#elif defined(__aarch64__) && defined(__linux__)
bool has_dotprod() {
  return (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
bool has_i8mm() {
  return has_dotprod() && (::getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
}
#elif defined(__aarch64__) && defined(__APPLE__)
bool has_feature(const char* name) {
  int value = 0;
  std::size_t bytes = sizeof value;
  return ::sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 && value != 0;
}
bool has_dotprod() {
  return has_feature("hw.optional.arm.FEAT_DotProd");
}
bool has_i8mm() {
  return has_dotprod() && has_feature("hw.optional.arm.FEAT_I8MM");
}
#endif

const std::vector<Entry>& entries() {
  static const std::vector<Entry> kEntries = {
#if defined(__x86_64__)
    {&avx512_bf16::kKernels, has_avx512_bf16, only_when_asked_for},
    {&avx512_vnni::kKernels, has_avx512_vnni},
    {&avx512::kKernels, has_avx512},
    {&avx_vnni::kKernels, has_avx_vnni},
    {&avx2::kKernels, has_avx2},
#elif defined(__aarch64__)
    {&neon_i8mm::kKernels, has_i8mm},
    {&neon_dotprod::kKernels, has_dotprod},
    {&neon::kKernels, always},
#endif
    {&scalar::kKernels, always},
  };
  return kEntries;
}

}  // namespace

std::vector<std::string> built_isas() {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) names.emplace_back(entry.kernels->name);
  return names;
}

bool isa_runs_here(std::string_view isa) {
  return std::any_of(entries().begin(), entries().end(), [&](const Entry& entry) {
    return entry.kernels->name == isa && entry.runs_here();
  });
}

const Kernels& kernels_for(std::string_view isa) {
  for (const Entry& entry : entries()) {
    const std::string_view name = entry.kernels->name;
    if (isa.empty() && name != "scalar" && entry.runs_here() && entry.chosen_here())
      return *entry.kernels;
    if (name != isa) continue;
    if (!entry.runs_here()) fail("instruction set {}: this processor does not have it", isa);
    return *entry.kernels;
  }
  const std::string built = fmt::format("{}", fmt::join(built_isas(), ", "));
  if (isa.empty()) {
    fail(
        "this processor has none of the instruction sets Saccade is built for ({}); "
        "SACCADE_ISA=scalar runs without, very slowly",
        built);
  }
  fail_usage("instruction set \"{}\": not known here; built are {}", isa, built);
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
#if defined(__aarch64__)
  return "64-bit Arm processor";
#else
  return "unknown processor";
#endif
}

}  // namespace saccade::compute::cpu
