// Every operation of every instruction set against the plain reference, and against each other: all
// instruction sets give the same bits, for any number of rows, threads and chunks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/isa.h"
#include "compute/devices.h"
#include "op_testing.h"

namespace saccade::compute {
namespace {

/// The elements of `values` rounded to a storage type: the stored bytes and what they mean.
struct Stored {
  std::vector<std::byte> bytes;
  Matrix values;
};

Stored store_as(const Matrix& values, DType dtype) {
  Stored stored;
  stored.bytes.resize(values.size() * dtype_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (dtype == DType::kF32) {
      std::memcpy(&stored.bytes[i * 4], &values[i], 4);
      stored.values.push_back(values[i]);
      continue;
    }
    std::uint16_t bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values[i]) >> 16);
    if (dtype == DType::kF16) {
      // Any 16 bits with a moderate exponent will do as a random half, subnormals among them.
      bits = static_cast<std::uint16_t>((bits & 0x83ffu) | ((i % 17) << 10));
    }
    std::memcpy(&stored.bytes[i * 2], &bits, 2);
    stored.values.push_back(dtype == DType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits));
  }
  return stored;
}

struct LinearCase {
  std::int64_t rows, inputs, outputs;
  DType dtype;
};

class LinearTest : public testing::TestWithParam<LinearCase> {};

TEST_P(LinearTest, MatchesReferenceOnEveryIsa) {
  const auto [rows, inputs, outputs, dtype] = GetParam();
  const Matrix x = random_matrix(rows * inputs, 1);
  const Stored w = store_as(random_matrix(outputs * inputs, 2), dtype);
  const Matrix bias = random_matrix(outputs, 3);
  const Matrix result = on_all_devices([&](Device& device) {
    const HostMatrix part = float_matrix({dtype, {outputs, inputs}, w.bytes.data()});
    const auto weight = device.pack(std::span(&part, 1));
    const Tensor y = device.empty(DType::kF32, {rows, outputs});
    const Tensor b = upload(device, bias, {outputs});
    device.linear(y, upload(device, x, {rows, inputs}), *weight, {.bias = &b});
    return download(device, y);
  });
  expect_close(result, reference::linear(x, w.values, bias, rows, inputs, outputs), 2e-6);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, LinearTest,
    testing::Values(LinearCase{1, 1, 1, DType::kF32}, LinearCase{1, 64, 48, DType::kBF16},
                    LinearCase{3, 17, 33, DType::kF32}, LinearCase{5, 40, 130, DType::kF16},
                    LinearCase{12, 300, 65, DType::kBF16}, LinearCase{13, 1100, 20, DType::kF32},
                    LinearCase{29, 513, 70, DType::kF16}, LinearCase{130, 96, 257, DType::kBF16}));

TEST(OpTest, LinearOfBf16PairsIsThatOfRoundedInputs) {
  const std::string isa = "avx512_bf16";
  const auto built = cpu::built_isas();
  if (std::find(built.begin(), built.end(), isa) == built.end() || !cpu::isa_runs_here(isa)) {
    GTEST_SKIP() << "this processor has no bf16 dot products";
  }
  const auto rounded = [](Matrix values) {
    for (float& value : values) value = bf16_to_f32(f32_to_bf16(value));
    return values;
  };
  for (const auto& [rows, inputs, outputs, dtype] : {LinearCase{1, 63, 48, DType::kBF16},
                                                     {5, 40, 130, DType::kF16},
                                                     {29, 513, 70, DType::kBF16},
                                                     {130, 1300, 257, DType::kF16}}) {
    const Matrix x = random_matrix(rows * inputs, 1);
    const Stored w = store_as(random_matrix(outputs * inputs, 2), dtype);
    const Matrix bias = random_matrix(outputs, 3);
    cpu::CpuDevice device({2, isa});
    const HostMatrix part = float_matrix({dtype, {outputs, inputs}, w.bytes.data()});
    const auto weight = device.pack(std::span(&part, 1));
    const Tensor y = device.empty(DType::kF32, {rows, outputs});
    const Tensor b = upload(device, bias, {outputs});
    device.linear(y, upload(device, x, {rows, inputs}), *weight, {.bias = &b});
    expect_close(download(device, y),
                 reference::linear(rounded(x), rounded(w.values), bias, rows, inputs, outputs),
                 2e-6);
    const Tensor row = device.empty(DType::kF32, {1, inputs});
    device.embed(row, *weight, std::vector<std::int32_t>{static_cast<std::int32_t>(outputs - 1)});
    const Matrix embedded = download(device, row);
    for (std::int64_t i = 0; i < inputs; ++i) {
      EXPECT_EQ(embedded[i], rounded(w.values)[(outputs - 1) * inputs + i]);
    }
  }
}

