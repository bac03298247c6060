"""The tiny configurations of families that cut or resample pictures in manners of their own."""

from vlm_specs import (
    BICUBIC, BILINEAR, CLIP_MEAN, CLIP_STD, HALF, LLAVA_TOKENS, PIXTRAL_TOKENS,
    PIXTRAL_VISION, Vlm, rope, text, vision)

CHATML_TOKENS = {"bos": "<|endoftext|>", "eos": "<|im_end|>", "pad": "<|endoftext|>",
                 "image": "<image>", "extra": ["<|im_start|>", "<video>"]}
IDEFICS2_TOKENS = {"bos": "<s>", "eos": "</s>", "pad": "<unk>", "image": "<image>",
                   "extra": ["<fake_token_around_image>", "<end_of_utterance>"]}
DEEPSEEK_TOKENS = {"bos": "<｜begin▁of▁sentence｜>", "eos": "<｜end▁of▁sentence｜>",
                   "pad": "<｜▁pad▁｜>", "image": "<image>"}


def pinpoints(tile: int, *grids: tuple) -> list:
    """Resolutions [height, width] of grids (rows, columns) of tiles."""
    return [[rows * tile, columns * tile] for rows, columns in grids]


def square(tile: int, **more) -> dict:
    return {"size": {"shortest_edge": tile}, "crop_size": {"height": tile, "width": tile},
            "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": BICUBIC, **more}


GRIDS = ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))
ALL_GRIDS = tuple((rows, columns) for rows in range(1, 7) for columns in range(1, 7))
NEXT_CLASS = "llava_next.image_processing_pil_llava_next.LlavaNextImageProcessorPil"
ONEVISION_CLASS = (
    "llava_onevision.image_processing_pil_llava_onevision.LlavaOnevisionImageProcessorPil")

LLAVA_NEXT = [
    Vlm(family="llava_next", name="mistral_f32", seed=101,
        about="CLIP and Mistral, the five published grids, as transformers saves it",
        text=text("mistral", 2, 32, 4, 2, 48, head_dim=10, sliding_window=None, **rope(1e6)),
        vision=vision("clip_vision_model", 3, 24, 3, 40, 28, 7, projection_dim=16),
        top={"image_token_index": "<image>", "vision_feature_layer": -2,
             "vision_feature_select_strategy": "default", "image_seq_length": 16,
             "image_grid_pinpoints": pinpoints(28, *GRIDS)},
        tokens=LLAVA_TOKENS, template="llava_mistral",
        images=square(28, image_grid_pinpoints=pinpoints(28, *GRIDS)), image_class=NEXT_CLASS,
        processor={"patch_size": 7, "vision_feature_select_strategy": "default",
                   "num_additional_image_tokens": 1},
        cases=("text", "odd", "wide", "tall", "two_images", "image_last", "multi_turn", "speck")),
    Vlm(family="llava_next", name="vicuna_bf16", seed=102, dtype="bfloat16",
        about="CLIP and Llama, nine tiles among the grids, two feature layers; adds <s> itself",
        text=text("llama", 2, 24, 3, 3, 40, rms_norm_eps=1e-5, **rope(10000.0)),
        vision=vision("clip_vision_model", 3, 16, 2, 32, 24, 8, projection_dim=16),
        top={"image_token_index": "<image>", "vision_feature_layer": [-3, -1],
             "vision_feature_select_strategy": "default", "image_seq_length": 9,
             "image_grid_pinpoints": pinpoints(24, *GRIDS, (3, 3), (1, 4))},
        tokens=LLAVA_TOKENS, template="vicuna", layout="published", add_bos=True,
        images=square(24, image_grid_pinpoints=pinpoints(24, *GRIDS, (3, 3), (1, 4))),
        image_class=NEXT_CLASS,
        processor={"patch_size": 8, "vision_feature_select_strategy": "default",
                   "num_additional_image_tokens": 1},
        cases=("text", "odd", "wide", "two_images", "image_last"), pixels=("image_last",)),
]

ONEVISION_IMAGES = {"image_mean": HALF, "image_std": HALF, "resample": BICUBIC}

