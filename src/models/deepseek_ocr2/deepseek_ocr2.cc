#include "models/deepseek_ocr2/deepseek_ocr2.h"

#include "base/error.h"
#include "models/deepseek_ocr2/encoder.h"
#include "models/vlm.h"

namespace saccade::models::deepseek_ocr2 {
namespace {

constexpr const char* kSeparator = "view_seperator";  // sic

/// What stands before all names but the decoder's.
std::string find_names(const checkpoint::Checkpoint& checkpoint) {
  return find_prefix(checkpoint, {"model.", ""}, kSeparator);
}

class DeepseekOcr2 : public TextModel {
 public:
  DeepseekOcr2(const Config& config, const std::string& prefix,
               const checkpoint::Checkpoint& checkpoint, nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        sam_(config.sam, weights, prefix + "sam_model."),
        encoder_(config.encoder, weights, prefix + "qwen2_model."),
        projection_(nn::Linear::load(weights, prefix + "projector.layers",
                                     config.text.decoder.hidden_size, config.encoder.hidden_size,
                                     true)),
        separator_(weights.vector(prefix + kSeparator, config.text.decoder.hidden_size)) {}

  /// The tokens of all views, tiles before the whole, and one behind them.
  Tensor encode(const media::Patches& patches) override {
    const Tensor read = encoder_.forward(device(), run_sam(patches));
    const std::int64_t rows = read.rows();
    Tensor tokens = device().empty(DType::kF32, {rows + 1, hidden_size()});
    projection_.forward_to(device(), tokens.view_rows(0, rows), read);
    device().gather(tokens.view_rows(rows, 1), separator_.view_as({1, hidden_size()}),
                    std::vector<std::int32_t>{0});
    return tokens;
  }

 private:
  /// The map of every view.
  std::vector<Tensor> run_sam(const media::Patches& patches) {
    const std::int64_t values = std::int64_t{3} * config_.sam.patch_size * config_.sam.patch_size;
    if (static_cast<std::int64_t>(patches.values.size()) != patches.count() * values) {
      fail("[vision tower] {} values do not fit {} patches of {}", patches.values.size(),
           patches.count(), values);
    }
    const float* from = patches.values.data();
    std::vector<Tensor> views;
    for (const media::Size& size : patches.tile_sizes()) {
      const std::int64_t count = std::int64_t{size.height} * size.width;
      const Tensor pixels = device().empty(DType::kF32, {count, values});
      device().upload(pixels, from);
      from += count * values;
      if (size.height != size.width) {
        fail("[vision tower] a view of {} x {} patches is not square", size.height, size.width);
      }
      views.push_back(sam_.forward(device(), pixels, size.height));
    }
    return views;
  }

  Config config_;
  SamTower sam_;
  QueryEncoder encoder_;
  nn::Linear projection_;
  Tensor separator_;  // [hidden_size]
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const std::string prefix = find_names(checkpoint);
  const SamConfig& sam = config.sam;
  return describe_vlm(
      checkpoint, "deepseek_ocr2",
      {describe_part(checkpoint, "vision tower",
                     fmt::format("SAM, {} layers, hidden {}, {} heads, patch {}", sam.num_layers,
                                 sam.hidden_size, sam.num_heads, sam.patch_size),
                     {prefix + "sam_model."}),
       describe_part(
           checkpoint, "query encoder",
           fmt::format("{} layers, hidden {}, {} or {} queries", config.encoder.num_layers,
                       config.encoder.hidden_size, kSmallViewTokens, kLargeViewTokens),
           {prefix + "qwen2_model."}),
       describe_part(checkpoint, "projector", "one linear map", {prefix + "projector."})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  return std::make_unique<DeepseekOcr2>(read_config(checkpoint), find_names(checkpoint), checkpoint,
                                        weights);
}

}  // namespace

Family family() {
  return {"deepseek_ocr2", describe, load_model, load_processor};
}

}  // namespace saccade::models::deepseek_ocr2
