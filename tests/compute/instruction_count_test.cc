// How many instructions the key operations take, counted one by one: a kernel that lost its shape
// shows on any machine, however busy. The counts are of a child process that is stepped through
// (ptrace), so that every instruction set of the processor can be counted, which valgrind cannot.
#include <gtest/gtest.h>

#if defined(__linux__)
#include <fmt/format.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "compute/cpu/isa.h"
#include "op_testing.h"

namespace saccade::compute {
namespace {

/// Instructions between two signals that a child sends itself around `body`; nothing where this
/// process may not trace.
std::optional<std::int64_t> count_with_signals(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
    ::raise(SIGSTOP);
    body();
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return std::nullopt;
  std::int64_t steps = 0;
  while (true) {
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) return std::nullopt;
    ::waitpid(child, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) break;
    ++steps;
  }
  ::kill(child, SIGKILL);
  if (WIFSTOPPED(status)) ::waitpid(child, &status, 0);
  return steps;
}

std::optional<std::int64_t> count(const std::function<void()>& body) {
  body();  // what is made once is not counted
  const auto around = count_with_signals([] {});
  const auto all = count_with_signals(body);
  if (!around || !all) return std::nullopt;
  return *all - *around;
}

std::shared_ptr<const Weight> weight_of(cpu::CpuDevice& device, const WeightFormat& format,
                                        std::int64_t outputs, std::int64_t inputs) {
  const std::vector<std::uint16_t> numbers(outputs * inputs, 0x3c12);
  HostMatrix matrix{format, outputs, inputs};
  matrix.data = matrix.scales = matrix.offsets = reinterpret_cast<const std::byte*>(numbers.data());
  return device.pack(std::span(&matrix, 1));
}

// Small: a step costs a virtual machine a tenth of a millisecond.
constexpr std::int64_t kInputs = 256;
constexpr std::int64_t kOutputs = 64;
constexpr std::int64_t kRows = 12;

/// Instructions for a thousand multiply-adds of a product with so many rows.
double of_product(const std::string& isa, const WeightFormat& format, std::int64_t rows) {
  cpu::CpuDevice device({1, isa});
  const auto weight = weight_of(device, format, kOutputs, kInputs);
  const Tensor x = upload(device, random_matrix(rows * kInputs, 1), {rows, kInputs});
  const Tensor y = device.empty(DType::kF32, {rows, kOutputs});
  const auto counted = count([&] { device.linear(y, x, *weight); });
  return counted ? 1000.0 * static_cast<double>(*counted) /
                       static_cast<double>(rows * kInputs * kOutputs)
                 : -1.0;
}

/// The same of one head of 32 for 64 rows that attend to each other.
double of_attention(const std::string& isa) {
  constexpr std::int64_t kKeys = 64, kHead = 32;
  cpu::CpuDevice device({1, isa});
  const Tensor q = upload(device, random_matrix(kKeys * kHead, 1), {kKeys, kHead});
  const Tensor k = upload(device, random_matrix(kKeys * kHead, 2), {kKeys, kHead});
  const Tensor v = upload(device, random_matrix(kKeys * kHead, 3), {kKeys, kHead});
  const Tensor out = device.empty(DType::kF32, {kKeys, kHead});
  const std::vector<std::int64_t> ends = {kKeys};
  const auto counted = count([&] {
    device.attention_segments(out, q, k, v, {1, 1, kHead, 0.125f}, ends);
  });
  return counted ? 1000.0 * static_cast<double>(*counted) /
                       static_cast<double>(2 * kKeys * kKeys * kHead)
                 : -1.0;
}

struct Counts {
  double prefill_4bit;
  double decode_4bit;
  double prefill_bf16;
  double attention;
};

// Instructions for a thousand multiply-adds, with GCC 12. A vector of AVX-512 does 64 of bytes or
// 16 of floats at a time, so 15.6 and 62.5 would be nothing but products. A row reads one stream
// on AMD's processors; two, or four as on others, take a seventh or a quarter less.
const std::map<std::string, Counts> kCounts = {
    {"avx512_vnni", {104.6, 309.3, 218.5, 345.2}},
    {"avx512", {153.3, 343.0, 218.5, 405.3}},
    {"avx2", {303.9, 450.0, 419.4, 616.2}},
};
// More than compilers differ by, less than a kernel that lost its vectors or its tile.
constexpr double kTolerance = 1.15;

TEST(InstructionCount, StaysWhatItWas) {
#if defined(__SANITIZE_ADDRESS__) || defined(SACCADE_SANITIZE)
  GTEST_SKIP() << "sanitizers add instructions";
#endif
  constexpr auto kAffine = WeightFormat::Kind::kAffine;
  const WeightFormat four_bits{.kind = kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
  const WeightFormat bf16 = WeightFormat::floating(DType::kBF16);
  for (const auto& [isa, noted] : kCounts) {
    if (!cpu::isa_runs_here(isa)) continue;
    const Counts found{of_product(isa, four_bits, kRows), of_product(isa, four_bits, 1),
                       of_product(isa, bf16, kRows), of_attention(isa)};
    if (found.prefill_4bit < 0) GTEST_SKIP() << "this process may not trace another one";
    const auto expect = [&, name = isa](const char* what, double now, double before) {
      EXPECT_LT(now, before * kTolerance) << name << ": " << what;
      std::printf("%s: %s: %.1f instructions for 1,000 multiply-adds, noted %.1f\n", name.c_str(),
                  what, now, before);
    };
    expect("12 rows by 4-bit weights", found.prefill_4bit, noted.prefill_4bit);
    expect("a row by 4-bit weights", found.decode_4bit, noted.decode_4bit);
    expect("12 rows by bf16 weights", found.prefill_bf16, noted.prefill_bf16);
    expect("attention", found.attention, noted.attention);
  }
}

}  // namespace
}  // namespace saccade::compute
#endif
