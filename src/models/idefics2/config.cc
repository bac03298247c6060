#include "models/idefics2/config.h"

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::idefics2 {
namespace {

ResamplerConfig read_resampler(const JsonObject& perceiver, const nn::DecoderConfig& decoder) {
  constexpr int kMaxLatents = 1 << 16;
  ResamplerConfig config;
  config.hidden_size = decoder.hidden_size;
  config.num_latents = read_int_or(perceiver, "resampler_n_latents", 64, 1, kMaxLatents);
  config.depth = read_int_or(perceiver, "resampler_depth", 3, 1, kMaxLayers);
  config.num_heads = read_int_or(perceiver, "resampler_n_heads", 16, 1, kMaxHeads);
  config.num_kv_heads = read_int_or(perceiver, "num_key_value_heads", 4, 1, kMaxHeads);
  config.head_dim = read_int_or(perceiver, "resampler_head_dim", 96, 1, 4096);
  if (config.num_heads % config.num_kv_heads != 0) {
    fail("{}: resampler_n_heads {} over {} key-value heads do not fit", perceiver.where(),
         config.num_heads, config.num_kv_heads);
  }
  config.activation = read_activation(perceiver, "hidden_act", "silu");
  // As transformers has it: a perceiver_config without the decoder's hidden_size, as published, is
  // one of defaults, and takes the decoder's epsilon with its size.
  const std::int64_t hidden = read_int_or(perceiver, "hidden_size", 4096, 1, kMaxSize);
  config.norm_eps = hidden == decoder.hidden_size
                        ? static_cast<float>(perceiver.number_or("rms_norm_eps", 1e-6))
                        : decoder.rms_norm_eps;
  return config;
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  Config config;
  config.vision = idefics2_tower(top.object("vision_config"));
  config.text = read_nested_text(top, "mistral");
  config.resampler = read_resampler(top.object("perceiver_config"), config.text.decoder);
  config.image_token = read_image_token(top, {"image_token_id"}, config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::idefics2
