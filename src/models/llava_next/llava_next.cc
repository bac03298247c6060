#include "models/llava_next/llava_next.h"

#include <numeric>

#include "models/anyres.h"
#include "models/llava_next/row_scaling.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::llava_next {
namespace {

constexpr const char* kNewline = "image_newline";

struct Names {
  std::string tower;
  std::string projector;
  std::string newline;
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {find_tower(checkpoint, config.vision,
                     {"vision_tower.vision_model.", "vision_tower.",
                      "model.vision_tower.vision_model.", "model.vision_tower."}),
          find_prefix(checkpoint, {"multi_modal_projector.", "model.multi_modal_projector."},
                      "linear_1.weight"),
          find_prefix(checkpoint, {"", "model."}, kNewline) + kNewline};
}

class LlavaNext : public TextModel {
 public:
  LlavaNext(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
            nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        vision_(config.vision, weights, names.tower),
        projector_(load_projector(weights, names.projector, config.vision.output_size(),
                                  config.text.decoder.hidden_size, config.projector_bias,
                                  config.projector_activation)),
        newline_(weights.table(names.newline, 1, config.text.decoder.hidden_size)) {}

  Tensor encode(const media::Patches& patches) override {
    const media::PatchGrid& grid = patches.grid;
    const std::int64_t overview = std::int64_t{grid.h} * grid.w;
    const media::Size detail = config_.detail_tokens(grid);
    Tensor rows = project(vision_.forward(device(), patches), grid);
    if (detail.height != grid.content_h || detail.width != grid.content_w) {
      rows = scale_detail(rows, overview, grid, detail);
    }
    return with_newlines(rows, overview, detail);
  }

 private:
  /// The overview's patches and, in reading order, those of the other tiles that hold picture;
  /// [patches, hidden_size of the decoder].
  Tensor project(const Tensor& features, const media::PatchGrid& grid) {
    const std::int64_t skipped = config_.vision.has_class_token() ? 1 : 0;
    const std::int64_t overview = std::int64_t{grid.h} * grid.w;
    std::vector<std::int32_t> order(overview);
    std::iota(order.begin(), order.end(), static_cast<std::int32_t>(skipped));
    if (grid.tiles > 1) {
      const std::vector<std::int32_t> detail = content_rows(grid, overview + skipped, skipped);
      order.insert(order.end(), detail.begin(), detail.end());
    }
    Tensor gathered = device().empty(
        DType::kF32, {static_cast<std::int64_t>(order.size()), config_.vision.output_size()});
    device().gather(gathered, features, order);
    return projector_.forward_f32(device(), gathered);
  }

  /// The same with the rows behind the overview scaled to `detail`.
  Tensor scale_detail(const Tensor& projected, std::int64_t overview, const media::PatchGrid& grid,
                      const media::Size& detail) {
    const std::int64_t count = std::int64_t{detail.height} * detail.width;
    Tensor rows = device().empty(DType::kF32, {overview + count, hidden_size()});
    std::vector<std::int32_t> ids(overview);
    std::iota(ids.begin(), ids.end(), 0);
    device().gather(rows.view_rows(0, overview), projected, ids);
    scale_rows(device(), rows.view_rows(overview, count), detail,
               projected.view_rows(overview, projected.rows() - overview),
               {grid.content_h, grid.content_w});
    return rows;
  }

  /// Puts the newline behind every row of the detail, or behind an overview that is alone.
  Tensor with_newlines(const Tensor& rows, std::int64_t overview, const media::Size& detail) {
    std::vector<std::int32_t> places(rows.rows());
    std::iota(places.begin(), places.end(), 0);
    for (std::int64_t i = overview; i < rows.rows(); ++i) {
      places[i] += static_cast<std::int32_t>((i - overview) / detail.width);
    }
    std::vector<std::int32_t> ends;
    if (detail.height == 0) ends.push_back(static_cast<std::int32_t>(overview));
    for (int row = 1; row <= detail.height; ++row) {
      ends.push_back(static_cast<std::int32_t>(overview + row * (detail.width + 1) - 1));
    }
    const auto newlines = static_cast<std::int64_t>(ends.size());
    Tensor all = device().empty(DType::kF32, {rows.rows() + newlines, hidden_size()});
    Tensor repeated = device().empty(DType::kF32, {newlines, hidden_size()});
    device().gather(repeated, newline_, std::vector<std::int32_t>(ends.size(), 0));
    device().scatter(all, rows, places);
    device().scatter(all, repeated, ends);
    return all;
  }

  Config config_;
  nn::Vit vision_;
  nn::Mlp projector_;
  Tensor newline_;  // [1, hidden_size]
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(checkpoint, config.model_type,
                      {describe_part(checkpoint, "vision tower",
                                     tower_summary(config.vision) + " a tile", {names.tower}),
                       describe_part(checkpoint, "projector", "two linear maps, ends of rows",
                                     {names.projector, names.newline})},
                      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  const Config config = read_config(checkpoint);
  return std::make_unique<LlavaNext>(config, find_names(checkpoint, config), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"llava_next", describe, load_model, load_processor};
}

Family onevision_family() {
  return {"llava_onevision", describe, load_model, load_processor};
}

}  // namespace saccade::models::llava_next
