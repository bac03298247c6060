// TIFF: the tags of the first directory.
#include "base/error.h"
#include "media/container.h"
#include "media/tiff_tags.h"

namespace saccade::media {
namespace {

// Photometric interpretations.
constexpr int kWhiteIsZero = 0;
constexpr int kPalette = 3;
constexpr int kYcbcr = 6;
constexpr int kLab = 8;

constexpr int kJpegCompression = 7;
constexpr int kSeparatePlanes = 2;
constexpr int kAssociatedAlpha = 1;
constexpr int kUnassociatedAlpha = 2;

/// The file with its alpha declared as not multiplied in. libvips would otherwise divide by it in
/// floating point, which is off by one here and there from what Pillow does and we do later.
std::vector<std::byte> without_association(ByteView file, const TiffTags& tags) {
  std::vector<std::byte> patched(file.bytes().begin(), file.bytes().end());
  const std::uint64_t offset = *tags.offset(kTagExtraSamples);
  // The value 1 fits the byte that holds it in either byte order, whatever its width.
  for (std::uint64_t i = offset; i < offset + 8 && i < patched.size(); ++i) {
    if (patched[i] == std::byte{kAssociatedAlpha}) {
      patched[i] = std::byte{kUnassociatedAlpha};
      break;
    }
  }
  return patched;
}

}  // namespace

Container read_tiff(ByteView file, std::string_view where) {
  const TiffTags tags = TiffTags::read(file);
  if (tags.empty()) fail("{}: a damaged TIFF file: its directory of tags cannot be read", where);
  Container container;
  container.format = ImageFormat::kTiff;
  const auto side = [&](int tag) {
    const std::int64_t value = tags.first_or(tag, 0);
    if (value < 1 || value > 0x7fffffff) {
      fail("{}: a damaged TIFF file: its width or height is missing or out of range", where);
    }
    return static_cast<int>(value);
  };
  container.width = side(kTagImageWidth);
  container.height = side(kTagImageLength);
  const auto orientation = tags.value(kTagOrientation).value_or(1);
  container.orientation = orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;

  // Pillow before 10.1 turned a TIFF picture twice, once as it loaded it and once in
  // exif_transpose; here it is turned once, as the tag asks and as later versions do.
  const std::int64_t photometric = tags.first_or(kTagPhotometric, kWhiteIsZero);
  container.palette = photometric == kPalette;
  container.inverted_gray16 =
      photometric == kWhiteIsZero && tags.first_or(kTagBitsPerSample, 1) == 16;
  container.premultiplied_alpha = tags.first_or(kTagExtraSamples, 0) == kAssociatedAlpha;
  if (container.premultiplied_alpha) container.rewritten = without_association(file, tags);
  const bool separate_planes = tags.first_or(kTagPlanarConfiguration, 1) == kSeparatePlanes;
  if ((photometric == kYcbcr && tags.first_or(kTagCompression, 1) != kJpegCompression) ||
      (photometric == kLab && separate_planes)) {
    // libvips hands out such pixels unconverted or in the wrong order.
    fail("{}: a TIFF file with {} pixels of a kind that is not supported; save it as RGB", where,
         photometric == kYcbcr ? "YCbCr" : "Lab");
  }
  return container;
}

}  // namespace saccade::media
