// Operations with recurrent states against the plain reference, however a sequence is chunked and
// whoever had its slot before.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "op_testing.h"

namespace saccade::compute {
namespace {

constexpr int kSlots = 4, kLayers = 2, kLayer = 1;

/// Rows [begin, begin + count) of a matrix.
Matrix rows_of(const Matrix& all, std::int64_t width, std::int64_t begin, std::int64_t count) {
  return {all.begin() + begin * width, all.begin() + (begin + count) * width};
}

/// Does `count` tokens of a sequence and returns what comes of them; `neighbour`: beside one token
/// of another sequence, in the slot after.
using Feed = std::function<Matrix(std::int64_t begin, std::int64_t count, SequenceSpan span,
                                  bool neighbour)>;

/// Feeds the tokens of one sequence in chunks.
Matrix in_chunks(const std::vector<std::int64_t>& chunks, int slot, bool neighbour,
                 const Feed& feed) {
  Matrix result;
  std::int64_t start = 0;
  for (const std::int64_t count : chunks) {
    const Matrix rows = feed(
        start, count, {.row = 0, .count = count, .start = start, .state_slot = slot}, neighbour);
    result.insert(result.end(), rows.begin(), rows.end());
    start += count;
  }
  return result;
}

struct Convolution {
  static constexpr std::int64_t kTokens = 30, kChannels = 37;
  static constexpr int kTaps = 4;
  Matrix x = random_matrix(kTokens * kChannels, 1);
  Matrix taps = random_matrix(kTaps * kChannels, 2);
  StateLayout layout{.num_layers = kLayers, .conv_taps = kTaps, .conv_channels = kChannels};

  Matrix run(Device& device, StateStore& states, const std::vector<std::int64_t>& chunks, int slot,
             bool neighbour) const {
    const Tensor weights = upload(device, taps, {kTaps, kChannels});
    return in_chunks(
        chunks, slot, neighbour,
        [&](std::int64_t begin, std::int64_t count, SequenceSpan span, bool beside) {
          Matrix rows = rows_of(x, kChannels, begin, count);
          std::vector<SequenceSpan> spans = {span};
          if (beside) {
            // The same tokens in another order, in the slot next to it.
            const Matrix other = rows_of(x, kChannels, kTokens - 1 - begin, 1);
            rows.insert(rows.end(), other.begin(), other.end());
            spans.push_back(
                {.row = count, .count = 1, .start = begin, .state_slot = (slot + 1) % kSlots});
          }
          const auto all = static_cast<std::int64_t>(rows.size()) / kChannels;
          const Tensor y = device.empty(DType::kF32, {all, kChannels});
          device.causal_conv(y, upload(device, rows, {all, kChannels}), weights, Activation::kSilu,
                             states, kLayer, *span_table(device, spans));
          return rows_of(download(device, y), kChannels, 0, count);
        });
  }
};

struct DeltaRule {
  static constexpr std::int64_t kTokens = 70;
  reference::DeltaRuleSizes sizes;
  Matrix qkv = random_matrix(kTokens * sizes.width(), 1);
  Matrix gates = random_matrix(kTokens * 2 * sizes.heads, 2);
  Matrix rates = positive(random_matrix(sizes.heads, 3));
  Matrix bias = random_matrix(sizes.heads, 4);
  StateLayout layout{.num_layers = kLayers,
                     .num_heads = sizes.heads,
                     .key_dim = sizes.key_dim,
                     .value_dim = sizes.value_dim};

  static Matrix positive(Matrix values) {
    for (float& value : values) value = std::abs(value);
    return values;
  }

