"""Writes the parts of tests/goldens/pixels that need transformers: patches and smart_resize sizes.

    python3 tools/goldens/patches.py [--out tests/goldens/pixels]

patches.safetensors + patches.json: pixel_values of the Pillow image processor for small pictures.
smart_resize.json: (height, width, min_pixels, max_pixels) -> (height, width), factor 28.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

from models import PillowImageProcessor
from paths import GOLDENS, IMAGES

# (picture, min_pixels, max_pixels); few patches each, since a patch is 1176 floats.
PATCHES = [
    ("cell_28x28.png", 28 * 28, 28 * 28 * 4),
    ("wide_333x40.png", 28 * 28, 28 * 28 * 4),
    ("alpha_45x64.png", 28 * 28, 28 * 28 * 2),
]

BUDGETS = [(3136, 1003520), (3136, 12845056), (784, 3136), (200704, 1003520), (3136, 3136),
           (50176, 50176), (1, 10**9), (401408, 401408 + 1)]
EXTREMES = [
    (1, 1), (1, 200), (200, 1), (1, 201), (201, 1), (14, 14), (13, 14), (42, 42), (42, 70),
    (70, 42), (98, 126), (27, 28), (28, 29), (43, 41), (28, 5600), (28, 5601), (29, 5800),
    (30000, 150), (30000, 149), (65535, 65535), (4000, 6000), (1080, 1920), (7, 1400), (7, 1401),
    (10, 2000), (10, 2001), (56, 56), (55, 57), (1003, 1001), (3, 599), (3, 600), (3, 601),
    (100000, 100000), (999, 111), (84, 37), (14, 2800), (15, 3000),
]


def resized(height: int, width: int, low: int, high: int) -> list:
    """[height, width, min_pixels, max_pixels, new height, new width]; "error" for the last two."""
    try:
        return [height, width, low, high, *smart_resize(height, width, 28, low, high)]
    except ValueError:
        return [height, width, low, high, "error", "error"]


def smart_resize_rows() -> list[list]:
    """Extremes under every budget, and random sizes and aspects under random budgets."""
    rng = random.Random(2026)
    rows = [resized(*size, *budget) for size in EXTREMES for budget in BUDGETS[:5]]
    for _ in range(400):
        height = int(2 ** rng.uniform(0, 13))
        width = max(1, int(height * 2 ** rng.uniform(-4, 4)))
        if rng.random() < 0.3:  # halves of 28, where rounding to even shows
            height, width = height // 14 * 14 + 14, width // 14 * 14 + 14
        rows.append(resized(height, width, *rng.choice(BUDGETS)))
    return rows


def write_patches(out: Path) -> None:
    entries, tensors = [], {}
    for name, low, high in PATCHES:
        processor = PillowImageProcessor(min_pixels=low, max_pixels=high)
        batch = processor(images=[Image.open(IMAGES / name)], return_tensors="pt")
        tensors[name] = torch.as_tensor(batch["pixel_values"]).float().clone()
        entries.append({"image": name, "min_pixels": low, "max_pixels": high,
                        "image_grid_thw": torch.as_tensor(batch["image_grid_thw"]).tolist()[0]})
    save_file(tensors, out / "patches.safetensors", metadata={"format": "pt"})
    (out / "patches.json").write_text(
        "[\n" + ",\n".join("  " + json.dumps(entry) for entry in entries) + "\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GOLDENS / "pixels")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    write_patches(out)
    rows = smart_resize_rows()
    (out / "smart_resize.json").write_text(
        "[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]\n")
    print(f"{len(PATCHES)} pictures, {len(rows)} smart_resize rows, "
          f"{sum(row[4] == 'error' for row in rows)} of them errors")


if __name__ == "__main__":
    main()
