#include "checkpoint/gguf_names.h"

#include <charconv>

#include "base/error.h"

namespace saccade::checkpoint {
namespace {

using enum GgufChange;

const GgufNames kDecoder = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "model.layers.{}.input_layernorm"},
    {"blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"},
    {"blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"},
    {"blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"},
    {"blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"},
    {"blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm"},
    {"blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm"},
    {"blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"},
    {"blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"},
};

const GgufNames kLlama = {
    {"blk.{}.attn_q", "model.layers.{}.self_attn.q_proj", kRotaryRows},
    {"blk.{}.attn_k", "model.layers.{}.self_attn.k_proj", kRotaryRows},
};

const GgufNames kGemma3 = {
    {"output_norm", "model.norm", kPlusOne},
    {"blk.{}.attn_norm", "model.layers.{}.input_layernorm", kPlusOne},
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm", kPlusOne},
    {"blk.{}.ffn_norm", "model.layers.{}.pre_feedforward_layernorm", kPlusOne},
    {"blk.{}.post_ffw_norm", "model.layers.{}.post_feedforward_layernorm", kPlusOne},
    {"blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm", kPlusOne},
    {"blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm", kPlusOne},
};

// Blocks of Qwen's towers fuse queries, keys and values; the files may or may not.
const GgufNames kQwen2Vision = {
    {"v.patch_embd", "model.visual.patch_embed.proj", kConvFrames},
    {"v.position_embd", "", kUnused},  // zeros that the first converters put there
    {"v.post_ln", "model.visual.merger.ln_q"},
    {"mm.0", "model.visual.merger.mlp.0"},
    {"mm.2", "model.visual.merger.mlp.2"},
    {"v.blk.{}.ln1", "model.visual.blocks.{}.norm1"},
    {"v.blk.{}.ln2", "model.visual.blocks.{}.norm2"},
    {"v.blk.{}.attn_q", "model.visual.blocks.{}.attn.qkv", kQueryPart},
    {"v.blk.{}.attn_k", "model.visual.blocks.{}.attn.qkv", kKeyPart},
    {"v.blk.{}.attn_v", "model.visual.blocks.{}.attn.qkv", kValuePart},
    {"v.blk.{}.attn_out", "model.visual.blocks.{}.attn.proj"},
};

const GgufNames kQwen2Mlp = {
    {"v.blk.{}.ffn_up", "model.visual.blocks.{}.mlp.fc1"},
    {"v.blk.{}.ffn_down", "model.visual.blocks.{}.mlp.fc2"},
};

const GgufNames kQwen25Mlp = {
    {"v.blk.{}.ffn_gate", "model.visual.blocks.{}.mlp.gate_proj"},
    {"v.blk.{}.ffn_up", "model.visual.blocks.{}.mlp.up_proj"},
    {"v.blk.{}.ffn_down", "model.visual.blocks.{}.mlp.down_proj"},
};

// Mergers of DeepStack are numbered by their layer here and counted through there, so the source
// renames them once more (see gguf_source.cc).
const GgufNames kQwen3Vision = {
    {"v.patch_embd", "model.visual.patch_embed.proj", kConvFrames},
    {"v.position_embd", "model.visual.pos_embed"},
    {"v.post_ln", "model.visual.merger.norm"},
    {"mm.0", "model.visual.merger.linear_fc1"},
    {"mm.2", "model.visual.merger.linear_fc2"},
    {"v.deepstack.{}.norm", "model.visual.deepstack_merger_list.{}.norm"},
    {"v.deepstack.{}.fc1", "model.visual.deepstack_merger_list.{}.linear_fc1"},
    {"v.deepstack.{}.fc2", "model.visual.deepstack_merger_list.{}.linear_fc2"},
    {"v.blk.{}.ln1", "model.visual.blocks.{}.norm1"},
    {"v.blk.{}.ln2", "model.visual.blocks.{}.norm2"},
    {"v.blk.{}.attn_qkv", "model.visual.blocks.{}.attn.qkv"},
    {"v.blk.{}.attn_q", "model.visual.blocks.{}.attn.qkv", kQueryPart},
    {"v.blk.{}.attn_k", "model.visual.blocks.{}.attn.qkv", kKeyPart},
    {"v.blk.{}.attn_v", "model.visual.blocks.{}.attn.qkv", kValuePart},
    {"v.blk.{}.attn_out", "model.visual.blocks.{}.attn.proj"},
    {"v.blk.{}.ffn_up", "model.visual.blocks.{}.mlp.linear_fc1"},
    {"v.blk.{}.ffn_down", "model.visual.blocks.{}.mlp.linear_fc2"},
};

