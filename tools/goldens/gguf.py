"""Golden checkpoints as the GGUF files that llama.cpp's converter makes of them.

Usage: gguf.py

Writes tests/goldens/gguf/. pairs.json there says which checkpoint each file was made from, and what of
its configuration had to be another for that: GGUF has no place for every setting.
"""
import json
import shutil
import tempfile
from pathlib import Path

from gguf_file import BF16, F16, F32, Q4_0, Q8_0, encoded, read_safetensors, write_gguf
from gguf_text import text_metadata, text_tensors, tokenizer_metadata
from gguf_vision import vision_metadata, vision_tensors
from paths import GOLDENS
from safetensors_file import write_safetensors

FOLDER = GOLDENS / "gguf"
# name: (checkpoint, architecture, projector or None, {file: {dotted key: value}})
PAIRS = {
    "llama": ("llama/published_bf16", "llama", None, {}),
    # The converter writes the factors that come of 8,192 positions, whatever the key says.
    "llama3_rope": ("llama/saved_f32", "llama", None, {"config.json": {
        "rope_parameters.original_max_position_embeddings": 8192}}),
    "qwen2": ("qwen2/published_bf16", "qwen2", None, {}),
    "qwen3": ("qwen3/saved_f32", "qwen3", None, {}),
    "qwen3_yarn": ("qwen3/yarn_bf16", "qwen3", None, {}),
    "gemma3_text": ("gemma3_text/published_bf16", "gemma3", None, {}),
    "qwen2vl": ("qwen2_vl/published_2b", "qwen2vl", "qwen2vl_merger", {}),
    "qwen25vl": ("qwen2_5_vl/published_3b", "qwen2vl", "qwen2.5vl_merger", {}),
    "qwen3vl": ("qwen3_vl/published_4b", "qwen3vl", "qwen3vl_merger", {}),
    "llava": ("llava/clip_llama_f32", "llama", "mlp", {}),
    # Pictures in crops are a setting of the call.
    "gemma3": ("gemma3/pan_and_scan_bf16", "gemma3", "gemma3", {"preprocessor_config.json": {
        "do_pan_and_scan": False}}),
    "idefics3": ("idefics3/llama_f32", "llama", "idefics3", {}),
    "internvl": ("internvl/llama_rms_bf16", "llama", "internvl", {}),
    "pixtral": ("llava/pixtral_mistral_f32", "llama", "pixtral", {}),
    # One size says how large pictures may be.
    "mistral3": ("mistral3/saved_f32", "mistral3", "pixtral", {"processor_config.json": {
        "image_processor.size.longest_edge": 64}}),
}
STORED = {"BF16": BF16, "F16": F16, "F32": F32}


def put(document, dotted, value):
    *path, last = dotted.split(".")
    for key in path:
        document = document[key]
    document[last] = value


def edited_copy(checkpoint, edits, folder):
    """The checkpoint with other settings."""
    shutil.copytree(GOLDENS / checkpoint, folder)
    for name, changes in edits.items():
        document = json.loads((folder / name).read_text())
        for dotted, value in changes.items():
            put(document, dotted, value)
        (folder / name).write_text(json.dumps(document))


def json_of(folder, name):
    path = folder / name
    return json.loads(path.read_text()) if path.exists() else {}


def stored_type(name, values, kind):
    """Norms, biases, position embeddings and convolutions are kept exact; one projection is in f16
    whatever the others are."""
    exact = values.ndim == 1 or name.endswith("_norm.weight") or not name.endswith(".weight")
    if kind == BF16 and name == "mm.input_projection.weight":
        return F16
    exact = exact or "position_embd" in name or "patch_embd" in name or "patch_merger" in name
    return F32 if exact else kind


def with_types(tensors, kind):
    return {name: (values, stored_type(name, values, kind)) for name, values in tensors.items()}


def write_pair(name, checkpoint, architecture, projector, edits, scratch):
    folder = scratch / name
    edited_copy(checkpoint, edits, folder)
    config = json_of(folder, "config.json")
    weights, dtype = read_safetensors(folder / "model.safetensors")
    metadata = {**text_metadata(config, architecture), "general.name": name,
                **tokenizer_metadata(folder, config)}
    tensors = text_tensors(config, architecture, weights)
    place = FOLDER / name if projector else FOLDER
    write_gguf(place / f"{name}.gguf", metadata, with_types(tensors, STORED[dtype]))
    if projector:
        pixels = {**json_of(folder, "preprocessor_config.json"),
                  **json_of(folder, "processor_config.json").get("image_processor", {})}
        tokens = metadata["tokenizer.ggml.tokens"]
        if "[IMG_BREAK]" in tokens:
            config["image_break_token"] = tokens.index("[IMG_BREAK]")
        write_gguf(place / f"mmproj-{name}.gguf", vision_metadata(config, pixels, projector),
                   with_types(vision_tensors(config, projector, weights), STORED[dtype]))
    return config, metadata, weights


def quantized_type(name, values):
    """Eight bits in attention, four in MLPs, as far as rows are whole blocks."""
    kind = stored_type(name, values, Q4_0 if ".ffn_" in name else Q8_0)
    return BF16 if kind != F32 and values.shape[-1] % 32 else kind


def write_quantized(name, config, metadata, weights):
    """A language model in blocks, and as the checkpoint in f32 that these mean."""
    meant, tensors = {}, {}
    for source, values in weights.items():
        for target, rows in text_tensors(config, "llama", {source: values}).items():
            kind = quantized_type(target, rows)
            tensors[target] = (rows, kind)
            # Blocks lie within rows, so the order of these does not matter to them.
            meant[source] = encoded(values, kind)[1].reshape(values.shape)
    write_gguf(FOLDER / f"{name}.gguf", metadata, tensors)
    write_safetensors(FOLDER / f"{name}.safetensors", meant)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    listed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (checkpoint, architecture, projector, edits) in PAIRS.items():
            written = write_pair(name, checkpoint, architecture, projector, edits, Path(scratch))
            if name == "llama":
                write_quantized("llama_quantized", *written)
            listed.append({"name": name, "checkpoint": checkpoint, "pictures": bool(projector),
                           "edits": edits})
    (FOLDER / "pairs.json").write_text(json.dumps(listed, indent=1) + "\n")


main()
