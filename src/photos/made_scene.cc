#include "photos/made_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <string_view>

namespace saccade::photos {
namespace {

struct NamedColour {
  std::string_view name;
  std::array<int, 3> rgb;
};
// The built-in model's own (tools/glance/things.py).
constexpr std::array<NamedColour, 11> kColours = {{{"red", {220, 30, 35}},
                                                   {"orange", {250, 135, 15}},
                                                   {"yellow", {250, 220, 30}},
                                                   {"green", {35, 155, 60}},
                                                   {"blue", {35, 75, 215}},
                                                   {"purple", {130, 45, 170}},
                                                   {"pink", {250, 135, 185}},
                                                   {"brown", {120, 72, 32}},
                                                   {"black", {18, 18, 20}},
                                                   {"white", {250, 250, 250}},
                                                   {"gray", {130, 130, 132}}}};
constexpr std::array kShapes = {"circle", "square",  "triangle", "star",
                                "heart",  "diamond", "hexagon",  "cross"};
constexpr std::array kWords = {"harbour", "bakery",  "station", "garden", "market", "museum",
                               "bridge",  "library", "island",  "coffee", "summer", "winter",
                               "castle",  "theatre", "forest",  "village"};

constexpr double kStandsOut = 130.0;  // distance in RGB of things from what they stand on

const NamedColour& colour_of(std::string_view name) {
  return *std::ranges::find(kColours, name, &NamedColour::name);
}

double distance(std::string_view a, std::string_view b) {
  double sum = 0.0;
  for (int c = 0; c < 3; ++c) {
    sum += std::pow(colour_of(a).rgb[c] - colour_of(b).rgb[c], 2);
  }
  return std::sqrt(sum);
}

template <typename List>
std::string one_of(cv::RNG& random, const List& list) {
  return std::string(list[static_cast<std::size_t>(random.uniform(0, int(list.size())))]);
}

std::string colour_on(cv::RNG& random, const std::string& background) {
  while (true) {
    const auto& colour =
        kColours[static_cast<std::size_t>(random.uniform(0, int(kColours.size())))];
    if (distance(colour.name, background) > kStandsOut) return std::string(colour.name);
  }
}

cv::Scalar lit(std::string_view name, double light) {
  const auto& rgb = colour_of(name).rgb;
  return {rgb[0] * light, rgb[1] * light, rgb[2] * light};
}

/// A shape's outline within -0.5 to 0.5, y down.
std::vector<cv::Point2d> outline_of(std::string_view shape) {
  const auto ring = [](int corners, double inner, double start) {
    std::vector<cv::Point2d> points;
    for (int i = 0; i < corners; ++i) {
      const double angle = 2.0 * std::numbers::pi * i / corners + start;
      const double radius = i % 2 == 0 ? 0.5 : inner;
      points.emplace_back(radius * std::sin(angle), -radius * std::cos(angle));
    }
    return points;
  };
  if (shape == "circle") return ring(96, 0.5, 0.0);
  if (shape == "square") return {{-0.45, -0.45}, {0.45, -0.45}, {0.45, 0.45}, {-0.45, 0.45}};
  if (shape == "triangle") return {{0.0, -0.45}, {0.5, 0.42}, {-0.5, 0.42}};
  if (shape == "star") return ring(10, 0.2, 0.0);
  if (shape == "diamond") return {{0.0, -0.5}, {0.36, 0.0}, {0.0, 0.5}, {-0.36, 0.0}};
  if (shape == "hexagon") return ring(6, 0.5, std::numbers::pi / 6);
  if (shape == "cross") {
    constexpr double a = 0.16, b = 0.5;
    return {{-a, -b}, {a, -b}, {a, -a}, {b, -a}, {b, a},   {a, a},
            {a, b},   {-a, b}, {-a, a}, {-b, a}, {-b, -a}, {-a, -a}};
  }
  std::vector<cv::Point2d> heart;
  for (int i = 0; i < 96; ++i) {
    const double t = 2.0 * std::numbers::pi * i / 96;
    heart.emplace_back(
        0.5 * std::pow(std::sin(t), 3),
        -(13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t)) / 32.0);
  }
  return heart;
}

/// Where fractions of the scene fall in the picture.
struct Projection {
  cv::Size size;
  MadeView view;
  cv::Point2d operator()(const cv::Point2d& place) const {
    return {((place.x - 0.5) * view.zoom + 0.5 + view.shift.x) * size.width,
            ((place.y - 0.5) * view.zoom + 0.5 + view.shift.y) * size.height};
  }
  double length(double fraction) const {
    return fraction * view.zoom * std::min(size.width, size.height);
  }
};

/// Rows of one colour. Most are as the one before and copied, a tenth of the time of filling them.
void draw_background(const MadeScene& scene, double light, cv::Mat& rgb) {
  cv::Vec3b last;
  for (int y = 0; y < rgb.rows; ++y) {
    const cv::Scalar colour = lit(scene.background, light * (1.0 - scene.shade * y / rgb.rows));
    cv::Vec3b levels;
    for (int c = 0; c < 3; ++c) levels[c] = cv::saturate_cast<std::uint8_t>(colour[c]);
    if (y > 0 && levels == last) {
      std::copy_n(rgb.ptr<std::uint8_t>(y - 1), 3 * rgb.cols, rgb.ptr<std::uint8_t>(y));
    } else {
      std::fill_n(rgb.ptr<cv::Vec3b>(y), rgb.cols, levels);
    }
    last = levels;
  }
}

void draw_thing(const MadeThing& thing, const Projection& project, cv::Mat& rgb) {
  constexpr int kFractionBits = 4;
  const std::vector<cv::Point2d> outline = outline_of(thing.shape);
  for (const cv::Point2d& place : thing.places) {
    const cv::Point2d middle = project(place);
    std::vector<cv::Point> points;
    for (const cv::Point2d& corner : outline) {
      const cv::Point2d at = middle + corner * project.length(thing.size);
      points.emplace_back(cvRound(at.x * (1 << kFractionBits)),
                          cvRound(at.y * (1 << kFractionBits)));
    }
    cv::fillPoly(rgb, std::vector{points}, lit(thing.colour, project.view.light), cv::LINE_AA,
                 kFractionBits);
  }
}

void draw_text(const MadeScene& scene, const Projection& project, cv::Mat& rgb) {
  constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
  constexpr double kLineWidth = 0.72;  // of the picture's width, at most
  constexpr double kLineHeight = 0.1;  // of its shorter side, at most
  const cv::Size at_one = cv::getTextSize(scene.text, kFont, 1.0, 1, nullptr);
  const double scale = std::min(kLineWidth * project.view.zoom * rgb.cols / at_one.width,
                                project.length(kLineHeight) / at_one.height);
  const int thickness = std::max(1, cvRound(3.0 * scale));
  const cv::Point2d middle = project(scene.text_place);
  const cv::Point start(cvRound(middle.x - scale * at_one.width / 2),
                        cvRound(middle.y + scale * at_one.height / 2));
  cv::putText(rgb, scene.text, start, kFont, scale, lit(scene.text_colour, project.view.light),
              thickness, cv::LINE_AA);
}

/// Noise of a sensor, a tile of it laid side by side from a place of its own. Two additions without
/// sign, which the processor does sixteen at a time, rather than one with.
void add_noise(std::uint64_t seed, cv::Mat& rgb) {
  static constexpr int kTile = 512;          // pixels
  static constexpr double kDeviation = 2.0;  // levels
  static const std::array<cv::Mat, 2> tiles = [] {
    cv::Mat noise(kTile, kTile, CV_16SC3);
    cv::RNG(1).fill(noise, cv::RNG::NORMAL, 0.0, kDeviation);
    std::array<cv::Mat, 2> parts;
    noise.convertTo(parts[0], CV_8U);
    noise.convertTo(parts[1], CV_8U, -1.0);
    return parts;
  }();
  cv::RNG random(seed);
  const int left = random.uniform(0, kTile), top = random.uniform(0, kTile);
  for (int y = -top; y < rgb.rows; y += kTile) {
    for (int x = -left; x < rgb.cols; x += kTile) {
      const cv::Rect place = cv::Rect(x, y, kTile, kTile) & cv::Rect({}, rgb.size());
      const cv::Rect part = place - cv::Point(x, y);
      cv::Mat target = rgb(place);
      cv::add(target, tiles[0](part), target);
      cv::subtract(target, tiles[1](part), target);
    }
  }
}

void add_things(cv::RNG& random, bool text_above, MadeScene& scene) {
  // Six cells beside or above each other in what the text leaves free; a thing has one or more.
  constexpr int kCells = 6;
  std::array<int, kCells> cells = {0, 1, 2, 3, 4, 5};
  for (int i = kCells - 1; i > 0; --i) std::swap(cells[i], cells[random.uniform(0, i + 1)]);
  const double top = scene.text.empty() || !text_above ? 0.04 : 0.26;
  const double height = scene.text.empty() ? 0.92 : 0.7;
  const int columns = scene.portrait ? 2 : 3, rows = kCells / columns;
  int used = 0;
  const int kinds = random.uniform(1, 4);
  for (int kind = 0; kind < kinds && used < kCells; ++kind) {
    MadeThing thing;
    do {
      thing.shape = one_of(random, kShapes);
    } while (std::ranges::find(scene.things, thing.shape, &MadeThing::shape) != scene.things.end());
    thing.colour = colour_on(random, scene.background);
    thing.size = random.uniform(0.2, 0.29);
    const int count = std::min(random.uniform(1, 4), kCells - used);
    for (int i = 0; i < count; ++i) {
      const int cell = cells[used++];
      const double x = (cell % columns + 0.5 + random.uniform(-0.12, 0.12)) / columns;
      const double y = (cell / columns + 0.5 + random.uniform(-0.08, 0.08)) / rows;
      thing.places.emplace_back(0.04 + 0.92 * x, top + height * y);
    }
    scene.things.push_back(std::move(thing));
  }
}

}  // namespace

