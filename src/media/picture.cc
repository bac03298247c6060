#include "media/picture.h"

#include <algorithm>
#include <new>
#include <string>

#include "base/error.h"
#include "media/container.h"
#include "media/orientation.h"
#include "media/row_resizer.h"
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

}  // namespace

/// A file and what its header says.
struct Picture::File {
  File(std::span<const std::byte> bytes, std::string_view name, const DecodeOptions& wanted);

  std::span<const std::byte> stored() const {
    return container.rewritten.empty() ? view.bytes() : std::span(container.rewritten);
  }
  /// Rows come in the order and at the places of the picture.
  bool plain() const {
    return container.orientation < 2 && canvas.width == frame.width &&
           canvas.height == frame.height;
  }
  /// The decoder of the header, which reads pixels once, or else a new one.
  std::unique_ptr<VipsDecoder> take_decoder(int shrink) {
    if (shrink == 1 && decoder) return std::move(decoder);
    return std::make_unique<VipsDecoder>(container.format, stored(), where, shrink);
  }

  ByteView view;
  std::string where;
  DecodeOptions options;
  Container container;
  std::unique_ptr<VipsDecoder> decoder;
  RowLayout frame;
  Canvas canvas;
};

Picture::File::File(std::span<const std::byte> bytes, std::string_view name,
                    const DecodeOptions& wanted)
    : view(bytes), where(name), options(wanted), container(read_container(view, where)) {
  if (container.width != 0) {
    check_size(container.width, container.height, options.limits, where);
  }
  decoder = std::make_unique<VipsDecoder>(container.format, stored(), where);
  frame = decoder->layout();
  check_size(frame.width, frame.height, options.limits, where);
  canvas = container.canvas;
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
}

Picture::Picture(std::span<const std::byte> bytes, std::string_view where,
                 const DecodeOptions& options) {
  try {
    file_ = std::make_unique<File>(bytes, where, options);
  } catch (const std::bad_alloc&) {
    fail("{}: not enough memory to decode this picture", where);
  }
  width_ = file_->canvas.width;
  height_ = file_->canvas.height;
  if (file_->container.orientation >= 5) std::swap(width_, height_);
}

Picture::Picture(const Image& image) : image_(&image), width_(image.width), height_(image.height) {}

Picture::~Picture() = default;

/// The upright picture, shrunk by the decoder.
Image Picture::decode(int shrink) const {
  try {
    const std::unique_ptr<VipsDecoder> decoder = file_->take_decoder(shrink);
    const RowLayout& frame = decoder->layout();
    Canvas canvas = file_->canvas;
    if (shrink > 1) {
      canvas.width = frame.width;
      canvas.height = frame.height;
    }
    const RowConverter convert = row_converter(frame, file_->container);
    Image image = empty_canvas(canvas, frame);
    decoder->read_rows([&](int y, const void* samples) {
      const std::size_t row = static_cast<std::size_t>(canvas.top) + y;
      convert(samples, &image.pixels[3 * (row * canvas.width + canvas.left)]);
    });
    return apply_orientation(std::move(image), file_->container.orientation);
  } catch (const std::bad_alloc&) {
    fail("{}: not enough memory to decode this picture", file_->where);
  }
}

const Image& Picture::pixels() const {
  if (image_) return *image_;
  if (!decoded_) decoded_ = decode(1);
  return *decoded_;
}

/// The largest of libjpeg's scales that leaves no less than what is wanted. Files that do not fill
/// their canvas are no JPEG files.
int Picture::shrink_for(int width, int height) const {
  int shrink = 1;
  if (!file_->options.shrink_on_load || file_->container.format != ImageFormat::kJpeg) return 1;
  while (shrink < 8 && width_ / (2 * shrink) >= width && height_ / (2 * shrink) >= height) {
    shrink *= 2;
  }
  return shrink;
}

Image Picture::resized(int width, int height, Resample resample) const {
  if (image_ || decoded_) return resize(pixels(), width, height, resample);
  shrink_ = shrink_for(width, height);
  if (!file_->plain()) return resize(decode(shrink_), width, height, resample);
  try {
    const std::unique_ptr<VipsDecoder> decoder = file_->take_decoder(shrink_);
    const RowLayout& frame = decoder->layout();
    const RowConverter convert = row_converter(frame, file_->container);
    RowResizer resizer(frame.width, frame.height, width, height, resample);
    decoder->read_rows([&](int, const void* samples) { convert(samples, resizer.next_row()); });
    return resizer.finish();
  } catch (const std::bad_alloc&) {
    fail("{}: not enough memory to decode this picture", file_->where);
  }
}

Image decode_image(std::span<const std::byte> bytes, std::string_view where,
                   const DecodeLimits& limits) {
  return Picture(bytes, where, {limits}).decode(1);
}

}  // namespace saccade::media
