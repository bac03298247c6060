#include "models/text_model.h"

#include <algorithm>

#include "base/error.h"
#include "models/text/families.h"
#include "models/text_processor.h"

namespace saccade::models {
namespace {

/// The family and sizes of a checkpoint of text alone.
TextConfig read_text_only(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const TextFamily& family = text_families::named_in(top, "");
  if (const boost::json::value* names = top.find("architectures"); names && names->is_array()) {
    for (const boost::json::value& name : names->get_array()) {
      if (name.is_string() && name.get_string() == family.architecture) continue;
      fail("{}: architecture {} is not supported; \"{}\" is", top.where(),
           boost::json::serialize(name), family.architecture);
    }
  }
  return read_text_config(family, top, top);
}

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const TextConfig config = read_text_only(checkpoint);
  Description description;
  description.family =
      JsonObject(checkpoint.config(), checkpoint.where("config.json")).string("model_type");
  description.parts = describe_decoder(checkpoint, find_decoder(checkpoint), config.decoder);
  description.vocab_size = config.decoder.vocab_size;
  description.context_length = config.context_length;
  description.kv_layout = config.decoder.kv_layout();
  description.state_layout = config.decoder.state_layout();
  return description;
}

std::unique_ptr<Model> load_text_model(const checkpoint::Checkpoint& checkpoint,
                                       compute::Device& device, const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  return std::make_unique<TextModel>(read_text_only(checkpoint).decoder, find_decoder(checkpoint),
                                     weights);
}

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<TextProcessor>(checkpoint, read_text_only(checkpoint).decoder.vocab_size);
}

/// All rows of which something is wanted, ascending, each once.
std::vector<std::int32_t> wanted_rows(const Batch& batch) {
  std::vector<std::int32_t> rows = batch.logits_rows;
  rows.insert(rows.end(), batch.hidden_rows.begin(), batch.hidden_rows.end());
  std::ranges::sort(rows);
  rows.erase(std::ranges::unique(rows).begin(), rows.end());
  return rows;
}

}  // namespace

DecoderNames find_decoder(const checkpoint::Checkpoint& checkpoint) {
  for (const char* decoder :
       {"model", "model.language_model", "model.text_model", "language_model.model"}) {
    if (!checkpoint.has(std::string(decoder) + ".embed_tokens.weight")) continue;
    const bool nested = std::string_view(decoder) == "language_model.model";
    return {decoder, nested ? "language_model.lm_head" : "lm_head"};
  }
  fail("{}: the weights hold no model.embed_tokens.weight under any name known",
       checkpoint.where());
}

TextModel::TextModel(const nn::DecoderConfig& config, const DecoderNames& names,
                     nn::WeightLoader& weights)
    : device_(weights.device()), decoder_(config, weights, names.decoder, names.head) {}

Tensor TextModel::encode(const media::Patches&) {
  fail("a text model has no vision tower");
}

std::vector<nn::LayerAddition> TextModel::place_embeddings(const Batch& batch,
                                                           const Tensor& hidden_states) const {
  std::vector<nn::LayerAddition> additions;
  for (const EmbeddingRows& part : batch.embeddings) {
    const Tensor rows = part.embeddings->view_rows(part.first, part.count);
    std::vector<std::int32_t> to(part.count);
    for (std::int64_t i = 0; i < part.count; ++i) to[i] = static_cast<std::int32_t>(part.row + i);
    device_.scatter(hidden_states, rows.view_columns(0, hidden_size()), to);
    const auto groups = static_cast<int>(rows.size(1) / hidden_size());
    for (int i = 1; i < groups; ++i) {
      additions.push_back({i - 1, part.row, rows.view_columns(i * hidden_size(), hidden_size())});
    }
  }
  return additions;
}

Tensor TextModel::layer_inputs(const Batch& batch, const Tensor& token_ids,
                               const Tensor& hidden_states) const {
  if (!decoder_.has_layer_inputs() || batch.embeddings.empty()) {
    return decoder_.layer_inputs(device_, token_ids, hidden_states);
  }
  std::vector<std::int32_t> ids = batch.token_ids;
  for (const EmbeddingRows& part : batch.embeddings) {
    std::fill_n(ids.begin() + part.row, part.count, decoder_.config().pad_token);
  }
  return decoder_.layer_inputs(device_, device_.indices(ids), hidden_states);
}

Tensor TextModel::gather(const Tensor& outputs, const std::vector<std::int32_t>& computed,
                         const std::vector<std::int32_t>& wanted) const {
  if (wanted == computed) return outputs.view();
  std::vector<std::int32_t> from;
  from.reserve(wanted.size());
  for (const std::int32_t row : wanted) {
    from.push_back(
        static_cast<std::int32_t>(std::ranges::lower_bound(computed, row) - computed.begin()));
  }
  Tensor rows =
      device_.empty(DType::kF32, {static_cast<std::int64_t>(wanted.size()), hidden_size()});
  device_.gather(rows, outputs, from);
  return rows;
}

Model::Outputs TextModel::forward(const Batch& batch, const compute::SequenceMemory& memory) {
  const StepInputs inputs = upload_inputs(device_, batch);
  const Tensor hidden_states = decoder_.embed(device_, inputs.token_ids);
  const auto additions = place_embeddings(batch, hidden_states);
  const std::vector<std::int32_t> rows = wanted_rows(batch);
  const Tensor of_rows =
      decoder_.forward_rows(device_, hidden_states, inputs.positions, memory, *inputs.spans,
                            layer_inputs(batch, inputs.token_ids, hidden_states), additions, rows);
  Outputs outputs{decoder_.logits(device_, gather(of_rows, rows, batch.logits_rows)), {}};
  if (!batch.hidden_rows.empty()) {
    outputs.hidden_states = decoder_.normed(device_, gather(of_rows, rows, batch.hidden_rows));
  }
  return outputs;
}

Tensor TextModel::forward(const StepInputs& inputs, const compute::SequenceMemory& memory) {
  const Tensor hidden_states = decoder_.embed(device_, inputs.token_ids);
  decoder_.forward(device_, hidden_states, inputs.positions, memory, *inputs.spans,
                   decoder_.layer_inputs(device_, inputs.token_ids, hidden_states));
  return decoder_.logits(device_, hidden_states);
}

std::vector<PartDescription> describe_decoder(const checkpoint::Checkpoint& checkpoint,
                                              const DecoderNames& names,
                                              const nn::DecoderConfig& config) {
  std::string summary =
      fmt::format("{} layer{}, hidden {}, {} heads, {} key-value heads of {}", config.num_layers,
                  config.num_layers == 1 ? "" : "s", config.hidden_size, config.num_heads,
                  config.num_kv_heads, config.head_dim);
  if (const int linear = config.count(nn::LayerKind::kGatedDelta); linear > 0) {
    summary += fmt::format(", {} layer{} of linear attention", linear, linear == 1 ? "" : "s");
  }
  if (config.moe.num_experts > 0) {
    summary +=
        fmt::format(", {} of {} experts", config.moe.experts_per_token, config.moe.num_experts);
  }
  return {
      describe_part(checkpoint, "decoder", std::move(summary),
                    {names.decoder + ".layers", names.decoder + ".norm"}),
      describe_part(checkpoint, "embeddings",
                    config.tie_word_embeddings ? "shared with the output head" : "and output head",
                    {names.decoder + ".embed_tokens", names.head})};
}

Family text_only(const TextFamily& family) {
  return {family.model_type, describe, load_text_model, load_processor, "text"};
}

}  // namespace saccade::models
