#include "media/to_rgb.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace saccade::media {
namespace {

using Rgb = std::uint8_t*;

constexpr double kLabKnee = 6.0 / 29.0;  // where CIE Lab turns from a cube root into a line

/// Pillow's modes I and F, and I;16 by way of L: clipped to 0..255, fractions cut off.
template <typename T>
std::uint8_t clip(T value) {
  if constexpr (std::is_same_v<T, std::uint32_t>) {
    return clip(static_cast<std::int32_t>(value));  // mode I is signed
  } else {
    if (!(value > 0)) return 0;  // NaN too
    return value >= T(std::min<double>(255, std::numeric_limits<T>::max()))
               ? static_cast<std::uint8_t>(std::min<double>(255, std::numeric_limits<T>::max()))
               : static_cast<std::uint8_t>(value);
  }
}

/// The eight bits that stand for a colour sample.
template <typename T>
std::uint8_t narrow(T value) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return value;
  } else if constexpr (std::is_same_v<T, std::uint16_t>) {
    return static_cast<std::uint8_t>(value >> 8);
  } else {
    return clip(value);
  }
}

template <typename T>
void gray_row(const T* in, int width, int channels, bool keep_high_byte, bool inverted, Rgb out) {
  for (int x = 0; x < width; ++x, in += channels, out += 3) {
    const T value = inverted ? static_cast<T>(std::numeric_limits<T>::max() - in[0]) : in[0];
    out[0] = out[1] = out[2] = keep_high_byte ? narrow(value) : clip(value);
  }
}

template <typename T>
void colour_row(const T* in, int width, int channels, Rgb out) {
  if (std::is_same_v<T, std::uint8_t> && channels == 3) {
    std::memcpy(out, in, 3 * static_cast<std::size_t>(width));
    return;
  }
  for (int x = 0; x < width; ++x, in += channels, out += 3) {
    for (int c = 0; c < 3; ++c) out[c] = narrow(in[c]);
  }
}

/// Colours that were multiplied by alpha, divided by it again.
template <typename T>
void premultiplied_row(const T* in, int width, int channels, Rgb out) {
  for (int x = 0; x < width; ++x, in += channels, out += 3) {
    const int alpha = narrow(in[3]);
    for (int c = 0; c < 3; ++c) {
      out[c] = alpha ? static_cast<std::uint8_t>(std::min(255, narrow(in[c]) * 255 / alpha)) : 0;
    }
  }
}

/// a * b / 255, rounded, for a and b in 0..255.
int times_over_255(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

template <typename T>
void cmyk_row(const T* in, int width, int channels, Rgb out) {
  for (int x = 0; x < width; ++x, in += channels, out += 3) {
    const int light = 255 - narrow(in[3]);
    for (int c = 0; c < 3; ++c) {
      out[c] = static_cast<std::uint8_t>(std::max(0, light - times_over_255(narrow(in[c]), light)));
    }
  }
}

/// CIE Lab under D50 to sRGB, the colorimetry of the ICC profiles that Pillow takes for this.
void lab_to_rgb(double lightness, double a, double b, Rgb out) {
  const auto from_lab = [](double t) {
    return t > kLabKnee ? t * t * t : 3 * kLabKnee * kLabKnee * (t - 4.0 / 29.0);
  };
  const double f = (lightness + 16) / 116;
  const double x = 0.9642 * from_lab(f + a / 500);
  const double y = from_lab(f);
  const double z = 0.8249 * from_lab(f - b / 200);
  // XYZ under D50 to linear sRGB (Bradford adaptation to D65).
  const std::array<double, 3> linear = {3.1338561 * x - 1.6168667 * y - 0.4906146 * z,
                                        -0.9787684 * x + 1.9161415 * y + 0.0334540 * z,
                                        0.0719453 * x - 0.2289914 * y + 1.4052427 * z};
  for (int c = 0; c < 3; ++c) {
    const double v = std::clamp(linear[c], 0.0, 1.0);
    const double encoded = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
    out[c] = static_cast<std::uint8_t>(std::lround(255 * encoded));
  }
}

void lab_row(const std::uint8_t* in, int width, Rgb out) {
  for (int x = 0; x < width; ++x, in += 4, out += 3) {
    lab_to_rgb(in[0] / 2.55, static_cast<std::int8_t>(in[1]), static_cast<std::int8_t>(in[2]), out);
  }
}

template <typename T>
RowConverter converter_for(const RowLayout& layout, const Container& container) {
  const int width = layout.width;
  const int channels = layout.channels;
  if (layout.space == ColourSpace::kCmyk && channels >= 4) {
    return
        [=](const void* in, Rgb out) { cmyk_row(static_cast<const T*>(in), width, channels, out); };
  }
  if (channels < 3) {
    // A palette of grays comes as one channel of palette colours; gray with alpha is a colour to
    // Pillow in this respect.
    const bool keep_high_byte = container.palette || channels == 2;
    const bool inverted = container.inverted_gray16 && std::is_same_v<T, std::uint16_t>;
    return [=](const void* in, Rgb out) {
      gray_row(static_cast<const T*>(in), width, channels, keep_high_byte, inverted, out);
    };
  }
  if (channels >= 4 && container.premultiplied_alpha) {
    return [=](const void* in, Rgb out) {
      premultiplied_row(static_cast<const T*>(in), width, channels, out);
    };
  }
  return
      [=](const void* in, Rgb out) { colour_row(static_cast<const T*>(in), width, channels, out); };
}

}  // namespace

RowConverter row_converter(const RowLayout& layout, const Container& container) {
  if (layout.space == ColourSpace::kLab) {
    return [width = layout.width](const void* in, Rgb out) {
      lab_row(static_cast<const std::uint8_t*>(in), width, out);
    };
  }
  switch (layout.type) {
    case SampleType::kUint8:
      return converter_for<std::uint8_t>(layout, container);
    case SampleType::kInt8:
      return converter_for<std::int8_t>(layout, container);
    case SampleType::kUint16:
      return converter_for<std::uint16_t>(layout, container);
    case SampleType::kInt16:
      return converter_for<std::int16_t>(layout, container);
    case SampleType::kUint32:
      return converter_for<std::uint32_t>(layout, container);
    case SampleType::kInt32:
      return converter_for<std::int32_t>(layout, container);
    case SampleType::kFloat32:
      return converter_for<float>(layout, container);
    case SampleType::kFloat64:
      return converter_for<double>(layout, container);
  }
  return {};
}

}  // namespace saccade::media
