#include <algorithm>

#include "base/error.h"
#include "media/crop.h"
#include "media/image_settings.h"
#include "models/idefics2/idefics2.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"
#include "text/unicode.h"

namespace saccade::models::idefics2 {
namespace {

using media::Image;
using media::Size;

// Before and after every picture and every part of one.
constexpr std::string_view kAround = "<fake_token_around_image>";

struct ImageParams {
  media::ImageSettings settings;
  int shortest_edge = 378;
  int longest_edge = 980;
  bool split = false;  ///< quarters are read besides the whole
};

ImageParams read_image_params(const JsonObject& config) {
  ImageParams params;
  params.settings =
      media::read_image_settings(config, {{.type = "Idefics2ImageProcessor",
                                           .resample = media::Resample::kBilinear,
                                           .keys = {"do_image_splitting", "do_pad"}}});
  const auto shortest = media::read_edge(config, "size", "shortest_edge");
  const auto longest = media::read_edge(config, "size", "longest_edge");
  if (config.has("size") && (!shortest || !longest)) {
    fail("{}: \"size\" must have shortest_edge and longest_edge", config.where());
  }
  params.shortest_edge = shortest.value_or(params.shortest_edge);
  params.longest_edge = longest.value_or(params.longest_edge);
  params.split = config.boolean_or("do_image_splitting", false);
  return params;
}

/// Longer sides become `longest_edge`, the aspect kept; then neither side stays under
/// `shortest_edge`. Rounds as transformers does.
Size scaled_size(const Image& image, const ImageParams& params) {
  const double aspect = static_cast<double>(image.width) / image.height;
  const int longest = params.longest_edge;
  Size size{image.height, image.width};
  if (size.width >= size.height && size.width > longest) {
    size = {static_cast<int>(longest / aspect), longest};
  } else if (size.height > size.width && size.height > longest) {
    size = {longest, static_cast<int>(longest * aspect)};
  }
  return {std::max(size.height, params.shortest_edge), std::max(size.width, params.shortest_edge)};
}

/// `text` with one space after every kAround that a word follows directly. (A '<' may begin a
/// special token.)
std::string with_spaces_before_words(const std::string& text) {
  std::string spaced;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t found = text.find(kAround, begin);
    if (found == std::string::npos) return spaced + text.substr(begin);
    const std::size_t next = found + kAround.size();
    spaced += text.substr(begin, next - begin);
    begin = next;
    if (next == text.size() || text[next] == '<') continue;
    const std::string_view rest = std::string_view(text).substr(next);
    if (!text::is_whitespace(text::decode_utf8(rest).value)) spaced += ' ';
  }
}

class Idefics2Processor : public VlmProcessor {
 public:
  Idefics2Processor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                    const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        config_(config),
        params_(read_image_params(files.image_processor())) {
    files.refuse_unknown({"image_seq_len"});
    const int patch = config.vision.patch_size;
    if (params_.shortest_edge < patch || params_.longest_edge < patch) {
      fail("{}: pictures of {} to {} pixels are smaller than a patch of {}",
           files.image_processor().where(), params_.shortest_edge, params_.longest_edge, patch);
    }
    const std::int64_t said = files.processor().integer_or("image_seq_len", 64);
    if (said != config.resampler.num_latents) {
      fail("{}: image_seq_len {} differs from config.json's resampler_n_latents, {}",
           files.processor().where(), said, config.resampler.num_latents);
    }
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return std::int64_t{grid.tiles} * config_.resampler.num_latents;
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const Image& whole = picture.pixels();
    std::vector<Image> parts;
    if (params_.split) {
      if (whole.width < 2 || whole.height < 2) {
        fail("a picture of {} x {} pixels cannot be split into quarters; wanted 2 x 2 at least",
             whole.width, whole.height);
      }
      const int left = whole.width / 2;
      const int top = whole.height / 2;
      for (const auto& [x, y] : {std::pair{0, 0}, {left, 0}, {0, top}, {left, top}}) {
        const int width = x == 0 ? left : whole.width - left;
        const int height = y == 0 ? top : whole.height - top;
        parts.push_back(scaled(media::crop(whole, x, y, width, height)));
      }
    }
    parts.push_back(scaled(whole));
    return media::parts_to_patches(parts, config_.vision.patch_size, params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    const std::string part = std::string(kAround) +
                             repeated(image_token_text(), config_.resampler.num_latents) +
                             std::string(kAround);
    return repeated(part, grid.tiles);
  }

  /// Between two parts, and between two pictures, one mark is enough.
  std::string finish(std::string expanded) const override {
    const std::string twice = std::string(kAround) + std::string(kAround);
    std::string text;
    std::size_t begin = 0;
    for (std::size_t found; (found = expanded.find(twice, begin)) != std::string::npos;) {
      text += expanded.substr(begin, found - begin);
      text += kAround;
      begin = found + twice.size();
    }
    return with_spaces_before_words(text + expanded.substr(begin));
  }

 private:
  Image scaled(const Image& image) const {
    if (!params_.settings.do_resize) return image;
    const Size size = scaled_size(image, params_);
    return media::resize(image, size.width, size.height, params_.settings.resample);
  }

  Config config_;
  ImageParams params_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<Idefics2Processor>(checkpoint, read_config(checkpoint),
                                             ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::idefics2
