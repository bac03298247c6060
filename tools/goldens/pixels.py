"""Writes tests/goldens/pixels: what Pillow decodes, converts and resizes (needs numpy, Pillow).

    python3 tools/goldens/pixels.py            # writes sources and expected pixels
    python3 tools/goldens/pixels.py --check    # compares with this machine's Pillow, writes nothing

The reference is the Pillow of Debian 12 (9.4); Pillow 12.3 gives the same bytes for every file.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from paths import GOLDENS, IMAGES
from pixel_sources import write_sources

PIXELS = GOLDENS / "pixels"
# Decoders of these formats may differ by rounding; the others must agree exactly.
LOSSY = {"yuv444.jpg", "yuv422.jpg", "yuv420.jpg", "yuv420_low_quality.jpg", "progressive420.jpg",
         "progressive444.jpg", "gray.jpg", "cmyk.jpg", "lossy.webp", "lossy_alpha.webp"}
LOSSY |= {f"orientation_{number}.jpg" for number in range(1, 9)}

# (source in tests/goldens/images, [(width, height), ...])
RESIZES = [
    ("odd_61x97.png", [(28, 28), (56, 84), (84, 112), (61, 30), (20, 97)]),
    ("large_150x201.png", [(28, 56), (84, 112), (84, 28), (1, 1), (149, 30)]),
    ("tall_30x290.png", [(28, 280), (56, 84), (7, 28)]),
    ("wide_333x40.png", [(336, 28), (84, 28), (3, 2)]),
    ("cell_28x28.png", [(56, 56), (28, 84), (29, 27), (14, 14)]),
    ("speck_7x5.png", [(84, 56), (28, 28), (8, 5), (3, 3)]),
    ("even_112x84.png", [(56, 42), (140, 28), (28, 84)]),
]


def reference_pixels(path: Path) -> tuple[str, np.ndarray]:
    """(Pillow's mode, upright RGB pixels [height, width, 3] uint8) of a file.

    Pillow turns a TIFF upright when it loads it; exif_transpose of 9.4 would turn it once more.
    """
    image = Image.open(path)
    mode = image.mode
    upright = image if image.format == "TIFF" else ImageOps.exif_transpose(image)
    return mode, np.asarray(upright.convert("RGB"))


def digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def decode_entries(names: list[str]) -> list[dict]:
    """One entry of decode.json for each source, in order; writes expected/<name>.png."""
    entries = []
    for name in names:
        mode, pixels = reference_pixels(PIXELS / "source" / name)
        expected = f"expected/{name}.png"
        Image.fromarray(pixels).save(PIXELS / expected, optimize=True)
        entries.append({
            "file": f"source/{name}", "pillow_mode": mode, "width": pixels.shape[1],
            "height": pixels.shape[0], "exact": name not in LOSSY, "sha256": digest(pixels),
            "expected": expected})
    return entries


def resize_entries() -> list[dict]:
    """One entry of resize.json for each resize; writes resized/<stem>_to_<w>x<h>.png."""
    entries = []
    for name, targets in RESIZES:
        source = Image.open(IMAGES / name).convert("RGB")
        for size in targets:
            pixels = np.asarray(source.resize(size, Image.Resampling.BICUBIC))
            expected = f"resized/{Path(name).stem}_to_{size[0]}x{size[1]}.png"
            Image.fromarray(pixels).save(PIXELS / expected, optimize=True)
            entries.append({"source": f"../images/{name}", "width": size[0], "height": size[1],
                            "sha256": digest(pixels), "expected": expected})
    return entries


def write_list(name: str, about: str, entries: list[dict]) -> None:
    """A JSON object with one entry a line."""
    lines = ",\n".join("    " + json.dumps(entry) for entry in entries)
    (PIXELS / name).write_text(
        f'{{\n  "about": {json.dumps(about)},\n  "entries": [\n{lines}\n  ]\n}}\n')


def write() -> None:
    for folder in ("source", "expected", "resized"):
        shutil.rmtree(PIXELS / folder, ignore_errors=True)
        (PIXELS / folder).mkdir(parents=True)
    names = write_sources(PIXELS / "source")
    version = f"Pillow {PIL.__version__}"
    write_list("decode.json", f'{version}: ImageOps.exif_transpose(Image.open(f)).convert("RGB")',
               decode_entries(names))
    write_list("resize.json", f"{version}: convert('RGB').resize((width, height), BICUBIC)",
               resize_entries())


def difference(have: np.ndarray, want: np.ndarray) -> str:
    """Empty where equal, else how far apart."""
    if have.shape != want.shape:
        return f"shape {have.shape} instead of {want.shape}"
    gap = np.abs(have.astype(int) - want.astype(int))
    if not gap.any():
        return ""
    return f"max {gap.max()} of 255, different in {(gap > 0).mean() * 100:.2f} %"


def check_decodes() -> None:
    for entry in json.loads((PIXELS / "decode.json").read_text())["entries"]:
        want = np.asarray(Image.open(PIXELS / entry["expected"]))
        assert digest(want) == entry["sha256"], entry
        mode, have = reference_pixels(PIXELS / entry["file"])
        found = difference(have, want)
        if found:
            print(f"  {entry['file']} ({mode}, was {entry['pillow_mode']}): {found}")


def check_resizes() -> None:
    for entry in json.loads((PIXELS / "resize.json").read_text())["entries"]:
        want = np.asarray(Image.open(PIXELS / entry["expected"]))
        assert digest(want) == entry["sha256"], entry
        source = Image.open(PIXELS / entry["source"]).convert("RGB")
        have = source.resize((entry["width"], entry["height"]), Image.Resampling.BICUBIC)
        found = difference(np.asarray(have), want)
        if found:
            print(f"  {entry['expected']}: {found}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        write()
        return
    print(f"Pillow {PIL.__version__}")
    check_decodes()
    check_resizes()


if __name__ == "__main__":
    main()
