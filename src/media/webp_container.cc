// WebP: the first frame, still or animated.
#include "base/error.h"
#include "media/container.h"
#include "media/orientation.h"

namespace saccade::media {
namespace {

struct Chunk {
  std::string_view name;
  ByteView data;
};

/// The RIFF chunk at `at`, which moves behind it. Its data may be cut short; then `truncated`.
Chunk next_chunk(ByteView file, std::uint64_t& at, bool& truncated) {
  const std::uint64_t size = file.little(at + 4, 4);
  Chunk chunk{file.text(at, 4), file.part(at + 8, size)};
  if (chunk.data.size() < size) truncated = true;
  at += 8 + size + (size & 1);
  return chunk;
}

void write_chunk(FileWriter& out, const Chunk& chunk) {
  out.text(chunk.name).little(chunk.data.size(), 4).bytes(chunk.data);
  if (chunk.data.size() & 1) out.u8(0);
}

struct Frame {
  Chunk alpha;
  Chunk pixels;  // VP8 or VP8L
};

void take_frame_chunk(Frame& frame, const Chunk& chunk) {
  if (!frame.pixels.name.empty()) return;
  if (chunk.name == "ALPH") frame.alpha = chunk;
  if (chunk.name == "VP8 " || chunk.name == "VP8L") frame.pixels = chunk;
}

/// Width and height in the header of the compressed pixels; zeros when there is none.
std::pair<int, int> pixel_size(const Chunk& chunk) {
  if (chunk.name == "VP8 ") {
    return {static_cast<int>(chunk.data.little(6, 2) & 0x3fff),
            static_cast<int>(chunk.data.little(8, 2) & 0x3fff)};
  }
  const std::uint64_t bits = chunk.data.little(1, 4);
  return {static_cast<int>(bits & 0x3fff) + 1, static_cast<int>(bits >> 14 & 0x3fff) + 1};
}

/// The frame alone as a still WebP file. Alpha would be dropped afterwards and does not change the
/// colours, so the alpha chunk is left out.
std::vector<std::byte> rewrite(const Frame& frame) {
  FileWriter out;
  write_chunk(out, frame.pixels);
  FileWriter file;
  file.text("RIFF").little(4 + out.size(), 4).text("WEBP").bytes(out.since(0));
  return file.take();
}

}  // namespace

Container read_webp(ByteView file, std::string_view where) {
  Container container;
  container.format = ImageFormat::kWebp;
  Frame frame;
  Canvas canvas;
  bool truncated = false;
  // A file may have anything behind the RIFF structure, but not less than it says.
  const std::uint64_t end = 8 + file.little(4, 4);
  if (end > file.size()) truncated = true;
  for (std::uint64_t at = 12; at + 8 <= end && at + 8 <= file.size();) {
    const Chunk chunk = next_chunk(file, at, truncated);
    if (chunk.name == "VP8X") {
      canvas.width = static_cast<int>(chunk.data.little(4, 3)) + 1;
      canvas.height = static_cast<int>(chunk.data.little(7, 3)) + 1;
    } else if (chunk.name == "ANMF" && frame.pixels.name.empty()) {
      canvas.left = static_cast<int>(chunk.data.little(0, 3)) * 2;
      canvas.top = static_cast<int>(chunk.data.little(3, 3)) * 2;
      for (std::uint64_t inner = 16; inner + 8 <= chunk.data.size();) {
        take_frame_chunk(frame, next_chunk(chunk.data, inner, truncated));
      }
    } else if (chunk.name == "EXIF") {
      container.orientation = exif_orientation(chunk.data);
    } else {
      take_frame_chunk(frame, chunk);
    }
  }
  if (truncated) fail("{}: a truncated WebP file: data are missing at its end", where);
  if (frame.pixels.name.empty()) fail("{}: a damaged WebP file: it holds no picture", where);

  const auto [width, height] = pixel_size(frame.pixels);
  if (canvas.width == 0) canvas = {width, height, 0, 0, {}};
  if (width == 0 || height == 0 || canvas.left + width > canvas.width ||
      canvas.top + height > canvas.height) {
    fail("{}: a damaged WebP file: its sizes contradict each other", where);
  }
  container.canvas = canvas;
  container.width = canvas.width;
  container.height = canvas.height;
  container.rewritten = rewrite(frame);
  return container;
}

}  // namespace saccade::media
