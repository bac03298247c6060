#include "models/deepseek_ocr2/config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vlm.h"

namespace saccade::models::deepseek_ocr2 {
namespace {

/// The layers of global_attn_indexes.
std::vector<bool> read_global_layers(const JsonObject& sam, int num_layers) {
  const std::vector<std::int64_t> indexes = sam.has("global_attn_indexes")
                                                ? sam.integers("global_attn_indexes")
                                                : std::vector<std::int64_t>{2, 5, 8, 11};
  std::vector<bool> global(num_layers, false);
  for (const std::int64_t index : indexes) {
    if (index < 0 || index >= num_layers) {
      fail("{}: global_attn_indexes names layer {} of {}", sam.where(), index, num_layers);
    }
    global[index] = true;
  }
  return global;
}

std::int64_t read_mlp_size(const JsonObject& sam, std::int64_t hidden_size) {
  if (sam.has("mlp_dim")) return sam.integer_in("mlp_dim", 1, kMaxSize);
  const double ratio = sam.number_or("mlp_ratio", 4.0);
  const double size = static_cast<double>(hidden_size) * ratio;
  if (!(size >= 1.0 && size <= static_cast<double>(kMaxSize))) {
    fail("{}: mlp_ratio {} of hidden_size {}", sam.where(), ratio, hidden_size);
  }
  return static_cast<std::int64_t>(size);
}

SamConfig read_sam(const JsonObject& sam) {
  constexpr int kMaxSide = 1 << 15;
  SamConfig config;
  config.hidden_size = read_int_or(sam, "hidden_size", 768, 1, kMaxSize);
  config.num_layers = read_int_or(sam, "num_hidden_layers", 12, 1, kMaxLayers);
  config.num_heads = read_int_or(sam, "num_attention_heads", 12, 1, kMaxHeads);
  if (config.hidden_size % config.num_heads != 0) {
    fail("{}: hidden_size {} does not divide among {} heads", sam.where(), config.hidden_size,
         config.num_heads);
  }
  read_int_or(sam, "num_channels", 3, 3, 3);
  config.patch_size = read_int_or(sam, "patch_size", 16, 1, kMaxSide);
  const int image = read_int_or(sam, "image_size", 1024, 1, kMaxSide);
  config.grid = image / config.patch_size;
  if (config.grid < 1 || config.grid > 1024) {
    fail("{}: image_size {} in patches of {}: wanted 1 to 1024 along a side", sam.where(), image,
         config.patch_size);
  }
  config.window = read_int_or(sam, "window_size", 14, 1, 1024);
  config.mlp_size = read_mlp_size(sam, config.hidden_size);
  config.global = read_global_layers(sam, config.num_layers);
  for (const std::string_view key : {"use_abs_pos", "use_rel_pos"}) {
    if (!sam.boolean_or(key, true)) fail("{}: {} false is not supported", sam.where(), key);
  }
  config.qkv_bias = sam.boolean_or("qkv_bias", true);
  config.norm_eps = static_cast<float>(sam.number_or("layer_norm_eps", 1e-6));
  config.activation = read_activation(sam, "hidden_act", "gelu");
  config.neck_channels = read_int_or(sam, "output_channels", 256, 1, kMaxSize);
  const std::vector<std::int64_t> channels = sam.has("downsample_channels")
                                                 ? sam.integers("downsample_channels")
                                                 : std::vector<std::int64_t>{512, 896};
  const bool sound = channels.size() == 2 && std::ranges::all_of(channels, [](std::int64_t n) {
                       return n >= 1 && n <= kMaxSize;
                     });
  if (!sound) fail("{}: downsample_channels must be two sizes", sam.where());
  config.downsample_channels = {channels[0], channels[1]};
  return config;
}

/// The layers that read a view are those of Qwen2.
nn::DecoderConfig read_encoder(const JsonObject& encoder, std::int64_t view_channels) {
  const TextFamily form{.model_type = "deepseek_ocr2_encoder",
                        .rope_theta = 1e6,
                        .context_length = 32768,
                        .sliding_window = 4096,
                        .attention_bias = AttentionBias::kQkv,
                        .sliding = SlidingLayers::kAsSwitched};
  nn::DecoderConfig config = read_text_config(form, encoder, encoder).decoder;
  config.vocab_size = 0;  // it reads views alone
  if (std::ranges::any_of(config.windows, [](std::int64_t window) { return window > 0; })) {
    fail("{}: use_sliding_window is not supported", encoder.where());
  }
  if (config.hidden_size != view_channels) {
    fail("{}: hidden_size {} differs from sam_config's downsample_channels, {}", encoder.where(),
         config.hidden_size, view_channels);
  }
  return config;
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject vision = top.object("vision_config");
  Config config;
  config.sam = read_sam(vision.object("sam_config"));
  config.encoder = read_encoder(vision.object("encoder_config"), config.sam.output_size());
  config.text = read_nested_text(top, "deepseek_ocr2_text");
  config.image_token = read_image_token(top, {"image_token_id"}, config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::deepseek_ocr2
