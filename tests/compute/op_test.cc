// Every operation of every instruction set against the plain reference, and against each other: all
// instruction sets give the same bits, for any number of rows, threads and chunks.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/isa.h"
#include "reference.h"

namespace saccade::compute {
namespace {

using reference::Matrix;
using reference::random_matrix;

std::vector<std::string> isas_here() {
  std::vector<std::string> isas;
  for (const std::string& isa : cpu::built_isas()) {
    if (cpu::isa_runs_here(isa)) isas.push_back(isa);
  }
  return isas;
}

Tensor upload(Device& device, const Matrix& values, const Shape& shape) {
  Tensor tensor = device.empty(DType::kF32, shape);
  device.upload(tensor, values.data());
  return tensor;
}

Matrix download(Device& device, const Tensor& tensor) {
  Matrix values(tensor.shape().elements());
  device.download(values.data(), tensor);
  return values;
}

void expect_close(const Matrix& found, const std::vector<double>& wanted, double tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  double largest = 1e-30;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], wanted[i], tolerance * largest) << "element " << i;
  }
}

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

/// Runs `body` on a device of each instruction set and thread count; all results must be the same
/// bits. Returns them.
Matrix on_all_devices(const std::function<Matrix(Device&)>& body) {
  Matrix first;
  std::string first_name;
  for (const std::string& isa : isas_here()) {
    for (const int threads : {1, 3}) {
      cpu::CpuDevice device({threads, isa});
      const Matrix result = body(device);
      if (first_name.empty()) {
        first = result;
        first_name = isa;
      }
      EXPECT_EQ(result.size(), first.size());
      EXPECT_EQ(std::memcmp(result.data(), first.data(), first.size() * sizeof(float)), 0)
          << isa << " with " << threads << " threads differs from " << first_name;
    }
  }
  return first;
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
    device.linear(y, upload(device, x, {rows, inputs}), *weight, &b);
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
    device.linear(y, upload(device, x, {2, 24}), *device.pack(parts), nullptr);
    return download(device, y);
  });
  expect_close(result, reference::linear(x, w, {}, 2, 24, 50), 2e-6);
}

TEST(OpTest, NoRowsAreNoWork) {
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const Matrix w = random_matrix(20 * 8, 1);
    const HostMatrix part =
        float_matrix({DType::kF32, {20, 8}, reinterpret_cast<const std::byte*>(w.data())});
    const Tensor x = device.empty(DType::kF32, {0, 8});
    const Tensor y = device.empty(DType::kF32, {0, 20});
    device.linear(y, x, *device.pack(std::span(&part, 1)), nullptr);
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
    device.linear(all, all_x, *weight, nullptr);
    for (const auto& [begin, count] : {std::pair{0, 1}, {7, 2}, {50, 11}, {3, 97}}) {
      const Tensor some = device.empty(DType::kF32, {count, kOutputs});
      device.linear(some, all_x.view_rows(begin, count), *weight, nullptr);
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
      {Activation::kRelu, reference::relu}};
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

struct AttentionCase {
  int heads, kv_heads, head_dim;
};

class AttentionTest : public testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionTest, SegmentsMatchReferenceOnEveryIsa) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  const std::vector<std::int64_t> ends = {1, 65, 65, 81, 230};
  const std::int64_t rows = ends.back();
  const Matrix q = random_matrix(rows * heads * head_dim, 1);
  const Matrix kv = random_matrix(rows * 2 * kv_heads * head_dim, 2);
  const AttentionShape shape{heads, kv_heads, head_dim, 0.3f};
  const std::int64_t kv_width = static_cast<std::int64_t>(kv_heads) * head_dim;
  const Matrix result = on_all_devices([&](Device& device) {
    const Tensor both = upload(device, kv, {rows, 2 * kv_width});
    const Tensor out = device.empty(DType::kF32, {rows, heads * head_dim});
    device.attention_segments(out, upload(device, q, {rows, heads * head_dim}),
                              both.view_columns(0, kv_width), both.view_columns(kv_width, kv_width),
                              shape, ends);
    return download(device, out);
  });
  std::vector<double> wanted;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto segment = std::upper_bound(ends.begin(), ends.end(), row);
    const std::int64_t begin = segment == ends.begin() ? 0 : *(segment - 1);
    for (int h = 0; h < heads; ++h) {
      const std::int64_t column = h / (heads / kv_heads) * head_dim;
      const auto key = [&](std::int64_t t) { return &kv[t * 2 * kv_width + column]; };
      const auto value = [&](std::int64_t t) { return &kv[t * 2 * kv_width + kv_width + column]; };
      const auto out = reference::attend(&q[(row * heads + h) * head_dim], head_dim, shape.scale,
                                         begin, *segment, key, value);
      wanted.insert(wanted.end(), out.begin(), out.end());
    }
  }
  expect_close(result, wanted, 3e-6);
}

