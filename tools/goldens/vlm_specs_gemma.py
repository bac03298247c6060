"""The tiny configurations of PaliGemma and Gemma 4."""

from vlm_specs import BICUBIC, HALF, Vlm, rope, text, vision

# The published tokenizers have 1,024 places and 128 segments; processors add what is missing.
PLACES = [f"<loc{place:04}>" for place in (0, 1, 511, 1023)] + ["<seg000>", "<seg127>"]
PALIGEMMA_TOKENS = {"bos": "<bos>", "eos": "<eos>", "pad": "<pad>", "image": "<image>",
                    "extra": PLACES, "named": {"image_token": "<image>"}}
GEMMA4_TOKENS = {"bos": "<bos>", "eos": "<eos>", "pad": "<pad>", "image": "<|image|>",
                 "extra": ["<|turn>", "<turn|>", "<|video|>"],
                 "named": {"boi_token": "<|image>", "eoi_token": "<image|>",
                           "image_token": "<|image|>", "boa_token": "<|audio>",
                           "eoa_token": "<audio|>", "audio_token": "<|audio|>"}}
TANH = {"hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6}

SIGLIP_CLASS = "siglip.image_processing_pil_siglip.SiglipImageProcessorPil"


def siglip_images(side: int, tokens: int) -> dict:
    return {"size": {"height": side, "width": side}, "image_mean": HALF, "image_std": HALF,
            "resample": BICUBIC, "image_seq_length": tokens}


PALIGEMMA = [
    Vlm(family="paligemma", name="gemma_f32", seed=151, tied=True,
        about="PaliGemma: Gemma, one key-value head, as transformers saves it",
        text=text("gemma", 2, 32, 4, 1, 48, head_dim=12, rms_norm_eps=1e-6,
                  hidden_act="gelu_pytorch_tanh", **rope(10000.0)),
        vision=vision("siglip_vision_model", 2, 24, 3, 40, 28, 7, vision_use_head=False),
        top={"image_token_index": "<image>", "projection_dim": 32, "hidden_size": 32},
        tokens=PALIGEMMA_TOKENS, template="paligemma", images=siglip_images(28, 16),
        image_class=SIGLIP_CLASS, processor={},
        cases=("text", "odd", "wide", "two_images", "image_last")),
    Vlm(family="paligemma", name="gemma2_bf16", seed=152, dtype="bfloat16", tied=True,
        about="PaliGemma 2: Gemma 2 with soft caps and a window narrower than the prefix",
        text=text("gemma2", 4, 24, 3, 1, 40, head_dim=10, query_pre_attn_scalar=12,
                  sliding_window=20, attn_logit_softcapping=4.0, final_logit_softcapping=0.2,
                  layer_types=["sliding_attention", "full_attention"] * 2, **TANH,
                  **rope(10000.0)),
        vision=vision("siglip_vision_model", 2, 16, 2, 24, 20, 4, vision_use_head=False),
        top={"image_token_index": "<image>", "projection_dim": 24, "hidden_size": 24},
        tokens=PALIGEMMA_TOKENS, template="paligemma", layout="published",
        images=siglip_images(20, 25), image_class=SIGLIP_CLASS, processor={},
        cases=("text", "odd", "two_images", "image_last")),
]


# Soft caps of logits are far below the published 30, since these models' logits are small.
def gemma4_text(layer_types, hidden, heads, kv_heads, intermediate, **more) -> dict:
    return {**text("gemma4_text", len(layer_types), hidden, heads, kv_heads, intermediate),
            "layer_types": layer_types, "sliding_window": 24, **TANH,
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25,
                                   "rope_theta": 1e6}}, **more}


def gemma4_vision(hidden, heads, kv_heads, head_dim, patch, pooling, **more) -> dict:
    return {**vision("gemma4_vision", 2, hidden, heads, 32, 0, patch), "head_dim": head_dim,
            "num_key_value_heads": kv_heads, "pooling_kernel_size": pooling,
            "position_embedding_size": 90, "hidden_activation": "gelu_pytorch_tanh", **more}


SLIDING, FULL = "sliding_attention", "full_attention"
GEMMA4_TOP = {"image_token_id": "<|image|>", "boi_token_id": "<|image>", "eoi_token_id": "<image|>",
              "video_token_id": "<|video|>", "audio_token_id": "<|audio|>",
              "boa_token_id": "<|audio>", "eoa_token_index": "<audio|>"}
GEMMA4_CLASS = "gemma4.image_processing_pil_gemma4.Gemma4ImageProcessorPil"


def gemma4(name, seed, about, text, vision, **more) -> Vlm:
    return Vlm(family="gemma4", name=name, seed=seed, about=about, tied=True, text=text,
               vision={key: value for key, value in vision.items() if key != "image_size"},
               top=GEMMA4_TOP, tokens=GEMMA4_TOKENS, template="gemma4",
               images={"patch_size": vision["patch_size"], "max_soft_tokens": 70,
                       "pooling_kernel_size": vision["pooling_kernel_size"]},
               image_class=GEMMA4_CLASS, processor={"image_seq_length": 70}, **more)


GEMMA4 = [
    gemma4("dense_f32", 161, "the 31B's form: keys serve as values in full layers, pictures see "
           "themselves in sliding layers, standardized features",
           gemma4_text([SLIDING, FULL, SLIDING, FULL], 32, 4, 2, 40, head_dim=8,
                       global_head_dim=16, num_global_key_value_heads=1, attention_k_eq_v=True,
                       hidden_size_per_layer_input=0, use_bidirectional_attention="vision",
                       final_logit_softcapping=0.5),
           gemma4_vision(24, 3, 3, 8, 4, 3, standardize=True),
           cases=("text", "odd", "wide", "two_images", "image_last", "multi_turn")),
    gemma4("e2b_bf16", 162, "the E2B's form: per-layer inputs, keys and values shared by the last "
           "layers, double-wide MLPs there, clipped linear maps in the tower",
           gemma4_text([SLIDING, SLIDING, FULL, SLIDING, SLIDING, FULL], 24, 3, 1, 28, head_dim=8,
                       global_head_dim=16, hidden_size_per_layer_input=6, num_kv_shared_layers=3,
                       use_double_wide_mlp=True, final_logit_softcapping=0.7),
           gemma4_vision(20, 2, 2, 12, 3, 2, use_clipped_linears=True), dtype="bfloat16",
           layout="published",
           cases=("text", "odd", "tall", "two_images", "image_last"), pixels=()),
    gemma4("moe_f32", 263, "the 26B-A4B's form: experts beside the MLP in every layer",
           gemma4_text([SLIDING, FULL, SLIDING, FULL], 24, 2, 2, 32, head_dim=12,
                       global_head_dim=16, num_global_key_value_heads=1, attention_k_eq_v=True,
                       hidden_size_per_layer_input=0, enable_moe_block=True, num_experts=6,
                       top_k_experts=2, moe_intermediate_size=16,
                       use_bidirectional_attention="vision", final_logit_softcapping=0.5),
           gemma4_vision(16, 2, 1, 8, 3, 2, standardize=True),
           cases=("text", "odd", "two_images", "image_last"), pixels=()),
]

GEMMAS = PALIGEMMA + GEMMA4
