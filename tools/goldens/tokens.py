"""Writes the token ids and decodes of tests/goldens/tokens (needs the tokenizers package).

    python3 tools/goldens/tokens.py --qwen TOKENIZER_JSON [--out tests/goldens/tokens]

TOKENIZER_JSON is tokenizer.json of Qwen2.5. The tiny tokenizer is that of the golden checkpoint
tests/goldens/qwen2_5_vl/saved_f16. Reads texts.jsonl (token_texts.py), writes for both tokenizers
ids_<name>.jsonl (one list a line, for the text on the same line) and decode_<name>.jsonl.
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

from paths import GOLDENS

TINY = GOLDENS / "qwen2_5_vl" / "saved_f16" / "tokenizer.json"


def read_texts(path: Path) -> list[str]:
    """The strings of texts.jsonl; bytes are decoded with U+FFFD for what is broken."""
    texts = []
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "bytes_hex" in entry:
            texts.append(bytes.fromhex(entry["bytes_hex"]).decode("utf-8", errors="replace"))
        else:
            texts.append(entry["text"])
    return texts


def id_lists(all_ids: list[list[int]], specials: list[int], size: int) -> list[list[int]]:
    """Ids to decode: of texts, cut anywhere (so inside characters too), random, with specials."""
    rng = random.Random(7)
    lists = []
    for ids in rng.sample([ids for ids in all_ids if 2 < len(ids) < 40], 150):
        start = rng.randrange(len(ids))
        lists.append(ids[start:start + rng.randint(1, 12)])
    for _ in range(100):
        ids = [rng.randrange(size) for _ in range(rng.randint(1, 8))]
        for _ in range(rng.randint(0, 2)):
            ids.insert(rng.randint(0, len(ids)), rng.choice(specials))
        lists.append(ids)
    lists += [[special] for special in specials] + [[], [size + 50], [size + 50, 40, size + 51]]
    return lists


def decode_line(tokenizer: Tokenizer, ids: list[int]) -> str:
    return json.dumps({
        "ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True),
        "text_with_special": tokenizer.decode(ids, skip_special_tokens=False)})


def write(tokenizer: Tokenizer, name: str, texts: list[str], out: Path) -> None:
    all_ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    lines = [json.dumps(ids, separators=(",", ":")) for ids in all_ids]
    (out / f"ids_{name}.jsonl").write_text("\n".join(lines) + "\n")
    added = tokenizer.get_added_tokens_decoder()
    size = tokenizer.get_vocab_size()
    decodes = [decode_line(tokenizer, ids) for ids in id_lists(all_ids, sorted(added), size)]
    (out / f"decode_{name}.jsonl").write_text("\n".join(decodes) + "\n")
    print(f"{name}: {len(texts)} texts, {sum(map(len, all_ids))} ids, {len(decodes)} decodes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qwen", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=GOLDENS / "tokens")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    texts = read_texts(GOLDENS / "tokens" / "texts.jsonl")
    write(Tokenizer.from_file(str(arguments.qwen)), "qwen2_5", texts, arguments.out)
    write(Tokenizer.from_file(str(TINY)), "tiny", texts, arguments.out)


if __name__ == "__main__":
    main()