std::string MadeScene::content() const {
  std::string list;
  for (const MadeThing& thing : things) {
    list += fmt::format("{}{} {} {}{}", list.empty() ? "" : " and ", thing.places.size(),
                        thing.colour, thing.shape,
                        thing.places.size() == 1      ? ""
                        : thing.shape.ends_with("ss") ? "es"
                                                      : "s");
  }
  return list + " on " + background;
}

MadeScene make_scene(std::uint64_t seed) {
  cv::RNG random(seed * 0x9e3779b97f4a7c15U + 1);
  for (int i = 0; i < 4; ++i) random.next();  // near seeds begin alike
  MadeScene scene;
  scene.portrait = random.uniform(0, 4) == 0;
  scene.background = one_of(random, std::array{"white", "white", "yellow", "blue", "green", "gray",
                                               "pink", "black", "brown"});
  scene.shade = random.uniform(0.05, 0.3);
  const bool text_above = random.uniform(0, 2) == 0;
  if (random.uniform(0, 5) < 2) {
    scene.text = fmt::format("{} {}", one_of(random, kWords), random.uniform(100, 1000));
    std::ranges::transform(scene.text, scene.text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const bool dark = scene.background == "black" || scene.background == "brown" ||
                      scene.background == "blue" || scene.background == "green";
    scene.text_colour = dark ? "white" : "black";
    scene.text_place = {0.5, text_above ? 0.14 : 0.87};
  }
  add_things(random, text_above, scene);
  return scene;
}

MadeView make_view(std::uint64_t seed, int index) {
  MadeView view;
  view.noise_seed = seed * 64 + static_cast<std::uint64_t>(index) + 1;
  if (index == 0) return view;
  cv::RNG random(view.noise_seed * 0x9e3779b97f4a7c15U + 7);
  for (int i = 0; i < 4; ++i) random.next();
  view.zoom = random.uniform(0.98, 1.03);
  view.shift = {random.uniform(-0.012, 0.012), random.uniform(-0.012, 0.012)};
  view.light = random.uniform(0.93, 1.02);
  return view;
}

void draw_scene(const MadeScene& scene, const MadeView& view, cv::Mat& rgb) {
  draw_background(scene, view.light, rgb);
  const Projection project{rgb.size(), view};
  for (const MadeThing& thing : scene.things) draw_thing(thing, project, rgb);
  if (!scene.text.empty()) draw_text(scene, project, rgb);
  add_noise(view.noise_seed, rgb);
}

}  // namespace saccade::photos
