#include "models/idefics2/resampler.h"

#include <cmath>

#include "nn/encoder_pages.h"

namespace saccade::models::idefics2 {
namespace {

/// Of the gated MLP, as a multiple of the hidden size.
constexpr std::int64_t kMlpRatio = 4;

}  // namespace

Resampler::Resampler(const ResamplerConfig& config, nn::WeightLoader& weights,
                     const std::string& prefix)
    : config_(config),
      latents_(weights.table(prefix + "latents", config.num_latents, config.hidden_size)),
      norm_(nn::RmsNorm::load(weights, prefix + "norm", config.hidden_size, config.norm_eps)) {
  for (int i = 0; i < config.depth; ++i) {
    layers_.push_back(load_layer(weights, prefix + "layers." + std::to_string(i)));
  }
}

Resampler::Layer Resampler::load_layer(nn::WeightLoader& weights, const std::string& name) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t query = std::int64_t{config_.num_heads} * config_.head_dim;
  const std::int64_t key = std::int64_t{config_.num_kv_heads} * config_.head_dim;
  const std::string attention = name + ".self_attn.";
  const auto norm = [&](const char* which) {
    return nn::RmsNorm::load(weights, name + which, hidden, config_.norm_eps);
  };
  return {norm(".input_latents_norm"),
          norm(".input_context_norm"),
          nn::Linear::load(weights, attention + "q_proj", query, hidden, false),
          nn::Linear::load_stacked(weights, {attention + "k_proj", attention + "v_proj"},
                                   {key, key}, hidden, false),
          nn::Linear::load(weights, attention + "o_proj", hidden, query, false),
          norm(".post_attention_layernorm"),
          nn::GatedMlp::load(weights, name + ".mlp", hidden, kMlpRatio * hidden, false,
                             config_.activation)};
}

/// Where the keys and values of a tile are: its features first, then its latents.
struct Resampler::Pages {
  Pages(nn::Device& device, const ResamplerConfig& config, std::span<const std::int64_t> ends)
      : features(device.make_span_table(0, 0)), latents(device.make_span_table(0, 0)) {
    std::vector<std::int64_t> lengths;
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
      lengths.push_back(end - begin + config.num_latents);
      begin = end;
    }
    memory.emplace(device, compute::KvLayout{1, config.num_kv_heads, config.head_dim}, lengths);
    std::vector<std::vector<std::int64_t>> end_keys;  // every latent sees all of its tile
    for (const std::int64_t length : lengths) end_keys.emplace_back(config.num_latents, length);
    std::vector<compute::SequenceSpan> feature_spans;
    std::vector<compute::SequenceSpan> latent_spans;
    begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::int64_t count = ends[i] - begin;
      feature_spans.push_back({begin, count, 0, memory->pages(i)});
      latent_spans.push_back({static_cast<std::int64_t>(i) * config.num_latents, config.num_latents,
                              count, memory->pages(i), end_keys[i]});
      begin = ends[i];
    }
    features->assign(feature_spans);
    latents->assign(latent_spans);
  }

  std::optional<nn::EncoderPages> memory;
  std::unique_ptr<compute::SpanTable> features;
  std::unique_ptr<compute::SpanTable> latents;
};

void Resampler::run_layer(nn::Device& device, const Layer& layer, const Tensor& latents,
                          const Tensor& features, const Pages& pages) const {
  const std::int64_t key = std::int64_t{config_.num_kv_heads} * config_.head_dim;
  compute::KvCache& cache = pages.memory->cache();
  const auto store = [&](const Tensor& rows, const compute::SpanTable& spans) {
    const Tensor key_value = layer.key_value.forward(device, rows);
    device.write_kv(cache, 0, key_value.view_columns(0, key), key_value.view_columns(key, key),
                    spans);
  };
  const Tensor normed = layer.latents_norm.forward(device, latents);
  store(layer.features_norm.forward(device, features), *pages.features);
  store(normed, *pages.latents);
  const Tensor query = layer.query.forward(device, normed);
  const Tensor attended = device.activations(query.shape());
  device.attention_paged(attended, query, cache, 0,
                         {config_.num_heads, config_.num_kv_heads, config_.head_dim,
                          1.0f / std::sqrt(static_cast<float>(config_.head_dim))},
                         *pages.latents);
  layer.output.add_to(device, latents, attended);
  layer.mlp.add_to(device, latents, latents, &layer.mlp_norm);
}

Tensor Resampler::forward(nn::Device& device, const Tensor& features,
                          std::span<const std::int64_t> ends) const {
  const Pages pages(device, config_, ends);
  std::vector<std::int32_t> ids(ends.size() * config_.num_latents);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int>(i) % config_.num_latents;
  const Tensor latents =
      device.empty(DType::kF32, {static_cast<std::int64_t>(ids.size()), config_.hidden_size});
  device.gather(latents, latents_, ids);
  for (const Layer& layer : layers_) run_layer(device, layer, latents, features, pages);
  return norm_.forward_f32(device, latents);
}

}  // namespace saccade::models::idefics2