/// Feeds `tokens` tokens of one sequence through a paged cache in the given chunks, beside a
/// neighbour sequence when asked, and returns the attention output of all tokens.
Matrix paged(Device& device, const AttentionShape& shape, const Matrix& q, const Matrix& k,
             const Matrix& v, const std::vector<std::int64_t>& chunks, bool neighbour,
             const std::vector<std::int64_t>& end_keys = {}) {
  const KvLayout layout{2, shape.num_kv_heads, shape.head_dim};
  const auto cache = device.make_kv_cache(layout, 16);
  const std::vector<std::int32_t> pages = {5, 0, 11, 3};
  const std::vector<std::int32_t> other_pages = {1, 2, 4, 6};
  const std::int64_t width = static_cast<std::int64_t>(shape.num_heads) * shape.head_dim;
  const std::int64_t kv_width = static_cast<std::int64_t>(shape.num_kv_heads) * shape.head_dim;
  const auto part = [&](const Matrix& all, std::int64_t columns, std::int64_t begin,
                        std::int64_t count) {
    Matrix rows(all.begin() + begin * columns, all.begin() + (begin + count) * columns);
    if (neighbour) rows.insert(rows.end(), all.begin(), all.begin() + columns);  // one row more
    return upload(device, rows, {count + (neighbour ? 1 : 0), columns});
  };
  Matrix result;
  std::int64_t start = 0;
  for (const std::int64_t count : chunks) {
    std::vector<SequenceSpan> spans = {{0, count, start, pages}};
    if (!end_keys.empty()) spans[0].end_keys = std::span(end_keys).subspan(start, count);
    if (neighbour) spans.push_back({count, 1, start % 7, other_pages});
    device.write_kv(*cache, 1, part(k, kv_width, start, count), part(v, kv_width, start, count),
                    spans);
    const Tensor out = device.empty(DType::kF32, {count + (neighbour ? 1 : 0), width});
    device.attention_paged(out, part(q, width, start, count), *cache, 1, shape, spans);
    const Matrix rows = download(device, out);
    result.insert(result.end(), rows.begin(), rows.begin() + count * width);
    start += count;
  }
  return result;
}

TEST_P(AttentionTest, PagedMatchesReferenceHoweverItIsChunked) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  constexpr std::int64_t kTokens = 200;
  const std::int64_t width = static_cast<std::int64_t>(heads) * head_dim;
  const std::int64_t kv_width = static_cast<std::int64_t>(kv_heads) * head_dim;
  const Matrix q = random_matrix(kTokens * width, 1);
  const Matrix k = random_matrix(kTokens * kv_width, 2);
  const Matrix v = random_matrix(kTokens * kv_width, 3);
  for (const auto& [window, softcap] : {std::pair{0, 0.0f}, {70, 0.0f}, {70, 1.5f}}) {
    const AttentionShape shape{heads, kv_heads, head_dim, 0.25f, window, softcap};
    const Matrix whole =
        on_all_devices([&](Device& d) { return paged(d, shape, q, k, v, {kTokens}, false); });
    std::vector<double> wanted;
    for (std::int64_t t = 0; t < kTokens; ++t) {
      for (int h = 0; h < heads; ++h) {
        const std::int64_t column = h / (heads / kv_heads) * head_dim;
        const auto out = reference::attend(
            &q[t * width + h * head_dim], head_dim, shape.scale,
            window ? std::max<std::int64_t>(0, t + 1 - window) : 0, t + 1,
            [&](std::int64_t i) { return &k[i * kv_width + column]; },
            [&](std::int64_t i) { return &v[i * kv_width + column]; }, shape.softcap);
        wanted.insert(wanted.end(), out.begin(), out.end());
      }
    }
    expect_close(whole, wanted, 3e-6);
    for (const std::string& isa : isas_here()) {
      cpu::CpuDevice device({2, isa});
      EXPECT_EQ(paged(device, shape, q, k, v, {1, 63, 1, 70, 64, 1}, false), whole) << isa;
      EXPECT_EQ(paged(device, shape, q, k, v, {100, 3, 97}, true), whole) << isa;
      EXPECT_EQ(paged(device, shape, q, k, v, std::vector<std::int64_t>(kTokens, 1), true), whole)
          << isa;
    }
  }
}

