// Scenes for made photos: shapes in plain colours and written words, as the built-in model knows
// them (tools/glance), drawn at any size.
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace saccade::photos {

/// Equal shapes of one colour. Places are fractions of the picture, the size of its shorter side.
struct MadeThing {
  std::string shape;   ///< "circle", "star", ...
  std::string colour;  ///< "red", ...
  std::vector<cv::Point2d> places;
  double size = 0.0;
};

struct MadeScene {
  std::string background;  ///< a colour
  double shade = 0.0;      ///< by how much the background darkens from top to bottom, 0 to 1
  std::vector<MadeThing> things;
  std::string text;  ///< one line; empty: none
  std::string text_colour;
  cv::Point2d text_place;  ///< the middle of the line
  bool portrait = false;

  /// "2 red stars and 1 blue circle on white".
  std::string content() const;
};

/// One of very many scenes. Every thing and the text stand clear of each other.
MadeScene make_scene(std::uint64_t seed);

/// From where and in what light a scene is seen: what differs between the photos of a burst.
struct MadeView {
  double zoom = 1.0;
  cv::Point2d shift;  ///< fractions of the picture
  double light = 1.0;
  std::uint64_t noise_seed = 0;
};

/// A photo seconds after another: a little nearer, aside, lighter or darker. `index` 0 is the
/// first.
MadeView make_view(std::uint64_t seed, int index);

/// Draws onto `rgb`, 8 bits, of whatever size it has.
void draw_scene(const MadeScene& scene, const MadeView& view, cv::Mat& rgb);

}  // namespace saccade::photos