TEST(OpTest, LinearStacksPartsAndReadsUnalignedFiles) {
  const Matrix x = random_matrix(2 * 24, 1);
  const Matrix w = random_matrix(50 * 24, 2);
  std::vector<std::byte> file(1 + w.size() * 4);  // one byte off, as a safetensors file may be
  std::memcpy(file.data() + 1, w.data(), w.size() * 4);
  const Matrix result = on_all_devices([&](Device& device) {
    const HostMatrix parts[] = {
        float_matrix({DType::kF32, {20, 24}, file.data() + 1}),
        float_matrix({DType::kF32, {30, 24}, file.data() + 1 + 20 * 24 * 4})};
    const Tensor y = device.empty(DType::kF32, {2, 50});
    device.linear(y, upload(device, x, {2, 24}), *device.pack(parts));
    return download(device, y);
  });
  expect_close(result, reference::linear(x, w, {}, 2, 24, 50), 2e-6);
}

TEST(OpTest, LinearNormsGatesAndAdds) {
  constexpr std::int64_t kInputs = 96, kOutputs = 70;
  const Matrix w = random_matrix(kOutputs * kInputs, 2);
  const Matrix bias = random_matrix(kOutputs, 3);
  const Matrix norm = random_matrix(kInputs, 4);
  for (const std::int64_t rows : {1, 5}) {
    const Matrix x = random_matrix(rows * kInputs, 1);
    const std::vector<double> normed = reference::rms_norm(x, norm, kInputs, 1e-5);
    const auto wanted =
        reference::linear(Matrix(normed.begin(), normed.end()), w, bias, rows, kInputs, kOutputs);
    const HostMatrix part = float_matrix(
        {DType::kF32, {kOutputs, kInputs}, reinterpret_cast<const std::byte*>(w.data())});
    const auto run = [&](Device& device, std::int64_t outputs, LinearOptions options) {
      const Tensor b = upload(device, bias, {kOutputs});
      const Tensor n = upload(device, norm, {kInputs});
      options.bias = &b;
      options.norm_weight = &n;
      options.norm_eps = 1e-5f;
      const Tensor y = upload(device, Matrix(rows * outputs, 0.5f), {rows, outputs});
      device.linear(y, upload(device, x, {rows, kInputs}), *device.pack(std::span(&part, 1)),
                    options);
      return download(device, y);
    };
    const Matrix plain = on_all_devices([&](Device& device) { return run(device, kOutputs, {}); });
    expect_close(plain, wanted, 2e-6);
    const Matrix added =
        on_all_devices([&](Device& device) { return run(device, kOutputs, {.add = true}); });
    const Matrix gated = on_all_devices(
        [&](Device& device) { return run(device, kOutputs / 2, {.gate = Activation::kSilu}); });
    std::vector<double> sums, products;
    for (std::int64_t row = 0; row < rows; ++row) {
      const double* of_row = &wanted[row * kOutputs];
      for (std::int64_t i = 0; i < kOutputs; ++i) sums.push_back(of_row[i] + 0.5);
      for (std::int64_t i = 0; i < kOutputs / 2; ++i) {
        products.push_back(reference::silu(of_row[i]) * of_row[kOutputs / 2 + i]);
      }
    }
    expect_close(added, sums, 2e-6);
    expect_close(gated, products, 4e-6);
  }
}

