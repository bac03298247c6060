// Attention of every instruction set against the plain reference, in segments and in pages, for any
// chunks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "op_testing.h"
#include "paged_attention.h"

namespace saccade::compute {
namespace {

/// Of attention in 16-bit integers; bf16 in its place would be off by 5e-3.
constexpr double kRoundedTolerance = 1e-3;

/// Of wide heads as models have it: scores as large as their root would magnify every rounding.
float scale_of(int head_dim, float otherwise) {
  return head_dim > 128 ? 1.0f / std::sqrt(static_cast<float>(head_dim)) : otherwise;
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
  const AttentionShape shape{heads, kv_heads, head_dim, scale_of(head_dim, 0.3f)};
  const std::int64_t kv_width = static_cast<std::int64_t>(kv_heads) * head_dim;
  const auto attend = [&](Device& device) {
    const Tensor both = upload(device, kv, {rows, 2 * kv_width});
    const Tensor out = device.empty(DType::kF32, {rows, heads * head_dim});
    device.attention_segments(out, upload(device, q, {rows, heads * head_dim}),
                              both.view_columns(0, kv_width), both.view_columns(kv_width, kv_width),
                              shape, ends);
    return download(device, out);
  };
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
  expect_close(on_all_devices(attend), wanted, 3e-6);
  expect_close(on_all_rounding_devices(attend), wanted, kRoundedTolerance);
}

TEST(SegmentAttention, TurnsOnTheWay) {
  // The same as turning first; fewer angles turn a part of a head.
  constexpr int kHeads = 4, kKvHeads = 2, kHeadDim = 24;
  constexpr std::int64_t kRows = 150, kQuery = kHeads * kHeadDim, kKey = kKvHeads * kHeadDim;
  const std::vector<std::int64_t> ends = {1, 66, 150};
  const AttentionShape shape{kHeads, kKvHeads, kHeadDim, 0.2f};
  const Matrix qkv = random_matrix(kRows * (kQuery + 2 * kKey), 1);
  for (const std::int64_t half : {12, 9}) {
    const Matrix cos = random_matrix(kRows * half, 2);
    const Matrix sin = random_matrix(kRows * half, 3);
    const auto attend = [&](Device& device, bool at_once) {
      const Tensor all = upload(device, qkv, {kRows, kQuery + 2 * kKey});
      const Tensor c = upload(device, cos, {kRows, half});
      const Tensor s = upload(device, sin, {kRows, half});
      const Tensor out = device.empty(DType::kF32, {kRows, kQuery});
      if (at_once) {
        device.rotary_attention_segments(out, all, c, s, shape, ends);
      } else {
        device.rotary(all.view_columns(0, kQuery + kKey), c, s, kHeadDim);
        device.attention_segments(out, all.view_columns(0, kQuery), all.view_columns(kQuery, kKey),
                                  all.view_columns(kQuery + kKey, kKey), shape, ends);
      }
      return download(device, out);
    };
    const auto apart = [&](Device& device) { return attend(device, false); };
    const auto at_once = [&](Device& device) { return attend(device, true); };
    EXPECT_EQ(on_all_devices(at_once), on_all_devices(apart));
    EXPECT_EQ(on_all_rounding_devices(at_once), on_all_rounding_devices(apart));
  }
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
    const AttentionShape shape{heads,  kv_heads, head_dim, scale_of(head_dim, 0.25f),
                               window, softcap};
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
    const Matrix rounded = on_all_rounding_devices(
        [&](Device& d) { return paged(d, shape, q, k, v, {kTokens}, false); });
    expect_close(rounded, wanted, kRoundedTolerance);
    for (const std::string& isa : isas_here()) {
      for (const bool rounds : {false, true}) {
        cpu::CpuDevice device({2, isa, rounds});
        const Matrix& expected = rounds ? rounded : whole;
        EXPECT_EQ(paged(device, shape, q, k, v, {1, 63, 1, 70, 64, 1}, false), expected) << isa;
        EXPECT_EQ(paged(device, shape, q, k, v, {100, 3, 97}, true), expected) << isa;
        EXPECT_EQ(paged(device, shape, q, k, v, std::vector<std::int64_t>(kTokens, 1), true),
                  expected)
            << isa;
      }
    }
  }
}

/// Attention in which tokens see the keys that `keys` says, on every device, against the reference
/// and against itself in chunks.
void check_key_ranges(const AttentionShape& shape, const Keys& keys,
                      const std::vector<std::int64_t>& chunks,
                      double rounded_tolerance = kRoundedTolerance) {
  constexpr std::int64_t kTokens = 200;
  const int head_dim = shape.head_dim;
  const std::int64_t width = std::int64_t{shape.num_heads} * head_dim;
  const std::int64_t kv_width = std::int64_t{shape.num_kv_heads} * head_dim;
  const Matrix q = random_matrix(kTokens * width, 1);
  const Matrix k = random_matrix(kTokens * kv_width, 2);
  const Matrix v = random_matrix(kTokens * kv_width, 3);
  const auto in_parts = [&](Device& device, const std::vector<std::int64_t>& parts) {
    return paged(device, shape, q, k, v, parts, parts.size() > 1, keys);
  };
  const Matrix whole = on_all_devices([&](Device& d) { return in_parts(d, {kTokens}); });
  const bool ends = !keys.ends.empty() && !shape.causal;
  const bool firsts = !keys.firsts.empty() && !shape.causal;
  std::vector<double> wanted;
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const std::int64_t in_window =
        shape.window ? std::max<std::int64_t>(0, t + 1 - shape.window) : 0;
    for (int h = 0; h < shape.num_heads; ++h) {
      const std::int64_t column = h / (shape.num_heads / shape.num_kv_heads) * head_dim;
      const auto out = reference::attend(
          &q[t * width + h * head_dim], head_dim, shape.scale,
          firsts && keys.firsts[t] >= 0 ? keys.firsts[t] : in_window, ends ? keys.ends[t] : t + 1,
          [&](std::int64_t i) { return &k[i * kv_width + column]; },
          [&](std::int64_t i) { return &v[i * kv_width + column]; });
      wanted.insert(wanted.end(), out.begin(), out.end());
    }
  }
  expect_close(whole, wanted, 3e-6);
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa, false});
    EXPECT_EQ(in_parts(device, chunks), whole) << isa;
    cpu::CpuDevice rounding({2, isa});
    const Matrix rounded = in_parts(rounding, {kTokens});
    expect_close(rounded, wanted, rounded_tolerance);
    EXPECT_EQ(in_parts(rounding, chunks), rounded) << isa;
  }
}

