"""Writes tests/goldens/pixels/shared_images.json: what Pillow sees in the public test pictures.

    python3 tools/goldens/shared_images.py [--images ../shared/data/images] [--out FILE]

Needs Debian's python3-pil (9.4) and numpy. The pictures themselves are not part of the project; this
file lets the tests hold them against Pillow without it: size and CRC-32 of the upright RGB pixels, or
"error" where Pillow raises. Formats that Pillow 9.4 does not know (HEIC, AVIF) are left out.
"""

import argparse
import json
import warnings
import zlib
from pathlib import Path

from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parents[2]


def describe(path: Path) -> dict:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, Image.DecompressionBombError):
        return {"file": path.name, "error": True}
    return {
        "file": path.name,
        "width": upright.width,
        "height": upright.height,
        "crc32": zlib.crc32(upright.tobytes()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=ROOT.parent / "shared/data/images")
    parser.add_argument("--out", type=Path, default=ROOT / "tests/goldens/pixels/shared_images.json")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    paths = sorted(p for p in arguments.images.iterdir() if p.suffix not in {".heic", ".avif"})
    lines = ",\n".join("  " + json.dumps(describe(path)) for path in paths)
    arguments.out.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
