"""Makes the tiny checkpoints: random weights, not too dull, in several layouts on disk."""

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

import tiny_tokenizer
from model_specs import TinyModel

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# model_type -> the start of its class names in transformers
CLASSES = {"qwen2_vl": "Qwen2VL", "qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL",
           "qwen3_vl_moe": "Qwen3VLMoe", "qwen3_5": "Qwen3_5", "qwen3_5_moe": "Qwen3_5Moe"}
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
MAX_POSITIONS = 2048


def special_ids(tokenizer) -> dict:
    """The token ids that config.json names."""
    return {
        "bos_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
        "vision_start_token_id": tokenizer.token_to_id("<|vision_start|>"),
        "vision_end_token_id": tokenizer.token_to_id("<|vision_end|>"),
        "vision_token_id": tokenizer.token_to_id("<|vision_pad|>"),
        "image_token_id": tokenizer.token_to_id("<|image_pad|>"),
        "video_token_id": tokenizer.token_to_id("<|video_pad|>"),
    }


def published_config(spec: TinyModel, tokenizer) -> dict:
    """config.json in the flat layout of the published Qwen2.5-VL checkpoints."""
    text = dict(spec.text)
    mrope_section = text.pop("mrope_section")
    if spec.family == "qwen2_vl":
        vision = dict(
            spec.vision, hidden_size=text["hidden_size"], in_chans=3, patch_size=14,
            spatial_merge_size=2, spatial_patch_size=14, temporal_patch_size=2)
    else:
        vision = dict(
            spec.vision, hidden_act="silu", in_chans=3, out_hidden_size=text["hidden_size"],
            patch_size=14, spatial_merge_size=2, spatial_patch_size=14, tokens_per_second=2,
            temporal_patch_size=2)
    return {
        "architectures": [f"{CLASSES[spec.family]}ForConditionalGeneration"],
        "attention_dropout": 0.0,
        **special_ids(tokenizer), "hidden_act": "silu", "initializer_range": 0.02,
        "max_position_embeddings": MAX_POSITIONS, "max_window_layers": 70,
        "model_type": spec.family, **text, "sliding_window": 32768,
        "tie_word_embeddings": spec.tied, "torch_dtype": spec.dtype,
        "transformers_version": "4.41.2", "use_cache": True, "use_sliding_window": False,
        "vision_config": vision, "rope_scaling": {"type": "mrope", "mrope_section": mrope_section},
        "vocab_size": tokenizer.get_vocab_size() + spec.padded_vocab}


def published_nested_config(spec: TinyModel, tokenizer) -> dict:
    """config.json in the nested layout of the published Qwen3-VL and Qwen3.5 checkpoints."""
    text = dict(spec.text)
    ids = special_ids(tokenizer)
    rope = {"mrope_interleaved": True, "mrope_section": text.pop("mrope_section"),
            "rope_type": "default"}
    if "layer_types" in text:
        text["full_attention_interval"] = text.pop("layer_types").index("full_attention") + 1
        rope.update(rope_theta=text.pop("rope_theta"),
                    partial_rotary_factor=text.pop("partial_rotary_factor"))
        text["rope_parameters"] = rope
    else:
        text["rope_scaling"] = rope
    text.update(
        attention_bias=False, attention_dropout=0.0, bos_token_id=ids["bos_token_id"],
        dtype=spec.dtype, eos_token_id=ids["eos_token_id"], hidden_act="silu",
        max_position_embeddings=MAX_POSITIONS, model_type=f"{spec.family}_text",
        tie_word_embeddings=spec.tied, vocab_size=tokenizer.get_vocab_size() + spec.padded_vocab)
    vision = dict(
        spec.vision, hidden_act="gelu_pytorch_tanh", in_channels=3, initializer_range=0.02,
        model_type=spec.family, out_hidden_size=text["hidden_size"], patch_size=16,
        spatial_merge_size=2, temporal_patch_size=2)
    top = {key: ids[key] for key in ids if key.endswith(("image_token_id", "video_token_id"))
           or key.startswith(("vision_start", "vision_end"))}
    return {"architectures": [f"{CLASSES[spec.family]}ForConditionalGeneration"], **top,
            "model_type": spec.family, "text_config": text, "tie_word_embeddings": spec.tied,
            "transformers_version": "4.57.0.dev0", "vision_config": vision}