TEST(OpTest, GatesInPlaceAreTheSame) {
  // Gates in one format and what they multiply in another: no GPU makes both in one pass.
  constexpr std::int64_t kInputs = 64, kInner = 40, kRows = 3;
  const Matrix x = random_matrix(kRows * kInputs, 1);
  Matrix w = random_matrix(2 * kInner * kInputs, 2);
  std::vector<std::uint16_t> narrow;
  for (std::size_t i = w.size() / 2; i < w.size(); ++i) {
    narrow.push_back(f32_to_bf16(w[i]));
    w[i] = bf16_to_f32(narrow.back());
  }
  const auto wanted = reference::linear(x, w, {}, kRows, kInputs, 2 * kInner);
  std::vector<double> products;
  for (std::int64_t i = 0; i < kRows * kInner; ++i) {
    const double* of_row = &wanted[i / kInner * 2 * kInner];
    products.push_back(reference::silu(of_row[i % kInner]) * of_row[kInner + i % kInner]);
  }
  const Matrix gated = on_all_devices([&](Device& device) {
    const HostMatrix parts[] = {
        float_matrix(
            {DType::kF32, {kInner, kInputs}, reinterpret_cast<const std::byte*>(w.data())}),
        float_matrix(
            {DType::kBF16, {kInner, kInputs}, reinterpret_cast<const std::byte*>(narrow.data())})};
    // Its rows may be apart.
    const Tensor result = device.gated_linear(upload(device, x, {kRows, kInputs}),
                                              *device.pack(parts), {.gate = Activation::kSilu});
    const Tensor y = upload(device, Matrix(kRows * kInner), {kRows, kInner});
    device.add(y, result);
    return download(device, y);
  });
  expect_close(gated, products, 4e-6);
}

TEST(OpTest, RotaryTable) {
  constexpr std::int64_t kRows = 9, kAngles = 20;
  const std::vector<float> frequencies = random_matrix(kAngles, 1);
  std::vector<std::int32_t> positions;  // [3, rows], up to where a long context ends
  for (int i = 0; i < 3 * kRows; ++i) positions.push_back(i * 4861);
  std::vector<std::int32_t> axes;
  for (int i = 0; i < kAngles; ++i) axes.push_back(i % 3);
  const Matrix table = on_all_devices([&](Device& device) {
    const Tensor both = device.empty(DType::kF32, {2 * kRows, kAngles});
    device.rotary_table(both.view_rows(0, kRows), both.view_rows(kRows, kRows),
                        device.indices(positions).view_as({3, kRows}),
                        upload(device, frequencies, {kAngles}), device.indices(axes), 0.7f);
    return download(device, both);
  });
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t i = 0; i < kAngles; ++i) {
      const float angle = static_cast<float>(positions[axes[i] * kRows + row]) * frequencies[i];
      EXPECT_NEAR(table[row * kAngles + i], 0.7 * std::cos(static_cast<double>(angle)), 1e-6);
      EXPECT_NEAR(table[(kRows + row) * kAngles + i], 0.7 * std::sin(static_cast<double>(angle)),
                  1e-6);
    }
  }
}

TEST(OpTest, SampleTakesTheLikeliestAndLeavesRowsOut) {
  constexpr std::int64_t kVocab = 1000;
  Matrix logits = random_matrix(4 * kVocab, 1);
  logits[123] = 50.0f;
  logits[kVocab + 7] = logits[kVocab + 900] = 60.0f;  // the lower of equals
  logits[2 * kVocab + 5] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::int32_t> slots = {2, 0, 1, -1};
  const auto sampled = [&](Device& device) {
    const auto samplers = device.make_sampler_slots(3, kVocab);
    for (int slot = 0; slot < 3; ++slot) samplers->assign(slot, {}, 1, {});
    const Tensor ids = device.indices(std::vector<std::int32_t>(4, -1));
    device.sample(ids, upload(device, logits, {4, kVocab}), *samplers, device.indices(slots));
    std::vector<std::int32_t> found(4);
    device.read_back(ids)->wait(found.data());
    return found;
  };
  const std::vector<std::int32_t> wanted = {123, 7, -1, -1};
  cpu::CpuDevice cpu({1, {}});
  EXPECT_EQ(sampled(cpu), wanted);
  for (const auto& device : gpu_devices()) EXPECT_EQ(sampled(*device), wanted);
}

TEST(OpTest, WhatIsRecordedIsDoneEveryTime) {
  // Indices come from the host, so what needs them cannot be repeated without it, but is done as
  // well.
  for (const bool asks_host : {false, true}) {
    const auto counted = [&](Device& device) {
      const Tensor sum = upload(device, Matrix(8, 0.0f), {2, 4});
      const Tensor step = upload(device, Matrix(8, 1.0f), {2, 4});
      const auto recording = device.make_recording();
      for (int i = 0; i < 5; ++i) {
        device.run(*recording, [&] {
          const Tensor twice = device.empty(DType::kF32, {2, 4});
          if (asks_host) {
            device.gather(twice, step, std::vector<std::int32_t>{0, 1});
          } else {
            device.layer_norm(twice, step, step.view_rows(0, 1).view_as({4}), nullptr, 1e-5f);
            device.add(twice, step);
          }
          device.add(sum, twice);
        });
      }
      return download(device, sum);
    };
    EXPECT_EQ(on_all_devices(counted), Matrix(8, 5.0f));
  }
}

