"""Makes the strings of tests/goldens/tokens/texts.jsonl: over 2,000, each one awkward in some way.

    python3 tools/goldens/token_texts.py

One JSON object a line: {"text": string}, or {"bytes_hex": hex digits} for bytes that are no UTF-8
(tokenized as they decode with every broken part replaced by U+FFFD). The strings are stored because
they depend on the Unicode version of the Python that makes them (Python 3.11: Unicode 14).
"""

import json
import random
import unicodedata

from paths import GOLDENS
from token_samples import BROKEN_BYTES, CODE, PHRASES, SNIPPETS

TEXTS = GOLDENS / "tokens" / "texts.jsonl"
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", "\v", "\f", "\u00a0", "\u3000",
          "\u2003", "\u0085", "\u2028", "\u2029", "\u200b", "\ufeff", "\u1680", "\u180e", "\u202f",
          "\x1c", "\x1f"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Re", "'rE",
                "'VE", "'Ve", "'M", "'LL", "'Ll", "'lL", "'D", "\u2019s", "\u2019LL", "'\u017f",
                "'x", "''s", "'", "'rebel", "'sweet", "'d've", "'\u212a"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|box_start|>",
            "<|box_end|>", "<|quad_start|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
            "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>",
            "<|repo_name|>", "<|file_sep|>"]
LOOKALIKES = ["<|im_start", "im_start|>", "<| im_start |>", "<|im_start|", "<|IM_START|>",
              "<|im_end|>>", "<<|im_end|>", "<|im_startt|>", "<|image_pad|image_pad|>",
              "<tool_call", "<|endoftext|", "<|vision_start|><|vision_end", "\uff1c|im_start|>",
              "<|im\u200b_end|>",
              "<|unknown|>", "<|>", "<||>", "< |im_end|>", "<|im_end|> <|im_end|>"]
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🏴‍☠️", "🇩🇪", "🇯🇵🇫🇷", "1️⃣", "#️⃣", "❤️", "❤", "☕︎", "👩🏿‍🚀",
         "🧑‍🤝‍🧑", "👨🏻‍🦰", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🤷🏾‍♀️", "🐻‍❄️", "🫠", "✈️", "©️", "™", "⚧️", "🎉🎉🎉", "🕵️‍♂️",
         "👁️‍🗨️", "‍", "️", "🏽"]
COMPOSITION = ["e\u0301", "\u00e9", "A\u030a", "\u212b", "\u00c5", "o\u0302\u0323", "o\u0323\u0302",
               "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161", "\ufb01", "\u0958", "\u0915\u093c",
               "\u0344", "\u0308\u0301", "\u2126", "\u1e9b\u0323", "q\u0307\u0323", "\u0b47\u0b56",
               "\U0001d15e", "\u304b\u3099", "\u30cf\u309a", "\uff76\uff9e", "\u0627\u0653",
               "\u05d0\u05b7\u05bc", "n\u0303o", "\u0071\u0307\u0323", "\u2260", "=\u0338",
               "\uf900", "\U0002f800", "a\u0328\u0301", "i\u0307", "\u0130", "\u1e0b\u0323",
               "s\u0323\u0307", "\u09c7\u09be", "\u0cc6\u0cc2\u0cd5", "\u1025\u102e", "\u0340",
               "\u0f73", "\u2adc", "\ufb1d", "\u0041\u0301\u0301\u0301"]


def script_of(point: int) -> str | None:
    """The first word of a letter's, mark's or digit's name, which is its script, or None."""
    character = chr(point)
    if unicodedata.category(character)[0] not in "LMN":
        return None
    name = unicodedata.name(character, "")
    if not name or "COMPATIBILITY" in name:
        return None
    return " ".join(name.split()[:2]) if name.startswith(("OLD", "CJK", "TAI")) else name.split()[0]


def scripts() -> dict[str, list[str]]:
    """Script name -> its letters, marks and digits, at most 400 of each."""
    points = range(0xA0, 0x3134B)
    found: dict[str, list[str]] = {}
    for point in points:
        script = script_of(point)
        if script and len(found.setdefault(script, [])) < 400:
            found[script].append(chr(point))
    return {script: letters for script, letters in found.items() if len(letters) >= 8}


def script_texts(rng: random.Random) -> list[str]:
    """Made-up words in every script that Unicode names."""
    texts = []
    for letters in scripts().values():
        for _ in range(3):
            words = ["".join(rng.choices(letters, k=rng.randint(1, 5)))
                     for _ in range(rng.randint(1, 3))]
            texts.append(rng.choice([" ", " ", "-", ". ", ""]).join(words))
    return texts


def space_texts(rng: random.Random) -> list[str]:
    """Runs of white space at the start, inside, at the end and alone."""
    texts = SPACES + [space * 2 for space in SPACES] + [f"a{space}b" for space in SPACES]
    texts += [f"{space}x {space} 7{space}" for space in SPACES]
    texts += [" " * count for count in (4, 5, 8, 15, 16, 17, 31, 64, 100)]
    texts += ["\n" * count for count in (3, 4, 7, 16)]
    texts += ["\t" * 9, " \n" * 5, "\n " * 5, "\r\n" * 4]
    for _ in range(150):
        parts = []
        for _ in range(rng.randint(1, 4)):
            parts += rng.choices(SPACES, k=rng.randint(0, 4))
            parts.append(rng.choice(["a", "Word", "12", "!", "é", "图", "_", "...", ""]))
        parts += rng.choices(SPACES, k=rng.randint(0, 3))
        texts.append("".join(parts))
    return texts


