"""The tiny Qwen-VL configurations of tests/goldens/qwen*_vl and the prompts run on them."""

from dataclasses import dataclass, field
from typing import Callable


@dataclass(frozen=True)
class TinyModel:
    """One tiny checkpoint: its shape, and how it is laid out on disk."""

    name: str
    about: str
    # "flat": config.json and tensor names as Qwen published Qwen2-VL and Qwen2.5-VL. "saved":
    # whatever transformers' save_pretrained writes. "nested_names": model.visual.*,
    # model.language_model.*. "nested": as Qwen published Qwen3-VL.
    layout: str
    dtype: str  # storage: float32, bfloat16, float16
    vision: dict
    text: dict
    tied: bool
    seed: int
    shards: int = 1
    num_merges: int = 48
    merges_as_strings: bool = True
    template_place: str = "jinja"  # "jinja", "tokenizer_config", "chat_template_json"
    pixel_style: str = "pixels"  # preprocessor_config: min_pixels/max_pixels, or "size"
    min_pixels: int = 56 * 56
    max_pixels: int = 28 * 28 * 60
    embedding_std: float = 0.25  # of a tied embedding
    padded_vocab: int = 0  # rows of the embedding beyond the tokenizer's ids
    cases: tuple = field(default=())
    family: str = "qwen2_5_vl"  # model_type

    @property
    def patch_size(self) -> int:
        return 14 if self.family in ("qwen2_vl", "qwen2_5_vl") else 16


def vision(depth, hidden, heads, intermediate, window, full) -> dict:
    """A vision_config; the sizes that stay as published are filled in by checkpoint.py."""
    return {"depth": depth, "hidden_size": hidden, "num_heads": heads, "window_size": window,
            "intermediate_size": intermediate, "fullatt_block_indexes": full}


def text(layers, hidden, heads, kv_heads, intermediate, mrope, theta=1e6, eps=1e-6) -> dict:
    """The decoder's fields; head_dim is hidden / heads = 2 * sum(mrope)."""
    assert hidden // heads == 2 * sum(mrope), (hidden, heads, mrope)
    return {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads,
            "num_key_value_heads": kv_heads, "intermediate_size": intermediate,
            "mrope_section": mrope, "rope_theta": theta, "rms_norm_eps": eps}


