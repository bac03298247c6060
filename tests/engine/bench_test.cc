// Measuring an engine: models without files, what is counted, and what shares mean.
#include "saccade/bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "engine/bench.h"
#include "engine/bench_picture.h"
#include "media/jpeg_encoder.h"
#include "saccade/error.h"

namespace saccade {
namespace {

Engine tiny(const std::string& weights = "bf16") {
  return Engine::load_random({"tiny", weights}, {.device = "cpu"});
}

Request hello() {
  Request request;
  request.messages.push_back({"user", {std::string("Hello")}});
  request.max_tokens = 8;
  request.ignore_end = true;
  return request;
}

TEST(RandomModel, AnswersTheSameEveryTime) {
  for (const char* weights : {"bf16", "mlx4", "q4_0"}) {
    Engine engine = tiny(weights);
    EXPECT_EQ(engine.info().family, "qwen2_5_vl");
    EXPECT_EQ(engine.info().vocab_size, 512);
    const Result result = engine.generate(hello());
    EXPECT_EQ(result.token_ids.size(), 8U);
    EXPECT_EQ(result.token_ids, tiny(weights).generate(hello()).token_ids);
  }
}

TEST(RandomModel, ThatIsNotKnownIsAUsageError) {
  EXPECT_THROW(Engine::load_random({"huge", "bf16"}), Error);
}

TEST(BenchRowOf, SeveralRunsHasTheirMedian) {
  BenchRow row;
  engine::fill_row(row, {3.0, 1.0, 10.0});
  EXPECT_EQ(row.median, 3.0);
  EXPECT_EQ(row.min, 1.0);
  EXPECT_EQ(row.max, 10.0);
  engine::fill_row(row, {3.0, 1.0, 10.0, 4.0});
  EXPECT_EQ(row.median, 3.5);
}

TEST(BenchLimit, OfATimeAndOfARate) {
  const compute::Roofline roofline = engine::to_internal({1000.0, "", {{"f32", 1e6}}, ""});
  const compute::Work work{{}, 300.0, 200.0};  // half a second of memory
  BenchRow row{.what = "vision", .unit = "ms"};
  engine::fill_limit(row, {{800.0}, {roofline, roofline}}, work, 0.0);
  EXPECT_DOUBLE_EQ(*row.limit, 500.0);
  EXPECT_DOUBLE_EQ(*row.share, 0.625);
  EXPECT_EQ(row.bound, "memory");
  row = {.what = "decode", .unit = "tokens/s"};
  engine::fill_limit(row, {{24.0}, {roofline, roofline}}, work, 16.0);
  EXPECT_DOUBLE_EQ(*row.limit, 32.0);
  EXPECT_DOUBLE_EQ(*row.share, 0.75);
}

// Another program takes half of the memory's rate from the first run until the third.
TEST(BenchLimit, IsThatOfTheMomentsAroundEachRun) {
  std::vector<compute::Roofline> limits(4);
  for (std::size_t i = 0; i < limits.size(); ++i) {
    limits[i].bytes_per_second = std::vector{1000.0, 500.0, 500.0, 1000.0}[i];
  }
  const compute::Work work{{}, 500.0, 0.0};  // limits of 750, 1,000 and 750 ms
  BenchRow row{.what = "vision", .unit = "ms"};
  engine::fill_limit(row, {{1000.0, 1250.0, 5000.0}, limits}, work, 0.0);
  EXPECT_DOUBLE_EQ(*row.limit, 750.0);
  EXPECT_DOUBLE_EQ(*row.share, 0.75);
}

const BenchRow& row_of(const BenchReport& report, const std::string& what) {
  for (const BenchRow& row : report.rows) {
    if (row.what == what) return row;
  }
  throw Error("no row " + what);
}

// Of the tiny shape: matrices of the two layers, of each that of queries, keys and values, and of
// the output head.
constexpr double kLayers = 2.0 * ((64 + 32 + 32 + 64) * 64 + 3 * 64 * 128);
constexpr double kQkv = (64 + 32 + 32) * 64;
constexpr double kHead = 512 * 64;
// Two layers of two heads of 32; keys and values are stored in 16 bits with a scale.
constexpr double kFlopsAKey = 2.0 * 4 * 2 * 32;
constexpr double kBytesAKey = 2.0 * 2 * (32 * 2 + 4);

/// A machine that does so many operations a second, whatever they are of: which they are depends on
/// the processor.
std::vector<BenchPeak> peaks(double rate) {
  return {{"f32", rate}, {"bf16", rate}, {"int16", rate}, {"int8", rate}};
}

TEST(Bench, LimitOfDecodingIsWhatMustBeRead) {
  BenchOptions options{.decode = 10, .batch = {1, 3}, .context = 70, .repeat = 2};
  options.roofline = BenchRoofline{1e9, "", peaks(1e30), ""};
  Engine engine = tiny();
  const BenchReport report = engine.bench(options);
  EXPECT_TRUE(report.complete);
  ASSERT_EQ(report.rows.size(), 5U) << "load, first token, two batches, memory";
  for (const double batch : {1.0, 3.0}) {
    const BenchRow& row = report.rows[batch == 1.0 ? 2 : 3];
    EXPECT_EQ(row.what, "decode");
    EXPECT_EQ(row.parameters[0].second, static_cast<std::int64_t>(batch));
    const double bytes = 2.0 * (kLayers + kHead) + batch * kBytesAKey * (70 + 10 / 2);
    EXPECT_NEAR(*row.limit, batch * 1e9 / bytes, 1e-6 * *row.limit);
    EXPECT_DOUBLE_EQ(*row.share, row.median / *row.limit);
    EXPECT_DOUBLE_EQ(*row.ms, 1000.0 * batch / row.median);
    EXPECT_EQ(row.bound, "memory");
    EXPECT_GT(row.min, 0.0);
    EXPECT_LE(row.min, row.median);
    EXPECT_LE(row.median, row.max);
  }
}

TEST(Bench, LimitOfPrefillIsItsProductsWhateverTheChunks) {
  BenchOptions options{.prefill = {90}, .repeat = 1};
  options.roofline = BenchRoofline{1e30, "", peaks(1e9), ""};
  Engine engine = Engine::load_random({"tiny", "bf16"}, {.device = "cpu", .max_batch_tokens = 32});
  const BenchRow row = row_of(engine.bench(options), "prefill");
  // Only a chunk with the last token has logits, of one row, and only that row goes through the
  // last layer after its keys and values are stored.
  const double flops = 90 * 2 * (kLayers / 2 + kQkv) + 2 * (kLayers / 2 - kQkv) + 2 * kHead +
                       kFlopsAKey / 2 * (90 * 91 / 2 + 90);
  EXPECT_NEAR(*row.limit, 90 * 1e9 / flops, 1e-6 * *row.limit);
  EXPECT_NE(row.bound, "memory");
}

TEST(Bench, LimitOfAPictureIsTheTowersProducts) {
  BenchOptions options{.images = {{56, 56}}, .repeat = 1};
  options.roofline = BenchRoofline{1e30, "", peaks(1e9), ""};
  Engine engine = tiny();
  const BenchRow row = row_of(engine.bench(options), "vision");
  const double block = 2.0 * 16 * (4 * 64 * 64 + 3 * 64 * 128) + 4.0 * 2 * 32 * 16 * 16;
  const double flops = 2.0 * 16 * 64 * 1176 + 2 * block + 2.0 * 4 * (256 * 256 + 64 * 256);
  EXPECT_EQ(row.unit, "ms");
  EXPECT_NEAR(*row.limit, flops / 1e6, 1e-6 * *row.limit);
  EXPECT_DOUBLE_EQ(*row.share, *row.limit / row.median);
}

TEST(Bench, FirstTokenComesAfterLoading) {
  const BenchReport report = tiny().bench({.prefill = {20}, .repeat = 1});
  const BenchRow first = row_of(report, "first_token");
  EXPECT_EQ(first.parameters[0], std::pair(std::string("tokens"), std::int64_t{20}));
  EXPECT_GT(first.median, row_of(report, "load").median);
  EXPECT_EQ(first.unit, "ms");
}

TEST(Bench, MediaIsTheWayFromAFileToTheTowersPatches) {
  Engine engine = tiny();
  const BenchReport report =
      engine.bench({.images = {{640, 480}}, .max_pixels = 28224, .repeat = 2});
  const BenchRow media = row_of(report, "media");
  const auto& patches = media.parameters.back();
  EXPECT_EQ(patches.first, "patches");
  EXPECT_LE(patches.second, 144);  // of 14 x 14 pixels
  EXPECT_GT(patches.second, 100);
  const auto& vision = row_of(report, "vision").parameters;
  EXPECT_NE(std::find(vision.begin(), vision.end(), patches), vision.end());
  EXPECT_GT(media.min, 0.0);
}

TEST(Bench, MemoryIsWeightsKeysAndValuesAndTheRest) {
  BenchOptions options{.prefill = {100}, .decode = 4, .batch = {3}, .context = 70, .repeat = 1};
  const BenchReport report = tiny().bench(options);
  const BenchRow memory = row_of(report, "memory");
  ASSERT_EQ(memory.parameters.size(), 3U);
  EXPECT_EQ(memory.parameters[0].second, report.weight_bytes);
  // Three sequences of two pages of 64 tokens.
  EXPECT_EQ(memory.parameters[1].second, 3 * 2 * 64 * static_cast<std::int64_t>(kBytesAKey));
  std::int64_t sum = 0;
  for (const auto& [name, bytes] : memory.parameters) sum += bytes;
  EXPECT_EQ(static_cast<double>(sum), memory.median);
}

TEST(Bench, APictureCompressesAsPhotographsDo) {
  const PictureSize size{640, 480};
  const media::Image image = engine::photo_like(size);
  const std::vector<std::byte> file = media::encode_jpeg(image, 90);
  const double bits = 8.0 * static_cast<double>(file.size()) / (size.width * size.height);
  EXPECT_GT(bits, 1.0);
  EXPECT_LT(bits, 4.0);
  const media::Image decoded = media::decode_image(file, "test");
  EXPECT_EQ(decoded.width, 640);
  EXPECT_EQ(decoded.height, 480);
  double off = 0.0;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    off += std::abs(image.pixels[i] - decoded.pixels[i]);
  }
  EXPECT_LT(off / static_cast<double>(image.pixels.size()), 4.0);
}

TEST(Bench, LeavesTheEngineAsItWas) {
  Engine engine = tiny();
  const auto before = engine.generate(hello()).token_ids;
  engine.bench({.prefill = {40}, .decode = 4, .batch = {2}, .context = 5, .repeat = 1});
  EXPECT_EQ(engine.generate(hello()).token_ids, before);
}

TEST(Bench, RefusesWhatDoesNotFit) {
  Engine engine = tiny();
  EXPECT_THROW(engine.bench({.prefill = {128000}}), Error);
  EXPECT_THROW(engine.bench({.prefill = {0}}), Error);
  EXPECT_THROW(engine.bench({.decode = 8, .batch = {257}}), Error);
  EXPECT_THROW(engine.bench({.decode = 8, .batch = {200}, .context = 100000}), Error);
  EXPECT_THROW(engine.bench({.prefill = {8}, .repeat = 0}), Error);
}

TEST(Bench, ATextModelHasNoPictures) {
  Engine engine = Engine::load(std::string(SACCADE_SOURCE_DIR) + "/tests/goldens/llama/saved_f32");
  EXPECT_THROW(engine.bench({.images = {{56, 56}}}), Error);
}

/// Cancels at the n-th question.
class Canceller : public BenchListener {
 public:
  explicit Canceller(int after) : after_(after) {}
  bool cancelled() override { return --after_ < 0; }

 private:
  int after_;
};

TEST(Bench, CanBeCancelledAnywhere) {
  Engine engine = tiny();
  const auto before = engine.generate(hello()).token_ids;
  for (const int after : {0, 1, 2, 5, 9}) {
    Canceller canceller(after);
    const BenchReport report = engine.bench(
        {.prefill = {40}, .decode = 8, .context = 5, .images = {{56, 56}}}, &canceller);
    EXPECT_FALSE(report.complete) << after;
  }
  EXPECT_EQ(engine.generate(hello()).token_ids, before);
}

}  // namespace
}  // namespace saccade
