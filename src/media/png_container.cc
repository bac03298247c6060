// PNG: header, palette and pixel data; orientation from eXIf, text chunks and XMP.
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/error.h"
#include "media/container.h"
#include "media/orientation.h"

namespace saccade::media {
namespace {

constexpr std::uint64_t kFirstChunk = 8;
// Metadata is searched for one small number; more text than this is not unpacked.
constexpr std::size_t kMaxText = 1 << 20;

struct Chunk {
  std::string_view name;
  ByteView data;
  std::uint32_t checksum = 0;
};

std::uint32_t checksum_of(std::string_view name, ByteView data) {
  const auto crc = [](std::uint32_t seed, const void* bytes, std::size_t size) {
    return static_cast<std::uint32_t>(crc32_z(seed, static_cast<const Bytef*>(bytes), size));
  };
  return crc(crc(0, name.data(), name.size()), data.bytes().data(), data.size());
}

void write_chunk(FileWriter& out, const Chunk& chunk) {
  out.big(chunk.data.size(), 4).text(chunk.name).bytes(chunk.data);
  out.big(checksum_of(chunk.name, chunk.data), 4);
}

/// Unpacks a zlib stream of at most kMaxText bytes; nothing when it is broken or longer.
std::optional<std::string> unpack(ByteView packed) {
  std::string text(kMaxText, '\0');
  uLongf size = text.size();
  if (uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                 reinterpret_cast<const Bytef*>(packed.bytes().data()), packed.size()) != Z_OK) {
    return std::nullopt;
  }
  text.resize(size);
  return text;
}

struct Text {
  std::string keyword;
  std::string value;
};

/// A tEXt, zTXt or iTXt chunk.
std::optional<Text> read_text(const Chunk& chunk) {
  const std::string_view all = chunk.data.text(0, kMaxText);
  const std::size_t key_end = all.find('\0');
  if (key_end == all.npos) return std::nullopt;
  Text text{std::string(all.substr(0, key_end)), {}};
  std::size_t at = key_end + 1;
  bool packed = chunk.name == "zTXt";
  if (packed) ++at;  // compression method
  if (chunk.name == "iTXt") {
    packed = chunk.data.u8(at) != 0;
    at += 2;
    for (int skipped = 0; skipped < 2; ++skipped) {  // language, translated keyword
      const std::size_t end = all.find('\0', at);
      if (end == all.npos) return std::nullopt;
      at = end + 1;
    }
  }
  if (!packed) {
    text.value = chunk.data.text(at, kMaxText);
    return text;
  }
  auto value = unpack(chunk.data.part(at, chunk.data.size()));
  if (!value) return std::nullopt;
  text.value = std::move(*value);
  return text;
}

/// "Raw profile type exif": three lines of heading, then the EXIF block in hexadecimal.
int raw_profile_orientation(std::string_view profile) {
  for (int line = 0; line < 3; ++line) {
    const std::size_t end = profile.find('\n');
    if (end == profile.npos) return 0;
    profile.remove_prefix(end + 1);
  }
  std::vector<std::byte> exif;
  int high = -1;
  for (const char c : profile) {
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      exif.push_back(static_cast<std::byte>(high << 4 | digit));
      high = -1;
    }
  }
  return exif_orientation(ByteView(exif));
}

/// The places of an orientation, in the order in which Pillow asks them.
struct Orientations {
  std::optional<int> exif;
  std::optional<int> raw_profile;
  int xmp = 0;

  void look_at(const Chunk& chunk) {
    if (chunk.name == "eXIf") exif = exif_orientation(chunk.data);
    if (chunk.name != "tEXt" && chunk.name != "zTXt" && chunk.name != "iTXt") return;
    const auto text = read_text(chunk);
    if (!text) return;
    if (text->keyword == "Raw profile type exif") {
      raw_profile = raw_profile_orientation(text->value);
    } else if (chunk.name == "iTXt" && text->keyword == "XML:com.adobe.xmp") {
      xmp = xmp_orientation(text->value);
    }
  }

  int chosen() const {
    const int from_exif = exif ? *exif : raw_profile.value_or(0);
    return from_exif ? from_exif : xmp;
  }
};

void check_checksum(const Chunk& chunk, std::string_view where) {
  if (checksum_of(chunk.name, chunk.data) != chunk.checksum) {
    fail("{}: a damaged PNG file: wrong checksum in its {} chunk", where, chunk.name);
  }
}

/// Writes a palette of `entries` colours. What the file leaves out is a grey ramp, as in Pillow.
void write_palette(FileWriter& out, ByteView colours, int entries) {
  FileWriter palette;
  for (int i = 0; i < 3 * entries; ++i) {
    palette.u8(colours.contains(i, 1) ? colours.u8(i) : static_cast<unsigned>(i / 3));
  }
  write_chunk(out, {"PLTE", palette.since(0), 0});
}

void read_header(Container& container, const Chunk& header, std::string_view where) {
  if (header.name != "IHDR" || header.data.size() < 13) {
    fail("{}: a damaged PNG file: it does not begin with a header", where);
  }
  const std::uint64_t width = header.data.big(0, 4);
  const std::uint64_t height = header.data.big(4, 4);
  if (width == 0 || height == 0 || width > 0x7fffffff || height > 0x7fffffff) {
    fail("{}: a damaged PNG file: a size of {} x {} pixels", where, width, height);
  }
  container.width = static_cast<int>(width);
  container.height = static_cast<int>(height);
}

}  // namespace

Container read_png(ByteView file, std::string_view where) {
  Container container;
  container.format = ImageFormat::kPng;
  Orientations orientations;
  FileWriter out;
  out.bytes(file.part(0, kFirstChunk));
  bool pixels = false;
  int bit_depth = 8;
  for (std::uint64_t at = kFirstChunk; file.contains(at, 8);) {
    const std::uint64_t size = file.big(at, 4);
    const Chunk chunk{file.text(at + 4, 4), file.part(at + 8, size),
                      static_cast<std::uint32_t>(file.big(at + 8 + size, 4))};
    if (at == kFirstChunk) read_header(container, chunk, where);
    at += 12 + size;
    // Checksums of pixel data are not looked at, as in Pillow: zlib tells when they are damaged.
    // They are written anew, as are all others, and so is what the file ends on: Pillow asks for
    // neither. The colour key tRNS is left out with the rest since alpha will be dropped.
    if (chunk.name == "IHDR") {
      check_checksum(chunk, where);
      bit_depth = chunk.data.u8(8);
      write_chunk(out, chunk);
    } else if (chunk.name == "PLTE") {
      check_checksum(chunk, where);
      write_palette(out, chunk.data, 1 << std::min(bit_depth, 8));
    } else if (chunk.name == "IDAT") {
      write_chunk(out, chunk);
      pixels = true;
    } else if (chunk.name == "IEND") {
      break;
    } else {
      orientations.look_at(chunk);
    }
  }
  if (container.width == 0 || !pixels) {
    fail("{}: a damaged or truncated PNG file: it holds no pixel data", where);
  }
  write_chunk(out, {"IEND", {}, 0});
  container.orientation = orientations.chosen();
  container.rewritten = out.take();
  return container;
}

}  // namespace saccade::media
