// What operations amount to, and how long that must take.
#include "compute/roofline.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../temporary_directory.h"
#include "compute/cpu/isa.h"
#include "compute/cpu/rapl_meter.h"
#include "op_testing.h"

namespace saccade::compute {
namespace {

Operations operations(double f32, double int8) {
  Operations result;
  result[Arithmetic::kF32] = f32;
  result[Arithmetic::kInt8] = int8;
  return result;
}

TEST(Roofline, IsMemoryOrProductsWhicheverIsLonger) {
  const Roofline device{100.0, "copy", operations(1000.0, 4000.0), "product"};
  const Work reading{operations(1000.0, 4000.0), 250.0, 50.0};  // 2 s of products, 3 s of memory
  EXPECT_DOUBLE_EQ(device.seconds(reading), 3.0);
  EXPECT_EQ(device.bound(reading), "memory");
  const Work multiplying{operations(3000.0, 8000.0), 250.0, 50.0};
  EXPECT_DOUBLE_EQ(device.seconds(multiplying), 5.0);
  EXPECT_EQ(device.bound(multiplying), "f32");
  EXPECT_EQ(device.bound({operations(1000.0, 40000.0), 0.0, 0.0}), "int8");
}

TEST(Work, OfAProductIsTwoFlopsAWeightAndRow) {
  cpu::CpuDevice device({1, {}});
  const Matrix weights = random_matrix(32 * 64, 1);
  const HostMatrix matrix{WeightFormat::floating(DType::kF32), 32, 64,
                          reinterpret_cast<const std::byte*>(weights.data())};
  const auto weight = device.pack(std::span(&matrix, 1));
  const Tensor x = upload(device, random_matrix(5 * 64, 2), {5, 64});
  const Tensor y = device.empty(DType::kF32, {5, 32});
  Work work;
  device.count_work(&work);
  device.linear(y, x, *weight);
  device.count_work(nullptr);
  device.linear(y, x, *weight);
  EXPECT_EQ(work.operations[Arithmetic::kF32], 2.0 * 5 * 64 * 32);
  EXPECT_EQ(work.operations[Arithmetic::kInt8], 0.0);
  EXPECT_EQ(work.weight_bytes, 4.0 * 64 * 32);
}

TEST(Work, OfQuantizedWeightsIsCountedApart) {
  cpu::CpuDevice device({1, {}});
  const std::vector<std::byte> numbers(64 * 64, std::byte{0x3b});
  HostMatrix matrix{
      {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64},
      64,
      64};
  matrix.data = matrix.scales = matrix.offsets = numbers.data();
  const auto weight = device.pack(std::span(&matrix, 1));
  const Tensor x = upload(device, random_matrix(64, 2), {1, 64});
  const Tensor y = device.empty(DType::kF32, {1, 64});
  Work work;
  device.count_work(&work);
  device.linear(y, x, *weight);
  EXPECT_EQ(work.operations[Arithmetic::kF32], 0.0);
  EXPECT_EQ(work.operations[Arithmetic::kInt8], 2.0 * 64 * 64);
  EXPECT_EQ(work.weight_bytes, static_cast<double>(weight->bytes()));
}

TEST(Work, OfPagedAttentionEndsAtTheTokenAndAtTheWindow) {
  cpu::CpuDevice device({1, {}});
  const KvLayout layout{2, 1, 16};
  const auto cache = device.make_kv_cache(layout, 2);
  const std::vector<std::int32_t> pages = {0, 1};
  const auto table = device.make_span_table(2, 2);
  table->assign(std::vector<SequenceSpan>{{0, 3, 70, pages}, {3, 1, 9, pages}});
  const Tensor q = upload(device, random_matrix(4 * 32, 1), {4, 32});
  const Tensor out = device.empty(DType::kF32, {4, 32});
  const auto counted = [&](std::int64_t window) {
    Work work;
    device.count_work(&work);
    device.attention_paged(out, q, *cache, 0, {2, 1, 16, 1.0f, window}, *table);
    device.count_work(nullptr);
    return work;
  };
  const double key_bytes = 2 * (16 * 2 + 4);  // key and value of a layer, 16 bits and a scale
  EXPECT_EQ(counted(0).operations[Arithmetic::kInt16], 4.0 * 2 * 16 * (71 + 72 + 73 + 10));
  EXPECT_EQ(counted(0).kv_bytes, key_bytes * (73 + 10));
  EXPECT_EQ(counted(20).operations[Arithmetic::kInt16], 4.0 * 2 * 16 * (20 + 20 + 20 + 10));
  EXPECT_EQ(counted(20).kv_bytes, key_bytes * (22 + 10));
}

TEST(Work, OfQuantizedWeightsIsOfFloatsWhereInputsStayFloats) {
  cpu::CpuDevice device({1, {}, false});
  const std::vector<std::byte> numbers(64 * 64, std::byte{0x3b});
  HostMatrix matrix{
      {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64},
      64,
      64};
  matrix.data = matrix.scales = matrix.offsets = numbers.data();
  EXPECT_EQ(device.product_arithmetic(*device.pack(std::span(&matrix, 1))), Arithmetic::kF32);
}

TEST(Measuring, FindsThePeaksOfTheInstructionSetInUse) {
  for (const std::string& isa : cpu::built_isas()) {
    if (!cpu::isa_runs_here(isa)) continue;
    cpu::CpuDevice device({2, isa});
    const Roofline roofline = device.measure_roofline();
    const double f32 = roofline.operations[Arithmetic::kF32];
    const double int8 = roofline.operations[Arithmetic::kInt8];
    // Any computer, and none that could be: the bounds hold on one that is busy with other things.
    for (const double rate : {roofline.bytes_per_second, f32, int8}) {
      EXPECT_GT(rate, 1e7) << isa;
      EXPECT_LT(rate, 1e16) << isa;
    }
    // Four products a lane: where there is an instruction for that, four times as many.
    if (isa.find("vnni") != std::string::npos) {
      EXPECT_GT(int8, 2.0 * f32) << isa;
    }
    Roofline moment = roofline;
    device.update_roofline(moment);
    EXPECT_EQ(moment.bytes_per_second, roofline.bytes_per_second) << "no weights to read";
    for (const Arithmetic kind : {Arithmetic::kF32, Arithmetic::kInt8}) {
      EXPECT_NE(moment.operations[kind], roofline.operations[kind]) << "not measured again";
      EXPECT_GT(moment.operations[kind], 1e7) << isa;
      EXPECT_LT(moment.operations[kind], 1e16) << isa;
    }
    EXPECT_NE(roofline.products.find(isa), std::string::npos);
    EXPECT_FALSE(roofline.bandwidth.empty());
  }
}

// Counters as Linux shows them: one package with a part, and the platform, which contains them.
TEST(RaplMeter, AddsUpPackagesOverTheEndOfTheirCounters) {
  const TemporaryDirectory powercap;
  const auto write = [&](const std::string& domain, const std::string& file,
                         const std::string& text) {
    std::filesystem::create_directories(powercap.path() / domain);
    std::ofstream(powercap.path() / domain / file) << text << "\n";
  };
  const std::string first = "intel-rapl:0", second = "intel-rapl:1", part = "intel-rapl:0:0";
  for (const std::string& domain : {first, second, part, std::string("intel-rapl:2")}) {
    write(domain, "name",
          domain == part             ? "core"
          : domain == "intel-rapl:2" ? "psys"
                                     : "package-0");
    write(domain, "energy_uj", "900000");
    write(domain, "max_energy_range_uj", "1000000");
  }
  cpu::RaplMeter meter(powercap.path());
  EXPECT_DOUBLE_EQ(meter.read()->joules, 0.0);
  write(first, "energy_uj", "950000");
  write(part, "energy_uj", "999999");
  write(second, "energy_uj", "100000");  // started anew at 1,000,000
  EXPECT_DOUBLE_EQ(meter.read()->joules, 0.05 + 0.2);
  EXPECT_EQ(meter.read()->source, "RAPL, 2 packages");
}

TEST(RaplMeter, HasNothingToSayWithoutCounters) {
  const TemporaryDirectory empty;
  EXPECT_FALSE(cpu::RaplMeter(empty.path()).read());
  EXPECT_FALSE(cpu::RaplMeter(empty.path() / "nowhere").read());
}

}  // namespace
}  // namespace saccade::compute