/// A tower of CLIP's kind under `tower`, and what comes after it.
GgufNames clip_tower(const std::string& tower, const GgufNames& projector) {
  GgufNames names = {
      {"v.class_embd", tower + "embeddings.class_embedding", kBare},
      {"v.patch_embd", tower + "embeddings.patch_embedding"},
      {"v.position_embd", tower + "embeddings.position_embedding"},
      {"v.pre_ln", tower + "pre_layrnorm"},
      {"v.post_ln", tower + "post_layernorm"},
      {"v.blk.{}.ln1", tower + "encoder.layers.{}.layer_norm1"},
      {"v.blk.{}.ln2", tower + "encoder.layers.{}.layer_norm2"},
      {"v.blk.{}.attn_q", tower + "encoder.layers.{}.self_attn.q_proj"},
      {"v.blk.{}.attn_k", tower + "encoder.layers.{}.self_attn.k_proj"},
      {"v.blk.{}.attn_v", tower + "encoder.layers.{}.self_attn.v_proj"},
      {"v.blk.{}.attn_out", tower + "encoder.layers.{}.self_attn.out_proj"},
      {"v.blk.{}.ffn_up", tower + "encoder.layers.{}.mlp.fc1"},
      {"v.blk.{}.ffn_down", tower + "encoder.layers.{}.mlp.fc2"},
  };
  names.insert(names.end(), projector.begin(), projector.end());
  return names;
}

constexpr const char* kNestedTower = "model.vision_tower.vision_model.";

const GgufNames kLlavaProjector = {
    {"mm.0", "model.multi_modal_projector.linear_1"},
    {"mm.2", "model.multi_modal_projector.linear_2"},
};

const GgufNames kGemma3Projector = {
    {"mm.input_projection", "model.multi_modal_projector.mm_input_projection_weight", kBare},
    {"mm.soft_emb_norm", "model.multi_modal_projector.mm_soft_emb_norm", kPlusOne},
};

const GgufNames kIdefics3Projector = {
    {"mm.model.fc", "model.connector.modality_projection.proj"},
};

const GgufNames kInternVl = {
    {"v.class_embd", "model.vision_tower.embeddings.cls_token", kBare},
    {"v.patch_embd", "model.vision_tower.embeddings.patch_embeddings.projection"},
    {"v.position_embd", "model.vision_tower.embeddings.position_embeddings", kBare},
    {"v.post_ln", "model.vision_tower.layernorm"},
    {"v.blk.{}.ln1", "model.vision_tower.encoder.layer.{}.layernorm_before"},
    {"v.blk.{}.ln2", "model.vision_tower.encoder.layer.{}.layernorm_after"},
    {"v.blk.{}.ls1", "model.vision_tower.encoder.layer.{}.lambda_1", kBare},
    {"v.blk.{}.ls2", "model.vision_tower.encoder.layer.{}.lambda_2", kBare},
    {"v.blk.{}.attn_q_norm", "model.vision_tower.encoder.layer.{}.attention.q_norm"},
    {"v.blk.{}.attn_k_norm", "model.vision_tower.encoder.layer.{}.attention.k_norm"},
    {"v.blk.{}.attn_q", "model.vision_tower.encoder.layer.{}.attention.q_proj"},
    {"v.blk.{}.attn_k", "model.vision_tower.encoder.layer.{}.attention.k_proj"},
    {"v.blk.{}.attn_v", "model.vision_tower.encoder.layer.{}.attention.v_proj"},
    {"v.blk.{}.attn_out", "model.vision_tower.encoder.layer.{}.attention.projection_layer"},
    {"v.blk.{}.ffn_up", "model.vision_tower.encoder.layer.{}.mlp.fc1"},
    {"v.blk.{}.ffn_down", "model.vision_tower.encoder.layer.{}.mlp.fc2"},
    {"mm.model.mlp.0", "model.multi_modal_projector.layer_norm"},
    {"mm.model.mlp.1", "model.multi_modal_projector.linear_1"},
    {"mm.model.mlp.3", "model.multi_modal_projector.linear_2"},
};

const GgufNames kPixtral = {
    {"v.patch_embd", "model.vision_tower.patch_conv"},
    {"v.pre_ln", "model.vision_tower.ln_pre"},
    {"v.blk.{}.ln1", "model.vision_tower.transformer.layers.{}.attention_norm"},
    {"v.blk.{}.ln2", "model.vision_tower.transformer.layers.{}.ffn_norm"},
    {"v.blk.{}.attn_q", "model.vision_tower.transformer.layers.{}.attention.q_proj", kRotaryRows},
    {"v.blk.{}.attn_k", "model.vision_tower.transformer.layers.{}.attention.k_proj", kRotaryRows},
    {"v.blk.{}.attn_v", "model.vision_tower.transformer.layers.{}.attention.v_proj"},
    {"v.blk.{}.attn_out", "model.vision_tower.transformer.layers.{}.attention.o_proj"},
    {"v.blk.{}.ffn_gate", "model.vision_tower.transformer.layers.{}.feed_forward.gate_proj"},
    {"v.blk.{}.ffn_up", "model.vision_tower.transformer.layers.{}.feed_forward.up_proj"},
    {"v.blk.{}.ffn_down", "model.vision_tower.transformer.layers.{}.feed_forward.down_proj"},
    {"mm.1", "model.multi_modal_projector.linear_1"},
    {"mm.2", "model.multi_modal_projector.linear_2"},
    {"mm.input_norm", "model.multi_modal_projector.norm"},
    {"mm.patch_merger", "model.multi_modal_projector.patch_merger.merging_layer"},
};

