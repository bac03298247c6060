"""Measures how far the torchvision image processor is from the Pillow one, and checks that the
whole processor of transformers agrees with the cases of tests/goldens/qwen2_5_vl.

Runs where models.py runs and writes nothing; its findings are in tools/goldens/README.md.

    python3 tools/goldens/backends.py [--out DIRECTORY]
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image
from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor

from models import PillowImageProcessor
from paths import GOLDENS, IMAGES


def report_backends(folder: Path) -> None:
    """Prints the deviation in steps of 1/255, measured on the normalized patches."""
    torchvision = Qwen2VLImageProcessor.from_pretrained(folder)
    pillow = PillowImageProcessor.from_pretrained(folder)
    print("backends:", type(torchvision).__name__, type(pillow).__name__)
    std = torch.tensor(pillow.image_std).repeat_interleave(2 * 14 * 14)
    for path in sorted(IMAGES.glob("*.png")):
        both = []
        for processor in (torchvision, pillow):
            batch = processor(images=[Image.open(path)], return_tensors="pt")
            both.append(torch.as_tensor(batch["pixel_values"]).double())
        steps = ((both[0] - both[1]) * std * 255).abs()
        print(f"  {path.name}: max {steps.max():.2f} of 255, over 0.5 in "
              f"{(steps > 0.5).double().mean() * 100:.3f} %, over 1.5 in "
              f"{(steps > 1.5).double().mean() * 100:.3f} %")


def report_processor(folder: Path) -> None:
    """Compares ids and prompts of Qwen2_5_VLProcessor.from_pretrained(folder) with cases.json."""
    processor = Qwen2_5_VLProcessor.from_pretrained(folder)
    for case in json.loads((folder / "cases.json").read_text(encoding="utf-8")):
        prompt = processor.apply_chat_template(
            case["messages"], tokenize=False, add_generation_prompt=True)
        files = [part["image"] for message in case["messages"] for part in message["content"]
                 if isinstance(part, dict) and part["type"] == "image"]
        overrides = {key: case[key] for key in ("min_pixels", "max_pixels") if key in case}
        batch = processor(
            text=[prompt], images=[Image.open(IMAGES / name) for name in files] or None,
            return_tensors="pt", **overrides)
        agrees = (prompt == case["prompt"], batch["input_ids"][0].tolist() == case["input_ids"])
        print(f"  {folder.name}/{case['name']}: prompt {agrees[0]}, ids {agrees[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GOLDENS / "qwen2_5_vl")
    folders = sorted(path for path in parser.parse_args().out.iterdir() if path.is_dir())
    report_backends(folders[0])
    for folder in folders:
        try:
            report_processor(folder)
        except Exception as error:  # a finding, not a failure of the goldens
            print(f"  {folder.name}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
