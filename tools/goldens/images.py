"""Draws the pictures of the model goldens into tests/goldens/images (needs numpy, Pillow).

Every picture is a smooth colour field with a few hard-edged shapes and a little noise, so that a
wrong resize filter, a swapped axis and a shifted patch all show. All files are PNG: decoding them
is exact, so the model goldens do not depend on a JPEG decoder.

    python3 tools/goldens/images.py
"""

import numpy as np
from PIL import Image

from paths import IMAGES

# (name, width, height, mode). Names carry width x height.
PICTURES = [
    ("odd_61x97", 61, 97, "RGB"),
    ("wide_333x40", 333, 40, "RGB"),
    ("tall_30x290", 30, 290, "RGB"),
    ("large_150x201", 150, 201, "RGB"),
    ("cell_28x28", 28, 28, "RGB"),
    ("even_112x84", 112, 84, "RGB"),
    ("speck_7x5", 7, 5, "RGB"),
    ("gray_83x59", 83, 59, "L"),
    ("alpha_45x64", 45, 64, "RGBA"),
]


def colour_field(width: int, height: int, channels: int, rng: np.random.Generator) -> np.ndarray:
    """A sum of slow waves in each channel: [height, width, channels], about 20..235."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    field = np.zeros((height, width, channels))
    for channel in range(channels):
        for _ in range(3):
            fx, fy = rng.uniform(-2.5, 2.5, size=2)
            phase = rng.uniform(0, 2 * np.pi)
            field[..., channel] += np.sin(2 * np.pi * (fx * x / width + fy * y / height) + phase)
    return 127.5 + field * 36.0


def add_shapes(field: np.ndarray, rng: np.random.Generator) -> None:
    """Paints two rectangles and a disc with hard edges into field [height, width, channels]."""
    height, width, channels = field.shape
    for _ in range(2):
        x0, x1 = sorted(rng.integers(0, width + 1, size=2))
        y0, y1 = sorted(rng.integers(0, height + 1, size=2))
        field[y0:y1, x0:x1] = 0.5 * field[y0:y1, x0:x1] + 0.5 * rng.uniform(0, 255, size=channels)
    y, x = np.mgrid[0:height, 0:width]
    radius = 0.3 * min(width, height)
    disc = (x - width * 0.6) ** 2 + (y - height * 0.4) ** 2 < radius**2
    field[disc] = rng.uniform(0, 255, size=channels)


def picture(width: int, height: int, mode: str, seed: int) -> Image.Image:
    """One synthetic picture of the given size and mode, the same for the same seed."""
    rng = np.random.default_rng(seed)
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    field = colour_field(width, height, channels, rng)
    add_shapes(field, rng)
    field += rng.integers(-2, 3, size=field.shape)
    pixels = np.clip(np.rint(field), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for seed, (name, width, height, mode) in enumerate(PICTURES, start=100):
        picture(width, height, mode, seed).save(IMAGES / f"{name}.png", optimize=True)
    total = sum(path.stat().st_size for path in IMAGES.glob("*.png"))
    print(f"{len(PICTURES)} pictures, {total} bytes in {IMAGES}")


if __name__ == "__main__":
    main()