LLAVA_ONEVISION = [
    Vlm(family="llava_onevision", name="anyres9_f32", seed=111,
        about="SigLIP and Qwen2, every grid up to 6 x 6, squeezed to nine tiles",
        text=text("qwen2", 2, 24, 3, 1, 40, **rope(1e6)),
        vision=vision("siglip_vision_model", 2, 16, 2, 32, 20, 5, vision_use_head=False),
        top={"image_token_index": "<image>", "video_token_index": "<video>",
             "vision_feature_layer": -1, "vision_feature_select_strategy": "full",
             "vision_aspect_ratio": "anyres_max_9",
             "image_grid_pinpoints": pinpoints(20, *ALL_GRIDS)},
        tokens=CHATML_TOKENS, template="chatml_image",
        images={**ONEVISION_IMAGES, "size": {"height": 20, "width": 20},
                "image_grid_pinpoints": pinpoints(20, *ALL_GRIDS)},
        image_class=ONEVISION_CLASS,
        processor={"num_image_tokens": 16, "vision_feature_select_strategy": "full",
                   "vision_aspect_ratio": "anyres_max_9"},
        cases=("text", "odd", "wide", "tall", "two_images", "image_last", "multi_turn", "large"),
        pixels=("multi_turn",)),
    Vlm(family="llava_onevision", name="anyres2_bf16", seed=112, dtype="bfloat16", tied=True,
        about="tied Qwen2, squeezed to two tiles, the last layer but one",
        text=text("qwen2", 2, 32, 4, 2, 40, tie_word_embeddings=True, **rope(1e6)),
        vision=vision("siglip_vision_model", 3, 24, 3, 32, 18, 6, vision_use_head=False),
        top={"image_token_index": "<image>", "video_token_index": "<video>",
             "vision_feature_layer": -2, "vision_feature_select_strategy": "full",
             "vision_aspect_ratio": "anyres_max_2",
             "image_grid_pinpoints": pinpoints(18, *ALL_GRIDS[:18])},
        tokens=CHATML_TOKENS, template="chatml_image", layout="published",
        images={**ONEVISION_IMAGES, "size": {"height": 18, "width": 18},
                "image_grid_pinpoints": pinpoints(18, *ALL_GRIDS[:18])},
        image_class=ONEVISION_CLASS,
        processor={"num_image_tokens": 9, "vision_feature_select_strategy": "full",
                   "vision_aspect_ratio": "anyres_max_2"},
        cases=("text", "odd", "wide", "two_images", "image_last"), pixels=("two_images",)),
]