TEST(OpTest, NoRowsAreNoWork) {
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const Matrix w = random_matrix(20 * 8, 1);
    const HostMatrix part =
        float_matrix({DType::kF32, {20, 8}, reinterpret_cast<const std::byte*>(w.data())});
    const Tensor x = device.empty(DType::kF32, {0, 8});
    const Tensor y = device.empty(DType::kF32, {0, 20});
    device.linear(y, x, *device.pack(std::span(&part, 1)));
    device.rms_norm(x, x, upload(device, random_matrix(8, 2), {8}), 1e-6f);
    device.gather(x, upload(device, w, {20, 8}), {});
    device.attention_segments(x, x, x, x, {2, 2, 4, 1.0f}, {});
  }
}

TEST(OpTest, LinearRowsDoNotDependOnTheirNeighbours) {
  constexpr std::int64_t kRows = 100, kInputs = 700, kOutputs = 90;
  const Matrix x = random_matrix(kRows * kInputs, 1);
  const Stored w = store_as(random_matrix(kOutputs * kInputs, 2), DType::kBF16);
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const HostMatrix part = float_matrix({DType::kBF16, {kOutputs, kInputs}, w.bytes.data()});
    const auto weight = device.pack(std::span(&part, 1));
    const Tensor all_x = upload(device, x, {kRows, kInputs});
    const Tensor all = device.empty(DType::kF32, {kRows, kOutputs});
    device.linear(all, all_x, *weight);
    for (const auto& [begin, count] : {std::pair{0, 1}, {7, 2}, {50, 11}, {3, 97}}) {
      const Tensor some = device.empty(DType::kF32, {count, kOutputs});
      device.linear(some, all_x.view_rows(begin, count), *weight);
      EXPECT_EQ(download(device, some), download(device, all.view_rows(begin, count))) << isa;
    }
  }
}

TEST(OpTest, Embed) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const Stored w = store_as(random_matrix(40 * 27, 2), dtype);
    const std::vector<std::int32_t> ids = {39, 0, 16, 15, 39};
    const Matrix result = on_all_devices([&](Device& device) {
      const HostMatrix part = float_matrix({dtype, {40, 27}, w.bytes.data()});
      const Tensor y = device.empty(DType::kF32, {5, 27});
      device.embed(y, *device.pack(std::span(&part, 1)), ids);
      return download(device, y);
    });
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (int j = 0; j < 27; ++j) EXPECT_EQ(result[i * 27 + j], w.values[ids[i] * 27 + j]);
    }
  }
}

TEST(OpTest, Norms) {
  for (const std::int64_t n : {1, 15, 16, 100, 1280}) {
    const Matrix x = random_matrix(7 * n, 1, 3.0f);
    const Matrix weight = random_matrix(n, 2);
    const Matrix bias = random_matrix(n, 3);
    const Matrix rms = on_all_devices([&](Device& device) {
      const Tensor y = device.empty(DType::kF32, {7, n});
      device.rms_norm(y, upload(device, x, {7, n}), upload(device, weight, {n}), 1e-6f);
      return download(device, y);
    });
    expect_close(rms, reference::rms_norm(x, weight, n, 1e-6), 2e-6);
    const Matrix layer = on_all_devices([&](Device& device) {
      const Tensor y = device.empty(DType::kF32, {7, n});
      const Tensor b = upload(device, bias, {n});
      device.layer_norm(y, upload(device, x, {7, n}), upload(device, weight, {n}), &b, 1e-5f);
      return download(device, y);
    });
    expect_close(layer, reference::layer_norm(x, weight, bias, n, 1e-5), 2e-6);
  }
}