/// Where every token sees many keys, outputs are a tenth of the values, whose rounding counts.
constexpr double kRoundedMeansTolerance = 5e-3;

/// For each of 200 tokens what `of` says.
std::vector<std::int64_t> for_tokens(const std::function<std::int64_t(std::int64_t)>& of) {
  std::vector<std::int64_t> keys;
  for (std::int64_t t = 0; t < 200; ++t) keys.push_back(of(t));
  return keys;
}

TEST_P(AttentionTest, TokensOfABlockSeeEachOther) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  // Tokens 10 to 19 and 50 to 149 are blocks.
  const Keys keys{.ends = for_tokens([](std::int64_t t) {
                    return t >= 10 && t < 20 ? 20 : t >= 50 && t < 150 ? 150 : t + 1;
                  })};
  for (const std::int64_t window : {0, 30}) {
    check_key_ranges({heads, kv_heads, head_dim, scale_of(head_dim, 0.25f), window}, keys,
                     {5, 25, 20, 110, 40});
  }
  check_key_ranges({.num_heads = heads,
                    .num_kv_heads = kv_heads,
                    .head_dim = head_dim,
                    .scale = scale_of(head_dim, 0.25f),
                    .window = 30,
                    .causal = true},
                   keys, {5, 25, 20, 110, 40});
}

TEST_P(AttentionTest, APrefixSeesItselfPastTheWindow) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  for (const std::int64_t prefix : {64, 130}) {
    const Keys keys{
        .ends = for_tokens([&](std::int64_t t) { return std::max(prefix, t + 1); }),
        .firsts = for_tokens([&](std::int64_t t) { return t < prefix ? 0 : -1; }),
    };
    check_key_ranges({heads, kv_heads, head_dim, scale_of(head_dim, 0.25f), 30}, keys,
                     {prefix, 1, 20, 200 - prefix - 21}, kRoundedMeansTolerance);
  }
}

