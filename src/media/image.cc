#include "media/image.h"

#include <algorithm>
#include <new>
#include <string>

#include "base/error.h"
#include "media/container.h"
#include "media/orientation.h"
#include "media/to_rgb.h"
#include "media/vips_decoder.h"

namespace saccade::media {
namespace {

void check_size(int width, int height, const DecodeLimits& limits, std::string_view where) {
  if (width < 1 || height < 1) fail("{}: a picture of {} x {} pixels", where, width, height);
  if (static_cast<std::int64_t>(width) * height > limits.max_pixels) {
    fail(
        "{}: a picture of {} x {} pixels is over the limit of {} pixels and may be a decompression "
        "bomb; scale it down or raise max-image-pixels",
        where, width, height, limits.max_pixels);
  }
}

[[noreturn]] void contradiction(const Container& container, std::string_view where) {
  fail("{}: a damaged {} file: its sizes contradict each other", where,
       format_name(container.format));
}

/// The canvas before the frame is drawn on it, in its background colour where that shows.
Image empty_canvas(const Canvas& canvas, const RowLayout& frame) {
  Image image{canvas.width, canvas.height, {}};
  image.pixels.resize(3 * static_cast<std::size_t>(canvas.width) * canvas.height);
  if (frame.width < canvas.width || frame.height < canvas.height) {
    for (auto at = image.pixels.begin(); at != image.pixels.end(); at += 3) {
      std::copy_n(canvas.color.begin(), 3, at);
    }
  }
  return image;
}

Image decode_frame(const Container& container, ByteView file, std::string_view where,
                   const DecodeLimits& limits) {
  const std::span<const std::byte> bytes =
      container.rewritten.empty() ? file.bytes() : std::span(container.rewritten);
  VipsDecoder decoder(container.format, bytes, where);
  const RowLayout& frame = decoder.layout();
  check_size(frame.width, frame.height, limits, where);
  Canvas canvas = container.canvas;
  if (canvas.width == 0) {
    canvas.width = frame.width;
    canvas.height = frame.height;
  }
  if (container.width != 0 &&
      (canvas.width != container.width || canvas.height != container.height)) {
    contradiction(container, where);
  }
  if (canvas.left + frame.width > canvas.width || canvas.top + frame.height > canvas.height) {
    contradiction(container, where);
  }
  const RowConverter convert = row_converter(frame, container);
  Image image = empty_canvas(canvas, frame);
  decoder.read_rows([&](int y, const void* samples) {
    const std::size_t row = static_cast<std::size_t>(canvas.top) + y;
    convert(samples, &image.pixels[3 * (row * canvas.width + canvas.left)]);
  });
  return image;
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, std::string_view where,
                   const DecodeLimits& limits) {
  const ByteView file(bytes);
  try {
    const Container container = read_container(file, where);
    if (container.width != 0) check_size(container.width, container.height, limits, where);
    return apply_orientation(decode_frame(container, file, where, limits), container.orientation);
  } catch (const std::bad_alloc&) {
    fail("{}: not enough memory to decode this picture", where);
  }
}

}  // namespace saccade::media
