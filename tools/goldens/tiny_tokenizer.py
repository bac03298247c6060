"""Trains the small Qwen2-style tokenizers of the model goldens (needs the tokenizers package).

Byte-level BPE with the pre-tokenizer pattern, the NFC normalizer and the special tokens of Qwen2.5,
on a few sentences below. The ids are: 256 bytes and the merges first, then the added tokens, as in
the published vocabulary.
"""

import json

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

SPECIAL_TOKENS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
]
PLAIN_ADDED_TOKENS = ["<tool_call>", "</tool_call>"]

CORPUS = [
    "system\nYou are a helpful assistant.\nuser\nassistant\n",
    "What is in this picture? There is a lamp and a window in the picture.",
    "Describe the picture. The picture shows a red boat on the water near the old bridge.",
    "How many boats are there? There are three boats, and the third one is the smallest.",
    "Which one is larger, the first or the second? I'd say it's the second; they're different.",
    "Answer with one word, then explain what you see to the left and to the right.",
    "for (int i = 0; i < 10; ++i) { total += values[i]; }\n\treturn total;\n",
    "12 345 67890 3.14159 2026-11-20 https://example.org/a/b?c=d",
    "Äpfel, naïve café, größer, Ünïcödé — «текст», 图片里有什么？ 一只猫。 写真 カメラ 😀 👍🏽",
]


def train(num_merges: int) -> Tokenizer:
    """The Qwen2-style tokenizer: train_plain with Qwen2.5's added tokens."""
    tokenizer = train_plain(num_merges, SPECIAL_TOKENS)
    tokenizer.add_tokens(
        [AddedToken(text, special=False, normalized=False) for text in PLAIN_ADDED_TOKENS])
    return tokenizer


def train_plain(num_merges: int, special_tokens: list[str]) -> Tokenizer:
    """A byte-level BPE tokenizer with 256 + num_merges learned entries, then special_tokens."""
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
    ])
    tokenizer.post_processor = processors.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + num_merges, min_frequency=2, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in special_tokens])
    return tokenizer


def tokenizer_json(tokenizer: Tokenizer, merges_as_strings: bool) -> str:
    """tokenizer.json's text; merges as "a b" strings (published Qwen2.5) or as ["a", "b"] pairs."""
    data = json.loads(tokenizer.to_str())
    if merges_as_strings:
        merges = data["model"]["merges"]
        data["model"]["merges"] = [
            merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"


def tokenizer_config(tokenizer: Tokenizer, model_max_length: int) -> dict:
    """tokenizer_config.json in the form the published checkpoints use."""
    added = {}
    for token in SPECIAL_TOKENS + PLAIN_ADDED_TOKENS:
        added[str(tokenizer.token_to_id(token))] = {
            "content": token, "lstrip": False, "normalized": False, "rstrip": False,
            "single_word": False, "special": token in SPECIAL_TOKENS}
    return {
        "add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": added,
        "additional_special_tokens": SPECIAL_TOKENS[1:], "bos_token": None,
        "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "errors": "replace",
        "model_max_length": model_max_length, "pad_token": "<|endoftext|>",
        "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None}
