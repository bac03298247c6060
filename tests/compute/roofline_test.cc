// What operations amount to, and how long that must take.
#include "compute/roofline.h"

#include <gtest/gtest.h>

#include "op_testing.h"

namespace saccade::compute {
namespace {

constexpr Roofline kDevice{100.0, "copy", 1000.0, 4000.0, "product"};

TEST(Roofline, IsMemoryOrProductsWhicheverIsLonger) {
  const Work reading{1000.0, 4000.0, 250.0, 50.0};  // 2 s of products, 3 s of memory
  EXPECT_DOUBLE_EQ(kDevice.seconds(reading), 3.0);
  EXPECT_TRUE(kDevice.bound_by_memory(reading));
  const Work multiplying{3000.0, 8000.0, 250.0, 50.0};
  EXPECT_DOUBLE_EQ(kDevice.seconds(multiplying), 5.0);
  EXPECT_FALSE(kDevice.bound_by_memory(multiplying));
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
  EXPECT_EQ(work.float_flops, 2.0 * 5 * 64 * 32);
  EXPECT_EQ(work.quantized_flops, 0.0);
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
  EXPECT_EQ(work.float_flops, 0.0);
  EXPECT_EQ(work.quantized_flops, 2.0 * 64 * 64);
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
  EXPECT_EQ(counted(0).float_flops, 4.0 * 2 * 16 * (71 + 72 + 73 + 10));
  EXPECT_EQ(counted(0).kv_bytes, key_bytes * (73 + 10));
  EXPECT_EQ(counted(20).float_flops, 4.0 * 2 * 16 * (20 + 20 + 20 + 10));
  EXPECT_EQ(counted(20).kv_bytes, key_bytes * (23 + 10));
}

TEST(Measuring, FindsPositiveRates) {
  cpu::CpuDevice device;
  const Roofline roofline = device.measure_roofline();
  for (const double rate :
       {roofline.bytes_per_second, roofline.float_flops, roofline.quantized_flops}) {
    EXPECT_GT(rate, 1e6);
    EXPECT_LT(rate, 1e16);
  }
  EXPECT_FALSE(roofline.bandwidth.empty() || roofline.matmul.empty());
}

}  // namespace
}  // namespace saccade::compute
