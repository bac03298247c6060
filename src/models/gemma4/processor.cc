#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "media/image_settings.h"
#include "models/config_reading.h"
#include "models/gemma4/gemma4.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::gemma4 {
namespace {

using media::Image;
using media::Size;

struct ImageParams {
  media::ImageSettings settings;
  std::int64_t max_tokens = 280;  ///< of a picture
};

ImageParams read_image_params(const JsonObject& config, const VisionConfig& vision) {
  constexpr std::array<std::int64_t, 5> kBudgets = {70, 140, 280, 560, 1120};
  ImageParams params;
  params.settings = media::read_image_settings(
      config, {{.type = "Gemma4ImageProcessor",
                .mean = {0.0f, 0.0f, 0.0f},
                .std = {1.0f, 1.0f, 1.0f},
                .keys = {"patch_size", "max_soft_tokens", "pooling_kernel_size"}}});
  // Unlike other processors, this one leaves pixels in [0, 1] where the file says nothing.
  params.settings.scale.do_normalize = config.boolean_or("do_normalize", false);
  if (!params.settings.do_resize) {
    fail("{}: \"do_resize\" must be true: pictures are made of whole tokens", config.where());
  }
  for (const auto& [key, wanted, otherwise] : {std::tuple{"patch_size", vision.patch_size, 16},
                                               std::tuple{"pooling_kernel_size", vision.pool, 3}}) {
    if (config.integer_or(key, otherwise) != wanted) {
      fail("{}: {} {} differs from config.json's, {}", config.where(), key,
           config.integer_or(key, otherwise), wanted);
    }
  }
  params.max_tokens = config.integer_or("max_soft_tokens", params.max_tokens);
  if (std::ranges::find(kBudgets, params.max_tokens) == kBudgets.end()) {
    fail("{}: max_soft_tokens must be 70, 140, 280, 560 or 1120, found {}", config.where(),
         params.max_tokens);
  }
  return params;
}

/// The size at which a picture has the most tokens within the budget, whole ones of `side` pixels,
/// its aspect kept as far as that goes. Small pictures grow. Throws Error for a picture so
/// elongated that it would have none.
Size scaled_size(int height, int width, int side, std::int64_t max_tokens) {
  const double area = static_cast<double>(max_tokens) * side * side;
  const double factor = std::sqrt(area / (static_cast<double>(height) * width));
  const auto whole = [&](int length) {
    return static_cast<std::int64_t>(std::floor(factor * length / side));
  };
  std::int64_t rows = whole(height);
  std::int64_t columns = whole(width);
  if (rows == 0 && columns > 0) {
    rows = 1;
    columns = std::min<std::int64_t>(width / height, max_tokens);
  } else if (columns == 0 && rows > 0) {
    columns = 1;
    rows = std::min<std::int64_t>(height / width, max_tokens);
  }
  if (rows * columns == 0 || rows * columns > max_tokens) {
    fail("a picture of {} x {} does not fit {} tokens of {} x {} pixels", width, height, max_tokens,
         side, side);
  }
  return {static_cast<int>(rows * side), static_cast<int>(columns * side)};
}

class Gemma4Processor : public VlmProcessor {
 public:
  Gemma4Processor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                  const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        vision_(config.vision),
        pictures_see_themselves_(config.pictures_see_themselves),
        other_placeholders_(config.other_placeholders),
        params_(read_image_params(files.image_processor(), config.vision)),
        begin_text_(token_text(config.begin_token)),
        end_text_(token_text(config.end_token)) {
    // Pictures have as many tokens as their shapes give; the rest is about sound.
    files.refuse_unknown({"image_seq_length", "audio_ms_per_token", "audio_seq_length"});
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return std::int64_t{grid.h / vision_.pool} * (grid.w / vision_.pool);
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const Size size = scaled_size(picture.height(), picture.width(),
                                  vision_.pool * vision_.patch_size, params_.max_tokens);
    const Image resized = picture.resized(size.width, size.height, params_.settings.resample);
    return media::tiles_to_patches({&resized, 1}, 1, 1, vision_.patch_size, params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return begin_text_ + repeated(image_token_text(), image_tokens(grid)) + end_text_;
  }

  std::vector<TokenRun> mutual_runs(const Prompt& prompt) const override {
    for (const std::int32_t id : other_placeholders_) {
      if (std::ranges::find(prompt.token_ids, id) == prompt.token_ids.end()) continue;
      fail("the text holds the token {}, which stands for video or sound", token_text(id));
    }
    std::vector<TokenRun> runs;
    if (!pictures_see_themselves_) return runs;
    for (const MediaSpan& span : prompt.media) runs.push_back({span.begin, span.count});
    return runs;
  }

 private:
  VisionConfig vision_;
  bool pictures_see_themselves_;
  std::vector<std::int32_t> other_placeholders_;
  ImageParams params_;
  std::string begin_text_;
  std::string end_text_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<Gemma4Processor>(checkpoint, read_config(checkpoint),
                                           ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::gemma4
