"""The tiny text models of tests/goldens and the prompts run on them."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TinyText:
    """One tiny checkpoint of a text model: its configuration, and how it is laid out on disk."""

    family: str  # model_type
    name: str
    # "saved": whatever save_pretrained writes. "published": rope_theta, rope_scaling, torch_dtype
    # and so on at the top level of config.json, as checkpoints were published before transformers 5.
    layout: str
    dtype: str  # storage: float32, bfloat16, float16
    config: dict
    seed: int
    # Of config.json in the published layout: keys to add, and keys to leave out, so that the
    # family's own defaults count.
    published: dict = field(default_factory=dict)
    left_out: tuple = ()
    embedding_std: float = 0.25  # of tied embeddings
    padded_vocab: int = 0
    all_logits: bool = False  # of the case "text"


def sizes(layers, hidden, heads, kv_heads, intermediate, **more) -> dict:
    return {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads,
            "num_key_value_heads": kv_heads, "intermediate_size": intermediate, **more}


def rope(theta, **scaling) -> dict:
    """rope_parameters of transformers 5."""
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **scaling}}


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}

TINY_TEXTS = [
    TinyText("llama", "saved_f32", "saved", "float32", seed=31, all_logits=True, config=sizes(
        2, 36, 4, 2, 44, head_dim=12, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5,
        tie_word_embeddings=False, **rope(500000.0, **LLAMA3))),
    TinyText("llama", "published_bf16", "published", "bfloat16", seed=32, padded_vocab=5,
             config=sizes(3, 32, 4, 1, 40, tie_word_embeddings=True,
                          **rope(10000.0, rope_type="linear", factor=2.0))),
    TinyText("llama", "yarn_f32", "saved", "float32", seed=49, config=sizes(
        2, 32, 4, 2, 40, head_dim=16, tie_word_embeddings=False,
        **rope(10000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=48,
               beta_fast=8.0))),
    TinyText("mistral", "saved_f32", "saved", "float32", seed=33, config=sizes(
        2, 36, 4, 2, 44, head_dim=12, sliding_window=24, tie_word_embeddings=False,
        **rope(100000.0))),
    TinyText("mistral", "published_bf16", "published", "bfloat16", seed=34, config=sizes(
        2, 32, 4, 4, 40, sliding_window=None, rms_norm_eps=1e-5, tie_word_embeddings=False,
        **rope(1e6))),
    TinyText("qwen2", "saved_f32", "saved", "float32", seed=35, config=sizes(
        3, 32, 4, 2, 44, use_sliding_window=True, sliding_window=19, max_window_layers=1,
        tie_word_embeddings=False, **rope(1e6))),
    TinyText("qwen2", "published_bf16", "published", "bfloat16", seed=36, config=sizes(
        2, 40, 2, 1, 44, use_sliding_window=False, sliding_window=19, max_window_layers=1,
        tie_word_embeddings=True, **rope(10000.0)), left_out=("layer_types",)),
    TinyText("qwen3", "saved_f32", "saved", "float32", seed=37, embedding_std=0.1, config=sizes(
        2, 32, 4, 2, 44, head_dim=20, tie_word_embeddings=True, **rope(1e6))),
    TinyText("qwen3", "published_bf16", "published", "bfloat16", seed=38, config=sizes(
        2, 36, 3, 1, 40, head_dim=16, attention_bias=True, tie_word_embeddings=False,
        **rope(1e6)), left_out=("layer_types",)),
    TinyText("qwen3_moe", "saved_f32", "saved", "float32", seed=152, config=sizes(
        2, 32, 2, 1, 44, head_dim=20, num_experts=6, num_experts_per_tok=2,
        moe_intermediate_size=12, norm_topk_prob=True, decoder_sparse_step=1,
        tie_word_embeddings=False, **rope(1e6))),
    TinyText("qwen3_moe", "published_bf16", "published", "bfloat16", seed=53, config=sizes(
        4, 32, 2, 2, 40, head_dim=16, num_experts=5, num_experts_per_tok=3,
        moe_intermediate_size=20, norm_topk_prob=False, decoder_sparse_step=2, mlp_only_layers=[3],
        tie_word_embeddings=False, **rope(1e6)), left_out=("layer_types",)),
    TinyText("gemma3_text", "saved_f32", "saved", "float32", seed=39, embedding_std=0.05,
             all_logits=True, config=sizes(
                 3, 40, 4, 2, 44, head_dim=12, sliding_window=16, query_pre_attn_scalar=20,
                 layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                 rope_parameters={
                     "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                     "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})),
    TinyText("gemma3_text", "published_bf16", "published", "bfloat16", seed=40, embedding_std=0.05,
             config=sizes(
                 4, 44, 4, 1, 40, head_dim=16, sliding_window=21, query_pre_attn_scalar=16,
                 layer_types=["sliding_attention", "full_attention"] * 2,
                 rope_parameters={
                     "full_attention": {"rope_type": "default", "rope_theta": 1e6},
                     "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0}}),
             published={"sliding_window_pattern": 2, "rope_theta": 1e6,
                        "rope_local_base_freq": 20000.0},
             left_out=("layer_types", "tie_word_embeddings")),
    TinyText("gemma2", "saved_f32", "saved", "float32", seed=41, embedding_std=0.05, config=sizes(
        2, 40, 4, 2, 44, head_dim=12, sliding_window=18, query_pre_attn_scalar=6,
        attn_logit_softcapping=4.0, final_logit_softcapping=3.0, **rope(10000.0))),
    TinyText("gemma2", "published_bf16", "published", "bfloat16", seed=42, embedding_std=0.05,
             config=sizes(3, 44, 4, 1, 40, head_dim=16, sliding_window=23,
                          query_pre_attn_scalar=16, **rope(10000.0)),
             left_out=("layer_types", "tie_word_embeddings", "attn_logit_softcapping",
                       "final_logit_softcapping")),
    TinyText("smollm3", "saved_f32", "saved", "float32", seed=43, config=sizes(
        4, 32, 4, 2, 40, no_rope_layer_interval=2, attention_bias=True, tie_word_embeddings=True,
        **rope(2e6))),
    TinyText("smollm3", "published_bf16", "published", "bfloat16", seed=44, config=sizes(
        3, 32, 2, 1, 44, no_rope_layers=[1, 0, 1], mlp_bias=True, tie_word_embeddings=False,
        **rope(5e6)), left_out=("layer_types",)),
    TinyText("phi3", "saved_f32", "saved", "float32", seed=45, config=sizes(
        2, 36, 3, 3, 44, tie_word_embeddings=False, **rope(10000.0))),
    TinyText("phi3", "partial_f32", "saved", "float32", seed=50, config=sizes(
        2, 32, 2, 1, 40, tie_word_embeddings=True, **rope(10000.0, partial_rotary_factor=0.75))),
    TinyText("qwen3", "yarn_bf16", "published", "bfloat16", seed=51, config=sizes(
        2, 32, 2, 1, 40, head_dim=24, tie_word_embeddings=False,
        **rope(1e6, rope_type="yarn", factor=4.0, original_max_position_embeddings=64)),
        left_out=("layer_types",)),
    TinyText("phi3", "published_bf16", "published", "bfloat16", seed=46, config=sizes(
        2, 32, 4, 2, 40, sliding_window=22, tie_word_embeddings=False, **rope(10000.0))),
    TinyText("granite", "saved_f32", "saved", "float32", seed=47, config=sizes(
        2, 32, 4, 2, 44, attention_bias=True, mlp_bias=True, embedding_multiplier=3.0,
        logits_scaling=2.5, residual_multiplier=0.7, attention_multiplier=0.2,
        tie_word_embeddings=False, **rope(10000.0))),
    TinyText("granite", "published_bf16", "published", "bfloat16", seed=48, embedding_std=0.1,
             config=sizes(
        3, 32, 4, 1, 40, embedding_multiplier=2.0, logits_scaling=1.0, residual_multiplier=0.9,
        attention_multiplier=0.4, tie_word_embeddings=True, **rope(1e6))),
]

LONG_TEXT = (
    "Here is what I know so far. The boat was red, the lamp was old, and 12 345 people saw the "
    "bridge on 2026-11-20. Größe und Preis: «текст». Now say, in one word, what the {noun} is.")

# Case name -> messages for a noun, which varies until the greedy path has clear margins.
TEXT_CASES = {
    "text": lambda noun: [{"role": "user", "content": f"Tell me about the {noun}."}],
    "multi_turn": lambda noun: [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": f"Do you see a {noun}?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Which colour, 图片?"}],
    "long": lambda noun: [{"role": "user", "content": LONG_TEXT.format(noun=noun)}],
}
