"""The tiny vision-language configurations of tests/goldens/<model_type> besides qwen2_5_vl."""

from dataclasses import dataclass, field

from vlm_templates import TEMPLATES

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
HALF = [0.5, 0.5, 0.5]
IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]
BICUBIC, BILINEAR, LANCZOS = 3, 2, 1


@dataclass(frozen=True)
class Vlm:
    """One tiny checkpoint of one family."""

    family: str  # the model_type, and the folder
    name: str
    about: str
    seed: int
    text: dict  # text_config; model_type names the decoder
    vision: dict  # vision_config
    top: dict  # the rest of config.json; values that are tokens are named as text
    tokens: dict  # special tokens: role -> text; "extra" lists those without a role
    processor: dict  # arguments of the processor besides the image processor's
    images: dict  # the image processor's settings
    image_class: str  # "module.Class" under transformers.models, a Pillow one
    template: str  # name in vlm_templates
    dtype: str = "float32"
    tied: bool = False
    add_bos: bool = False  # the tokenizer puts the first token there, not the template
    num_merges: int = 40
    # "saved": as transformers 5 writes it, all in processor_config.json. "published": the image
    # processor in preprocessor_config.json, the processor's own settings in processor_config.json,
    # and CLIP and SigLIP towers under the names of the published files.
    layout: str = "saved"
    call: dict = field(default_factory=dict)  # arguments of the processor's call
    cases: tuple = ("text", "odd", "two_images", "image_last", "multi_turn")
    pixels: tuple = ("odd",)  # cases that store pixel_values


def text(model_type, layers, hidden, heads, kv_heads, intermediate, **more) -> dict:
    """A text_config."""
    return {"model_type": model_type, "num_hidden_layers": layers, "hidden_size": hidden,
            "num_attention_heads": heads, "num_key_value_heads": kv_heads,
            "intermediate_size": intermediate, "max_position_embeddings": 2048, **more}


def vision(model_type, layers, hidden, heads, intermediate, image, patch, **more) -> dict:
    """A vision_config."""
    return {"model_type": model_type, "num_hidden_layers": layers, "hidden_size": hidden,
            "num_attention_heads": heads, "intermediate_size": intermediate, "image_size": image,
            "patch_size": patch, **more}


def rope(theta, **more) -> dict:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **more}}


LLAVA_TOKENS = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "image": "<image>"}
FRAMES = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
IDEFICS_TOKENS = {"bos": "<|begin_of_text|>", "eos": "<end_of_utterance>", "pad": "<|end_of_text|>",
                  "image": "<image>", "extra": ["<fake_token_around_image>", "<global-img>"] + FRAMES}
SMOL_TOKENS = {**IDEFICS_TOKENS, "bos": "<|im_start|>", "pad": "<|im_end|>"}
INTERN_TOKENS = {"bos": "<|endoftext|>", "eos": "<|im_end|>", "pad": "<|endoftext|>",
                 "image": "<IMG_CONTEXT>", "extra": ["<|im_start|>"],
                 "named": {"start_image_token": "<img>", "end_image_token": "</img>",
                           "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"}}
GEMMA_TOKENS = {"bos": "<bos>", "eos": "<eos>", "pad": "<pad>", "image": "<image_soft_token>",
                "extra": ["<start_of_turn>", "<end_of_turn>"],
                "named": {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
                          "image_token": "<image_soft_token>"}}
PIXTRAL_TOKENS = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "image": "[IMG]",
                  "extra": ["[INST]", "[/INST]", "[IMG_BREAK]", "[IMG_END]"]}

CLIP_IMAGES = {"size": {"shortest_edge": 42}, "crop_size": {"height": 42, "width": 42},
               "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": BICUBIC}
