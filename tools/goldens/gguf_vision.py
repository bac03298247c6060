"""Vision towers and projectors of golden checkpoints as llama.cpp's converter writes them (mmproj)."""

import numpy as np

from gguf_text import paired_rows

QWEN_BLOCKS = {"norm1": "ln1", "norm2": "ln2", "attn.qkv": "attn_qkv", "attn.proj": "attn_out",
               "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down", "mlp.gate_proj": "ffn_gate",
               "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.linear_fc1": "ffn_up",
               "mlp.linear_fc2": "ffn_down"}
QWEN_OTHERS = {"patch_embed.proj": "v.patch_embd", "merger.ln_q": "v.post_ln", "merger.mlp.0": "mm.0",
               "merger.mlp.2": "mm.2", "merger.norm": "v.post_ln", "merger.linear_fc1": "mm.0",
               "merger.linear_fc2": "mm.2", "pos_embed": "v.position_embd"}
CLIP_BLOCKS = {"layer_norm1": "ln1", "layer_norm2": "ln2", "self_attn.q_proj": "attn_q",
               "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
               "self_attn.out_proj": "attn_out", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"}
CLIP_OTHERS = {"embeddings.patch_embedding": "v.patch_embd",
               "embeddings.position_embedding": "v.position_embd", "pre_layrnorm": "v.pre_ln",
               "post_layernorm": "v.post_ln"}
INTERN_BLOCKS = {"layernorm_before": "ln1", "layernorm_after": "ln2", "attention.q_proj": "attn_q",
                 "attention.k_proj": "attn_k", "attention.v_proj": "attn_v",
                 "attention.projection_layer": "attn_out", "attention.q_norm": "attn_q_norm",
                 "attention.k_norm": "attn_k_norm", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"}
INTERN_OTHERS = {"embeddings.patch_embeddings.projection": "v.patch_embd", "layernorm": "v.post_ln"}
PIXTRAL_BLOCKS = {"attention_norm": "ln1", "ffn_norm": "ln2", "attention.q_proj": "attn_q",
                  "attention.k_proj": "attn_k", "attention.v_proj": "attn_v",
                  "attention.o_proj": "attn_out", "feed_forward.gate_proj": "ffn_gate",
                  "feed_forward.up_proj": "ffn_up", "feed_forward.down_proj": "ffn_down"}
PIXTRAL_OTHERS = {"patch_conv": "v.patch_embd", "ln_pre": "v.pre_ln"}
# Per projector: names in blocks, other names of the tower, names of what follows the tower.
TABLES = {
    "qwen2vl_merger": (QWEN_BLOCKS, QWEN_OTHERS, {}),
    "qwen2.5vl_merger": (QWEN_BLOCKS, QWEN_OTHERS, {}),
    "qwen3vl_merger": (QWEN_BLOCKS, QWEN_OTHERS, {}),
    "mlp": (CLIP_BLOCKS, CLIP_OTHERS, {"linear_1": "mm.0", "linear_2": "mm.2"}),
    "gemma3": (CLIP_BLOCKS, CLIP_OTHERS, {"mm_soft_emb_norm": "mm.soft_emb_norm"}),
    "idefics3": (CLIP_BLOCKS, CLIP_OTHERS, {"modality_projection.proj": "mm.model.fc"}),
    "internvl": (INTERN_BLOCKS, INTERN_OTHERS,
                 {"layer_norm": "mm.model.mlp.0", "linear_1": "mm.model.mlp.1",
                  "linear_2": "mm.model.mlp.3"}),
    "pixtral": (PIXTRAL_BLOCKS, PIXTRAL_OTHERS,
                {"linear_1": "mm.1", "linear_2": "mm.2", "norm": "mm.input_norm",
                 "patch_merger.merging_layer": "mm.patch_merger"}),
}
BARE = {"embeddings.class_embedding": "v.class_embd", "embeddings.cls_token": "v.class_embd",
        "embeddings.position_embeddings": "v.position_embd.weight"}
PREFIXES = ("model.visual.", "visual.", "model.vision_tower.vision_model.",
            "vision_tower.vision_model.", "model.vision_tower.", "vision_tower.",
            "model.vision_model.")
PROJECTOR_PREFIXES = ("model.multi_modal_projector.", "multi_modal_projector.", "model.connector.")


def first(config, *keys):
    return next(config[key] for key in keys if key in config)


def side_of(value):
    return value[0] if isinstance(value, list) else value


def vision_metadata(config, pixels, projector):
    vision = config["vision_config"]
    text = {**config, **config.get("text_config", {})}
    width = first(vision, "embed_dim", "hidden_size")
    patch = side_of(vision["patch_size"])
    values = {
        "projection_dim": text["hidden_size"], "patch_size": patch, "embedding_length": width,
        "feed_forward_length": vision.get("intermediate_size", 0),
        "block_count": first(vision, "depth", "num_hidden_layers"),
        "attention.head_count": first(vision, "num_heads", "num_attention_heads"),
        "image_mean": pixels["image_mean"], "image_std": pixels["image_std"],
        "attention.layer_norm_epsilon": float(vision.get("layer_norm_eps", 1e-6)),
    }
    if "mlp_ratio" in vision:
        values["feed_forward_length"] = int(width * vision["mlp_ratio"])
    if "image_size" in vision:
        values["image_size"] = side_of(vision["image_size"])
    else:  # Qwen's towers take any size; the converter writes what their positions allow, or 560
        positions = vision.get("num_position_embeddings")
        values["image_size"] = int(positions ** 0.5) * patch if positions else 560
    values.update(more_of(projector, config, pixels))
    head = {"general.architecture": "clip", "general.type": "mmproj",
            "clip.has_vision_encoder": True, "clip.projector_type": projector}
    if projector == "mlp":  # these files come from the older llava scripts
        head["clip.has_llava_projector"] = True
    activation = vision.get("hidden_act", "")
    if projector != "qwen2vl_merger":
        head["clip.use_gelu"] = activation.startswith("gelu")
        head["clip.use_silu"] = activation == "silu"
    flags = {key: value for key, value in head.items() if value is not False}
    return {**flags, **{f"clip.vision.{key}": value for key, value in values.items()}}


def more_of(projector, config, pixels):
    """What single projectors have besides."""
    vision = config["vision_config"]
    if projector == "qwen2.5vl_merger":
        return {"n_wa_pattern": vision["fullatt_block_indexes"][0] + 1}
    if projector == "qwen3vl_merger":
        blocks = range(vision["depth"])
        return {"spatial_merge_size": vision["spatial_merge_size"],
                "is_deepstack_layers": [i in vision["deepstack_visual_indexes"] for i in blocks]}
    if projector == "mlp":  # the last block's output is not used, and left out
        return {"block_count": vision["num_hidden_layers"] - 1}
    if projector == "gemma3":
        side = vision["image_size"] // vision["patch_size"]
        return {"projector.scale_factor": side // int(config["mm_tokens_per_image"] ** 0.5)}
    if projector == "idefics3":
        return {"projector.scale_factor": config["scale_factor"],
                "preproc_image_size": pixels["size"]["longest_edge"]}
    if projector == "internvl":
        return {"projector.scale_factor": int(1 / config["downsample_ratio"]),
                "preproc_min_tiles": pixels["min_patches"],
                "preproc_max_tiles": pixels["max_patches"]}
    if projector == "pixtral":
        eps = {"attention.layer_norm_epsilon": 1e-5}
        merge = config.get("spatial_merge_size")
        return {**eps, "spatial_merge_size": merge} if merge else eps
    return {}


def without_prefix(name, prefixes):
    prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
    return name[len(prefix):] if prefix else None


def block_name(rest, blocks):
    """v.blk.N.NAME.SUFFIX of a name inside the tower, or None."""
    for list_name in ("blocks.", "encoder.layers.", "encoder.layer.", "transformer.layers."):
        if not rest.startswith(list_name):
            continue
        layer, inner = rest[len(list_name):].split(".", 1)
        if inner in ("lambda_1", "lambda_2"):
            return f"v.blk.{layer}.ls{inner[-1]}.weight"
        module, suffix = inner.rsplit(".", 1)
        return f"v.blk.{layer}.{blocks[module]}.{suffix}"
    return None


def tower_tensors(name, values, config, projector):
    """The GGUF tensors of one tensor of the tower, (name, values) each."""
    blocks, others, _ = TABLES[projector]
    target = block_name(name, blocks)
    if name in BARE:
        target = BARE[name]
    elif name.startswith("deepstack_merger_list."):
        _, place, module, suffix = name.split(".")
        layer = config["vision_config"]["deepstack_visual_indexes"][int(place)]
        target = f"v.deepstack.{layer}.{module.replace('linear_', '')}.{suffix}"
    elif target is None:
        module, suffix = name.rsplit(".", 1)
        target = f"{others[module]}.{suffix}"
    if target == "v.patch_embd.weight" and values.ndim == 5:
        return [(target, values[:, :, 0]), (target + ".1", values[:, :, 1])]
    if ".attn_qkv." in target and projector != "qwen3vl_merger":
        return [(target.replace("attn_qkv", f"attn_{part}"), piece)
                for part, piece in zip("qkv", np.split(values, 3))]
    if projector == "pixtral" and (".attn_q." in target or ".attn_k." in target):
        values = paired_rows(values, config["vision_config"]["num_attention_heads"])
    if projector == "mlp" and ".ffn_" in target:  # the older scripts have them the wrong way round
        swapped = {"ffn_up": "ffn_down", "ffn_down": "ffn_up"}
        part = target.split(".")[3]
        target = target.replace(part, swapped[part])
    return [(target, values)]


def vision_tensors(config, projector, weights):
    """GGUF name -> values."""
    tensors = {}
    for name, values in weights.items():
        tower = without_prefix(name, PREFIXES)
        after = without_prefix(name, PROJECTOR_PREFIXES)
        if tower:
            tensors.update(tower_tensors(tower, values, config, projector))
        elif after == "mm_input_projection_weight":
            tensors["mm.input_projection.weight"] = values
        elif after:
            module, suffix = after.rsplit(".", 1)
            target = TABLES[projector][2][module]
            one = np.float32(target == "mm.soft_emb_norm")
            tensors[f"{target}.{suffix}"] = values + one
        elif projector == "pixtral" and name.endswith("embed_tokens.weight"):
            tensors["v.token_embd.img_break"] = values[config["image_break_token"]]
    if projector == "mlp":
        last = f"v.blk.{config['vision_config']['num_hidden_layers'] - 1}."
        tensors = {name: values for name, values in tensors.items() if not name.startswith(last)}
    return tensors