TEST(OpTest, Activations) {
  const std::map<Activation, double (*)(double)> activations = {
      {Activation::kSilu, reference::silu},
      {Activation::kGelu, reference::gelu},
      {Activation::kGeluTanh, reference::gelu_tanh},
      {Activation::kQuickGelu, reference::quick_gelu},
      {Activation::kRelu, reference::relu},
      {Activation::kSigmoid, reference::sigmoid}};
  Matrix x = random_matrix(3 * 50, 1, 4.0f);
  x[0] = 200.0f;
  x[1] = -200.0f;
  x[2] = 0.0f;
  x[3] = -90.0f;
  const Matrix up = random_matrix(3 * 25, 2);
  for (const auto& [activation, function] : activations) {
    const Matrix activated = on_all_devices([&, kind = activation](Device& device) {
      const Tensor y = upload(device, x, {3, 50});
      device.activate(y, kind);
      return download(device, y);
    });
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(activated[i], function(x[i]), 2e-6 * std::max(1.0, std::abs(function(x[i]))))
          << x[i];
    }
    const Matrix gated = on_all_devices([&, kind = activation](Device& device) {
      const Tensor y = device.empty(DType::kF32, {3, 25});
      device.gate(y, upload(device, x, {3, 50}), kind);
      return download(device, y);
    });
    for (int row = 0; row < 3; ++row) {
      for (int i = 0; i < 25; ++i) {
        const double wanted = function(x[row * 50 + i]) * x[row * 50 + 25 + i];
        EXPECT_NEAR(gated[row * 25 + i], wanted, 4e-6 * std::max(1.0, std::abs(wanted)));
      }
    }
  }
}

TEST(OpTest, NormOfHeadsIsTheNormOfEach) {
  const Matrix x = random_matrix(5 * 3 * 20, 1, 3.0f);
  const Matrix weight = random_matrix(20, 2);
  const Matrix normed = on_all_devices([&](Device& device) {
    // The heads lie in the middle columns of a wider matrix, as keys do beside queries and values.
    Matrix wide(5 * 100, 7.0f);
    for (int row = 0; row < 5; ++row) std::copy_n(&x[row * 60], 60, &wide[row * 100 + 20]);
    const Tensor all = upload(device, wide, {5, 100});
    device.rms_norm_heads(all.view_columns(20, 60), upload(device, weight, {20}), 1e-5f);
    const Matrix result = download(device, all);
    Matrix middle;
    for (int row = 0; row < 5; ++row) {
      EXPECT_EQ(result[row * 100 + 19], 7.0f);
      EXPECT_EQ(result[row * 100 + 80], 7.0f);
      middle.insert(middle.end(), &result[row * 100 + 20], &result[row * 100 + 80]);
    }
    return middle;
  });
  expect_close(normed, reference::rms_norm(x, weight, 20, 1e-5), 2e-6);
}

TEST(OpTest, ScaleAndSoftcap) {
  Matrix x = random_matrix(3 * 50, 1, 20.0f);
  x[0] = 1e6f;
  x[1] = -1e6f;
  x[2] = 0.0f;
  const Matrix scaled = on_all_devices([&](Device& device) {
    const Tensor y = upload(device, x, {3, 50});
    device.scale(y, 0.3f);
    return download(device, y);
  });
  const Matrix capped = on_all_devices([&](Device& device) {
    const Tensor y = upload(device, x, {3, 50});
    device.softcap(y, 30.0f);
    return download(device, y);
  });
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(scaled[i], x[i] * 0.3f);
    EXPECT_NEAR(capped[i], reference::softcap(x[i], 30.0), 1e-5) << x[i];
  }
}

TEST(OpTest, ClampKeepsWhatIsInRange) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Matrix x = random_matrix(3 * 50, 1, 2.0f);
  x[0] = 50.0f;
  x[1] = -50.0f;
  for (const auto& [low, high] : {std::pair{-1.5f, 0.25f}, {-kInfinity, 1.0f}, {2.0f, 2.0f}}) {
    const auto clamped = [&, low = low, high = high](Device& device, bool in_place) {
      const Tensor from = upload(device, x, {3, 50});
      const Tensor to = device.empty(DType::kF32, {3, 60});
      const Tensor y = in_place ? from.view() : to.view_columns(7, 50);
      device.clamp(y, from, low, high);
      const Matrix all = download(device, in_place ? from : to);
      if (in_place) return all;
      Matrix middle;
      for (int row = 0; row < 3; ++row) {
        middle.insert(middle.end(), &all[row * 60 + 7], &all[row * 60 + 57]);
      }
      return middle;
    };
    for (const bool in_place : {false, true}) {
      const Matrix found =
          on_all_devices([&](Device& device) { return clamped(device, in_place); });
      for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(found[i], std::clamp(x[i], low, high));
    }
  }
}