  Matrix run(Device& device, StateStore& states, const std::vector<std::int64_t>& chunks, int slot,
             bool neighbour) const {
    const std::int64_t heads = sizes.heads;
    const std::int64_t width = heads * sizes.value_dim;
    const Tensor rate = upload(device, rates, {heads});
    const Tensor offset = upload(device, bias, {heads});
    return in_chunks(
        chunks, slot, neighbour,
        [&](std::int64_t begin, std::int64_t count, SequenceSpan span, bool beside) {
          Matrix x = rows_of(qkv, sizes.width(), begin, count);
          Matrix g = rows_of(gates, 2 * heads, begin, count);
          std::vector<SequenceSpan> spans = {span};
          if (beside) {
            const Matrix other = rows_of(qkv, sizes.width(), kTokens - 1 - begin, 1);
            x.insert(x.end(), other.begin(), other.end());
            const Matrix other_gates = rows_of(gates, 2 * heads, kTokens - 1 - begin, 1);
            g.insert(g.end(), other_gates.begin(), other_gates.end());
            spans.push_back(
                {.row = count, .count = 1, .start = begin, .state_slot = (slot + 1) % kSlots});
          }
          const std::int64_t all = count + (beside ? 1 : 0);
          const Tensor out = device.empty(DType::kF32, {all, width});
          device.gated_delta_rule(out, upload(device, x, {all, sizes.width()}),
                                  upload(device, g, {all, 2 * heads}), rate, offset,
                                  sizes.key_heads, states, kLayer, *span_table(device, spans));
          return rows_of(download(device, out), width, 0, count);
        });
  }
};

/// Holds an operation against what it should give: at once on all devices, and on each of them the
/// same bits in chunks, beside others, and in a slot that was used before.
template <typename Case>
void expect_recurrence(const Case& c, const std::vector<double>& wanted, double tolerance) {
  const auto whole = [&](Device& device) {
    const auto states = device.make_state_store(c.layout, kSlots);
    return c.run(device, *states, {Case::kTokens}, 0, false);
  };
  expect_close(on_all_devices(whole), wanted, tolerance);
  std::vector<std::unique_ptr<Device>> devices = gpu_devices();
  for (const std::string& isa : isas_here()) {
    devices.push_back(std::make_unique<cpu::CpuDevice>(cpu::CpuOptions{2, isa}));
  }
  for (const auto& device : devices) {
    SCOPED_TRACE(device->info().name + " " + device->info().instruction_set);
    const Matrix expected = whole(*device);
    const auto states = device->make_state_store(c.layout, kSlots);
    constexpr std::int64_t kRest = Case::kTokens - 13;
    EXPECT_EQ(c.run(*device, *states, {1, 2, 1, 9, kRest}, 2, true), expected);
    EXPECT_EQ(c.run(*device, *states, std::vector<std::int64_t>(Case::kTokens, 1), 3, true),
              expected);
    EXPECT_EQ(c.run(*device, *states, {10, 3, kRest}, 2, false), expected);
  }
}

TEST(Recurrent, ConvolutionGoesOnWhereItStopped) {
  const Convolution c;
  expect_recurrence(c, reference::causal_conv(c.x, c.taps, Convolution::kChannels), 2e-6);
}

TEST(Recurrent, DeltaRuleMatchesReferenceHoweverItIsChunked) {
  for (const reference::DeltaRuleSizes& sizes :
       {reference::DeltaRuleSizes{2, 4, 8, 10}, {1, 1, 3, 1}, {3, 3, 21, 33}, {1, 2, 130, 16}}) {
    SCOPED_TRACE(sizes.key_dim);
    const DeltaRule c{.sizes = sizes};
    expect_recurrence(c, reference::gated_delta_rule(c.qkv, c.gates, c.rates, c.bias, sizes), 5e-6);
  }
}

TEST(Recurrent, ACopiedStateGoesOnAsTheFirst) {
  const DeltaRule c{.sizes = {2, 4, 8, 10}};
  const Convolution conv;
  std::vector<std::unique_ptr<Device>> devices = gpu_devices();
  devices.push_back(std::make_unique<cpu::CpuDevice>(cpu::CpuOptions{2, {}}));
  for (const auto& device : devices) {
    SCOPED_TRACE(device->info().name);
    StateLayout layout = c.layout;
    layout.conv_taps = conv.layout.conv_taps;
    layout.conv_channels = conv.layout.conv_channels;
    const auto states = device->make_state_store(layout, kSlots);
    const auto go_on = [&](int slot) {
      const std::int64_t heads = c.sizes.heads;
      const std::vector<SequenceSpan> spans = {
          {.row = 0, .count = 1, .start = 20, .state_slot = slot}};
      const auto table = span_table(*device, spans);
      const Tensor out = device->empty(DType::kF32, {1, heads * c.sizes.value_dim});
      device->gated_delta_rule(
          out, upload(*device, rows_of(c.qkv, c.sizes.width(), 20, 1), {1, c.sizes.width()}),
          upload(*device, rows_of(c.gates, 2 * heads, 20, 1), {1, 2 * heads}),
          upload(*device, c.rates, {heads}), upload(*device, c.bias, {heads}), c.sizes.key_heads,
          *states, kLayer, *table);
      const Tensor y = device->empty(DType::kF32, {1, Convolution::kChannels});
      device->causal_conv(y,
                          upload(*device, rows_of(conv.x, Convolution::kChannels, 20, 1),
                                 {1, Convolution::kChannels}),
                          upload(*device, conv.taps, {Convolution::kTaps, Convolution::kChannels}),
                          Activation::kSilu, *states, kLayer, *table);
      Matrix both = download(*device, out);
      const Matrix second = download(*device, y);
      both.insert(both.end(), second.begin(), second.end());
      return both;
    };
    c.run(*device, *states, {20}, 1, false);
    conv.run(*device, *states, {20}, 1, false);
    device->copy_state(*states, 1, 3);
    const Matrix first = go_on(1);
    EXPECT_EQ(go_on(3), first);
    EXPECT_NE(go_on(3), first);  // a token later
    EXPECT_THROW(device->copy_state(*states, 0, kSlots), Error);
  }
}

TEST(Recurrent, StatesAreReadAndWrittenOnceAStep) {
  const DeltaRule c{.sizes = {2, 4, 8, 10}};
  cpu::CpuDevice device({1, {}});
  const auto states = device.make_state_store(c.layout, kSlots);
  Work work;
  device.count_work(&work);
  c.run(device, *states, {5, 1, 1}, 0, false);
  device.count_work(nullptr);
  // Four heads of 8 x 16 numbers, the columns filled up.
  EXPECT_EQ(work.kv_bytes, 3 * 2 * 4 * (4 * 8 * 16));
}

/// A tensor of the device's activation type, and what it holds after rounding.
Tensor upload_rounded(Device& device, Matrix& values, const Shape& shape) {
  std::vector<std::uint16_t> narrow;
  for (float& value : values) {
    narrow.push_back(f32_to_f16(value));
    value = f16_to_f32(narrow.back());
  }
  Tensor tensor = device.activations(shape);
  device.upload(tensor, narrow.data());
  return tensor;
}

Matrix download_rounded(Device& device, const Tensor& tensor) {
  std::vector<std::uint16_t> narrow(tensor.shape().elements());
  device.download(narrow.data(), tensor);
  Matrix values(narrow.size());
  std::ranges::transform(narrow, values.begin(), f16_to_f32);
  return values;
}

TEST(Recurrent, ActivationsOfAGpuAreHalves) {
  constexpr double kRounding = 1e-3;  // of what is written as f16
  for (const auto& device : gpu_devices(false)) {
    SCOPED_TRACE(device->info().name);
    const std::vector<SequenceSpan> spans = {
        {.row = 0, .count = DeltaRule::kTokens, .start = 0, .state_slot = 1}};
    DeltaRule rule{.sizes = {2, 4, 8, 10}};
    const std::int64_t heads = rule.sizes.heads;
    const auto states = device->make_state_store(rule.layout, kSlots);
    const Tensor qkv = upload_rounded(*device, rule.qkv, {DeltaRule::kTokens, rule.sizes.width()});
    const Tensor out = device->empty(DType::kF32, {DeltaRule::kTokens, heads * 10});
    device->gated_delta_rule(out, qkv, upload(*device, rule.gates, {DeltaRule::kTokens, 2 * heads}),
                             upload(*device, rule.rates, {heads}),
                             upload(*device, rule.bias, {heads}), rule.sizes.key_heads, *states,
                             kLayer, *span_table(*device, spans));
    expect_close(
        download(*device, out),
        reference::gated_delta_rule(rule.qkv, rule.gates, rule.rates, rule.bias, rule.sizes),
        kGpuTolerance);

    Convolution conv;
    const Shape shape{Convolution::kTokens, Convolution::kChannels};
    const std::vector<SequenceSpan> conv_spans = {
        {.row = 0, .count = Convolution::kTokens, .start = 0, .state_slot = 1}};
    const auto kept = device->make_state_store(conv.layout, kSlots);
    const Tensor y = device->activations(shape);
    device->causal_conv(y, upload_rounded(*device, conv.x, shape),
                        upload(*device, conv.taps, {Convolution::kTaps, Convolution::kChannels}),
                        Activation::kSilu, *kept, kLayer, *span_table(*device, conv_spans));
    std::vector<double> wanted = reference::causal_conv(conv.x, conv.taps, Convolution::kChannels);
    expect_close(download_rounded(*device, y), wanted, kRounding);
    Matrix gate = random_matrix(shape.elements(), 5);
    device->apply_gate(y, upload_rounded(*device, gate, shape), Activation::kSilu);
    for (std::size_t i = 0; i < gate.size(); ++i) wanted[i] *= reference::silu(gate[i]);
    expect_close(download_rounded(*device, y), wanted, kRounding);
  }
}

TEST(Recurrent, GatesMultiply) {
  const Matrix y = random_matrix(3 * 50, 1);
  const Matrix gate = random_matrix(3 * 60, 2);
  const Matrix result = on_all_devices([&](Device& device) {
    const Tensor product = upload(device, y, {3, 50});
    device.apply_gate(product, upload(device, gate, {3, 60}).view_columns(7, 50),
                      Activation::kSigmoid);
    return download(device, product);
  });
  std::vector<double> wanted;
  for (std::int64_t i = 0; i < 3 * 50; ++i) {
    wanted.push_back(y[i] * reference::sigmoid(gate[i / 50 * 60 + 7 + i % 50]));
  }
  expect_close(result, wanted, 1e-6);
}

TEST(Recurrent, WhatDoesNotFitIsNamed) {
  cpu::CpuDevice device({1, {}});
  const Convolution conv;
  const auto states = device.make_state_store(conv.layout, kSlots);
  const Tensor x = device.empty(DType::kF32, {2, Convolution::kChannels});
  const Tensor y = device.empty(DType::kF32, {2, Convolution::kChannels});
  const Tensor taps = upload(device, conv.taps, {Convolution::kTaps, Convolution::kChannels});
  const auto convolve = [&](const Tensor& weights, int layer, const SequenceSpan& span) {
    device.causal_conv(y, x, weights, Activation::kSilu, *states, layer,
                       *span_table(device, {span}));
  };
  EXPECT_NO_THROW(convolve(taps, 0, {.row = 0, .count = 2, .start = 0, .state_slot = 0}));
  EXPECT_THROW(convolve(taps, kLayers, {.row = 0, .count = 2, .start = 0, .state_slot = 0}), Error);
  EXPECT_THROW(convolve(taps, 0, {.row = 0, .count = 2, .start = 0, .state_slot = kSlots}), Error);
  EXPECT_THROW(convolve(taps, 0, {.row = 0, .count = 2, .start = 0}), Error);
  EXPECT_THROW(convolve(taps, 0, {.row = 1, .count = 2, .start = 0, .state_slot = 0}), Error);
  EXPECT_THROW(convolve(x, 0, {.row = 0, .count = 2, .start = 0, .state_slot = 0}), Error);
  EXPECT_THROW(device.make_state_store({.num_layers = 1, .conv_taps = 99, .conv_channels = 1}, 1),
               Error);
}

}  // namespace
}  // namespace saccade::compute
