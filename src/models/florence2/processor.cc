#include <algorithm>

#include "base/error.h"
#include "media/image_settings.h"
#include "models/config_reading.h"
#include "models/florence2/florence2.h"
#include "models/florence2/tasks.h"
#include "models/processor_files.h"
#include "models/text_processor.h"
#include "models/vlm_processor.h"

namespace saccade::models::florence2 {
namespace {

using media::Image;
using media::Size;

struct ImageParams {
  media::ImageSettings settings;
  Size size;
};

ImageParams read_image_params(const JsonObject& config, const Config& model) {
  const media::PixelScale clip;
  ImageParams params;
  params.settings = media::read_image_settings(
      config, {{.type = "CLIPImageProcessor",
                .mean = clip.mean,
                .std = clip.std,
                .keys = {"crop_size", "do_center_crop", "image_seq_length"}}});
  const auto size = media::read_size(config, "size");
  if (!size || config.at("size").is_number()) {
    fail("{}: \"size\" must have height and width", config.where());
  }
  params.size = *size;
  for (const char* key : {"do_resize", "do_center_crop"}) {
    const bool wanted = std::string_view(key) == "do_resize";
    if (config.boolean_or(key, true) != wanted) {
      fail("{}: \"{}\" must be {}", config.where(), key, wanted);
    }
  }
  const Size map = model.vision.output_map(*size);
  if (std::min(map.height, map.width) < 1 ||
      std::max(map.height, map.width) > model.max_positions) {
    fail("{}: \"size\" {} x {} gives a map of {} x {} places; config.json has positions for {}",
         config.where(), size->height, size->width, map.height, map.width, model.max_positions);
  }
  const std::int64_t tokens = model.picture_tokens(*size);
  if (config.integer_or("image_seq_length", tokens) != tokens) {
    fail("{}: image_seq_length {} differs from the tower's {} places and their mean",
         config.where(), config.integer("image_seq_length"), tokens - 1);
  }
  return params;
}

/// The tokenizer, with only those of its special tokens left special that have a role in a text,
/// such as its end. The others are what tasks answer with: places in the picture and what parts
/// them, which a text without special tokens would leave out.
text::Tokenizer load_visible_tokenizer(const checkpoint::Checkpoint& checkpoint,
                                       std::int64_t vocab_size) {
  std::vector<std::string> roles;
  for (const char* role : {"bos_token", "eos_token", "pad_token", "unk_token", "cls_token",
                           "sep_token", "mask_token", "image_token"}) {
    if (auto token = read_special_token(checkpoint, role)) roles.push_back(std::move(*token));
  }
  boost::json::value document = checkpoint.json("tokenizer.json");
  boost::json::object* top = document.if_object();
  boost::json::value* added = top ? top->if_contains("added_tokens") : nullptr;
  if (added && added->is_array()) {
    for (boost::json::value& item : added->get_array()) {
      boost::json::object* token = item.if_object();
      const boost::json::value* content = token ? token->if_contains("content") : nullptr;
      if (!content || !content->is_string()) continue;  // whoever reads it says so
      const std::string text(content->get_string());
      if (std::ranges::find(roles, text) == roles.end()) (*token)["special"] = false;
    }
  }
  return make_tokenizer(checkpoint, document, vocab_size);
}

/// What the decoder reads before its answer: the token that it starts with, and the one that the
/// answer must begin with, if any.
std::vector<std::int32_t> read_decoder_start(const checkpoint::Checkpoint& checkpoint,
                                             std::int64_t vocab_size) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject text = top.object("text_config");
  const boost::json::value generation =
      checkpoint.optional_json("generation_config.json").value_or(boost::json::object());
  const JsonObject file(generation, checkpoint.where("generation_config.json"));
  std::vector<std::int32_t> ids;
  for (const char* key : {"decoder_start_token_id", "forced_bos_token_id"}) {
    const JsonObject& from = file.has(key) ? file : text;
    if (from.has(key)) {
      ids.push_back(static_cast<std::int32_t>(from.integer_in(key, 0, vocab_size - 1)));
    } else if (ids.empty()) {
      text.integer(key);  // says that it is missing
    }
  }
  return ids;
}

class Florence2Processor : public VlmProcessor {
 public:
  Florence2Processor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                     const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token,
                     load_visible_tokenizer(checkpoint, config.text.vocab_size), ChatUse::kNone),
        config_(config),
        params_(read_image_params(files.image_processor(), config)),
        decoder_start_(read_decoder_start(checkpoint, config.text.vocab_size)),
        bos_(require_special_token(checkpoint, "bos_token")),
        eos_(require_special_token(checkpoint, "eos_token")) {
    // The latter two say nothing about prompts: how many tokens a picture has beside those counted,
    // and how answers are taken apart.
    files.refuse_unknown(
        {"image_seq_length", "num_additional_image_tokens", "post_processor_config"});
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return config_.picture_tokens({grid.h, grid.w});
  }

  /// The picture, if there is one, and the question that the text stands for.
  using VlmProcessor::render;
  std::string render(const std::vector<ChatMessage>& messages,
                     const boost::json::object& variables) const override {
    refuse_variables(variables, "Florence-2");
    if (messages.size() != 1 || messages[0].role != "user") {
      fail_usage(
          "Florence-2 reads one question about a picture: leave out system messages and earlier "
          "turns");
    }
    std::string text;
    int pictures = 0;
    for (const ContentPart& part : messages[0].content) {
      text += part.text;
      if (part.image >= 0) ++pictures;
    }
    if (pictures > 1) fail_usage("Florence-2 reads one picture at a time; found {}", pictures);
    return (pictures == 1 ? placeholder() : "") + question_of(text);
  }

  std::string prompt_text(const std::string& text) const override { return question_of(text); }

  Prompt place_tokens(std::vector<std::int32_t> token_ids, const std::vector<int>& order,
                      const std::vector<media::PatchGrid>& grids) const override {
    Prompt prompt = VlmProcessor::place_tokens(std::move(token_ids), order, grids);
    prompt.encoder_tokens = static_cast<std::int64_t>(prompt.token_ids.size());
    if (prompt.encoder_tokens == 0) return prompt;
    prompt.mutual = {{0, prompt.encoder_tokens}};
    prompt.next_position = first_position();
    for (const std::int32_t id : decoder_start_) {
      prompt.token_ids.push_back(id);
      prompt.positions.push_back(prompt.next_position++);
    }
    return prompt;
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const Image resized =
        picture.resized(params_.size.width, params_.size.height, params_.settings.resample);
    return media::tiles_to_patches({&resized, 1}, 1, 1, 1, params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return repeated(image_token_text(), image_tokens(grid));
  }

  /// Only a question about a picture has a beginning and an end.
  std::string complete(const std::string& rendered) const override {
    const std::string mark = placeholder();
    if (!rendered.starts_with(mark)) return rendered;
    return mark + bos_ + rendered.substr(mark.size()) + eos_;
  }

  /// BART's tables of positions begin with two rows that no token has.
  std::int32_t first_position() const override { return 2; }

 private:
  Config config_;
  ImageParams params_;
  std::vector<std::int32_t> decoder_start_;
  std::string bos_;
  std::string eos_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<Florence2Processor>(checkpoint, read_config(checkpoint),
                                              ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::florence2