TEST_P(AttentionTest, TokensOfABlockSeeEachOther) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  constexpr std::int64_t kTokens = 200;
  const std::int64_t width = static_cast<std::int64_t>(heads) * head_dim;
  const std::int64_t kv_width = static_cast<std::int64_t>(kv_heads) * head_dim;
  const Matrix q = random_matrix(kTokens * width, 1);
  const Matrix k = random_matrix(kTokens * kv_width, 2);
  const Matrix v = random_matrix(kTokens * kv_width, 3);
  // Tokens 10 to 19 and 50 to 149 are blocks.
  std::vector<std::int64_t> end_keys;
  for (std::int64_t t = 0; t < kTokens; ++t) {
    end_keys.push_back(t >= 10 && t < 20 ? 20 : t >= 50 && t < 150 ? 150 : t + 1);
  }
  for (const std::int64_t window : {0, 30}) {
    const AttentionShape shape{heads, kv_heads, head_dim, 0.25f, window};
    const Matrix whole = on_all_devices(
        [&](Device& d) { return paged(d, shape, q, k, v, {kTokens}, false, end_keys); });
    std::vector<double> wanted;
    for (std::int64_t t = 0; t < kTokens; ++t) {
      for (int h = 0; h < heads; ++h) {
        const std::int64_t column = h / (heads / kv_heads) * head_dim;
        const auto out = reference::attend(
            &q[t * width + h * head_dim], head_dim, shape.scale,
            window ? std::max<std::int64_t>(0, t + 1 - window) : 0, end_keys[t],
            [&](std::int64_t i) { return &k[i * kv_width + column]; },
            [&](std::int64_t i) { return &v[i * kv_width + column]; });
        wanted.insert(wanted.end(), out.begin(), out.end());
      }
    }
    expect_close(whole, wanted, 3e-6);
    for (const std::string& isa : isas_here()) {
      cpu::CpuDevice device({2, isa});
      EXPECT_EQ(paged(device, shape, q, k, v, {5, 25, 20, 110, 40}, true, end_keys), whole) << isa;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, AttentionTest,
                         testing::Values(AttentionCase{1, 1, 2}, AttentionCase{4, 2, 20},
                                         AttentionCase{3, 3, 80}, AttentionCase{8, 1, 16},
                                         AttentionCase{2, 1, 128}, AttentionCase{7, 7, 8}));

TEST(OpTest, AttentionIgnoresWhatAPageHeldBefore) {
  // A page given back full of NaN must not reach the sequence that uses it next.
  cpu::CpuDevice device({1, {}});
  const AttentionShape shape{1, 1, 16, 1.0f};
  const auto cache = device.make_kv_cache({1, 1, 16}, 1);
  const std::vector<std::int32_t> pages = {0};
  const Matrix nan(64 * 16, std::numeric_limits<float>::quiet_NaN());
  const Tensor bad = upload(device, nan, {64, 16});
  device.write_kv(*cache, 0, bad, bad, std::vector<SequenceSpan>{{0, 64, 0, pages}});
  const Tensor good = upload(device, random_matrix(3 * 16, 1), {3, 16});
  const std::vector<SequenceSpan> spans = {{0, 3, 0, pages}};
  device.write_kv(*cache, 0, good, good, spans);
  const Tensor out = device.empty(DType::kF32, {3, 16});
  device.attention_paged(out, good, *cache, 0, shape, spans);
  for (const float value : download(device, out)) EXPECT_TRUE(std::isfinite(value));
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

TEST(Isa, UnknownIsRefused) {
  EXPECT_THROW(cpu::kernels_for("avx9"), Error);
  EXPECT_NE(std::string(cpu::kernels_for("").name), "scalar");
}

}  // namespace
}  // namespace saccade::compute