TEST(OpTest, ApplyGateMultipliesInPlace) {
  const Matrix x = random_matrix(3 * 50, 1);
  const Matrix gate = random_matrix(3 * 60, 2, 3.0f);
  const Matrix found = on_all_devices([&](Device& device) {
    const Tensor y = upload(device, x, {3, 50});
    device.apply_gate(y, upload(device, gate, {3, 60}).view_columns(7, 50), Activation::kGeluTanh);
    return download(device, y);
  });
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 50; ++i) {
      const double wanted = x[row * 50 + i] * reference::gelu_tanh(gate[row * 60 + 7 + i]);
      EXPECT_NEAR(found[row * 50 + i], wanted, 4e-6 * std::max(1.0, std::abs(wanted)));
    }
  }
}

TEST(OpTest, ActivationsPassNanOn) {
  const Matrix x(16, std::numeric_limits<float>::quiet_NaN());
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({1, isa});
    const Tensor y = upload(device, x, {1, 16});
    device.activate(y, Activation::kSilu);
    for (const float value : download(device, y)) EXPECT_TRUE(std::isnan(value)) << isa;
  }
}

TEST(OpTest, AddGatherScatter) {
  const Matrix x = random_matrix(6 * 19, 1);
  const Matrix y = random_matrix(6 * 19, 2);
  const std::vector<std::int32_t> ids = {4, 0, 4};
  const Matrix sum = on_all_devices([&](Device& device) {
    const Tensor total = upload(device, y, {6, 19});
    device.add(total, upload(device, x, {6, 19}));
    return download(device, total);
  });
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(sum[i], x[i] + y[i]);
  const Matrix gathered = on_all_devices([&](Device& device) {
    const Tensor rows = device.empty(DType::kF32, {3, 19});
    device.gather(rows, upload(device, x, {6, 19}), ids);
    return download(device, rows);
  });
  const Matrix scattered = on_all_devices([&](Device& device) {
    const Tensor rows = upload(device, y, {6, 19});
    const Tensor all = upload(device, x, {6, 19});
    device.scatter(rows, all.view_rows(0, 2), std::vector<std::int32_t>{5, 2});
    return download(device, rows);
  });
  for (int i = 0; i < 19; ++i) {
    for (int r = 0; r < 3; ++r) EXPECT_EQ(gathered[r * 19 + i], x[ids[r] * 19 + i]);
    EXPECT_EQ(scattered[5 * 19 + i], x[i]);
    EXPECT_EQ(scattered[2 * 19 + i], x[19 + i]);
    EXPECT_EQ(scattered[i], y[i]);
  }
}

TEST(OpTest, GatherAndScaleColumns) {
  const Matrix x = random_matrix(5 * 37, 1);
  const Matrix factors = random_matrix(37, 2);
  const std::vector<std::int32_t> ids = {36, 0, 3, 3, 17};
  const Matrix gathered = on_all_devices([&](Device& device) {
    const Tensor y = device.empty(DType::kF32, {5, 5});
    device.gather_columns(y, upload(device, x, {5, 37}), ids);
    return download(device, y);
  });
  EXPECT_EQ(gathered, reference::gather_columns(x, 37, ids));
  const Matrix scaled = on_all_devices([&](Device& device) {
    const Tensor y = upload(device, x, {5, 37});
    device.scale_columns(y, upload(device, factors, {37}));
    return download(device, y);
  });
  EXPECT_EQ(scaled, reference::scale_columns(x, factors));
}

TEST(OpTest, ScatterAdd) {
  const Matrix x = random_matrix(2 * 19, 1);
  const Matrix y = random_matrix(6 * 19, 2);
  const std::vector<std::int32_t> ids = {4, 1};
  const std::vector<float> factors = {0.3f, -2.0f};
  const Matrix sum = on_all_devices([&](Device& device) {
    const Tensor total = upload(device, y, {6, 19});
    device.scatter_add(total, upload(device, x, {2, 19}), ids, factors);
    return download(device, total);
  });
  std::vector<double> wanted(y.begin(), y.end());
  for (int r = 0; r < 2; ++r) {
    for (int i = 0; i < 19; ++i) {
      wanted[ids[r] * 19 + i] += static_cast<double>(factors[r]) * x[r * 19 + i];
    }
  }
  expect_close(sum, wanted, 1e-7);
}

