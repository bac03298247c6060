#include "models/florence2/florence2.h"

#include <algorithm>

#include "models/encoder_decoder_model.h"
#include "models/florence2/projector.h"
#include "models/vlm.h"

namespace saccade::models::florence2 {
namespace {

struct Names {
  std::string tower;
  std::string projector;
  std::string text;
  std::string embedding;  ///< the one table of tokens, under one of its names
};

/// The names that the one table of tokens has in files, some of which hold it several times. `text`
/// is the prefix of both stacks.
std::vector<std::string> embedding_names(const std::string& text) {
  return {text + "shared.weight", text + "encoder.embed_tokens.weight",
          text + "decoder.embed_tokens.weight", "lm_head.weight"};
}

Names find_names(const checkpoint::Checkpoint& checkpoint) {
  const std::string prefix =
      find_prefix(checkpoint, {"model.", ""}, "vision_tower.convs.0.conv.weight");
  Names names{
      prefix + "vision_tower.", prefix + "multi_modal_projector.", prefix + "language_model.", {}};
  const std::vector<std::string> embeddings = embedding_names(names.text);
  const auto found = std::ranges::find_if(
      embeddings, [&](const std::string& name) { return checkpoint.has(name); });
  // Of a file that has none, the first is called missing.
  names.embedding = found == embeddings.end() ? embeddings.front() : *found;
  return names;
}

class Florence2 : public EncoderDecoderModel {
 public:
  Florence2(const Config& config, const Names& names, nn::WeightLoader& weights)
      : EncoderDecoderModel(config.text, weights, names.embedding, names.text),
        vision_(config.vision, weights, names.tower),
        projector_(config, weights, names.projector) {
    for (const std::string& name : embedding_names(names.text)) weights.leave_out(name);
  }

  Tensor encode(const media::Patches& patches) override {
    return projector_.forward(device(), vision_.forward(device(), patches));
  }

 private:
  nn::Davit vision_;
  Projector projector_;
};

std::string tower_summary(const nn::DavitConfig& tower) {
  int blocks = 0;
  for (const nn::DavitStage& stage : tower.stages) blocks += 2 * stage.depth;
  return fmt::format("{} blocks in {} stages, {} to {} channels, windows of {}", blocks,
                     tower.stages.size(), tower.stages.front().channels, tower.output_size(),
                     tower.window_size);
}

std::string stack_summary(const nn::StackConfig& stack, std::int64_t hidden_size) {
  return fmt::format("{} layer{}, hidden {}, {} heads", stack.num_layers,
                     stack.num_layers == 1 ? "" : "s", hidden_size, stack.num_heads);
}

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint);
  const nn::EncoderDecoderConfig& text = config.text;
  const auto stack = [&](const char* name, const nn::StackConfig& sizes) {
    const std::string prefix = names.text + name + ".";
    return describe_part(checkpoint, name, stack_summary(sizes, text.hidden_size),
                         {prefix + "layers", prefix + "layernorm", prefix + "embed_positions"});
  };
  Description description;
  description.family = "florence2";
  description.parts = {
      describe_part(checkpoint, "vision tower", tower_summary(config.vision), {names.tower}),
      describe_part(checkpoint, "projector", "a mean of all places and the places",
                    {names.projector}),
      stack("encoder", text.encoder), stack("decoder", text.decoder),
      describe_part(checkpoint, "embeddings", "shared with the output head", {names.embedding})};
  description.vocab_size = text.vocab_size;
  description.context_length = config.context_length;
  description.kv_layout = text.kv_layout();
  return description;
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  return std::make_unique<Florence2>(read_config(checkpoint), find_names(checkpoint), weights);
}

}  // namespace

Family family() {
  return {"florence2", describe, load_model, load_processor};
}

}  // namespace saccade::models::florence2