def contraction_texts(rng: random.Random) -> list[str]:
    words = ["it", "IT", "I", "we", "They", "don", "naïve", "图", "7", "_", ""]
    texts = [rng.choice(words) + tail for tail in CONTRACTIONS for _ in range(2)]
    texts += [f"{rng.choice(words)}{tail} {rng.choice(words)}{rng.choice(CONTRACTIONS)}"
              for tail in CONTRACTIONS]
    return texts


def number_texts(rng: random.Random) -> list[str]:
    texts = ["0", "00", "007", "1,234,567.89", "-1.5e-10", "0x7fff", "1/2", "½", "²³", "٣٤٥", "१२३",
             "一二三", "Ⅷ", "①②", "3.14159265358979", "2026-11-21T01:15:00Z", "50%", "$9.99",
             "€1.000,00", "+49 30 1234567", "192.168.0.1", "1e308", "𝟏𝟐𝟑", "12th", "v1.2.3-rc4",
             "1_000_000", "10²"]
    texts += [str(rng.randrange(10**rng.randint(1, 18))) for _ in range(40)]
    texts += [f"{rng.uniform(-1e4, 1e4):.{rng.randint(0, 6)}f}" for _ in range(30)]
    return texts


def control_texts() -> list[str]:
    points = [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200C, 0x200E, 0x202E, 0x2060, 0x2066,
              0xFFFC, 0xFFFD, 0xFFFE, 0xFDD0, 0xE000, 0x10FFFF, 0xE0001, 0x1FFFE]
    return [f"a{chr(point)}b {chr(point)}" for point in points]


def special_texts(rng: random.Random) -> list[str]:
    """Special tokens inside text, next to each other, and things that only look like them."""
    texts = SPECIALS + LOOKALIKES
    before, after = ["a", " ", "", "é", "x "], ["b", " ", "", "!", " y"]
    texts += [rng.choice(before) + token + rng.choice(after) for token in SPECIALS + LOOKALIKES]
    others = ["user\n", " hi ", "e", "\u0301", "\n", "'s", ""]
    for _ in range(80):
        pieces = rng.choices(SPECIALS + LOOKALIKES + others, k=rng.randint(2, 5))
        texts.append("".join(pieces))
    pads = "<|image_pad|>" * 9
    texts.append(f"<|im_start|>user\n<|vision_start|>{pads}<|vision_end|>?<|im_end|>\n")
    return texts


def long_texts(rng: random.Random) -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = ["a" * 500, "ab" * 300, "=" * 300, "Donaudampfschifffahrtsgesellschaftskapitän" * 4,
             "的" * 120, "é" * 100, "e\u0301" * 60, "😀" * 50, "0" * 90,
             "x\u0301\u0302\u0303\u0304" * 20, "_" * 128]
    texts += ["".join(rng.choices(letters, k=rng.choice([40, 90, 250]))) for _ in range(12)]
    return texts


def mixed_texts(rng: random.Random) -> list[str]:
    """Random walks over all the pools above."""
    letters = [letter for pool in scripts().values() for letter in pool]
    pools = [SPACES, CONTRACTIONS, EMOJI, COMPOSITION, LOOKALIKES + SPECIALS, letters, letters,
             list("abcXYZ"), list("0123456789"), list("!?.,;:()[]{}<>|/\\'\"`~@#$%^&*-_=+"),
             ["the", " quick", " Über", "ing", " 图片", "のカメラ", " мир", " عالم"]]
    texts = []
    for _ in range(650):
        texts.append("".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(2, 12))))
    return texts


def broken_bytes(rng: random.Random) -> list[bytes]:
    """Invalid UTF-8: fixed cases, and valid text with bytes cut, changed and put in."""
    broken = list(BROKEN_BYTES)
    sources = [text.encode() for text in PHRASES + EMOJI]
    while len(broken) < 220:
        data = bytearray(rng.choice(sources)[:24])
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(data))
            action = rng.randrange(3)
            if action == 0:
                del data[place]
            elif action == 1:
                data[place] = rng.randrange(256)
            else:
                data.insert(place, rng.randrange(0x80, 256))
            data = data or bytearray(b"\xff")
        try:
            bytes(data).decode()
        except UnicodeDecodeError:
            broken.append(bytes(data))
    return broken


def all_texts() -> list[str | bytes]:
    rng = random.Random(20261121)
    texts: list[str | bytes] = ["", *PHRASES, *CODE, *SNIPPETS, *EMOJI, *COMPOSITION]
    texts += [f"x{piece} {piece}" for piece in EMOJI + COMPOSITION]
    for group in (script_texts, space_texts, contraction_texts, number_texts, special_texts,
                  long_texts, mixed_texts):
        texts += group(rng)
    texts += control_texts()
    texts += broken_bytes(rng)
    return list(dict.fromkeys(texts))


def main() -> None:
    TEXTS.parent.mkdir(parents=True, exist_ok=True)
    texts, lines = all_texts(), []
    for text in texts:
        entry = {"bytes_hex": text.hex()} if isinstance(text, bytes) else {"text": text}
        lines.append(json.dumps(entry, ensure_ascii=True))
    TEXTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(texts)} texts, {TEXTS.stat().st_size} bytes, {len(scripts())} scripts, "
          f"Unicode {unicodedata.unidata_version}")


if __name__ == "__main__":
    main()