TEST_P(AttentionTest, ADecoderSeesItselfAndItsEncoderApart) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  for (const std::int64_t encoder : {1, 64, 70}) {
    const AttentionShape shape{heads, kv_heads, head_dim, scale_of(head_dim, 0.25f)};
    const std::vector<std::int64_t> chunks = {encoder, 1, 3, 200 - encoder - 4};
    const auto ends_of_encoder = [&](std::int64_t) { return encoder; };
    check_key_ranges(shape, {.ends = for_tokens(ends_of_encoder)}, chunks, kRoundedMeansTolerance);
    check_key_ranges(
        shape,
        {.ends = for_tokens([&](std::int64_t t) { return std::max(encoder, t + 1); }),
         .firsts = for_tokens([&](std::int64_t t) { return t < encoder ? -1 : encoder; })},
        chunks);
  }
}

TEST_P(AttentionTest, FirstKeysLieAnywhere) {
  const auto [heads, kv_heads, head_dim] = GetParam();
  // Inside blocks, at their borders, at the token itself, and left to the window for every third.
  const Keys keys{.firsts = for_tokens([](std::int64_t t) -> std::int64_t {
                    if (t % 3 == 0) return -1;
                    return t % 3 == 1 ? t - t * 7 % (t + 1) : t / 64 * 64;
                  })};
  for (const std::int64_t window : {0, 30}) {
    check_key_ranges({heads, kv_heads, head_dim, scale_of(head_dim, 0.25f), window}, keys,
                     {1, 63, 1, 70, 65});
  }
}