TEST(OpTest, Rotary) {
  // The last turns three quarters of a head.
  for (const auto& [head_dim, half] :
       {std::pair{2, 1}, {8, 4}, {20, 10}, {80, 40}, {128, 64}, {24, 9}}) {
    const Matrix x = random_matrix(3 * 2 * head_dim, 1);
    const Matrix cos = random_matrix(3 * half, 2);
    const Matrix sin = random_matrix(3 * half, 3);
    const Matrix result = on_all_devices([&](Device& device) {
      const Tensor y = upload(device, x, {3, 2 * head_dim});
      device.rotary(y, upload(device, cos, {3, half}), upload(device, sin, {3, half}), head_dim);
      return download(device, y);
    });
    std::vector<double> wanted(x.begin(), x.end());
    for (std::size_t head = 0; head < 6; ++head) {
      for (int i = 0; i < half; ++i) {
        const std::size_t a = head * head_dim + i;
        const double c = cos[head / 2 * half + i];
        const double s = sin[head / 2 * half + i];
        wanted[a] = x[a] * c - x[a + half] * s;
        wanted[a + half] = x[a + half] * c + x[a] * s;
      }
    }
    expect_close(result, wanted, 1e-6);
  }
}

TEST(OpTest, PreciseProductsDoNotRoundTheirInputs) {
  constexpr std::int64_t kRows = 70, kInputs = 130, kOutputs = 33;
  const Matrix x = random_matrix(kRows * kInputs, 1);
  const Matrix w = random_matrix(kOutputs * kInputs, 2);
  const auto wanted = reference::linear(x, w, {}, kRows, kInputs, kOutputs);
  const HostMatrix matrix = float_matrix(
      {DType::kF32, {kOutputs, kInputs}, reinterpret_cast<const std::byte*>(w.data())});
  for (const auto& device : gpu_devices(false)) {
    SCOPED_TRACE(device->info().name);
    const auto weight = device->pack(std::span(&matrix, 1));
    const Tensor input = upload(*device, x, {kRows, kInputs});
    const Tensor y = device->empty(DType::kF32, {kRows, kOutputs});
    LinearOptions options;
    options.precise = true;
    device->linear(y, input, *weight, options);
    const Matrix found = download(*device, y);
    expect_close(found, wanted, 1e-6);
    // A row alone has the same bits.
    const Tensor one = device->empty(DType::kF32, {1, kOutputs});
    device->linear(one, input.view_rows(40, 1), *weight, options);
    EXPECT_EQ(download(*device, one),
              Matrix(found.begin() + 40 * kOutputs, found.begin() + 41 * kOutputs));
  }
}

TEST(OpTest, WrongShapesAreNamed) {
  cpu::CpuDevice device({1, {}});
  const Tensor a = device.empty(DType::kF32, {2, 3});
  const Tensor b = device.empty(DType::kF32, {3, 2});
  EXPECT_THROW(device.add(a, b), Error);
  EXPECT_THROW(device.gather(a, a, std::vector<std::int32_t>{0, 2}), Error);
  EXPECT_THROW(device.rotary(a, b, b, 2), Error);
  EXPECT_THROW(device.rms_norm_heads(a, device.empty(DType::kF32, {2}), 1e-6f), Error);
  EXPECT_THROW(device.softcap(a, 0.0f), Error);
  EXPECT_THROW(device.scale_columns(a, device.empty(DType::kF32, {2})), Error);
  EXPECT_THROW(device.gather_columns(a, b, std::vector<std::int32_t>{0, 1, 1}), Error);
}

TEST(Devices, NamesAndWhatDoesNotGoWithThemAreRefused) {
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", "CUDA"}) {
    EXPECT_THROW(make_device({.device = name}), Error) << name;
  }
  // Before it is asked whether there is a GPU.
  EXPECT_THAT([] { make_device({.device = "cuda", .threads = 2}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("threads")));
  EXPECT_EQ(make_device({.device = "auto", .threads = 2})->info().name, "cpu");
}

TEST(Isa, UnknownIsRefused) {
  EXPECT_THROW(cpu::kernels_for("avx9"), Error);
  EXPECT_NE(std::string(cpu::kernels_for("").name), "scalar");
}

}  // namespace
}  // namespace saccade::compute
