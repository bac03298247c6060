// What a photograph costs before the model sees it: decoding, resizing, cutting into patches.
//
// Usage: media_bench [--benchmark_filter=...]
// The photograph has 12 megapixels: the sample picture beach.jpg enlarged to 4000 x 3000, with the
// noise of a sensor, saved as cameras do (quality 90, chroma at half the resolution). One thread.
#include <benchmark/benchmark.h>
#include <vips/vips.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "media/image.h"
#include "media/patches.h"

namespace saccade::media {
namespace {

constexpr int kWidth = 4000;
constexpr int kHeight = 3000;
constexpr int kQuality = 90;
constexpr double kNoise = 3.0;  // standard deviation, in steps of 8 bits
// 1,024 pixels along the longer side, in whole cells of 28: 1008 x 756.
constexpr std::int64_t kMaxPixels = 1024 * 768;

std::vector<std::byte> read_sample() {
  std::ifstream file(SACCADE_SAMPLE_PICTURE, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return {data, data + bytes.size()};
}

Image make_photograph() {
  Image image = resize_bicubic(decode_image(read_sample(), "the sample"), kWidth, kHeight);
  std::minstd_rand random(1);
  std::normal_distribution<float> noise(0.0f, kNoise);
  for (std::uint8_t& value : image.pixels) {
    value = static_cast<std::uint8_t>(
        std::clamp(static_cast<float>(value) + noise(random), 0.0f, 255.0f));
  }
  return image;
}

/// The photograph as a JPEG file.
const std::vector<std::byte>& photograph() {
  static const std::vector<std::byte> kFile = [] {
    Image image = make_photograph();
    VipsImage* pixels = vips_image_new_from_memory(image.pixels.data(), image.pixels.size(), kWidth,
                                                   kHeight, 3, VIPS_FORMAT_UCHAR);
    void* file = nullptr;
    std::size_t size = 0;
    vips_jpegsave_buffer(pixels, &file, &size, "Q", kQuality, nullptr);
    const auto* data = static_cast<const std::byte*>(file);
    std::vector<std::byte> bytes(data, data + size);
    g_free(file);
    g_object_unref(pixels);
    return bytes;
  }();
  return kFile;
}

PatchParams params() {
  PatchParams params;
  params.max_pixels = kMaxPixels;
  return params;
}

void bm_decode(benchmark::State& state) {
  photograph();  // made before the clock runs
  for (auto _ : state) benchmark::DoNotOptimize(decode_image(photograph(), "photograph"));
  state.counters["file_MB"] = static_cast<double>(photograph().size()) / 1e6;
}

void bm_resize(benchmark::State& state) {
  const Image image = decode_image(photograph(), "photograph");
  for (auto _ : state) benchmark::DoNotOptimize(resize_bicubic(image, 1008, 756));
}

void bm_patches(benchmark::State& state) {
  const Image image = resize_bicubic(decode_image(photograph(), "photograph"), 1008, 756);
  for (auto _ : state) benchmark::DoNotOptimize(image_to_patches(image, params()));
}

void bm_photograph_to_patches(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(image_to_patches(Picture(photograph(), "photograph"), params()));
  }
}

void bm_photograph_to_patches_shrunk(benchmark::State& state) {
  for (auto _ : state) {
    const Picture picture(photograph(), "photograph", {.shrink_on_load = true});
    benchmark::DoNotOptimize(image_to_patches(picture, params()));
  }
}

BENCHMARK(bm_decode)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_resize)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_patches)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_photograph_to_patches)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_photograph_to_patches_shrunk)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace saccade::media
