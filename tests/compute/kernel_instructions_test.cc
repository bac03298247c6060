// What the compiler made of the kernels: that each instruction set has the instructions it is there
// for and none of a higher one, and that a processor gets the best set it has. No clock is read, so
// this tells a lost instruction from a busy machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "compute/cpu/isa.h"

namespace saccade::compute::cpu {
namespace {

/// Lines of disassembly, one instruction each: mnemonic and operands.
std::vector<std::string> disassemble(const std::string& objdump, const std::string& object) {
  const std::string command = objdump + " -d --no-show-raw-insn '" + object + "'";
  std::vector<std::string> lines;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return lines;
  std::string line;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) {
    if (c != '\n') {
      line += static_cast<char>(c);
      continue;
    }
    // "   4f:	vmovups %zmm0,(%rdi)"; what else there is are names of functions.
    const std::size_t tab = line.find('\t');
    if (line.starts_with(' ') && tab != std::string::npos) lines.push_back(line.substr(tab + 1));
    line.clear();
  }
  ::pclose(pipe);
  return lines;
}

/// The features that an x86 instruction needs beyond SSE2; empty for most.
std::set<std::string> x86_features(const std::string& line) {
  // GNU's assembler writes {vex} where an instruction has an EVEX form as well.
  const bool vex = line.starts_with("{vex}");
  const std::string text = vex ? line.substr(line.find_first_not_of(' ', 5)) : line;
  const std::string mnemonic = text.substr(0, text.find_first_of(" \t"));
  static const std::regex kEvex("%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])|\\{1to");
  static const std::regex kBf16("vdpbf16ps|vcvtne2?ps2?bf16.*");
  // Of FP16, VBMI, IFMA and AMX, which no set has.
  static const std::regex kOthers(
      "v(add|sub|mul|div|fn?m(add|sub)[0-9]+)[ps]h|vperm[it]?2?b|vpmultishiftqb|vpmadd52.*|td.*|"
      "tile.*");
  std::set<std::string> features;
  if (mnemonic.starts_with("v") && mnemonic != "verr" && mnemonic != "verw") features.insert("vex");
  if (std::regex_search(text, kEvex)) features.insert("avx512");
  if (mnemonic.starts_with("vpdp")) features.insert(vex ? "avx_vnni" : "avx512_vnni");
  if (std::regex_match(mnemonic, kBf16)) features.insert("bf16");
  if (std::regex_match(mnemonic, kOthers)) features.insert(mnemonic);
  return features;
}

std::set<std::string> arm_features(const std::string& line) {
  const std::string mnemonic = line.substr(0, line.find_first_of(" \t"));
  static const std::set<std::string> kDot = {"sdot", "udot"};
  static const std::set<std::string> kInt8 = {"smmla", "ummla", "usmmla", "usdot", "sudot"};
  static const std::set<std::string> kBf16 = {"bfdot", "bfmmla", "bfmlalb", "bfmlalt"};
  if (kDot.contains(mnemonic)) return {"dotprod"};
  if (kInt8.contains(mnemonic)) return {"i8mm"};
  if (kBf16.contains(mnemonic)) return {"bf16"};
  return {};
}

struct Expectation {
  std::set<std::string> allowed;    // features
  std::vector<std::string> wanted;  // instructions, as regular expressions on the whole line
};

// Products of bytes and of floats, in the widest registers that the set has.
const std::map<std::string, Expectation> kExpected = {
    {"scalar", {{}, {"mulss|mulps"}}},
    {"avx2", {{"vex"}, {"vpmaddubsw .*%ymm", "vfmadd[0-9]+ps .*%ymm"}}},
    {"avx_vnni", {{"vex", "avx_vnni"}, {"\\{vex\\} vpdpbusd .*%ymm", "vfmadd[0-9]+ps .*%ymm"}}},
    {"avx512", {{"vex", "avx512"}, {"vpmaddubsw .*%zmm", "vfmadd[0-9]+ps .*%zmm"}}},
    {"avx512_vnni",
     {{"vex", "avx512", "avx512_vnni"}, {"vpdpbusd .*%zmm", "vfmadd[0-9]+ps .*%zmm"}}},
    {"avx512_bf16",
     {{"vex", "avx512", "avx512_vnni", "bf16"}, {"vpdpbusd .*%zmm", "vdpbf16ps .*%zmm"}}},
    {"neon", {{}, {"fmla\tv"}}},
    {"neon_dotprod", {{"dotprod"}, {"[su]dot\tv", "fmla\tv"}}},
    {"neon_i8mm", {{"dotprod", "i8mm"}, {"(su?|us?)mmla\tv|usdot\tv", "fmla\tv"}}},
};

void expect_instructions(const std::string& isa, const std::vector<std::string>& lines, bool arm) {
  ASSERT_GT(lines.size(), 1000U) << isa << ": no disassembly of its kernels";
  const auto expected = kExpected.find(isa);
  ASSERT_NE(expected, kExpected.end()) << isa << ": say in kExpected what it has to hold";
  std::set<std::string> strange;
  for (const std::string& line : lines) {
    for (const std::string& feature : arm ? arm_features(line) : x86_features(line)) {
      if (!expected->second.allowed.contains(feature)) strange.insert(feature + ": " + line);
    }
    if (strange.size() > 5) break;
  }
  EXPECT_EQ(strange, std::set<std::string>()) << isa << " would not run where it should";
  for (const std::string& wanted : expected->second.wanted) {
    const std::regex pattern(wanted);
    int found = 0;
    for (const std::string& line : lines) found += std::regex_search(line, pattern) ? 1 : 0;
    // More than one: the peaks alone would have it, too (kernels/peak.h).
    EXPECT_GT(found, 30) << isa << " has hardly any " << wanted;
  }
}

/// Name and object file of each instruction set of this build.
std::map<std::string, std::string> objects() {
  std::map<std::string, std::string> result;
  std::istringstream list(SACCADE_KERNEL_OBJECTS);
  for (std::string entry; std::getline(list, entry, '|');) {
    const std::size_t equals = entry.find('=');
    result[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return result;
}

TEST(KernelInstructions, AreThoseOfTheirSet) {
  if (std::string(SACCADE_OBJDUMP).ends_with("NOTFOUND")) GTEST_SKIP() << "it needs binutils";
  const auto built = objects();
  for (const std::string& isa : built_isas()) EXPECT_TRUE(built.contains(isa)) << isa;
#if defined(__aarch64__)
  constexpr bool kArm = true;
#else
  constexpr bool kArm = false;
#endif
  for (const auto& [isa, object] : built) {
    if (kArm && isa == "scalar") continue;
    expect_instructions(isa, disassemble(SACCADE_OBJDUMP, object), kArm);
  }
}

// Where the op test is cross-compiled for NEON (cmake/neon_test.cmake).
TEST(KernelInstructions, OfNeonAreThoseOfTheirSet) {
  namespace fs = std::filesystem;
  const fs::path build = SACCADE_AARCH64_BUILD;
  if (std::string(SACCADE_AARCH64_OBJDUMP).ends_with("NOTFOUND") || !fs::exists(build)) {
    GTEST_SKIP() << "it needs g++-aarch64-linux-gnu";
  }
  static const std::regex kFolder("saccade_kernels_(neon[a-z0-9_]*)\\.dir");
  int sets = 0;
  for (const auto& entry : fs::recursive_directory_iterator(build)) {
    std::smatch match;
    const std::string path = entry.path().string();
    if (entry.path().extension() != ".o" || !std::regex_search(path, match, kFolder)) continue;
    expect_instructions(match[1], disassemble(SACCADE_AARCH64_OBJDUMP, path), true);
    ++sets;
  }
  if (sets == 0) GTEST_SKIP() << "NEON is not built yet";
}

TEST(KernelInstructions, AreRecognized) {
  using Features = std::set<std::string>;
  EXPECT_EQ(x86_features("mulps  %xmm1,%xmm0"), Features());
  EXPECT_EQ(x86_features("vmulps %ymm1,%ymm2,%ymm3"), Features({"vex"}));
  EXPECT_EQ(x86_features("vmulps %ymm1,%ymm2,%ymm17"), Features({"vex", "avx512"}));
  EXPECT_EQ(x86_features("{vex} vpdpbusd %ymm2,%ymm1,%ymm0"), Features({"vex", "avx_vnni"}));
  EXPECT_EQ(x86_features("vpdpbusd (%rax){1to16},%zmm1,%zmm0"),
            Features({"vex", "avx512", "avx512_vnni"}));
  EXPECT_EQ(x86_features("vdpbf16ps %zmm2,%zmm1,%zmm0"), Features({"vex", "avx512", "bf16"}));
  EXPECT_TRUE(x86_features("tdpbssd %tmm2,%tmm1,%tmm0").contains("tdpbssd"));
  EXPECT_EQ(arm_features("sdot\tv0.4s, v1.16b, v2.4b[0]"), Features({"dotprod"}));
  EXPECT_EQ(arm_features("smmla\tv0.4s, v1.16b, v2.16b"), Features({"i8mm"}));
  EXPECT_EQ(arm_features("fmla\tv0.4s, v1.4s, v2.4s"), Features());
}

#if defined(__x86_64__) && defined(__linux__)
/// A line of /proc/cpuinfo.
std::string cpuinfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return line.substr(line.find(':') + 1) + " ";
  }
  return "";
}

// By the kernel's list of features, which is not what the dispatcher asks.
TEST(Dispatcher, TakesTheBestSetOfThisProcessor) {
  const std::string flags = cpuinfo("flags");
  const auto has = [&](const std::string& names) {
    std::istringstream list(names);
    for (std::string name; list >> name;) {
      if (flags.find(" " + name + " ") == std::string::npos) return false;
    }
    return true;
  };
  const std::string avx512 = "avx512f avx512bw avx512vl avx512dq fma f16c ";
  // avx512_bf16 is not chosen by itself (isa.cc).
  const std::vector<std::pair<std::string, bool>> preferred = {
      {"avx512_vnni", has(avx512 + "avx512_vnni")},
      {"avx512", has(avx512)},
      {"avx_vnni", has("avx2 fma f16c avx_vnni")},
      {"avx2", has("avx2 fma f16c")}};
  const std::vector<std::string> built = built_isas();
  for (const auto& [isa, runs] : preferred) {
    if (!runs || std::ranges::find(built, isa) == built.end()) continue;
    EXPECT_STREQ(kernels_for("").name, isa.c_str());
    return;
  }
  GTEST_SKIP() << "this processor has none of the sets";
}
#endif

}  // namespace
}  // namespace saccade::compute::cpu