PIXTRAL_LLAVA = [
    Vlm(family="llava", name="pixtral_published_bf16", seed=72, dtype="bfloat16",
        about="llava with a pixtral tower as published: GELU, three layers, patches of 6",
        text=text("mistral", 3, 24, 3, 1, 40, head_dim=12, sliding_window=None, **rope(1e9)),
        vision=vision("pixtral", 3, 24, 3, 32, 60, 6, **{**PIXTRAL_VISION, "hidden_act": "gelu"},
                      **rope(10000.0)),
        top={"image_token_index": "[IMG]", "vision_feature_layer": -1,
             "vision_feature_select_strategy": "full", "image_seq_length": 1},
        tokens=PIXTRAL_TOKENS, template="pixtral", layout="published",
        images={"size": {"longest_edge": 60}, "patch_size": {"height": 6, "width": 6},
                "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": BICUBIC},
        image_class="pixtral.image_processing_pil_pixtral.PixtralImageProcessorPil",
        processor={"patch_size": 6},
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
]


def perceiver(hidden, latents, depth, heads, kv_heads, head_dim) -> dict:
    return {"hidden_size": hidden, "resampler_n_latents": latents, "resampler_depth": depth,
            "resampler_n_heads": heads, "num_key_value_heads": kv_heads,
            "resampler_head_dim": head_dim, "hidden_act": "silu", "rms_norm_eps": 1e-5}


IDEFICS2_CLASS = "idefics2.image_processing_pil_idefics2.Idefics2ImageProcessorPil"
IDEFICS2 = [
    Vlm(family="idefics2", name="split_f32", seed=121,
        about="every picture as four quarters and the whole, as transformers saves it",
        text=text("mistral", 2, 24, 4, 2, 40, head_dim=8, sliding_window=64, rms_norm_eps=1e-5,
                  **rope(10000.0)),
        vision=vision("idefics2_vision", 2, 24, 3, 40, 56, 7),
        top={"image_token_id": "<image>", "perceiver_config": perceiver(24, 5, 2, 4, 2, 10)},
        tokens=IDEFICS2_TOKENS, template="idefics2",
        images={"size": {"shortest_edge": 28, "longest_edge": 56}, "image_mean": HALF,
                "image_std": HALF, "resample": BILINEAR, "do_image_splitting": True},
        image_class=IDEFICS2_CLASS, processor={"image_seq_len": 5},
        cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn"),
        pixels=("odd",)),
    Vlm(family="idefics2", name="whole_bf16", seed=122, dtype="bfloat16",
        about="no splitting, pictures of their own size with pixels left over at the borders",
        text=text("mistral", 2, 24, 3, 1, 40, sliding_window=4096, **rope(10000.0)),
        vision=vision("idefics2_vision", 3, 16, 2, 32, 40, 5),
        top={"image_token_id": "<image>", "perceiver_config": perceiver(24, 7, 3, 3, 1, 12)},
        tokens=IDEFICS2_TOKENS, template="idefics2", layout="published", add_bos=True,
        images={"size": {"shortest_edge": 22, "longest_edge": 63}, "image_mean": HALF,
                "image_std": HALF, "resample": BILINEAR, "do_image_splitting": False},
        image_class=IDEFICS2_CLASS, processor={"image_seq_len": 7},
        cases=("text", "odd", "wide", "tall", "two_images", "image_last")),
]


def fastvit(hidden, dims, depths) -> dict:
    """FastViTHD of five stages with its published form and tiny widths."""
    return {"model_type": "timm_wrapper", "architecture": "fastvit_mci3", "do_pooling": True,
            "global_pool": "avg", "hidden_size": hidden, "num_classes": 0,
            "model_args": {"inference_mode": True, "embed_dims": dims, "layers": depths}}


FAST_VLM = [
    Vlm(family="fast_vlm", name="qwen2_f32", seed=131, tied=True,
        about="FastViTHD in its merged form and Qwen2; 128 px, four tokens a picture",
        text=text("qwen2", 2, 32, 4, 2, 40, tie_word_embeddings=True, **rope(1e6)),
        vision=fastvit(64, [4, 8, 16, 32, 32], [1, 2, 1, 1, 1]),
        top={"image_token_index": "<image>", "image_seq_length": 4, "vision_feature_layer": -1,
             "vision_feature_select_strategy": "full"},
        tokens=CHATML_TOKENS, template="chatml_image",
        images=square(128, image_mean=[0.0] * 3, image_std=[1.0] * 3, do_pad=True),
        image_class="llava.image_processing_pil_llava.LlavaImageProcessorPil",
        processor={"patch_size": 64, "vision_feature_select_strategy": "full",
                   "num_additional_image_tokens": 0},
        cases=("text", "odd", "two_images", "image_last", "multi_turn"), pixels=()),
    Vlm(family="fast_vlm", name="qwen2_bf16", seed=132, dtype="bfloat16",
        about="192 px, nine tokens a picture, cropped instead of padded",
        text=text("qwen2", 2, 24, 3, 1, 40, **rope(1e6)),
        vision=fastvit(128, [4, 8, 16, 32, 64], [2, 1, 1, 2, 1]),
        top={"image_token_index": "<image>", "image_seq_length": 9, "vision_feature_layer": -1,
             "vision_feature_select_strategy": "full"},
        tokens=CHATML_TOKENS, template="chatml_image", layout="published",
        images=square(192, image_mean=[0.0] * 3, image_std=[1.0] * 3),
        image_class="clip.image_processing_pil_clip.CLIPImageProcessorPil",
        processor={"patch_size": 64, "vision_feature_select_strategy": "full",
                   "num_additional_image_tokens": 0},
        cases=("text", "odd", "two_images", "image_last"), pixels=()),
]

DEEPSEEK_OCR2 = [
    Vlm(family="deepseek_ocr2", name="saved_bf16", seed=141, dtype="bfloat16",
        about="SAM with windows and whole views, Qwen2 as encoder, experts; 128 px and 96 px tiles",
        text={**text("deepseek_ocr2_text", 3, 16, 2, 2, 32, **rope(10000.0)),
              "mlp_layer_types": ["dense", "sparse", "sparse"], "n_routed_experts": 6,
              "n_shared_experts": 2, "num_experts_per_tok": 2, "moe_intermediate_size": 12,
              "n_group": 1, "topk_group": 1, "topk_method": "greedy"},
        vision={"model_type": "deepseek_ocr2_vision",
                "sam_config": {"hidden_size": 12, "num_hidden_layers": 4, "num_attention_heads": 2,
                               "output_channels": 12, "downsample_channels": [14, 20],
                               "image_size": 128, "patch_size": 2, "mlp_ratio": 2.0,
                               "global_attn_indexes": [1, 3], "window_size": 14},
                "encoder_config": {"hidden_size": 20, "num_hidden_layers": 2,
                                   "num_attention_heads": 2, "num_key_value_heads": 1,
                                   "intermediate_size": 28, "vocab_size": 16,
                                   **rope(1e6)}},
        top={"image_token_id": "<image>"},
        tokens=DEEPSEEK_TOKENS, template="deepseek_ocr2",
        images={"size": {"height": 128, "width": 128}, "tile_size": 96, "image_mean": HALF,
                "image_std": HALF, "resample": BICUBIC, "min_patches": 2, "max_patches": 4},
        image_class=("deepseek_ocr2.image_processing_pil_deepseek_ocr2."
                     "DeepseekOcr2ImageProcessorPil"),
        processor={"patch_size": 2, "downsample_ratio": 4},
        # DeepseekOcr2Processor's own default, 6, comes before the file's setting.
        call={"max_patches": 4},
        cases=("text", "odd", "two_images", "multi_turn"), pixels=()),
    Vlm(family="deepseek_ocr2", name="dense_first_f32", seed=147,
        about="two dense layers before the experts, more of them; one whole view in SAM",
        text={**text("deepseek_ocr2_text", 3, 24, 3, 3, 36, **rope(50000.0)),
              "mlp_layer_types": ["dense", "dense", "sparse"], "n_routed_experts": 8,
              "n_shared_experts": 1, "num_experts_per_tok": 3, "moe_intermediate_size": 8,
              "n_group": 1, "topk_group": 1, "topk_method": "greedy"},
        vision={"model_type": "deepseek_ocr2_vision",
                "sam_config": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
                               "output_channels": 8, "downsample_channels": [12, 16],
                               "image_size": 128, "patch_size": 2, "mlp_ratio": 1.5,
                               "global_attn_indexes": [2], "window_size": 10},
                "encoder_config": {"hidden_size": 16, "num_hidden_layers": 1,
                                   "num_attention_heads": 2, "num_key_value_heads": 2,
                                   "intermediate_size": 20, "vocab_size": 16,
                                   **rope(1e4)}},
        top={"image_token_id": "<image>"},
        tokens=DEEPSEEK_TOKENS, template="deepseek_ocr2",
        images={"size": {"height": 128, "width": 128}, "tile_size": 96, "image_mean": HALF,
                "image_std": HALF, "resample": BICUBIC, "min_patches": 2, "max_patches": 6},
        image_class=("deepseek_ocr2.image_processing_pil_deepseek_ocr2."
                     "DeepseekOcr2ImageProcessorPil"),
        processor={"patch_size": 2, "downsample_ratio": 4},
        call={"max_patches": 6},
        cases=("text", "odd", "two_images", "image_last"), pixels=()),
]

TILED = LLAVA_NEXT + LLAVA_ONEVISION + PIXTRAL_LLAVA + IDEFICS2 + FAST_VLM + DEEPSEEK_OCR2
