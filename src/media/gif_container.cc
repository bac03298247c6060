// GIF: the first frame.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "media/container.h"
#include "media/gif_lzw.h"

namespace saccade::media {
namespace {

constexpr int kExtension = 0x21;
constexpr int kImage = 0x2c;
constexpr int kTrailer = 0x3b;
constexpr int kGraphicControl = 0xf9;

using Palette = std::array<std::uint8_t, 3 * 256>;

/// A colour table of 2^(bits + 1) entries. What it leaves out is a grey ramp, as in Pillow.
void read_palette(ByteView file, std::uint64_t at, std::size_t entries, Palette& palette) {
  for (std::size_t i = 0; i < 3 * entries; ++i) palette[i] = file.u8(at + i);
}

Palette grey_ramp() {
  Palette palette;
  for (int i = 0; i < 3 * 256; ++i) palette[i] = static_cast<std::uint8_t>(i / 3);
  return palette;
}

/// The end of a chain of data blocks: the offset after its terminator, or the end of the file.
std::uint64_t skip_blocks(ByteView file, std::uint64_t at) {
  while (at < file.size() && file.u8(at) != 0) at += 1 + file.u8(at);
  return at + 1;
}

struct Frame {
  int left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  int transparent = -1;  // palette index, -1: none
  Palette palette;
  ByteView data;  // the code size byte and the chain of data blocks, with its terminator
};

Frame find_frame(ByteView file, std::string_view where) {
  Frame frame;
  frame.palette = grey_ramp();
  std::uint64_t at = 13;
  if (const int flags = file.u8(10); flags & 0x80) {
    const std::size_t entries = std::size_t{2} << (flags & 7);
    read_palette(file, at, entries, frame.palette);
    at += 3 * entries;
  }
  for (;; ++at) {
    if (at >= file.size() || file.u8(at) == kTrailer) {
      fail("{}: a damaged or truncated GIF file: it holds no picture", where);
    }
    if (file.u8(at) == kExtension) {
      if (file.u8(at + 1) == kGraphicControl && file.u8(at + 3) & 1) {
        frame.transparent = file.u8(at + 6);
      }
      at = skip_blocks(file, at + 2) - 1;
    } else if (file.u8(at) == kImage) {
      break;
    }
  }
  frame.left = static_cast<int>(file.little(at + 1, 2));
  frame.top = static_cast<int>(file.little(at + 3, 2));
  frame.width = static_cast<int>(file.little(at + 5, 2));
  frame.height = static_cast<int>(file.little(at + 7, 2));
  const int flags = file.u8(at + 9);
  frame.interlaced = flags & 0x40;
  at += 10;
  if (flags & 0x80) {
    const std::size_t entries = std::size_t{2} << (flags & 7);
    frame.palette = grey_ramp();
    read_palette(file, at, entries, frame.palette);
    at += 3 * entries;
  }
  frame.data = file.part(at, file.size());
  return frame;
}

/// The frame alone as a GIF file of its size, without transparency, in a full global palette.
std::vector<std::byte> rewrite(const Frame& frame) {
  FileWriter out;
  out.text("GIF89a").little(frame.width, 2).little(frame.height, 2);
  out.u8(0xf7).u8(0).u8(0).bytes(ByteView(std::as_bytes(std::span(frame.palette))));
  out.u8(kImage).little(0, 4).little(frame.width, 2).little(frame.height, 2);
  out.u8(frame.interlaced ? 0x40 : 0);
  // The chain is ended here in any case: Pillow takes a file that breaks off after its last pixel.
  const std::uint64_t end = skip_blocks(frame.data, 1);
  out.bytes(frame.data.part(0, end - 1)).u8(0).u8(kTrailer);
  return out.take();
}

}  // namespace

Container read_gif(ByteView file, std::string_view where) {
  const Frame frame = find_frame(file, where);
  if (frame.width == 0 || frame.height == 0) {
    fail("{}: a damaged GIF file: its first picture has a size of zero", where);
  }
  if (!holds_pixels(frame.data, static_cast<std::int64_t>(frame.width) * frame.height)) {
    fail("{}: a damaged or truncated GIF file: pixels of its first picture are missing", where);
  }
  Container container;
  container.format = ImageFormat::kGif;
  // A frame that reaches beyond the screen makes the picture larger, as in Pillow.
  Canvas& canvas = container.canvas;
  canvas.left = frame.left;
  canvas.top = frame.top;
  canvas.width = std::max(static_cast<int>(file.little(6, 2)), frame.left + frame.width);
  canvas.height = std::max(static_cast<int>(file.little(8, 2)), frame.top + frame.height);
  // What the frame leaves free shows the transparent colour, or else colour 0; transparent pixels
  // show the colour that stands for them. Both follow from Pillow dropping alpha.
  const std::size_t background = frame.transparent < 0 ? 0 : frame.transparent;
  std::copy_n(&frame.palette[3 * background], 3, canvas.color.begin());
  container.width = canvas.width;
  container.height = canvas.height;
  container.rewritten = rewrite(frame);
  return container;
}

}  // namespace saccade::media
