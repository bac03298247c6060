// A library of photos of which everything is known, for benchmarks and tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace saccade::photos {

struct MadePhoto {
  std::string file;      ///< its name in the folder
  int burst = -1;        ///< photos of one burst have the same number; -1: alone
  std::string text;      ///< what is written in it; empty: nothing
  std::string content;   ///< "2 red stars and 1 blue circle on white"
  std::string taken_at;  ///< as its EXIF has it: "2024-05-01T12:00:00+02:00"
};

struct MadeLibraryOptions {
  int width = 4000;  ///< pixels of the longer side; portraits are turned by EXIF
  int height = 3000;
  double burst_share = 0.4;  ///< of the photos, about
  int threads = 1;
};

/// Writes JPEG files IMG_00001.jpg, ... and manifest.json, which says what is in them, into
/// `folder`, which is made where it is not there. The photos show scenes of coloured shapes and
/// words with a sensor's noise; bursts of 2 to 6 show the same scene again within seconds, a little
/// nearer, aside, lighter or darker. EXIF has the time with its zone, camera and lens, for most the
/// place, for portraits the orientation. The same arguments give the same files, on any number of
/// threads. Throws Error when a file cannot be written.
std::vector<MadePhoto> make_library(const std::filesystem::path& folder, int photos,
                                    std::uint64_t seed, const MadeLibraryOptions& options = {});

}  // namespace saccade::photos
