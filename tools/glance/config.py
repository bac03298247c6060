"""Sizes of glance: the published Qwen2.5-VL layout, small."""

VISION = {
    "depth": 8, "hidden_size": 256, "intermediate_size": 736, "num_heads": 8, "out_hidden_size": 256, "patch_size": 14,
    "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112, "fullatt_block_indexes": [1, 3, 5, 7],
    "in_chans": 3, "hidden_act": "silu", "tokens_per_second": 2,
}
TEXT = {
    "hidden_size": 256, "intermediate_size": 640, "num_hidden_layers": 5, "num_attention_heads": 8, "num_key_value_heads": 4,
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 4096, "mrope_section": [4, 6, 6],
}
MIN_PIXELS, MAX_PIXELS = 42 * 784, 168 * 784
CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789."
CHAR_SLOTS = 5
