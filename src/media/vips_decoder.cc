#include "media/vips_decoder.h"

#include <vips/vips.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "base/error.h"

namespace saccade::media {
namespace {

// Strips bound the memory; 16 rows are what the loaders themselves read ahead.
constexpr int kStripRows = 16;

void drop_message(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

}  // namespace

/// libvips keeps its state in the process, so it is set up once, on the first picture.
void start_vips() {
  static std::once_flag once;
  static bool started = false;
  std::call_once(once, [] {
    // Loaders warn about every odd file; our users get one line, from us.
    g_log_set_handler("VIPS", static_cast<GLogLevelFlags>(G_LOG_LEVEL_MASK), drop_message, nullptr);
    started = vips_init("saccade") == 0;
    if (!started) return;
    // Threads are ours to spend, and every picture is read once.
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_cache_set_max_mem(0);
    // Loaders for documents, scripts and raw dumps stay shut even if a later change asks for one.
    vips_block_untrusted_set(TRUE);
  });
  if (!started) {
    vips_error_clear();
    fail("libvips could not be started; is the package libvips42 complete?");
  }
}

namespace {

// g_object_unref as a deleter.
struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};

int load(ImageFormat format, std::span<const std::byte> bytes, int shrink, VipsImage** image) {
  // The signature of libvips is not const, but loaders do not write to their source.
  void* data = const_cast<std::byte*>(bytes.data());
  const std::size_t size = bytes.size();
  // Damaged data with all rows present pass, as in Pillow; missing rows do not.
  const auto open = [&](auto* loader) {
    return loader(data, size, image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                  VIPS_FAIL_ON_TRUNCATED, nullptr);
  };
  switch (format) {
    case ImageFormat::kJpeg:
      return vips_jpegload_buffer(data, size, image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                                  VIPS_FAIL_ON_TRUNCATED, "shrink", shrink, nullptr);
    case ImageFormat::kPng:
      return open(vips_pngload_buffer);
    case ImageFormat::kWebp:
      return open(vips_webpload_buffer);
    case ImageFormat::kGif:
      return open(vips_gifload_buffer);
    case ImageFormat::kTiff:
      return open(vips_tiffload_buffer);
    case ImageFormat::kHeif:
      return open(vips_heifload_buffer);
    case ImageFormat::kUnknown:
      break;
  }
  return -1;
}

}  // namespace

// Errors tell what we know, not what libvips says: its error buffer is shared by all threads, and
// the text in it may be about another picture.
VipsDecoder::VipsDecoder(ImageFormat format, std::span<const std::byte> bytes,
                         std::string_view where, int shrink)
    : format_(format), where_(where) {
  start_vips();
  if (load(format, bytes, shrink, &image_) != 0) {
    vips_error_clear();
    fail("{}: a damaged, truncated or unsupported {} file: its header cannot be read", where_,
         format_name(format));
  }
  try {
    layout_ = read_layout();
  } catch (...) {
    g_object_unref(image_);
    throw;
  }
}

VipsDecoder::~VipsDecoder() {
  g_object_unref(image_);
}

RowLayout VipsDecoder::read_layout() const {
  RowLayout layout;
  layout.width = vips_image_get_width(image_);
  layout.height = vips_image_get_height(image_);
  layout.channels = vips_image_get_bands(image_);
  const VipsCoding coding = vips_image_get_coding(image_);
  const VipsInterpretation interpretation = vips_image_get_interpretation(image_);
  if (interpretation == VIPS_INTERPRETATION_CMYK) layout.space = ColourSpace::kCmyk;
  if (coding == VIPS_CODING_LABQ) {
    layout.space = ColourSpace::kLab;  // L, a, b as bytes, and a fourth with finer bits
    return layout;
  }
  const bool lab =
      interpretation == VIPS_INTERPRETATION_LAB || interpretation == VIPS_INTERPRETATION_LABS;
  if (coding != VIPS_CODING_NONE || lab) {
    fail("{}: a {} file in a colour space that is not supported; save it as RGB", where_,
         format_name(format_));
  }
  switch (vips_image_get_format(image_)) {
    case VIPS_FORMAT_UCHAR:
      layout.type = SampleType::kUint8;
      break;
    case VIPS_FORMAT_CHAR:
      layout.type = SampleType::kInt8;
      break;
    case VIPS_FORMAT_USHORT:
      layout.type = SampleType::kUint16;
      break;
    case VIPS_FORMAT_SHORT:
      layout.type = SampleType::kInt16;
      break;
    case VIPS_FORMAT_UINT:
      layout.type = SampleType::kUint32;
      break;
    case VIPS_FORMAT_INT:
      layout.type = SampleType::kInt32;
      break;
    case VIPS_FORMAT_FLOAT:
      layout.type = SampleType::kFloat32;
      break;
    case VIPS_FORMAT_DOUBLE:
      layout.type = SampleType::kFloat64;
      break;
    default:
      fail("{}: a {} file whose samples are complex numbers", where_, format_name(format_));
  }
  return layout;
}

void VipsDecoder::read_rows(const std::function<void(int, const void*)>& take_row) {
  const std::unique_ptr<VipsRegion, Unref> region(vips_region_new(image_));
  for (int top = 0; top < layout_.height; top += kStripRows) {
    const VipsRect strip{0, top, layout_.width, std::min(kStripRows, layout_.height - top)};
    if (!region || vips_region_prepare(region.get(), &strip) != 0) {
      vips_error_clear();
      fail("{}: a damaged or truncated {} file: no pixels from row {} of {} on", where_,
           format_name(format_), top, layout_.height);
    }
    for (int y = top; y < top + strip.height; ++y) {
      take_row(y, VIPS_REGION_ADDR(region.get(), 0, y));
    }
  }
}

}  // namespace saccade::media
