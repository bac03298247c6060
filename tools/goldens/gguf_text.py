"""The language model of a golden checkpoint as llama.cpp's converter writes it."""

import json
import math

import numpy as np

ROTATED = ("llama", "mistral3")  # architectures whose rotary pairs llama.cpp keeps side by side
BLOCK_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GEMMA3_BLOCK_NAMES = {**BLOCK_NAMES, "post_attention_layernorm": "post_attention_norm",
                      "pre_feedforward_layernorm": "ffn_norm",
                      "post_feedforward_layernorm": "post_ffw_norm"}


def paired_rows(values, heads):
    """Rows i and i + half of each head next to each other."""
    half = values.shape[0] // heads // 2
    split = values.reshape(heads, 2, half, -1)
    return np.swapaxes(split, 1, 2).reshape(values.shape)


def text_config_of(config):
    """The decoder's settings, wherever a layout has them."""
    return {**config, **config.get("text_config", {})}


def rope_of(config):
    """rope_parameters of transformers 5, made of the older keys where those are there."""
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    if "full_attention" in rope:
        return {**rope["full_attention"], "local": rope["sliding_attention"]["rope_theta"]}
    rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    rope.setdefault("rope_type", rope.get("type", "default"))
    if "rope_local_base_freq" in config:
        rope["local"] = config["rope_local_base_freq"]
    return rope


def llama3_factors(rope, dim):
    """What Llama 3.1 divides each frequency by."""
    factors = []
    for i in range(0, dim, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        context = rope["original_max_position_embeddings"]
        if wavelength < context / rope["high_freq_factor"]:
            factors.append(1.0)
        elif wavelength > context / rope["low_freq_factor"]:
            factors.append(rope["factor"])
        else:
            smooth = (context / wavelength - rope["low_freq_factor"])
            smooth /= rope["high_freq_factor"] - rope["low_freq_factor"]
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, np.float32)


def sliding_pattern(config):
    """Every how many layers of Gemma 3 one sees all of the context."""
    if "layer_types" in config:
        return config["layer_types"].index("full_attention") + 1
    return config["sliding_window_pattern"]


def text_metadata(config, architecture):
    text = text_config_of(config)
    rope = rope_of(text)
    head_dim = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
    values = {
        "block_count": text["num_hidden_layers"],
        "context_length": text["max_position_embeddings"],
        "embedding_length": text["hidden_size"],
        "feed_forward_length": text["intermediate_size"],
        "attention.head_count": text["num_attention_heads"],
        "attention.head_count_kv": text["num_key_value_heads"],
        "rope.freq_base": float(rope["rope_theta"]),
        "attention.layer_norm_rms_epsilon": float(text["rms_norm_eps"]),
    }
    if rope["rope_type"] == "linear":
        values["rope.scaling.type"] = "linear"
        values["rope.scaling.factor"] = float(rope["factor"])
    if rope["rope_type"] == "yarn":
        values["rope.scaling.type"] = "yarn"
        values["rope.scaling.factor"] = float(rope["factor"])
        values["rope.scaling.original_context_length"] = rope["original_max_position_embeddings"]
    if "mrope_section" in rope:
        values["rope.dimension_sections"] = (rope["mrope_section"] + [0])[:4]
    if "head_dim" in text or architecture == "gemma3":
        values["attention.key_length"] = values["attention.value_length"] = head_dim
    if architecture in ROTATED:
        values["vocab_size"] = text["vocab_size"]
        values["rope.dimension_count"] = head_dim
    if architecture == "gemma3":
        values["rope.freq_base_swa"] = float(rope["local"])
        values["attention.sliding_window"] = text["sliding_window"]
        values["attention.sliding_window_pattern"] = sliding_pattern(text)
    if architecture == "qwen3vl":
        values["n_deepstack_layers"] = len(config["vision_config"]["deepstack_visual_indexes"])
    head = {"general.architecture": architecture, "general.type": "model"}
    return {**head, **{f"{architecture}.{key}": value for key, value in values.items()}}


def chat_template(folder, settings):
    if (folder / "chat_template.jinja").exists():
        return (folder / "chat_template.jinja").read_text()
    if (folder / "chat_template.json").exists():
        return json.loads((folder / "chat_template.json").read_text())["chat_template"]
    return settings["chat_template"]


def tokenizer_metadata(folder, config):
    """The tiny tokenizers split texts as Qwen 2's does."""
    document = json.loads((folder / "tokenizer.json").read_text())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    text = text_config_of(config)
    size = text["vocab_size"]
    tokens, types = [f"[PAD{i}]" for i in range(size)], [5] * size
    for token, number in document["model"]["vocab"].items():
        tokens[number], types[number] = token, 1
    ids = dict(document["model"]["vocab"])
    for added in document["added_tokens"]:
        content, number = added["content"], added["id"]
        looks_special = content == "<pad>" or (content.startswith("<|") and content.endswith("|>"))
        tokens[number], types[number] = content, 3 if added["special"] or looks_special else 4
        ids[content] = number
    merges = [merge if isinstance(merge, str) else " ".join(merge)
              for merge in document["model"]["merges"]]
    values = {"model": "gpt2", "pre": "qwen2", "tokens": tokens, "token_type": types, "merges": merges}
    for role, key in {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}.items():
        token = settings.get(f"{role}_token")
        number = ids.get(token) if token else text.get(f"{role}_token_id")
        if number is not None:
            values[f"{key}_token_id"] = number
    if "add_bos_token" in settings:
        values["add_bos_token"] = settings["add_bos_token"]
    named = {f"tokenizer.ggml.{key}": value for key, value in values.items()}
    return {**named, "tokenizer.chat_template": chat_template(folder, settings)}


def decoder_name(name):
    """The name as in a checkpoint of the language model alone, or None for other tensors."""
    for part in ("language_model.", "text_model."):
        if part in name:
            name = name.replace("model." + part, "model.").replace(part, "")
    if name.startswith("model.model."):
        name = name[6:]
    kept = ("model.embed_tokens.", "model.layers.", "model.norm.", "lm_head.")
    return name if name.startswith(kept) else None


def text_tensors(config, architecture, weights):
    """GGUF name -> values."""
    text = text_config_of(config)
    block_names = GEMMA3_BLOCK_NAMES if architecture == "gemma3" else BLOCK_NAMES
    plain = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    tensors = {}
    for full_name, values in weights.items():
        name = decoder_name(full_name)
        if name is None or (architecture == "gemma3" and name == "lm_head.weight"):
            continue
        module, suffix = name.rsplit(".", 1)
        if module in plain:
            target = plain[module]
        else:
            _, _, layer, rest = module.split(".", 3)
            target = f"blk.{layer}.{block_names[rest]}"
        if architecture in ROTATED and target.endswith("attn_q"):
            values = paired_rows(values, text["num_attention_heads"])
        if architecture in ROTATED and target.endswith("attn_k"):
            values = paired_rows(values, text["num_key_value_heads"])
        if architecture == "gemma3" and name.endswith("norm.weight"):
            values = values + np.float32(1)
        tensors[f"{target}.{suffix}"] = values
    rope = rope_of(text)
    if architecture in ROTATED and rope["rope_type"] == "llama3":
        head_dim = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
        tensors["rope_freqs.weight"] = llama3_factors(rope, head_dim)
    return tensors
