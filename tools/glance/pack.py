"""Packs what the scene generator needs into one scratch folder: sprites, subset fonts, words.

    python3 pack.py --out ../../.glance/pack

Reads Debian packages only (see README.md); nothing it writes is committed.
"""

import argparse
import io
import json
import os
import subprocess
import zlib

import numpy as np
from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from things import SHAPES, load_things

EMOJI_FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
WORDS = "/usr/share/dict/american-english"
SPRITE_W, SPRITE_H = 136, 128
ASCII = "".join(chr(code) for code in range(32, 127))

# Families whose letters are not plain Latin letters, or which nobody can read at 24 pixels.
UNREADABLE = ("unifont", "isabella", "radisnoir", "fifthhorseman", "beteckna", "aoyagi", "terminus", "symbol", "dingbat",
              "d050000l", "math", "jsmath", "ocr", "emoji", "klaudia", "upright", "inclined", "signwriting", "linear",
              "hieroglyph", "cuneiform", "biolinum keyboard", "keyboard", "initials", "outline", "shadow", "lobster",
              "dancing", "chancery", "ecolier", "sc", "smallcaps", "caps", "humor", "kalapi", "pothana", "vemana", "breip",
              "dkghandwriting", "romande adf style", "romande adf script", "rufscript", "timmana", "femke", "chorus")
# Kept out of training: the evaluation reads these.
HELD_OUT = ("Open Sans", "Vollkorn", "Quicksand", "Fira Code", "EB Garamond", "Comic Neue", "Andika", "Inter", "Cabin",
            "Hack", "Old Standard", "Karla", "B612", "Carlito", "Play")


def emoji_sprites() -> np.ndarray:
    """Every thing's bitmap, straight alpha: uint8 [num_things, 128, 136, 4]."""
    font = TTFont(EMOJI_FONT)
    cmap, strike = font.getBestCmap(), font["CBDT"].strikeData[0]
    sprites = []
    for char, name in load_things():
        image = Image.open(io.BytesIO(strike[cmap[ord(char[0])]].imageData)).convert("RGBA")
        assert image.size == (SPRITE_W, SPRITE_H), (name, image.size)
        sprites.append(np.asarray(image))
    return np.stack(sprites)


def shape_points(name: str) -> list[tuple[float, float]] | None:
    """Outline of a polygonal shape in the unit square, or None for round ones."""
    def polygon(count, inner=None, turn=-90.0):
        radii = [0.5] if inner is None else [0.5, inner]
        steps = count * len(radii)
        angles = np.radians(turn + 360.0 * np.arange(steps) / steps)
        return [(0.5 + radii[i % len(radii)] * np.cos(a), 0.5 + radii[i % len(radii)] * np.sin(a))
                for i, a in enumerate(angles)]
    table = {
        "square": [(.06, .06), (.94, .06), (.94, .94), (.06, .94)],
        "rectangle": [(0, .25), (1, .25), (1, .75), (0, .75)],
        "triangle": [(.5, .04), (.98, .92), (.02, .92)],
        "diamond": [(.5, 0), (.84, .5), (.5, 1), (.16, .5)],
        "star": polygon(5, 0.2), "hexagon": polygon(6, turn=0.0),
        "cross": [(.34, .04), (.66, .04), (.66, .34), (.96, .34), (.96, .66), (.66, .66), (.66, .96), (.34, .96),
                  (.34, .66), (.04, .66), (.04, .34), (.34, .34)],
        "arrow": [(.02, .36), (.55, .36), (.55, .12), (.98, .5), (.55, .88), (.55, .64), (.02, .64)],
    }
    if name == "heart":
        t = np.linspace(0, 2 * np.pi, 80)
        x = 16 * np.sin(t) ** 3
        y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        return list(zip(0.5 + x / 34, 0.47 - y / 34))
    return table.get(name)


def shape_sprites() -> np.ndarray:
    """White shapes on transparency, drawn at four times the size: uint8 [num_shapes, 128, 136, 4]."""
    scale, sprites = 4, []
    for name in SHAPES:
        mask = Image.new("L", (SPRITE_W * scale, SPRITE_H * scale), 0)
        draw = ImageDraw.Draw(mask)
        side, left = 120 * scale, (SPRITE_W - 120) * scale // 2
        top = (SPRITE_H - 120) * scale // 2
        box = [left, top, left + side, top + side]
        points = shape_points(name)
        if points:
            draw.polygon([(left + x * side, top + y * side) for x, y in points], fill=255)
        elif name == "oval":
            draw.ellipse([box[0], top + side * .22, box[2], top + side * .78], fill=255)
        else:
            draw.ellipse(box, fill=255)
        if name == "crescent":
            draw.ellipse([left + side * .3, top - side * .06, left + side * 1.22, top + side * .86], fill=0)
        alpha = np.asarray(mask.resize((SPRITE_W, SPRITE_H), Image.LANCZOS))
        sprites.append(np.dstack([np.full((*alpha.shape, 3), 255, np.uint8), alpha]))
    return np.stack(sprites)


