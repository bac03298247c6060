#include "engine/bench_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "media/jpeg_encoder.h"

namespace saccade::engine {
namespace {

float between(float a, float b, float share) {
  return a + share * (b - a);
}

/// Random values at the corners of cells, interpolated in between (value noise).
class Octave {
 public:
  Octave(const PictureSize& size, int cell, float amplitude, std::mt19937& random)
      : cell_(cell), columns_(size.width / cell + 2), values_(columns_ * (size.height / cell + 2)) {
    std::uniform_real_distribution<float> values(-amplitude, amplitude);
    for (float& value : values_) value = values(random);
  }

  /// Adds row y, [width].
  void add(std::vector<float>& row, int y) const {
    const float* above = &values_[columns_ * (y / cell_)];
    const float* below = above + columns_;
    const float down = static_cast<float>(y % cell_) / static_cast<float>(cell_);
    for (std::size_t x = 0; x < row.size(); ++x) {
      const std::size_t column = x / cell_;
      const float right = static_cast<float>(x % cell_) / static_cast<float>(cell_);
      row[x] += between(between(above[column], above[column + 1], right),
                        between(below[column], below[column + 1], right), down);
    }
  }

 private:
  std::size_t cell_;
  std::size_t columns_;
  std::vector<float> values_;
};

}  // namespace

media::Image photo_like(const PictureSize& size, std::uint32_t seed) {
  std::mt19937 random(seed);
  // Amplitude grows with size, which is the 1/f spectrum of natural scenes.
  std::vector<Octave> light;
  for (int cell = 2; cell <= 512; cell *= 2) {
    light.emplace_back(size, cell, 3.0f * std::sqrt(static_cast<float>(cell)), random);
  }
  std::vector<Octave> tints;
  for (int channel = 0; channel < 3; ++channel) tints.emplace_back(size, 64, 25.0f, random);
  media::Image image{size.width, size.height, {}};
  image.pixels.resize(std::size_t{3} * size.width * size.height);
  std::vector<float> luma(size.width);
  std::vector<float> tint(size.width);
  for (int y = 0; y < size.height; ++y) {
    std::fill(luma.begin(), luma.end(), 120.0f);
    for (const Octave& octave : light) octave.add(luma, y);
    std::uint8_t* pixels = &image.pixels[std::size_t{3} * size.width * y];
    for (int channel = 0; channel < 3; ++channel) {
      tint = luma;
      tints[channel].add(tint, y);
      for (int x = 0; x < size.width; ++x) {
        // Two bits of noise.
        const float value = tint[x] + static_cast<float>(random() >> 30) - 1.5f;
        pixels[3 * x + channel] = static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f));
      }
    }
  }
  return image;
}

}  // namespace saccade::engine

namespace saccade {

ImageBytes bench_photo(const PictureSize& size, std::uint32_t seed) {
  // What cameras and phones save with, about.
  constexpr int kQuality = 90;
  return {media::encode_jpeg(engine::photo_like(size, seed), kQuality),
          fmt::format("photo {}", seed)};
}

}  // namespace saccade