TEST(PagedAttention, RefusesTokensWithoutKeysAndKeysThatAreNotStored) {
  cpu::CpuDevice device({1, {}});
  const auto cache = device.make_kv_cache({1, 1, 16}, 1);
  const std::vector<std::int32_t> pages = {0};
  const Tensor rows = upload(device, random_matrix(3 * 16, 1), {3, 16});
  const auto attend = [&](std::int64_t window, const std::vector<std::int64_t>& ends,
                          const std::vector<std::int64_t>& firsts) {
    SequenceSpan span{0, 3, 4, pages};
    span.end_keys = ends;
    span.first_keys = firsts;
    device.attention_paged(device.empty(DType::kF32, {3, 16}), rows, *cache, 0,
                           {1, 1, 16, 1.0f, window}, *span_table(device, {span}));
  };
  const auto refused = [&](std::int64_t window, const std::vector<std::int64_t>& ends,
                           const std::vector<std::int64_t>& firsts, const std::string& part) {
    try {
      attend(window, ends, firsts);
      ADD_FAILURE() << "was taken";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  attend(0, {1, 7, 7}, {0, 6, -1});
  refused(0, {7, 7, 8}, {}, "token 6 sees keys [0, 8) where its span ends at 7");
  refused(0, {0, 7, 7}, {}, "token 4 sees keys [0, 0)");
  refused(0, {}, {4, 6, -1}, "token 5 sees keys [6, 6)");
  refused(2, {3, 7, 7}, {}, "token 4 sees keys [3, 3)");
  refused(0, {7, 7}, {}, "2 end keys and 0 first keys for a span of 3 tokens");
  refused(0, {}, {0}, "0 end keys and 1 first keys for a span of 3 tokens");
}

TEST(PagedAttention, TurnsAndStoresAtOnce) {
  // The same as turning first and storing then; fewer angles turn a part of a head.
  constexpr int kHeads = 4, kKvHeads = 2, kHeadDim = 24;
  constexpr std::int64_t kRows = 70, kWidth = (kHeads + 2 * kKvHeads) * kHeadDim;
  const Matrix qkv = random_matrix(kRows * kWidth, 1);
  const std::vector<std::int32_t> pages = {2, 0};
  const AttentionShape shape{kHeads, kKvHeads, kHeadDim, 0.2f};
  for (const std::int64_t half : {12, 9}) {
    const Matrix cos = random_matrix(kRows * half, 2);
    const Matrix sin = random_matrix(kRows * half, 3);
    enum class Way { kApart, kStored, kAll };
    const auto attend = [&](Device& device, Way way) {
      const auto cache = device.make_kv_cache({1, kKvHeads, kHeadDim}, 3);
      const auto spans = span_table(device, {{0, kRows, 5, pages}});
      const Tensor all = upload(device, qkv, {kRows, kWidth});
      const Tensor c = upload(device, cos, {kRows, half});
      const Tensor s = upload(device, sin, {kRows, half});
      // Five tokens stand before the span.
      AttentionShape own = shape;
      own.window = 5;
      device.write_kv(*cache, 0, all.view_columns(kHeads * kHeadDim, kKvHeads * kHeadDim),
                      all.view_columns(kHeads * kHeadDim, kKvHeads * kHeadDim),
                      *span_table(device, {{0, 5, 0, pages}}));
      const Tensor out = device.empty(DType::kF32, {kRows, kHeads * kHeadDim});
      if (way == Way::kAll) {
        device.rotary_attention(out, *cache, 0, all, c, s, own, *spans);
        return download(device, out);
      }
      if (way == Way::kStored) {
        device.rotary_write_kv(*cache, 0, all, c, s, shape, *spans);
      } else {
        device.rotary(all.view_columns(0, (kHeads + kKvHeads) * kHeadDim), c, s, kHeadDim);
        device.write_kv(*cache, 0, all.view_columns(kHeads * kHeadDim, kKvHeads * kHeadDim),
                        all.view_columns((kHeads + kKvHeads) * kHeadDim, kKvHeads * kHeadDim),
                        *spans);
      }
      device.attention_paged(out, all.view_columns(0, kHeads * kHeadDim), *cache, 0, own, *spans);
      return download(device, out);
    };
    cpu::CpuDevice cpu({1, {}, false});
    const Matrix apart = attend(cpu, Way::kApart);
    for (const Way way : {Way::kStored, Way::kAll}) {
      EXPECT_EQ(on_all_devices([&](Device& device) { return attend(device, way); }), apart);
    }
  }
}

/// What a GPU's fast mode gives, widened.
Matrix widened(Device& device, const Tensor& tensor) {
  std::vector<std::uint16_t> bits(tensor.shape().elements());
  device.download(bits.data(), tensor);
  Matrix values(bits.size());
  std::transform(bits.begin(), bits.end(), values.begin(), f16_to_f32);
  return values;
}

/// f32 values as the activations of a device's fast mode, [rows, columns].
Tensor narrowed(Device& device, const Matrix& values, std::int64_t rows, std::int64_t columns) {
  std::vector<std::uint16_t> bits(values.size());
  std::transform(values.begin(), values.end(), bits.begin(), f32_to_f16);
  Tensor tensor = device.activations({rows, columns});
  device.upload(tensor, bits.data());
  return tensor;
}

TEST(FastAttention, PagesAndSegmentsAreCloseToTheReference) {
  // Head sizes that tensor cores take in whole, in smaller pieces, and not at all. Scores of up to
  // 30: bfloat16 anywhere would be off by more.
  for (const AttentionCase& c : {AttentionCase{4, 2, 128}, AttentionCase{3, 3, 80},
                                 AttentionCase{2, 2, 20}, AttentionCase{2, 1, 5}}) {
    SCOPED_TRACE(c.head_dim);
    constexpr std::int64_t kRows = 150;
    const std::int64_t width = std::int64_t{c.heads} * c.head_dim;
    const std::int64_t kv_width = std::int64_t{c.kv_heads} * c.head_dim;
    const std::int64_t all = width + 2 * kv_width;
    const Matrix qkv = random_matrix(kRows * all, 1);
    const AttentionShape shape{c.heads, c.kv_heads, c.head_dim,
                               10.0f / static_cast<float>(std::sqrt(c.head_dim))};
    const std::vector<std::int64_t> ends = {70, 71, kRows};
    std::vector<double> paged;
    std::vector<double> segments;
    for (std::int64_t row = 0; row < kRows; ++row) {
      const auto segment = std::upper_bound(ends.begin(), ends.end(), row);
      for (int h = 0; h < c.heads; ++h) {
        const std::int64_t column = width + h / (c.heads / c.kv_heads) * c.head_dim;
        const auto add = [&](std::vector<double>& to, std::int64_t begin, std::int64_t end) {
          const auto out = reference::attend(
              &qkv[row * all + h * c.head_dim], c.head_dim, shape.scale, begin, end,
              [&](std::int64_t t) { return &qkv[t * all + column]; },
              [&](std::int64_t t) { return &qkv[t * all + kv_width + column]; });
          to.insert(to.end(), out.begin(), out.end());
        };
        add(paged, 0, row + 1);
        add(segments, segment == ends.begin() ? 0 : *(segment - 1), *segment);
      }
    }
    for (const auto& device : gpu_devices(false)) {
      SCOPED_TRACE(device->info().name);
      constexpr double kTolerance = 4e-3;
      const Tensor x = narrowed(*device, qkv, kRows, all);
      const Tensor q = x.view_columns(0, width);
      const Tensor k = x.view_columns(width, kv_width);
      const Tensor v = x.view_columns(width + kv_width, kv_width);
      const auto cache = device->make_kv_cache({1, c.kv_heads, c.head_dim}, 3);
      const std::vector<std::int32_t> pages = {2, 0, 1};
      const auto spans = span_table(*device, {{0, kRows, 0, pages}});
      const Tensor out = device->activations({kRows, width});
      device->write_kv(*cache, 0, k, v, *spans);
      device->attention_paged(out, q, *cache, 0, shape, *spans);
      expect_close(widened(*device, out), paged, kTolerance);
      device->attention_segments(out, q, k, v, shape, ends);
      expect_close(widened(*device, out), segments, kTolerance);
    }
  }
}

TEST(FastAttention, TokensThatAreTurnedAndStoredOnTheWayAreAttendedTo) {
  // Against the same in two steps; then both find the same keys and values in their pages. One
  // sequence, and more than a GPU has clusters for.
  constexpr int kHeads = 4, kKvHeads = 2;
  for (const auto& [sequences, head_dim] : {std::pair{1, 128}, {5, 64}, {20, 64}, {3, 80}}) {
    SCOPED_TRACE(sequences);
    constexpr std::int64_t kMostTokens = 200;
    const std::int64_t width = std::int64_t{kHeads} * head_dim;
    const std::int64_t kv_width = std::int64_t{kKvHeads} * head_dim;
    const Matrix old = random_matrix(kMostTokens * 2 * kv_width, 1);
    const Matrix fresh = random_matrix(sequences * (width + 2 * kv_width), 2);
    const Matrix cos = random_matrix(std::int64_t{sequences} * head_dim / 2, 3);
    const Matrix sin = random_matrix(std::int64_t{sequences} * head_dim / 2, 4);
    const AttentionShape shape{kHeads, kKvHeads, head_dim, 0.5f};
    for (const auto& device : gpu_devices(false)) {
      SCOPED_TRACE(device->info().name);
      const auto attend = [&](bool at_once) {
        const auto cache = device->make_kv_cache({1, kKvHeads, head_dim}, 4 * sequences);
        std::vector<std::vector<std::int32_t>> pages(sequences);
        std::vector<SequenceSpan> spans;
        for (int i = 0; i < sequences; ++i) {
          for (int page = 3; page >= 0; --page) pages[i].push_back(4 * i + page);
          const std::int64_t before = i * 64 % kMostTokens;
          spans.push_back({i, 1, before, pages[i]});
          if (before == 0) continue;
          const Tensor kv =
              narrowed(*device, Matrix(old.begin(), old.begin() + before * 2 * kv_width), before,
                       2 * kv_width);
          device->write_kv(*cache, 0, kv.view_columns(0, kv_width),
                           kv.view_columns(kv_width, kv_width),
                           *span_table(*device, {{0, before, 0, pages[i]}}));
        }
        const auto table = span_table(*device, spans);
        const Tensor qkv = narrowed(*device, fresh, sequences, width + 2 * kv_width);
        const Tensor c = upload(*device, cos, {sequences, head_dim / 2});
        const Tensor s = upload(*device, sin, {sequences, head_dim / 2});
        const Tensor out = device->activations({sequences, width});
        if (at_once) {
          device->rotary_attention(out, *cache, 0, qkv, c, s, shape, *table);
        } else {
          device->rotary_write_kv(*cache, 0, qkv, c, s, shape, *table);
          device->attention_paged(out, qkv.view_columns(0, width), *cache, 0, shape, *table);
        }
        Matrix found = widened(*device, out);
        const Tensor again = narrowed(*device, fresh, sequences, width + 2 * kv_width);
        device->attention_paged(out, again.view_columns(0, width), *cache, 0, shape, *table);
        const Matrix later = widened(*device, out);
        found.insert(found.end(), later.begin(), later.end());
        return found;
      };
      const Matrix wanted = attend(false);
      expect_close(attend(true), std::vector<double>(wanted.begin(), wanted.end()), 4e-3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, AttentionTest,
                         testing::Values(AttentionCase{1, 1, 2}, AttentionCase{4, 2, 20},
                                         AttentionCase{3, 3, 80}, AttentionCase{8, 1, 16},
                                         AttentionCase{2, 1, 128}, AttentionCase{7, 7, 8},
                                         AttentionCase{1, 1, 512}));

TEST(PagedAttention, RoundsWithinWhatWeightsOfAnySizeAllow) {
  // One feature of the keys a thousand times as large as the others, as in real models; one value
  // that takes nearly all of the weight in a block of small ones; and values of any magnitude.
  constexpr int kHeadDim = 64;
  constexpr std::int64_t kTokens = 250;
  const AttentionShape shape{1, 1, kHeadDim, 0.125f};
  const Matrix q = random_matrix(kTokens * kHeadDim, 1);
  Matrix k = random_matrix(kTokens * kHeadDim, 2);
  Matrix v = random_matrix(kTokens * kHeadDim, 3);
  for (std::int64_t t = 0; t < kTokens; ++t) {
    k[t * kHeadDim + 5] = 1000.0f;
    for (int d = 0; d < kHeadDim; ++d) v[t * kHeadDim + d] *= t % 3 == 0 ? 1e-3f : 1.0f;
  }
  for (int d = 0; d < kHeadDim; ++d) k[100 * kHeadDim + d] += 3.0f * q[200 * kHeadDim + d];
  const Matrix found = on_all_rounding_devices(
      [&](Device& device) { return paged(device, shape, q, k, v, {kTokens}, false); });
  std::vector<double> wanted;
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const auto out = reference::attend(
        &q[t * kHeadDim], kHeadDim, shape.scale, 0, t + 1,
        [&](std::int64_t i) { return &k[i * kHeadDim]; },
        [&](std::int64_t i) { return &v[i * kHeadDim]; });
    wanted.insert(wanted.end(), out.begin(), out.end());
  }
  // Keys have steps of 1000 / 2^15, which over 64 features make an error of 0.015 in a score, and
  // as much of its share of the output; half of that where shares even out.
  expect_close(found, wanted, 1e-2);
}

TEST(PagedAttention, IgnoresWhatAPageHeldBefore) {
  // A page given back full of NaN must not reach the sequence that uses it next.
  for (const int bits : {32, 16, 8}) {
    SCOPED_TRACE(bits);
    cpu::CpuDevice device({1, {}, bits != 32});
    const AttentionShape shape{1, 1, 16, 1.0f};
    KvLayout layout{1, 1, 16};
    if (bits == 8) layout.precision = KvPrecision::kInt8;
    const auto cache = device.make_kv_cache(layout, 1);
    const std::vector<std::int32_t> pages = {0};
    const Matrix nan(64 * 16, std::numeric_limits<float>::quiet_NaN());
    const Tensor bad = upload(device, nan, {64, 16});
    device.write_kv(*cache, 0, bad, bad, *span_table(device, {{0, 64, 0, pages}}));
    const Tensor good = upload(device, random_matrix(3 * 16, 1), {3, 16});
    const auto spans = span_table(device, {{0, 3, 0, pages}});
    device.write_kv(*cache, 0, good, good, *spans);
    const Tensor out = device.empty(DType::kF32, {3, 16});
    device.attention_paged(out, good, *cache, 0, shape, *spans);
    for (const float value : download(device, out)) EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace saccade::compute
