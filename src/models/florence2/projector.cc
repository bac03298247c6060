#include "models/florence2/projector.h"

#include <numeric>

#include "base/error.h"

namespace saccade::models::florence2 {
namespace {

/// The sum of the rows of x, in its first row; the others are lost. Halves are added on each other,
/// so the order depends on the number of rows alone.
void sum_rows(compute::Device& device, const Tensor& x) {
  for (std::int64_t rows = x.rows(); rows > 1;) {
    const std::int64_t half = rows / 2;
    device.add(x.view_rows(0, half), x.view_rows(rows - half, half));
    rows -= half;
  }
}

}  // namespace

Projector::Projector(const Config& config, nn::WeightLoader& weights, const std::string& prefix)
    : channels_(config.vision.output_size()),
      max_positions_(config.max_positions),
      columns_(weights.values(prefix + "image_position_embed.column_embeddings.weight",
                              {max_positions_, channels_ / 2})),
      rows_(weights.values(prefix + "image_position_embed.row_embeddings.weight",
                           {max_positions_, channels_ / 2})),
      frames_(weights.values(prefix + "visual_temporal_embed.pos_idx_to_embed",
                             {config.max_frames, channels_})),
      projection_(nn::Linear::load(weights, prefix + "image_projection", config.text.hidden_size,
                                   channels_, false)),
      norm_(nn::LayerNorm::load(weights, prefix + "image_proj_norm", config.text.hidden_size,
                                1e-5f)) {}

std::vector<float> Projector::positions(const nn::FeatureMaps& map) const {
  if (map.height > max_positions_ || map.width > max_positions_) {
    fail("a map of {} x {} places: the model has positions for {}", map.height, map.width,
         max_positions_);
  }
  const std::int64_t half = channels_ / 2;
  std::vector<float> all;
  for (std::int64_t y = 0; y < map.height; ++y) {
    for (std::int64_t x = 0; x < map.width; ++x) {
      all.insert(all.end(), &columns_[x * half], &columns_[x * half] + half);
      all.insert(all.end(), &rows_[y * half], &rows_[y * half] + half);
      float* place = &all[all.size() - channels_];
      // A picture is the first frame of a video.
      for (std::int64_t i = 0; i < channels_; ++i) place[i] += frames_[i];
    }
  }
  return all;
}

Tensor Projector::forward(compute::Device& device, const nn::FeatureMaps& map) const {
  const Tensor& features = map.values;
  const Tensor added = device.empty(DType::kF32, features.shape());
  device.upload(added, positions(map).data());
  device.add(features, added);
  const std::int64_t places = features.rows();
  const Tensor tokens = device.empty(DType::kF32, {1 + places, channels_});
  std::vector<std::int32_t> behind(places);
  std::iota(behind.begin(), behind.end(), 1);
  device.scatter(tokens, features, behind);
  sum_rows(device, features);
  const Tensor mean = features.view_rows(0, 1);
  device.scale(mean, 1.0f / static_cast<float>(places));
  device.scatter(tokens, mean, std::vector<std::int32_t>{0});
  return norm_.forward_f32(device, projection_.forward_f32(device, tokens));
}

}  // namespace saccade::models::florence2