GgufNames joined(const GgufNames& first, const GgufNames& second) {
  GgufNames names = first;
  names.insert(names.end(), second.begin(), second.end());
  return names;
}

/// Matches `name` with a pattern and an optional number at its "{}".
bool matches(std::string_view pattern, std::string_view name, std::optional<int>& layer) {
  const std::size_t hole = pattern.find("{}");
  if (hole == std::string_view::npos) return name == pattern;
  const std::string_view before = pattern.substr(0, hole);
  const std::string_view after = pattern.substr(hole + 2);
  if (name.size() <= before.size() + after.size() || !name.starts_with(before) ||
      !name.ends_with(after)) {
    return false;
  }
  const std::string_view digits =
      name.substr(before.size(), name.size() - before.size() - after.size());
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 0) return false;
  layer = number;
  return true;
}

/// Takes ".weight" or ".bias" off a name.
std::string take_suffix(std::string_view& name) {
  for (const std::string_view suffix : {".weight", ".bias"}) {
    if (!name.ends_with(suffix)) continue;
    name.remove_suffix(suffix.size());
    return std::string(suffix);
  }
  return {};
}

}  // namespace

GgufNames gguf_text_names(std::string_view architecture) {
  if (architecture == "llama" || architecture == "mistral3") return joined(kLlama, kDecoder);
  if (architecture == "gemma3") return joined(kGemma3, kDecoder);
  for (const std::string_view plain : {"qwen2", "qwen2vl", "qwen3", "qwen3vl"}) {
    if (architecture == plain) return kDecoder;
  }
  fail(
      "general.architecture \"{}\" is not one Saccade knows; it knows gemma3, llama, mistral3, "
      "qwen2, qwen2vl, qwen3 and qwen3vl",
      architecture);
}

GgufNames gguf_vision_names(std::string_view projector) {
  if (projector == "qwen2vl_merger") return joined(kQwen2Vision, kQwen2Mlp);
  if (projector == "qwen2.5vl_merger") return joined(kQwen2Vision, kQwen25Mlp);
  if (projector == "qwen3vl_merger") return kQwen3Vision;
  if (projector == "mlp") return clip_tower(kNestedTower, kLlavaProjector);
  if (projector == "gemma3") return clip_tower(kNestedTower, kGemma3Projector);
  if (projector == "idefics3") return clip_tower("model.vision_model.", kIdefics3Projector);
  if (projector == "internvl") return kInternVl;
  if (projector == "pixtral") return kPixtral;
  fail(
      "clip.projector_type \"{}\" is not one Saccade knows; it knows gemma3, idefics3, internvl, "
      "mlp, pixtral, qwen2vl_merger, qwen2.5vl_merger and qwen3vl_merger",
      projector);
}

std::optional<GgufMatch> match_gguf_name(const GgufNames& names, std::string_view name) {
  GgufMatch match;
  match.suffix = take_suffix(name);
  for (const GgufName& entry : names) {
    if (!matches(entry.gguf, name, match.layer)) continue;
    match.entry = &entry;
    return match;
  }
  return std::nullopt;
}

std::vector<GgufMatch> match_hugging_face_name(const GgufNames& names, std::string_view name) {
  std::string_view module = name;
  const std::string suffix = take_suffix(module);
  std::vector<GgufMatch> found;
  for (const GgufName& entry : names) {
    GgufMatch match{&entry, std::nullopt, suffix};
    // Only the class embedding is bare in both.
    if (entry.change == kBare) match.suffix = entry.gguf == "v.class_embd" ? "" : ".weight";
    if (!matches(entry.hugging_face, entry.change == kBare ? name : module, match.layer)) continue;
    const bool part =
        entry.change == kQueryPart || entry.change == kKeyPart || entry.change == kValuePart;
    // A whole map counts before its parts, and the first entry before later ones.
    if (!found.empty() && !part) break;
    if (!found.empty() && found[0].entry->change == kNone) break;
    found.push_back(std::move(match));
    if (!part) break;
  }
  return found;
}

std::string name_with_layer(std::string_view pattern, std::optional<int> layer,
                            std::string_view suffix) {
  std::string name(pattern);
  if (const std::size_t hole = name.find("{}"); hole != std::string::npos) {
    name.replace(hole, 2, std::to_string(layer.value_or(0)));
  }
  return name.append(suffix);
}

}  // namespace saccade::checkpoint
