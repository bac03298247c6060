// Attention with keys and values of 8 bits: near the reference, the same bits on every instruction
// set however a sequence is chunked, and no worse for what real models' keys and weights look like.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "op_testing.h"
#include "paged_attention.h"

namespace saccade::compute {
namespace {

constexpr std::int64_t kTokens = 200;

/// Of outputs, as error_of measures them, where scores of random queries and keys deviate by a half
/// and early tokens see few keys, whose rounding is not evened out.
constexpr double kTolerance = 2e-2;

/// Queries, keys and values of a sequence [kTokens, heads * head_dim].
struct Inputs {
  AttentionShape shape;
  Matrix q, k, v;
};

Inputs random_inputs(const AttentionShape& shape) {
  const std::int64_t width = std::int64_t{shape.num_heads} * shape.head_dim;
  const std::int64_t kv_width = std::int64_t{shape.num_kv_heads} * shape.head_dim;
  return {shape, random_matrix(kTokens * width, 1), random_matrix(kTokens * kv_width, 2),
          random_matrix(kTokens * kv_width, 3)};
}

std::vector<double> reference_of(const Inputs& in) {
  const AttentionShape& shape = in.shape;
  const int head_dim = shape.head_dim;
  const std::int64_t width = std::int64_t{shape.num_heads} * head_dim;
  const std::int64_t kv_width = std::int64_t{shape.num_kv_heads} * head_dim;
  std::vector<double> wanted;
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const std::int64_t first = shape.window ? std::max<std::int64_t>(0, t + 1 - shape.window) : 0;
    for (int h = 0; h < shape.num_heads; ++h) {
      const std::int64_t column = h / (shape.num_heads / shape.num_kv_heads) * head_dim;
      const auto out = reference::attend(
          &in.q[t * width + h * head_dim], head_dim, shape.scale, first, t + 1,
          [&](std::int64_t i) { return &in.k[i * kv_width + column]; },
          [&](std::int64_t i) { return &in.v[i * kv_width + column]; }, shape.softcap);
      wanted.insert(wanted.end(), out.begin(), out.end());
    }
  }
  return wanted;
}

Matrix attend(Device& device, const Inputs& in, const std::vector<std::int64_t>& chunks = {kTokens},
              bool neighbour = false) {
  return paged(device, in.shape, in.q, in.k, in.v, chunks, neighbour, {}, KvPrecision::kInt8);
}

/// The root of the mean square of errors, relative to that of what is wanted.
double error_of(const Matrix& found, const std::vector<double>& wanted) {
  double errors = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    errors += (found[i] - wanted[i]) * (found[i] - wanted[i]);
    squares += wanted[i] * wanted[i];
  }
  return std::sqrt(errors / squares);
}

double error_of(const Inputs& in) {
  const Matrix found = on_all_rounding_devices([&](Device& d) { return attend(d, in); });
  return error_of(found, reference_of(in));
}

struct Heads {
  int heads, kv_heads, head_dim;
};

class Int8AttentionTest : public testing::TestWithParam<Heads> {};