TINY_MODELS = [
    TinyModel(
        name="published_3b",
        about="flat config.json and tensor names of the published 3B; tied head; bf16",
        layout="flat", dtype="bfloat16", tied=True, seed=11,
        vision=vision(4, 24, 3, 28, 112, [1, 3]),
        text=text(2, 48, 6, 3, 44, [1, 1, 2]),
        template_place="tokenizer_config", padded_vocab=7,
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="published_7b_sharded",
        about="flat names as the published 7B, lm_head untied, three shards and an index; bf16",
        layout="flat", dtype="bfloat16", tied=False, seed=12, shards=3,
        vision=vision(3, 20, 1, 36, 56, [2]),
        text=text(3, 36, 6, 2, 40, [1, 1, 1]),
        template_place="chat_template_json", min_pixels=28 * 28 * 9,
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn", "budget")),
    TinyModel(
        name="saved_f32",
        about="as transformers saves it; f32; every block windowed but the last",
        layout="saved", dtype="float32", tied=False, seed=13,
        vision=vision(2, 16, 2, 20, 84, [1]),
        text=text(1, 24, 2, 2, 40, [2, 2, 2], theta=10000.0, eps=1e-5),
        merges_as_strings=False, pixel_style="size", min_pixels=28 * 28 * 2,
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn", "smallest")),
    TinyModel(
        name="saved_f16",
        about="as transformers saves it; f16; tied head; one vision block, windowed only",
        layout="saved", dtype="float16", tied=True, seed=14,
        vision=vision(1, 32, 2, 40, 112, []),
        text=text(2, 32, 2, 1, 40, [2, 3, 3], theta=500000.0),
        pixel_style="size", num_merges=90,
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="nested_bf16",
        about="tensor names model.visual.*, model.language_model.*; bf16; GQA 4",
        layout="nested_names", dtype="bfloat16", tied=False, seed=15,
        vision=vision(3, 24, 2, 30, 140, [0, 2]),
        text=text(2, 32, 4, 1, 40, [2, 1, 1], theta=1e6),
        template_place="tokenizer_config", min_pixels=28 * 28 * 16, max_pixels=28 * 28 * 24,
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="saved_sharded_f32",
        about="as transformers saves it, in shards; f32; all vision blocks full; deep decoder",
        layout="saved", dtype="float32", tied=True, seed=16, shards=2,
        vision=vision(2, 8, 1, 20, 112, [0, 1]),
        text=text(3, 20, 1, 1, 28, [4, 3, 3], theta=20000.0, eps=1e-6),
        template_place="chat_template_json", num_merges=32,
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn", "speck")),
]


def vision2(depth, hidden, heads, mlp_ratio) -> dict:
    """A vision_config of Qwen2-VL, whose hidden_size is the decoder's."""
    return {"depth": depth, "embed_dim": hidden, "num_heads": heads, "mlp_ratio": mlp_ratio}


def vision3(depth, hidden, heads, intermediate, positions, deepstack) -> dict:
    """A vision_config of Qwen3-VL with learned positions on a grid of positions^2."""
    return {"depth": depth, "hidden_size": hidden, "num_heads": heads,
            "intermediate_size": intermediate, "num_position_embeddings": positions**2,
            "deepstack_visual_indexes": deepstack}


def text3(head_dim, layers, hidden, heads, kv_heads, intermediate, mrope, **more) -> dict:
    """The decoder's fields of Qwen3-VL, whose heads have a size of their own."""
    return {**text(layers, 2 * sum(mrope), 1, 1, intermediate, mrope), "head_dim": head_dim,
            "hidden_size": hidden, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
            **more}


TINY_MODELS += [
    TinyModel(
        name="published_2b", family="qwen2_vl",
        about="flat config.json and tensor names of the published 2B; tied head; bf16",
        layout="flat", dtype="bfloat16", tied=True, seed=61,
        vision=vision2(3, 24, 3, 2), text=text(2, 48, 6, 3, 44, [1, 1, 2]),
        template_place="chat_template_json",
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="saved_f32", family="qwen2_vl",
        about="as transformers saves it; f32",
        layout="saved", dtype="float32", tied=False, seed=62,
        vision=vision2(2, 16, 2, 3), text=text(2, 32, 2, 1, 40, [2, 3, 3], theta=10000.0, eps=1e-5),
        pixel_style="size", min_pixels=28 * 28 * 2,
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn", "smallest")),
    TinyModel(
        name="published_4b", family="qwen3_vl",
        about="nested config.json and tensor names of the published 4B; tied head; bf16",
        layout="nested", dtype="bfloat16", tied=True, seed=63,
        vision=vision3(4, 24, 3, 28, 6, [0, 2]),
        text=text3(20, 3, 36, 3, 1, 44, [4, 3, 3], rope_theta=5e6),
        pixel_style="size", min_pixels=32 * 32 * 4, max_pixels=32 * 32 * 60, embedding_std=0.1,
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="saved_f32", family="qwen3_vl",
        about="as transformers saves it; f32; more positions than patches; attention biases",
        layout="saved", dtype="float32", tied=False, seed=64,
        vision=vision3(2, 16, 2, 20, 11, [1, 0]),
        text=text3(16, 2, 24, 2, 2, 32, [2, 3, 3], attention_bias=True),
        pixel_style="size", min_pixels=32 * 32 * 2, max_pixels=32 * 32 * 40,
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn", "smallest")),
]


def experts(number, chosen, intermediate) -> dict:
    """The fields of a decoder with experts."""
    return {"num_experts": number, "num_experts_per_tok": chosen,
            "moe_intermediate_size": intermediate}


def hybrid(layers: str, key_heads, value_heads, key_dim, value_dim, rotary, conv=4) -> dict:
    """The fields of Qwen3.5's decoder besides text3's: layers as L (linear) and F (full attention),
    sizes of the gated delta rule, and the part of a head that is rotated."""
    names = {"L": "linear_attention", "F": "full_attention"}
    return {"layer_types": [names[kind] for kind in layers], "linear_num_key_heads": key_heads,
            "linear_num_value_heads": value_heads, "linear_key_head_dim": key_dim,
            "linear_value_head_dim": value_dim, "linear_conv_kernel_dim": conv,
            "partial_rotary_factor": rotary}


def vision35(*sizes) -> dict:
    """A vision_config of Qwen3.5: vision3 without DeepStack."""
    config = vision3(*sizes, [])
    del config["deepstack_visual_indexes"]
    return config


QWEN3_CASES = ("text", "odd", "wide", "two_images", "image_last", "multi_turn")

TINY_MODELS += [
    TinyModel(
        name="saved_f32", family="qwen3_vl_moe",
        about="as transformers saves it; f32; experts in all layers but one",
        layout="saved", dtype="float32", tied=False, seed=65,
        vision=vision3(2, 16, 2, 20, 7, [0, 1]),
        text=text3(12, 4, 24, 3, 1, 32, [2, 2, 2], decoder_sparse_step=1,
                   mlp_only_layers=[1], **experts(6, 2, 16)),
        pixel_style="size", min_pixels=32 * 32 * 2, max_pixels=32 * 32 * 24,
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="published_30b", family="qwen3_vl_moe",
        about="nested config.json and tensor names of the published 30B-A3B; bf16",
        layout="nested", dtype="bfloat16", tied=False, seed=66,
        vision=vision3(3, 24, 3, 28, 6, [0, 2]),
        text=text3(16, 3, 20, 2, 1, 32, [3, 3, 2], rope_theta=5e6, decoder_sparse_step=1,
                   mlp_only_layers=[], **experts(8, 3, 16)),
        pixel_style="size", min_pixels=32 * 32 * 4, max_pixels=32 * 32 * 24, cases=QWEN3_CASES),
    TinyModel(
        name="saved_f32", family="qwen3_5",
        about="as transformers saves it; f32; two value heads for each key head",
        layout="saved", dtype="float32", tied=False, seed=67,
        vision=vision35(2, 16, 2, 20, 7),
        text=text3(16, 5, 24, 2, 1, 32, [2, 1, 1], **hybrid("LFLLF", 2, 4, 8, 10, 0.5)),
        pixel_style="size", min_pixels=32 * 32 * 2, max_pixels=32 * 32 * 24,
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="interval_bf16", family="qwen3_5",
        about="nested config.json with full_attention_interval; tied head; bf16",
        layout="nested", dtype="bfloat16", tied=True, seed=68,
        vision=vision35(3, 24, 3, 28, 6),
        text=text3(20, 6, 32, 4, 2, 40, [2, 2, 2], **hybrid("LLFLLF", 3, 3, 12, 8, 0.6)),
        pixel_style="size", min_pixels=32 * 32 * 4, max_pixels=32 * 32 * 24,
        embedding_std=0.1, cases=QWEN3_CASES),
    TinyModel(
        name="saved_f32", family="qwen3_5_moe",
        about="as transformers saves it; f32; experts and a gated shared one in every layer",
        layout="saved", dtype="float32", tied=False, seed=69,
        vision=vision35(2, 16, 2, 20, 7),
        text=text3(16, 4, 24, 2, 1, 32, [2, 1, 1], shared_expert_intermediate_size=12,
                   **experts(6, 2, 16), **hybrid("LFLF", 2, 4, 8, 10, 0.5)),
        pixel_style="size", min_pixels=32 * 32 * 2, max_pixels=32 * 32 * 24,
        cases=("text", "odd", "two_images", "image_last", "multi_turn")),
    TinyModel(
        name="interval_bf16", family="qwen3_5_moe",
        about="nested config.json with full_attention_interval; more experts; bf16",
        layout="nested", dtype="bfloat16", tied=False, seed=75,
        vision=vision35(3, 24, 3, 28, 6),
        text=text3(20, 6, 32, 4, 2, 40, [2, 2, 2], shared_expert_intermediate_size=8,
                   **experts(8, 3, 12), **hybrid("LLFLLF", 3, 3, 12, 8, 0.6)),
        pixel_style="size", min_pixels=32 * 32 * 4, max_pixels=32 * 32 * 24,
        cases=("text", "odd", "tall", "two_images", "image_last")),
]


def user(*parts) -> dict:
    """A user message: a str part is text, a ("image", file) part is an image."""
    content = []
    for part in parts:
        if isinstance(part, str):
            content.append({"type": "text", "text": part})
        else:
            content.append({"type": "image", "image": part[1]})
    return {"role": "user", "content": content}


def image(name: str) -> tuple:
    return ("image", f"{name}.png")


# Case name -> (messages for a noun, overrides of the image processor). The noun varies until the
# greedy path has clear margins (see models.py).
CASES: dict[str, tuple[Callable[[str], list], dict]] = {
    "text": (lambda noun: [
        {"role": "user", "content": f"Tell me about the {noun}."}], {}),
    "odd": (lambda noun: [
        user(image("odd_61x97"), f"What is beside the {noun}?")], {}),
    "wide": (lambda noun: [
        user(image("wide_333x40"), f"Is there a {noun} in it?")], {}),
    "tall": (lambda noun: [
        user(image("tall_30x290"), f"Is there a {noun} in it?")], {}),
    "two_images": (lambda noun: [
        user("First: ", image("gray_83x59"), f" and the {noun}, then ", image("large_150x201"),
             " Which is larger?")], {}),
    "image_last": (lambda noun: [
        user(f"Count every {noun} here: ", image("even_112x84"))], {}),
    "multi_turn": (lambda noun: [
        {"role": "system", "content": "Answer in one word."},
        user(image("alpha_45x64"), f"Do you see a {noun}?"),
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Which colour, 图片?"}], {}),
    "budget": (lambda noun: [
        user(image("large_150x201"), f"Where is the {noun}?")],
        {"min_pixels": 28 * 28 * 4, "max_pixels": 28 * 28 * 12}),
    "smallest": (lambda noun: [
        user(image("cell_28x28"), f"A {noun}?")],
        {"min_pixels": 28 * 28, "max_pixels": 28 * 28 * 4}),
    "speck": (lambda noun: [
        user(image("speck_7x5"), f"A {noun}?")], {}),
    "large": (lambda noun: [
        user(image("large_150x201"), f"Where is the {noun}?")], {}),
}

# Cases that also store pixel_values and the logits of every position (small ones only).
CASES_WITH_PIXELS = {("qwen2_5_vl", "saved_f32", "smallest"), ("qwen3_vl", "saved_f32", "smallest")}
CASES_WITH_ALL_LOGITS = {("qwen2_5_vl", "saved_f32", "smallest"),
                         ("qwen2_5_vl", "published_3b", "odd"), ("qwen3_vl", "saved_f32", "odd")}

NOUNS = [
    "lamp", "window", "boat", "bridge", "chair", "apple", "river", "cat", "letter", "cup", "door",
    "tree", "clock", "road", "hat", "bird", "stone", "wheel", "fish", "bell", "map", "horse",
    "train", "cloud", "garden", "mirror", "ladder", "candle", "basket", "violin", "pencil", "kite",
    "spoon", "tower", "coin", "feather", "anchor", "button", "carpet", "drum", "engine", "flag",
    "glove", "hammer", "island", "jacket", "kettle", "lemon", "mountain", "needle", "orange",
    "piano", "rabbit", "shovel", "tiger", "umbrella", "vase", "whale", "yacht", "zebra",
]