GEMMA_TEXT = {"query_pre_attn_scalar": 12, "head_dim": 8, "sliding_window": 24,
              "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6}

LLAVA = [
    Vlm(family="llava", name="clip_llama_f32", seed=21,
        about="CLIP and Llama, class token dropped, as transformers saves it",
        text=text("llama", 2, 32, 4, 2, 48, rms_norm_eps=1e-5, **rope(10000.0)),
        vision=vision("clip_vision_model", 3, 24, 3, 40, 42, 14, projection_dim=16),
        top={"image_token_index": "<image>", "vision_feature_layer": -2,
             "vision_feature_select_strategy": "default", "image_seq_length": 9},
        tokens=LLAVA_TOKENS, template="llava", images=CLIP_IMAGES,
        image_class="clip.image_processing_pil_clip.CLIPImageProcessorPil",
        processor={"patch_size": 14, "vision_feature_select_strategy": "default",
                   "num_additional_image_tokens": 1},
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
    Vlm(family="llava", name="clip_mistral_full_bf16", seed=27, dtype="bfloat16",
        about="CLIP and Mistral with a sliding window, class token kept, two feature layers",
        text=text("mistral", 2, 32, 4, 1, 40, head_dim=8, sliding_window=20, **rope(1e6)),
        vision=vision("clip_vision_model", 3, 16, 2, 32, 32, 8, hidden_act="gelu",
                      layer_norm_eps=1e-6, projection_dim=16),
        top={"image_token_index": "<image>", "vision_feature_layer": [-3, -1],
             "vision_feature_select_strategy": "full", "image_seq_length": 17,
             "multimodal_projector_bias": False},
        tokens=LLAVA_TOKENS, template="llava", layout="published",
        images={**CLIP_IMAGES, "size": {"shortest_edge": 32},
                "crop_size": {"height": 32, "width": 32}},
        image_class="clip.image_processing_pil_clip.CLIPImageProcessorPil",
        processor={"patch_size": 8, "vision_feature_select_strategy": "full",
                   "num_additional_image_tokens": 1}),
    Vlm(family="llava", name="clip_qwen2_padded_f32", seed=23, tied=True,
        about="CLIP and Qwen2; pictures padded to a square first; the tokenizer adds <s>",
        text=text("qwen2", 2, 24, 3, 1, 36, tie_word_embeddings=True, **rope(1e6)),
        vision=vision("clip_vision_model", 2, 16, 2, 24, 28, 7, projection_dim=16),
        top={"image_token_index": "<image>", "vision_feature_layer": -1,
             "vision_feature_select_strategy": "default", "image_seq_length": 16,
             "projector_hidden_act": "gelu_pytorch_tanh"},
        tokens=LLAVA_TOKENS, template="vicuna", layout="published", add_bos=True,
        images={**CLIP_IMAGES, "size": {"shortest_edge": 28}, "do_pad": True,
                "crop_size": {"height": 28, "width": 28}},
        image_class="llava.image_processing_pil_llava.LlavaImageProcessorPil",
        processor={"patch_size": 7, "vision_feature_select_strategy": "default",
                   "num_additional_image_tokens": 1},
        cases=("text", "odd", "tall", "two_images", "image_last", "speck")),
]

IDEFICS3 = [
    Vlm(family="idefics3", name="llama_f32", seed=31,
        about="tiles of 28 in at most four a side, pixel shuffle by 2, as transformers saves it",
        text=text("llama", 2, 32, 4, 2, 48, rms_norm_eps=1e-5, **rope(500000.0)),
        vision=vision("idefics3_vision", 2, 24, 3, 40, 28, 7),
        top={"image_token_id": "<image>", "scale_factor": 2, "pad_token_id": "<|end_of_text|>"},
        tokens=IDEFICS_TOKENS, template="idefics3",
        images={"size": {"longest_edge": 84}, "max_image_size": {"longest_edge": 28},
                "image_mean": HALF, "image_std": HALF, "resample": LANCZOS},
        image_class="idefics3.image_processing_pil_idefics3.Idefics3ImageProcessorPil",
        processor={"image_seq_len": 4},
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn", "smallest"),
        pixels=("wide", "smallest")),
    Vlm(family="idefics3", name="tied_bf16", seed=32, dtype="bfloat16", tied=True,
        about="tiles of 36, pixel shuffle by 3, a tied head, as published",
        text=text("llama", 3, 24, 3, 1, 40, tie_word_embeddings=True, **rope(100000.0)),
        vision=vision("idefics3_vision", 3, 16, 2, 24, 36, 6),
        top={"image_token_id": "<image>", "scale_factor": 3, "pad_token_id": "<|end_of_text|>"},
        tokens=IDEFICS_TOKENS, template="idefics3", layout="published",
        images={"size": {"longest_edge": 108}, "max_image_size": {"longest_edge": 36},
                "image_mean": HALF, "image_std": HALF, "resample": LANCZOS},
        image_class="idefics3.image_processing_pil_idefics3.Idefics3ImageProcessorPil",
        processor={"image_seq_len": 4},
        cases=("text", "odd", "tall", "two_images", "image_last"), pixels=("tall",)),
]

SMOLVLM = [
    Vlm(family="smolvlm", name="llama_f32", seed=41, tied=True,
        about="a position grid finer than the tile, pixel shuffle by 3",
        text=text("llama", 2, 30, 3, 1, 40, head_dim=10, tie_word_embeddings=True, **rope(100000.0)),
        vision=vision("smolvlm_vision", 2, 16, 2, 24, 54, 6),
        top={"image_token_id": "<image>", "scale_factor": 3, "pad_token_id": "<|im_end|>"},
        tokens=SMOL_TOKENS, template="smolvlm", layout="published",
        images={"size": {"longest_edge": 72}, "max_image_size": {"longest_edge": 36},
                "image_mean": HALF, "image_std": HALF, "resample": LANCZOS},
        image_class="smolvlm.image_processing_pil_smolvlm.SmolVLMImageProcessorPil",
        processor={"image_seq_len": 4},
        cases=("text", "odd", "tall", "two_images", "image_last", "multi_turn")),
    Vlm(family="smolvlm", name="unsplit_bf16", seed=42, dtype="bfloat16",
        about="no splitting: every picture is one square",
        text=text("llama", 2, 32, 4, 4, 40, **rope(100000.0)),
        vision=vision("smolvlm_vision", 2, 24, 3, 32, 28, 7),
        top={"image_token_id": "<image>", "scale_factor": 2, "pad_token_id": "<|im_end|>"},
        tokens=SMOL_TOKENS, template="smolvlm",
        images={"size": {"longest_edge": 56}, "max_image_size": {"longest_edge": 28},
                "image_mean": HALF, "image_std": HALF, "resample": LANCZOS,
                "do_image_splitting": False},
        image_class="smolvlm.image_processing_pil_smolvlm.SmolVLMImageProcessorPil",
        processor={"image_seq_len": 4}),
]

INTERNVL = [
    Vlm(family="internvl", name="qwen2_f32", seed=51, tied=True,
        about="InternVL3: layer norm, attention bias, up to 6 tiles and a thumbnail; Qwen2",
        text=text("qwen2", 2, 32, 4, 2, 40, tie_word_embeddings=True, **rope(1e6)),
        vision=vision("internvl_vision", 2, 24, 3, 32, [28, 28], [7, 7], attention_bias=True),
        top={"image_token_id": "<IMG_CONTEXT>", "image_seq_length": 4, "downsample_ratio": 0.5},
        tokens=INTERN_TOKENS, template="internvl", layout="published",
        images={"size": {"height": 28, "width": 28}, "image_mean": IMAGENET_MEAN,
                "image_std": IMAGENET_STD, "resample": BICUBIC, "crop_to_patches": False,
                "min_patches": 1, "max_patches": 6},
        image_class="got_ocr2.image_processing_pil_got_ocr2.GotOcr2ImageProcessorPil",
        processor={"image_seq_length": 4},
        cases=("text", "odd", "wide", "tall", "two_images", "image_last", "multi_turn"),
        pixels=("odd",)),
    Vlm(family="internvl", name="llama_rms_bf16", seed=52, dtype="bfloat16",
        about="the 6B tower's form: RMS norm and query-key norm; Llama",
        text=text("llama", 2, 32, 4, 4, 40, rms_norm_eps=1e-5, **rope(10000.0)),
        vision=vision("internvl_vision", 3, 16, 2, 32, [16, 16], [4, 4], norm_type="rms_norm",
                      use_qk_norm=True, hidden_act="gelu", use_mean_pooling=False),
        top={"image_token_id": "<IMG_CONTEXT>", "image_seq_length": 4, "downsample_ratio": 0.5,
             "tie_word_embeddings": False},
        tokens=INTERN_TOKENS, template="internvl",
        images={"size": {"height": 16, "width": 16}, "image_mean": IMAGENET_MEAN,
                "image_std": IMAGENET_STD, "resample": BICUBIC, "crop_to_patches": True,
                "min_patches": 2, "max_patches": 12},
        image_class="got_ocr2.image_processing_pil_got_ocr2.GotOcr2ImageProcessorPil",
        processor={"image_seq_length": 4}),
]

GEMMA3 = [
    Vlm(family="gemma3", name="saved_f32", seed=61, tied=True,
        about="one sliding and one full layer, images wider than the window",
        text=text("gemma3_text", 2, 32, 4, 2, 48, **GEMMA_TEXT,
                  layer_types=["sliding_attention", "full_attention"]),
        vision=vision("siglip_vision_model", 2, 24, 3, 40, 48, 4, vision_use_head=False),
        top={"image_token_index": "<image_soft_token>", "boi_token_index": "<start_of_image>",
             "eoi_token_index": "<end_of_image>", "mm_tokens_per_image": 36},
        tokens=GEMMA_TOKENS, template="gemma3",
        images={"size": {"height": 48, "width": 48}, "image_mean": HALF, "image_std": HALF,
                "resample": BILINEAR},
        image_class="gemma3.image_processing_pil_gemma3.Gemma3ImageProcessorPil",
        processor={"image_seq_length": 36},
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
    Vlm(family="gemma3", name="pan_and_scan_bf16", seed=62, dtype="bfloat16", tied=True,
        about="pan-and-scan crops of elongated pictures",
        text=text("gemma3_text", 3, 24, 3, 1, 40, **{**GEMMA_TEXT, "query_pre_attn_scalar": 8},
                  layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
        vision=vision("siglip_vision_model", 2, 16, 2, 24, 16, 4, vision_use_head=False),
        top={"image_token_index": "<image_soft_token>", "boi_token_index": "<start_of_image>",
             "eoi_token_index": "<end_of_image>", "mm_tokens_per_image": 4},
        tokens=GEMMA_TOKENS, template="gemma3", layout="published",
        images={"size": {"height": 16, "width": 16}, "image_mean": HALF, "image_std": HALF,
                "resample": BILINEAR, "do_pan_and_scan": True, "pan_and_scan_min_crop_size": 24,
                "pan_and_scan_max_num_crops": 4, "pan_and_scan_min_ratio_to_activate": 1.2},
        image_class="gemma3.image_processing_pil_gemma3.Gemma3ImageProcessorPil",
        processor={"image_seq_length": 4},
        # Gemma3Processor's own default, off, comes before the file's setting; only the call wins.
        call={"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 24},
        cases=("text", "odd", "wide", "tall", "two_images", "image_last"),
        pixels=("odd", "wide")),
]

PIXTRAL_VISION = {"hidden_act": "silu", "head_dim": 8}
PIXTRAL = [
    Vlm(family="llava", name="pixtral_mistral_f32", seed=71,
        about="Pixtral as transformers has it: llava with a pixtral tower",
        text=text("mistral", 2, 32, 4, 2, 40, head_dim=8, sliding_window=None, **rope(1e6)),
        vision=vision("pixtral", 2, 16, 2, 32, 64, 8, **PIXTRAL_VISION, **rope(10000.0)),
        top={"image_token_index": "[IMG]", "vision_feature_layer": -1,
             "vision_feature_select_strategy": "full", "image_seq_length": 1},
        tokens=PIXTRAL_TOKENS, template="pixtral", layout="published",
        images={"size": {"longest_edge": 64}, "patch_size": {"height": 8, "width": 8},
                "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": BICUBIC},
        image_class="pixtral.image_processing_pil_pixtral.PixtralImageProcessorPil",
        processor={"patch_size": 8},
        cases=("text", "odd", "wide", "tall", "two_images", "image_last", "multi_turn")),
]

MISTRAL3 = [
    Vlm(family="mistral3", name="saved_f32", seed=81,
        about="Pixtral tower, merger of 2 x 2 patches, as transformers saves it",
        text=text("mistral", 2, 32, 4, 2, 40, head_dim=10, sliding_window=None, **rope(1e6)),
        vision=vision("pixtral", 2, 16, 2, 32, 64, 4, **PIXTRAL_VISION, **rope(10000.0)),
        top={"image_token_index": "[IMG]", "vision_feature_layer": -1, "spatial_merge_size": 2,
             "tie_word_embeddings": False},
        tokens=PIXTRAL_TOKENS, template="pixtral",
        images={"size": {"longest_edge": 48}, "patch_size": 4, "image_mean": CLIP_MEAN,
                "image_std": CLIP_STD, "resample": BICUBIC},
        image_class="pixtral.image_processing_pil_pixtral.PixtralImageProcessorPil",
        processor={"patch_size": 4, "spatial_merge_size": 2},
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn", "tall")),
    Vlm(family="mistral3", name="published_bf16", seed=82, dtype="bfloat16",
        about="merger of 3 x 3, projector with bias, the last but one layer",
        text=text("mistral", 2, 24, 2, 1, 40, head_dim=12, sliding_window=None, **rope(1e5)),
        vision=vision("pixtral", 3, 24, 3, 32, 64, 3, hidden_act="gelu", **rope(5000.0)),
        top={"image_token_index": "[IMG]", "vision_feature_layer": -2, "spatial_merge_size": 3,
             "multimodal_projector_bias": True, "tie_word_embeddings": False},
        tokens=PIXTRAL_TOKENS, template="pixtral", layout="published",
        images={"size": {"longest_edge": 54}, "patch_size": 3, "image_mean": CLIP_MEAN,
                "image_std": CLIP_STD, "resample": BICUBIC},
        image_class="pixtral.image_processing_pil_pixtral.PixtralImageProcessorPil",
        processor={"patch_size": 3, "spatial_merge_size": 3}),
]

VLMS = LLAVA + IDEFICS3 + SMOLVLM + INTERNVL + GEMMA3 + PIXTRAL + MISTRAL3
assert all(spec.template in TEMPLATES for spec in VLMS)