def find_fonts() -> list[tuple[str, str, str]]:
    """(family, style, file) of the installed fonts that may set words, at most four styles a family."""
    listing = subprocess.run(["fc-list", "--format", "%{family[0]}|%{style[0]}|%{file}\n"], capture_output=True,
                             text=True, check=True).stdout
    wanted = ["Regular", "Book", "Roman", "Bold", "Italic", "Oblique", "Medium", "Bold Italic", "Light", "Black"]
    best: dict[str, dict[str, str]] = {}
    for line in sorted(listing.splitlines()):
        if line.count("|") != 2:
            continue
        family, style, path = line.split("|")
        bad_name = family == "sans"
        noto = bad_name or "/noto/" in path and family not in ("Noto Sans", "Noto Serif", "Noto Sans Mono", "Noto Sans Display",
                                                  "Noto Serif Display")
        bad = any(word in family.lower().split() or (len(word) > 3 and word in family.lower()) for word in UNREADABLE)
        if noto or bad or style not in wanted or not path.lower().endswith((".ttf", ".otf")):
            continue
        best.setdefault(family, {}).setdefault(style, path)
    return [(family, style, styles[style]) for family, styles in sorted(best.items())
            for style in sorted(styles, key=wanted.index)[:4]]


def readable(path: str) -> bool:
    """Whether every letter and digit of the font draws some ink, and different ink from its neighbour."""
    font = ImageFont.truetype(path, 32)
    seen = [bytes(font.getmask(char)) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"]
    return all(any(ink) for ink in seen) and len(set(seen[26:])) > 33 and len(set(seen)) > 55


def pack_fonts(out: str) -> list[dict]:
    """Subsets each font to ASCII under `out`/fonts and returns its table."""
    os.makedirs(os.path.join(out, "fonts"), exist_ok=True)
    table = []
    for family, style, path in find_fonts():
        try:
            options = subset.Options(hinting=True, layout_features=["kern"], notdef_outline=True, name_IDs=[])
            font = subset.load_font(path, options)
            if not set(map(ord, ASCII)) <= set(font.getBestCmap()) or "fvar" in font:
                continue
            worker = subset.Subsetter(options)
            worker.populate(text=ASCII)
            worker.subset(font)
            name = f"{len(table):03d}" + os.path.splitext(path)[1].lower()
            target = os.path.join(out, "fonts", name)
            subset.save_font(font, target, options)
            if os.path.getsize(target) > 120_000 or not readable(target):
                os.unlink(target)
                continue
        except Exception as error:  # a broken font file is skipped, and said
            print("skipped", family, style, error)
            continue
        held = any(family.startswith(prefix) for prefix in HELD_OUT)
        table.append({"file": name, "family": family, "style": style, "held_out": held})
    return table


def word_list() -> tuple[list[str], list[str]]:
    """Lower-case words of 2 to 10 letters, split (training, held out) by a hash of the word."""
    with open(WORDS, encoding="utf-8") as stream:
        words = sorted({line.strip() for line in stream})
    words = [word for word in words if word.isascii() and word.isalpha() and word.islower() and 2 <= len(word) <= 10]
    held = [word for word in words if zlib.crc32(word.encode()) % 8 == 0]
    return sorted(set(words) - set(held)), held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="../../.glance/pack")
    out = parser.parse_args().out
    os.makedirs(out, exist_ok=True)
    sprites = np.concatenate([emoji_sprites(), shape_sprites()])
    np.savez_compressed(os.path.join(out, "sprites.npz"), sprites=sprites)
    train, held = word_list()
    fonts = pack_fonts(out)
    things = [name for _, name in load_things()]
    with open(os.path.join(out, "pack.json"), "w", encoding="utf-8") as stream:
        json.dump({"things": things, "shapes": SHAPES, "fonts": fonts, "words": train, "held_words": held}, stream)
    print(f"{len(things)} things, {len(fonts)} fonts ({sum(f['held_out'] for f in fonts)} held out), "
          f"{len(train)}+{len(held)} words")


if __name__ == "__main__":
    main()
