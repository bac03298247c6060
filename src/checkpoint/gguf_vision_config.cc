#include "checkpoint/gguf_vision_config.h"

#include <algorithm>

#include "base/error.h"
#include "checkpoint/gguf_config.h"
#include "checkpoint/gguf_tower.h"

namespace saccade::checkpoint {
namespace {

using boost::json::array;
using boost::json::object;

/// Sizes as towers of CLIP's kind name them.
object clip_config(const GgufTower& tower, const char* model_type, const std::string& activation) {
  return {{"model_type", model_type},
          {"hidden_size", tower.size("embedding_length")},
          {"intermediate_size", tower.intermediate_size()},
          {"num_hidden_layers", tower.block_count()},
          {"num_attention_heads", tower.size("attention.head_count")},
          {"image_size", tower.size("image_size")},
          {"patch_size", tower.patch_size()},
          {"layer_norm_eps", tower.eps()},
          {"hidden_act", activation}};
}

/// Sizes as Qwen's towers name them.
object qwen_config(const GgufTower& tower) {
  return {{"depth", tower.block_count()},
          {"hidden_size", tower.size("embedding_length")},
          {"intermediate_size", tower.intermediate_size()},
          {"num_heads", tower.size("attention.head_count")},
          {"out_hidden_size", tower.outputs("mm.2.weight")},
          {"patch_size", tower.patch_size()},
          {"spatial_merge_size", tower.merge_size()},
          {"temporal_patch_size", 2},
          {"in_channels", 3}};
}

object qwen2_vl_config(const GgufTower& tower) {
  object config = qwen_config(tower);
  // This family calls the tower's width embed_dim and the decoder's hidden_size.
  const std::int64_t width = config.at("hidden_size").as_int64();
  config["embed_dim"] = width;
  config["mlp_ratio"] =
      static_cast<double>(config.at("intermediate_size").as_int64()) / static_cast<double>(width);
  config["hidden_size"] = config.at("out_hidden_size");
  config["hidden_act"] = "quick_gelu";
  config["model_type"] = "qwen2_vl";
  config.erase("out_hidden_size");
  config.erase("intermediate_size");
  return config;
}

object qwen2_5_vl_config(const GgufTower& tower) {
  object config = qwen_config(tower);
  config["model_type"] = "qwen2_5_vl";
  config["hidden_act"] = tower.activation("silu");
  config["window_size"] = tower.size_or("window_size", 112);
  // Every n-th block sees the whole picture.
  const std::int64_t pattern = tower.size("n_wa_pattern");
  array full;
  for (std::int64_t i = pattern - 1; i < config.at("depth").as_int64(); i += pattern) {
    full.emplace_back(i);
  }
  config["fullatt_block_indexes"] = std::move(full);
  return config;
}

object qwen3_vl_config(const GgufTower& tower) {
  object config = qwen_config(tower);
  config["model_type"] = "qwen3_vl";
  config["hidden_act"] = "gelu_pytorch_tanh";
  config["num_position_embeddings"] = tower.outputs("v.position_embd.weight");
  const std::vector<std::int64_t> layers = gguf_deepstack_layers(tower.file());
  config["deepstack_visual_indexes"] = array(layers.begin(), layers.end());
  return config;
}

object pixels(const GgufTower& tower, const char* type) {
  return {{"image_processor_type", type},
          {"image_mean", tower.numbers("image_mean")},
          {"image_std", tower.numbers("image_std")},
          {"do_resize", true},
          {"do_rescale", true},
          {"do_normalize", true},
          {"rescale_factor", 1.0 / 255.0}};
}

object qwen_pixels(const GgufTower& tower) {
  object config = pixels(tower, "Qwen2VLImageProcessor");
  const std::int64_t patch = tower.patch_size();
  const std::int64_t merge = tower.merge_size();
  config["patch_size"] = patch;
  config["merge_size"] = merge;
  config["temporal_patch_size"] = 2;
  // The files mostly do not say; then transformers' own limits, 4 to 1,280 tokens.
  config["min_pixels"] =
      tower.size_or("image_min_pixels", 4 * patch * patch * merge * merge, GgufTower::kMostPixels);
  config["max_pixels"] = tower.size_or("image_max_pixels", 1280 * patch * patch * merge * merge,
                                       GgufTower::kMostPixels);
  return config;
}

object square(std::int64_t side) {
  return {{"height", side}, {"width", side}};
}

/// What a projector's family has beside text_config and vision_config.
struct Parts {
  std::string model_type;
  object vision;
  object pixels;
  object more;         ///< of config.json
  object processor;    ///< of processor_config.json
  std::int64_t width;  ///< of the projector's outputs
};

Parts llava_parts(const GgufTower& tower) {
  Parts parts{"llava",
              clip_config(tower, "clip_vision_model", tower.activation("quick_gelu")),
              pixels(tower, "CLIPImageProcessor"),
              {},
              {},
              tower.outputs("mm.2.weight")};
  const std::int64_t side = tower.size("image_size");
  parts.pixels["size"] = object{{"shortest_edge", side}};
  parts.pixels["crop_size"] = square(side);
  parts.pixels["do_center_crop"] = true;
  parts.pixels["resample"] = 3;
  // Hidden states are counted from the embeddings on. Without the key, the last block of the whole
  // tower does not count: most converters left it out of the file, so it is there only where CLIP
  // has its 24 blocks, or SigLIP its 27.
  const std::vector<std::int64_t> layers = tower.file().integers("clip.vision.feature_layer");
  if (!layers.empty()) {
    parts.more["vision_feature_layer"] =
        layers.size() == 1 ? boost::json::value(layers[0])
                           : boost::json::value(array(layers.begin(), layers.end()));
  } else {
    const std::int64_t blocks = tower.block_count();
    parts.more["vision_feature_layer"] = blocks == 24 || blocks == 27 ? -2 : -1;
  }
  parts.more["vision_feature_select_strategy"] = tower.has("v.class_embd") ? "default" : "full";
  parts.more["projector_hidden_act"] = "gelu";
  parts.more["multimodal_projector_bias"] = tower.has("mm.0.bias");
  return parts;
}

Parts gemma3_parts(const GgufTower& tower) {
  Parts parts{"gemma3",
              clip_config(tower, "siglip_vision_model", "gelu_pytorch_tanh"),
              pixels(tower, "Gemma3ImageProcessor"),
              {},
              {},
              tower.matrix("mm.input_projection.weight")[1]};
  parts.vision["vision_use_head"] = false;
  const std::int64_t side = tower.size("image_size");
  const std::int64_t tokens_side = tower.tokens_side(4);
  parts.pixels["size"] = square(side);
  parts.pixels["resample"] = 2;
  parts.pixels["do_pan_and_scan"] = false;
  parts.more["mm_tokens_per_image"] = tokens_side * tokens_side;
  parts.processor["image_seq_length"] = tokens_side * tokens_side;
  return parts;
}

Parts idefics3_parts(const GgufTower& tower) {
  Parts parts{"idefics3",
              clip_config(tower, "idefics3_vision", "gelu_pytorch_tanh"),
              pixels(tower, "Idefics3ImageProcessor"),
              {},
              {},
              tower.outputs("mm.model.fc.weight")};
  const std::int64_t side = tower.size("image_size");
  const std::int64_t tokens_side = tower.tokens_side(2);
  parts.pixels["size"] = object{{"longest_edge", tower.size_or("preproc_image_size", 4 * side)}};
  parts.pixels["max_image_size"] = object{{"longest_edge", side}};
  parts.pixels["do_image_splitting"] = true;
  parts.pixels["resample"] = 1;
  parts.more["scale_factor"] = tower.scale_factor(2);
  parts.processor["image_seq_len"] = tokens_side * tokens_side;
  return parts;
}

Parts internvl_parts(const GgufTower& tower) {
  Parts parts{"internvl",
              clip_config(tower, "internvl_vision", tower.activation("gelu")),
              pixels(tower, "GotOcr2ImageProcessor"),
              {},
              {},
              tower.outputs("mm.model.mlp.3.weight")};
  // Its GELU is exact, whatever the key's name makes of other towers.
  if (parts.vision.at("hidden_act") == "gelu_pytorch_tanh") parts.vision["hidden_act"] = "gelu";
  const std::int64_t side = tower.size("image_size");
  const std::int64_t patch = tower.patch_size();
  parts.vision["image_size"] = array{side, side};
  parts.vision["patch_size"] = array{patch, patch};
  parts.vision["attention_bias"] = tower.has("v.blk.0.attn_q.bias");
  parts.vision["use_qk_norm"] = tower.has("v.blk.0.attn_q_norm.weight");
  const bool rms = !tower.has("v.blk.0.ln1.bias");
  parts.vision["norm_type"] = rms ? "rms_norm" : "layer_norm";
  parts.pixels["size"] = square(side);
  // Where the tower's outputs are pooled, they are not normed.
  parts.vision["use_mean_pooling"] = !tower.has("v.post_ln.weight");
  parts.pixels["crop_to_patches"] = true;
  parts.pixels["min_patches"] = tower.size_or("preproc_min_tiles", 1);
  parts.pixels["max_patches"] = tower.size_or("preproc_max_tiles", 12);
  parts.pixels["resample"] = 3;
  parts.more["downsample_ratio"] = 1.0 / static_cast<double>(tower.scale_factor(2));
  const std::int64_t tokens_side = tower.tokens_side(2);
  parts.more["image_seq_length"] = tokens_side * tokens_side;
  parts.processor["image_seq_length"] = tokens_side * tokens_side;
  return parts;
}

Parts pixtral_parts(const GgufTower& tower) {
  const bool merges = tower.has("mm.patch_merger.weight");
  Parts parts{merges ? "mistral3" : "llava",
              clip_config(tower, "pixtral", tower.activation("silu")),
              pixels(tower, "PixtralImageProcessor"),
              {},
              {},
              tower.outputs("mm.2.weight")};
  const std::int64_t patch = tower.patch_size();
  parts.vision.erase("layer_norm_eps");
  parts.vision["rope_theta"] = 10000.0;
  parts.vision["head_dim"] = tower.size("embedding_length") / tower.size("attention.head_count");
  parts.pixels["size"] = object{{"longest_edge", tower.size("image_size")}};
  parts.pixels["patch_size"] = object{{"height", patch}, {"width", patch}};
  parts.pixels["resample"] = 3;
  parts.more["vision_feature_layer"] = -1;
  parts.more["vision_feature_select_strategy"] = "full";
  parts.more["projector_hidden_act"] = "gelu";
  parts.more["multimodal_projector_bias"] = tower.has("mm.1.bias");
  if (merges) parts.more["spatial_merge_size"] = tower.merge_size();
  parts.processor["patch_size"] = patch;
  return parts;
}

Parts qwen_parts(const GgufTower& tower, const std::string& model_type, object vision) {
  return {model_type, std::move(vision), qwen_pixels(tower), {}, {}, tower.outputs("mm.2.weight")};
}

Parts parts_of(const GgufTower& tower, const std::string& projector) {
  if (projector == "qwen2vl_merger") return qwen_parts(tower, "qwen2_vl", qwen2_vl_config(tower));
  if (projector == "qwen2.5vl_merger") {
    return qwen_parts(tower, "qwen2_5_vl", qwen2_5_vl_config(tower));
  }
  if (projector == "qwen3vl_merger") return qwen_parts(tower, "qwen3_vl", qwen3_vl_config(tower));
  if (projector == "mlp") return llava_parts(tower);
  if (projector == "gemma3") return gemma3_parts(tower);
  if (projector == "idefics3") return idefics3_parts(tower);
  if (projector == "internvl") return internvl_parts(tower);
  if (projector == "pixtral") return pixtral_parts(tower);
  fail("{}: clip.projector_type \"{}\" is not one Saccade knows", tower.file().path().string(),
       projector);
}

/// Ids of the tokens that configurations name, found in the vocabulary by what they are called.
void add_token_ids(object& config, const GgufFile& model) {
  struct Name {
    const char* key;
    std::vector<std::string_view> tokens;
  };
  static const std::vector<Name> kNames = {
      {"image_token_id",
       {"<|image_pad|>", "<image_soft_token>", "<image>", "[IMG]", "<IMG_CONTEXT>"}},
      {"video_token_id", {"<|video_pad|>"}},
      {"vision_start_token_id", {"<|vision_start|>"}},
      {"vision_end_token_id", {"<|vision_end|>"}},
      {"boi_token_index", {"<start_of_image>"}},
      {"eoi_token_index", {"<end_of_image>"}},
  };
  const std::vector<std::string_view> vocabulary = model.strings("tokenizer.ggml.tokens");
  for (const Name& name : kNames) {
    for (const std::string_view token : name.tokens) {
      const auto found = std::find(vocabulary.begin(), vocabulary.end(), token);
      if (found == vocabulary.end()) continue;
      config[name.key] = found - vocabulary.begin();
      break;
    }
  }
  if (config.contains("image_token_id")) {
    config["image_token_index"] = config.at("image_token_id");
  }
}

}  // namespace

std::string gguf_projector(const GgufFile& mmproj) {
  for (const char* key : {"clip.projector_type", "clip.vision.projector_type"}) {
    if (const auto type = mmproj.string(key)) return std::string(*type);
  }
  // The first files had no key; their projector was LLaVA's.
  if (mmproj.boolean("clip.has_llava_projector").value_or(false)) return "mlp";
  fail("{}: no mmproj: clip.projector_type is missing", mmproj.path().string());
}

std::vector<std::int64_t> gguf_deepstack_layers(const GgufFile& mmproj) {
  std::vector<std::int64_t> layers;
  const std::int64_t blocks =
      std::min(mmproj.integer("clip.vision.block_count").value_or(0), GgufTower::kMostBlocks);
  for (std::int64_t i = 0; i < blocks; ++i) {
    if (mmproj.tensors().contains(fmt::format("v.deepstack.{}.fc1.weight", i))) {
      layers.push_back(i);
    }
  }
  return layers;
}

void add_vision_files(std::map<std::string, boost::json::value>& files, object text,
                      const GgufFile& model, const GgufFile& mmproj) {
  const GgufTower tower(mmproj);
  Parts parts = parts_of(tower, gguf_projector(mmproj));
  const std::int64_t width = text.at("hidden_size").as_int64();
  if (parts.width != width) {
    fail("{}: an mmproj for another model: its outputs are {} wide, the inputs of {} {}",
         mmproj.path().string(), parts.width, model.path().string(), width);
  }
  object config = std::move(parts.more);
  config["model_type"] = parts.model_type;
  config["tie_word_embeddings"] = text.at("tie_word_embeddings");
  if (const auto* dtype = text.if_contains("torch_dtype")) config["torch_dtype"] = *dtype;
  add_token_ids(config, model);
  config["vision_config"] = std::move(parts.vision);
  config["text_config"] = std::move(text);
  files["config.json"] = std::move(config);
  files["preprocessor_config.json"] = std::move(parts.pixels);
  if (!parts.processor.empty()) files["processor_config.json"] = std::move(parts.processor);
}

}  // namespace saccade::checkpoint