def nested_config(spec: TinyModel, tokenizer):
    """The configuration object with text_config and rope_parameters, as transformers 5 has it."""
    text = dict(spec.text)
    rope = {"rope_type": "default", "mrope_section": text.pop("mrope_section"),
            "rope_theta": text.pop("rope_theta")}
    ids = special_ids(tokenizer)
    text.update(rope_parameters=rope, max_position_embeddings=MAX_POSITIONS, hidden_act="silu",
                vocab_size=tokenizer.get_vocab_size() + spec.padded_vocab,
                bos_token_id=ids["bos_token_id"], eos_token_id=ids["eos_token_id"],
                tie_word_embeddings=spec.tied)
    vision = dict(spec.vision, patch_size=spec.patch_size)
    vision["hidden_size" if spec.family == "qwen2_vl" else "out_hidden_size"] = text["hidden_size"]
    if spec.family not in ("qwen2_vl", "qwen2_5_vl"):
        rope["mrope_interleaved"] = True
    if "partial_rotary_factor" in text:
        rope["partial_rotary_factor"] = text.pop("partial_rotary_factor")
    top = {key: ids[key] for key in ids if key != "vision_token_id"}
    return getattr(transformers, CLASSES[spec.family] + "Config")(
        text_config=text, vision_config=vision, tie_word_embeddings=spec.tied, **top)


def scale_of(name: str, shape: torch.Size, tied: bool) -> float:
    """Standard deviation of a weight so that attention is not uniform and logits spread.

    A tied embedding is kept small: otherwise the residual stream keeps each token's own embedding,
    the head finds it again, and the greedy path repeats one token.
    """
    fan_in = shape[1:].numel()
    gain = 1.0
    if "pos_embed" in name:
        return 0.6
    if "qkv" in name or "q_proj" in name or "k_proj" in name:
        gain = 1.8
    elif "o_proj" in name or "out_proj" in name or "down_proj" in name:
        gain = 1.5
    elif "embed_tokens" in name:
        return 0.25 if tied else 1.0
    elif "lm_head" in name:
        gain = 2.5
    return gain / fan_in**0.5


def randomize(model, spec: TinyModel, quiet_rows: list[int]) -> None:
    """Fills every parameter: weights by scale_of, norms about 1, biases not zero.

    The rows of quiet_rows (vision tokens) get a small output embedding, so that a greedy path does
    not produce them.
    """
    generator = torch.Generator().manual_seed(spec.seed)
    # Qwen3.5's RMS norms store how far the factor is from 1, but for the gated ones.
    offset = {f"{name}.weight" for name, module in model.named_modules()
              if type(module).__name__ in ("Qwen3_5RMSNorm", "Qwen3_5MoeRMSNorm")}
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if spec.tied and "embed_tokens" in name:
                parameter.copy_(noise * spec.embedding_std)
            elif name.endswith("A_log"):  # decays from slow to quick, so that memory matters
                parameter.copy_(noise * 0.8 - 1.5)
            elif name.endswith("dt_bias"):
                parameter.copy_(noise * 0.3)
            elif ".experts." in name:  # each a matrix of its own
                parameter.copy_(noise * scale_of(name, parameter.shape[1:], spec.tied))
            elif parameter.ndim > 1:
                parameter.copy_(noise * scale_of(name, parameter.shape, spec.tied))
            elif name.endswith("bias"):
                parameter.copy_(noise * 0.2)
            else:
                parameter.copy_((0.0 if name in offset else 1.0) + noise * 0.25)
        model.get_output_embeddings().weight[quiet_rows] *= 0.1


def renamed(state: dict, spec: TinyModel) -> dict:
    """The state dict (names of the module tree) under the tensor names of a layout."""
    layout, tied = spec.layout, spec.tied
    tensors = {}
    for name, tensor in state.items():
        if name == "lm_head.weight" and tied:
            continue
        if layout == "flat":
            name = name.replace("model.visual.", "visual.", 1)
            name = name.replace("model.language_model.", "model.", 1)
        if spec.family == "qwen3_vl_moe" and ".experts." in name:
            tensor = tensor.transpose(1, 2)  # [experts, in, out] in the published files
        tensors[name] = tensor.contiguous().clone()
    return tensors


