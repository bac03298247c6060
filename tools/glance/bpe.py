"""A small byte-level BPE in Qwen2's form: training, encoding, and writing tokenizer.json."""

import json
import random
from collections import Counter

import regex

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
            "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
            "<|image_pad|>", "<|video_pad|>"]
VOCAB_SIZE = 1536


def byte_alphabet() -> list[str]:
    """Byte -> printable character, the usual byte-level table."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = [""] * 256, 0
    for byte in range(256):
        if byte in keep:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


class Tokenizer:
    """Encodes text between special tokens; every distinct pre-token is merged once and remembered."""

    def __init__(self, merges: list[tuple[str, str]]):
        self.alphabet = byte_alphabet()
        self.merges = merges
        self.vocab = {char: i for i, char in enumerate(sorted(self.alphabet))}
        for left, right in merges:
            self.vocab.setdefault(left + right, len(self.vocab))
        self.first_special = len(self.vocab)
        self.special = {token: self.first_special + i for i, token in enumerate(SPECIALS)}
        self.size = self.first_special + len(SPECIALS)
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self.pattern = regex.compile(PATTERN)
        self.cache: dict[str, list[int]] = {}
        self.names = {i: token for token, i in self.vocab.items()}
        self.byte_of = {char: i for i, char in enumerate(self.alphabet)}

    def _merge(self, word: str) -> list[int]:
        parts = [self.alphabet[byte] for byte in word.encode()]
        while len(parts) > 1:
            rank, at = min((self.rank.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
            if rank == 1 << 30:
                break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        return [self.vocab[part] for part in parts]

    def encode(self, text: str) -> list[int]:
        ids, cache = [], self.cache
        for word in self.pattern.findall(text):
            found = cache.get(word)
            if found is None:
                found = self._merge(word)
                if len(cache) < 200_000:
                    cache[word] = found
            ids += found
        return ids

    def spell(self, text: str) -> list[int]:
        """One token a byte: how training answers with text read off a picture."""
        return [self.vocab[self.alphabet[byte]] for byte in text.encode()]

    def decode(self, ids) -> str:
        pieces = b"".join(bytes(self.byte_of[c] for c in self.names[i]) for i in ids if i in self.names)
        return pieces.decode(errors="replace")

    def save(self, path: str) -> None:
        added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                  "special": True} for token, i in self.special.items()]
        split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        table = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFC"},
                 "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]}, "post_processor": dict(level),
                 "decoder": dict(level),
                 "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                           "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                           "vocab": self.vocab, "merges": [list(pair) for pair in self.merges]}}
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(table, stream, ensure_ascii=False, indent=1)


def load(path: str) -> Tokenizer:
    with open(path, encoding="utf-8") as stream:
        return Tokenizer([tuple(pair) for pair in json.load(stream)["model"]["merges"]])


def train(texts: list[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """Greedy pair merging over the pre-tokens of `texts`; counts are damped so that rare names get merges too."""
    pattern, alphabet = regex.compile(PATTERN), byte_alphabet()
    counts = Counter(word for text in texts for word in pattern.findall(text))
    words = [([alphabet[b] for b in word.encode()], count ** 0.6) for word, count in counts.items()]
    merges: list[tuple[str, str]] = []
    for _ in range(vocab_size - len(SPECIALS) - 256):
        pairs: Counter = Counter()
        for parts, count in words:
            for pair in zip(parts, parts[1:]):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for parts, _ in words:
            i = 0
            while i < len(parts) - 1:
                if (parts[i], parts[i + 1]) == best:
                    parts[i:i + 2] = [best[0] + best[1]]
                i += 1
    return Tokenizer(merges)


def corpus(pack_folder: str, scenes: int = 6000) -> list[str]:
    """Prompts and answers, without the words read off pictures, plus every name and every template."""
    import prompts
    from questions import Asker
    from scenes import Pack, SceneMaker
    from things import plural
    pack, rng = Pack(pack_folder), random.Random(7)
    maker = SceneMaker(pack, 7)
    texts = []
    for _ in range(scenes):
        asker = Asker(pack, maker.make(), rng)
        for _ in range(6):
            qa = asker.random_question()
            answer = qa.answer
            for literal in qa.literals:
                answer = answer.replace(literal, "")
            texts += [qa.prompt, answer]
    for name in pack.kinds:
        texts += [f"a {name} the {plural(name)}. {name.capitalize()}"] * 20
    texts += prompts.SYSTEM * 20 + [answer for questions, answer in prompts.CHAT for _ in range(20)]
    texts += [q for questions, _ in prompts.CHAT for q in questions] * 5 + ["system\n", "user\n", "assistant\n"] * 2000
    return texts


if __name__ == "__main__":
    import sys
    tokenizer = train(corpus(sys.argv[1]))
    tokenizer.save(sys.argv[2])
    print(tokenizer.size, "tokens;", [tokenizer.names[i] for i in tokenizer.encode('{"entities": [{"name": "cup of tea"}]}')])