TEST_P(Int8AttentionTest, IsNearTheReferenceHoweverItIsChunked) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  const float scale = 1.5f / std::sqrt(static_cast<float>(head_dim));
  for (const auto& [window, softcap] : {std::pair{0, 0.0f}, {70, 0.0f}, {70, 1.5f}}) {
    const Inputs in = random_inputs({heads, kv_heads, head_dim, scale, window, softcap});
    const Matrix whole = on_all_rounding_devices([&](Device& d) { return attend(d, in); });
    EXPECT_LT(error_of(whole, reference_of(in)), kTolerance);
    for (const std::string& isa : isas_here()) {
      cpu::CpuDevice device({2, isa});
      EXPECT_EQ(attend(device, in, {1, 63, 1, 70, 64, 1}), whole) << isa;
      EXPECT_EQ(attend(device, in, {100, 3, 97}, true), whole) << isa;
      EXPECT_EQ(attend(device, in, std::vector<std::int64_t>(kTokens, 1), true), whole) << isa;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, Int8AttentionTest,
                         testing::Values(Heads{1, 1, 2}, Heads{4, 2, 20}, Heads{3, 3, 80},
                                         Heads{8, 1, 16}, Heads{2, 1, 128}, Heads{7, 7, 8},
                                         Heads{1, 1, 5}, Heads{2, 1, 96}, Heads{1, 1, 512}));

/// Keys and queries of a head of 128 with a large part in common in a few channels that turn
/// slowly, as the biases of Qwen2.5 have it: `common` times what tells keys apart.
Inputs with_common_part(float common, bool turning) {
  Inputs in = random_inputs({1, 1, 128, 1.5f / std::sqrt(128.0f)});
  for (std::int64_t t = 0; t < kTokens; ++t) {
    for (const int pair : {41, 50, 57}) {
      const auto angle = turning ? static_cast<float>(t) * std::pow(1e6f, -pair / 64.0f) : 0.0f;
      float* key = &in.k[t * 128 + pair];
      float* query = &in.q[t * 128 + pair];
      key[0] += common * std::cos(angle);
      key[64] += common * std::sin(angle);
      query[0] += 0.1f * common * std::cos(angle);
      query[64] += 0.1f * common * std::sin(angle);
    }
  }
  return in;
}

TEST(Int8Attention, WhatAllKeysHaveInCommonCostsNothing) {
  // Rounded with it, keys a hundred times as large would have a hundred times the error.
  const double plain = error_of(with_common_part(0.0f, false));
  EXPECT_LT(error_of(with_common_part(100.0f, false)), 1.5 * plain);
  EXPECT_LT(error_of(with_common_part(100.0f, true)), 3.0 * plain);
}

TEST(Int8Attention, LargeChannelsAreSpreadOverAll) {
  // Channels that tell keys apart by far more than the others do. With a scale of their own size
  // alone, the rest, which makes half of a score, would have few codes left.
  Inputs in = random_inputs({1, 1, 128, 1.5f / std::sqrt(128.0f)});
  const double plain = error_of(in);
  for (std::int64_t t = 0; t < kTokens; ++t) {
    for (const int channel : {3, 70}) {
      in.k[t * 128 + channel] *= 30.0f;
      in.q[t * 128 + channel] /= 30.0f;
    }
  }
  EXPECT_LT(error_of(in), 4.0 * plain);
}

TEST(Int8Attention, ManySmallWeightsKeepTheirSum) {
  // A key that takes nearly all of the weight and whose value is small, as the first token of a
  // prompt often is; the others' weights come to a third of a code each, and their values are
  // alike, so that what rounding leaves out adds up.
  constexpr int kHeadDim = 64;
  Inputs in = random_inputs({1, 1, kHeadDim, 1.0f});
  for (std::int64_t t = 0; t < kTokens; ++t) {
    for (int d = 0; d < kHeadDim; ++d) {
      in.q[t * kHeadDim + d] = d == 0 ? 1.0f : 0.0f;
      in.k[t * kHeadDim + d] *= 0.01f;
      in.v[t * kHeadDim + d] = 1.0f + 0.2f * in.v[t * kHeadDim + d];
    }
    in.k[t * kHeadDim] = t == 0 ? std::log(760.0f) : 0.0f;
  }
  for (int d = 0; d < kHeadDim; ++d) in.v[d] = 0.0f;
  in.v[0] = 1.0f;
  const Matrix found = on_all_rounding_devices([&](Device& d) { return attend(d, in); });
  const std::vector<double> wanted = reference_of(in);
  // The last token of the first block.
  double sum = 0.0, wanted_sum = 0.0;
  for (int d = 1; d < kHeadDim; ++d) {
    sum += found[63 * kHeadDim + d];
    wanted_sum += wanted[63 * kHeadDim + d];
  }
  EXPECT_NEAR(sum / wanted_sum, 1.0, 0.1);
}

TEST(Int8Attention, KeysOfZerosAndQueriesOfZeros) {
  Inputs in = random_inputs({1, 1, 24, 0.3f});
  std::fill_n(in.k.begin(), in.k.size() / 2, 0.0f);
  std::fill_n(in.q.begin() + 20 * 24, 100 * 24, 0.0f);
  EXPECT_LT(error_of(in), kTolerance);
}

TEST(Int8Attention, TakesAboutHalfTheMemoryOf16Bits) {
  cpu::CpuDevice device({1, {}});
  KvLayout layout{36, 2, 128};
  const std::int64_t of_16_bits = device.kv_bytes_per_token(layout);
  layout.precision = KvPrecision::kInt8;
  EXPECT_LT(device.kv_bytes_per_token(layout), of_16_bits * 54 / 100);
}

TEST(Int8Attention, IsNotWhereFloatsAreWantedNorOnAGpu) {
  std::vector<std::unique_ptr<Device>> devices = gpu_devices();
  devices.push_back(
      std::make_unique<cpu::CpuDevice>(cpu::CpuOptions{.threads = 1, .rounded_inputs = false}));
  KvLayout layout{1, 1, 16};
  layout.precision = KvPrecision::kInt8;
  for (const auto& device : devices) {
    SCOPED_TRACE(device->info().name);
    EXPECT_FALSE(device->has_int8_kv());
    EXPECT_THROW(device->make_kv_cache(layout, 1), Error);
  }
}

}  // namespace
}  // namespace saccade::compute