def save_sharded(tensors: dict, folder: Path, shards: int) -> None:
    """model.safetensors, or shards of about equal size with model.safetensors.index.json."""
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    total = sum(tensor.nbytes for tensor in tensors.values())
    parts, weight_map, filled = [{} for _ in range(shards)], {}, 0
    for name, tensor in tensors.items():
        index = min(shards - 1, filled * shards // total)
        parts[index][name] = tensor
        weight_map[name] = f"model-{index + 1:05d}-of-{shards:05d}.safetensors"
        filled += tensor.nbytes
    for index, part in enumerate(parts):
        save_file(part, folder / f"model-{index + 1:05d}-of-{shards:05d}.safetensors",
                  metadata={"format": "pt"})
    write_json(folder / "model.safetensors.index.json",
               {"metadata": {"total_size": total}, "weight_map": weight_map})


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_weights(spec: TinyModel, tokenizer, folder: Path) -> None:
    """config.json and the safetensors files."""
    config = nested_config(spec, tokenizer)
    model_class = f"{CLASSES[spec.family]}ForConditionalGeneration"
    model = getattr(transformers, model_class)(config)
    ids = special_ids(tokenizer)
    randomize(model, spec, [ids[key] for key in ids if key.startswith(("vision", "im", "vid"))])
    model = model.to(DTYPES[spec.dtype])
    if spec.layout == "saved":
        size = sum(parameter.nbytes for parameter in model.parameters())
        model.save_pretrained(folder, max_shard_size=int(size / (spec.shards - 0.7)) + 4096)
        return
    save_sharded(renamed(model.state_dict(), spec), folder, spec.shards)
    if spec.layout == "flat":
        write_json(folder / "config.json", published_config(spec, tokenizer))
    elif spec.layout == "nested":
        write_json(folder / "config.json", published_nested_config(spec, tokenizer))
    else:
        config.dtype = spec.dtype
        config.architectures = [model_class]
        config.save_pretrained(folder)


def write_text_files(spec: TinyModel, tokenizer, folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json and the chat template in the place the spec names."""
    (folder / "tokenizer.json").write_text(
        tiny_tokenizer.tokenizer_json(tokenizer, spec.merges_as_strings), encoding="utf-8")
    template = TEMPLATE.read_text(encoding="utf-8")
    config = tiny_tokenizer.tokenizer_config(tokenizer, MAX_POSITIONS)
    if spec.template_place == "tokenizer_config":
        config["chat_template"] = template
    elif spec.template_place == "chat_template_json":
        write_json(folder / "chat_template.json", {"chat_template": template})
    else:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    write_json(folder / "tokenizer_config.json", config)


def write_processor_files(spec: TinyModel, tokenizer, folder: Path) -> None:
    """preprocessor_config.json and generation_config.json."""
    config = {
        "patch_size": spec.patch_size, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": CLIP_MEAN, "image_std": CLIP_STD,
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": CLASSES[spec.family] + "Processor"}
    if spec.family not in ("qwen2_vl", "qwen2_5_vl"):
        config["processor_class"] = "Qwen3VLProcessor"
        config.update(image_mean=[0.5] * 3, image_std=[0.5] * 3,
                      image_processor_type="Qwen2VLImageProcessorFast")
    if spec.pixel_style == "size":
        config["size"] = {"shortest_edge": spec.min_pixels, "longest_edge": spec.max_pixels}
    else:
        config["min_pixels"], config["max_pixels"] = spec.min_pixels, spec.max_pixels
    write_json(folder / "preprocessor_config.json", config)
    ids = special_ids(tokenizer)
    write_json(folder / "generation_config.json", {
        "bos_token_id": ids["bos_token_id"], "pad_token_id": ids["bos_token_id"],
        "do_sample": True, "eos_token_id": [ids["eos_token_id"], ids["bos_token_id"]],
        "repetition_penalty": 1.05, "temperature": 0.1, "top_k": 1, "top_p": 0.001,
        "transformers_version": "4.49.0"})


def write_checkpoint(spec: TinyModel, folder: Path) -> None:
    """A whole Hugging Face directory for one spec."""
    folder.mkdir(parents=True)
    tokenizer = tiny_tokenizer.train(spec.num_merges)
    write_weights(spec, tokenizer, folder)
    write_text_files(spec, tokenizer, folder)
    write_processor_files(spec, tokenizer, folder)
