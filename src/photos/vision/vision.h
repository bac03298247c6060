// What can be seen in a picture without a model: faces, text, barcodes, sharpness, light, colours.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/image.h"

namespace saccade::photos {

/// A part of a picture, as fractions of the upright picture's width and height.
struct Box {
  double x = 0.0;  ///< left
  double y = 0.0;  ///< top
  double width = 0.0;
  double height = 0.0;
};

struct Region {
  enum class Kind { kFace, kText, kBarcode };
  Kind kind = Kind::kFace;
  Box box;
  std::string text;         ///< a line of text, or what the barcode says; of faces empty
  std::string format;       ///< of a barcode: "QRCode", "EAN-13", ...
  double confidence = 1.0;  ///< 0 to 1
};

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  std::string name;    ///< one of the eleven basic colour terms: "red", "black", ...
  double share = 0.0;  ///< of the picture's pixels, 0 to 1
};

inline constexpr int kMiniatureSide = 32;  // pixels
/// A picture as it is compared with others: [32, 32, 3], 8 bits, L* as 0 to 255, a* and b* more by
/// 128. Empty: not known.
using Miniature = std::vector<std::uint8_t>;

struct VisionFindings {
  std::vector<Region> regions;
  double sharpness = 0.0;  ///< variance of the Laplacian at 512 pixels, log10; under 1.5 is blurred
  double brightness = 0.0;            ///< mean luminance, 0 to 1
  double clipped_dark = 0.0;          ///< share of pixels that are black, 0 to 1
  double clipped_light = 0.0;         ///< share of pixels that are white, 0 to 1
  std::vector<Colour> colours;        ///< the dominant ones, largest share first, five at most
  std::uint64_t perceptual_hash = 0;  ///< DCT hash; near duplicates differ in few bits
  Miniature miniature;
};

/// How much two perceptual hashes differ: bits, 0 to 64.
int hash_distance(std::uint64_t a, std::uint64_t b);

/// How much the part of two pictures that differs most does so: the mean colour difference (CIE76's
/// delta E) within an eighth of their width and height, when one is laid over the other where they
/// differ least, and both are as light. Compression and resizing change every part a little, and so
/// does an edge that was cut off or a camera that moved by some hundredths of the picture's width,
/// once the pictures lie over each other; what is another thing, or of another colour, or somewhere
/// else, makes one part very different, however much of the rest is the same. None: one of the
/// miniatures is not known.
std::optional<double> largest_difference(const Miniature& a, const Miniature& b);

/// Looks at pictures. One implementation a platform.
class ClassicalVision {
 public:
  virtual ~ClassicalVision() = default;
  /// What made the findings: "opencv 4.6.0, tesseract 5.3.0, zxing 1.4.0".
  virtual std::string name() const = 0;
  /// The longer side that pictures should have when they come, pixels.
  virtual int wanted_size() const = 0;
  /// Several threads may call at once. Throws Error when something it needs cannot be had.
  virtual VisionFindings look(const media::Image& picture) const = 0;
};

/// OpenCV, Tesseract and ZXing. Throws Error when their data are not installed (and says which
/// package has them).
std::unique_ptr<ClassicalVision> make_classical_vision();

}  // namespace saccade::photos
