"""Writes the model as an ordinary Hugging Face directory, and reads its weights back."""

import json
import os

import numpy as np
import torch

from bpe import Tokenizer
from config import MAX_PIXELS, MIN_PIXELS, TEXT, VISION

CHAT_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def save_safetensors(path: str, tensors: dict[str, torch.Tensor]) -> None:
    """bf16 tensors, names sorted, header padded to eight bytes."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        size = tensors[name].numel() * 2
        header[name] = {"dtype": "BF16", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            stream.write(tensors[name].detach().cpu().to(torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes())


def load_safetensors(path: str) -> dict[str, torch.Tensor]:
    """Float32 tensors of a bf16 file."""
    with open(path, "rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        data = stream.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            raw = np.frombuffer(data[slice(*entry["data_offsets"])], np.uint16).astype(np.uint32) << 16
            tensors[name] = torch.from_numpy(raw.view(np.float32).copy()).view(entry["shape"])
    return tensors


def checkpoint_tensors(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The model's state under the published names; the patch map becomes a convolution over two equal frames."""
    tensors = {name: value for name, value in state.items() if not name.startswith("aux.")}
    patch = tensors["visual.patch_embed.proj.weight"]
    patch = patch.view(patch.shape[0], 3, 1, 14, 14) / 2
    tensors["visual.patch_embed.proj.weight"] = patch.expand(-1, -1, 2, -1, -1)
    return tensors


def model_state(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of checkpoint_tensors."""
    state = dict(tensors)
    state["visual.patch_embed.proj.weight"] = tensors["visual.patch_embed.proj.weight"].sum(2).flatten(1)
    return state


def model_config(tokenizer: Tokenizer) -> dict:
    ids = tokenizer.special
    text = {k: v for k, v in TEXT.items() if k != "mrope_section"}
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", **text,
        "rope_scaling": {"type": "mrope", "mrope_section": TEXT["mrope_section"]}, "hidden_act": "silu",
        "attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": True, "use_sliding_window": False,
        "sliding_window": 4096, "max_window_layers": TEXT["num_hidden_layers"], "tie_word_embeddings": True,
        "torch_dtype": "bfloat16", "vocab_size": tokenizer.size, "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"], "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"], "vision_token_id": ids["<|vision_pad|>"],
        "image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
        "vision_config": {"model_type": "qwen2_5_vl", **VISION, "spatial_patch_size": 14, "in_channels": 3},
    }


def tokenizer_config(tokenizer: Tokenizer) -> dict:
    added = {str(i): {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                      "special": True} for token, i in tokenizer.special.items()}
    return {"add_prefix_space": False, "added_tokens_decoder": added, "additional_special_tokens": list(tokenizer.special)[1:],
            "bos_token": None, "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False,
            "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": TEXT["max_position_embeddings"],
            "pad_token": "<|endoftext|>", "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None}


def write_directory(folder: str, state: dict[str, torch.Tensor], tokenizer: Tokenizer) -> None:
    """config.json, weights, tokenizer, chat template, preprocessor and generation settings."""
    os.makedirs(folder, exist_ok=True)
    save_safetensors(os.path.join(folder, "model.safetensors"), checkpoint_tensors(state))
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    preprocessor = {
        "min_pixels": MIN_PIXELS, "max_pixels": MAX_PIXELS, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor"}
    ids = tokenizer.special
    generation = {"bos_token_id": ids["<|endoftext|>"], "pad_token_id": ids["<|endoftext|>"], "do_sample": False,
                  "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]], "max_new_tokens": 512}
    for name, value in (("config.json", model_config(tokenizer)), ("tokenizer_config.json", tokenizer_config(tokenizer)),
                        ("preprocessor_config.json", preprocessor), ("generation_config.json", generation),
                        ("chat_template.json", {"chat_template": CHAT_TEMPLATE})):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=2, ensure_ascii=False)
            stream.write("\n")
