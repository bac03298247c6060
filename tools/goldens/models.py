"""Writes tests/goldens/qwen*_vl: tiny checkpoints and what transformers computes with them.

Runs on a machine with torch and transformers installed, on its CPU, in f32:

    python3 tools/goldens/models.py [--out DIRECTORY] [--only FAMILY[/NAME]]   # write
    python3 tools/goldens/models.py --check [--out DIRECTORY]         # reload and compare

All expected values come from the directory as it was written: it is loaded back with
from_pretrained(dtype=float32), so bf16 and f16 weights are upcast and computed with in f32.
"""

import argparse
import inspect
import json
import multiprocessing
import shutil
import traceback
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModelForImageTextToText, PreTrainedTokenizerFast

from checkpoint import MAX_POSITIONS, TEMPLATE, write_checkpoint
from model_specs import (
    CASES, CASES_WITH_ALL_LOGITS, CASES_WITH_PIXELS, NOUNS, TINY_MODELS, TinyModel)
from paths import GOLDENS, IMAGES

try:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
        Qwen2VLImageProcessorPil as PillowImageProcessor)
except ImportError:  # before transformers 5.3 the plain class was the Pillow one
    from transformers import Qwen2VLImageProcessor as PillowImageProcessor

NUM_GREEDY = 64
# The engine is held to 1e-3 of the largest logit, so a greedy path with closer calls is refused.
MIN_MARGIN = 1.5e-3
IMAGE_PAD = "<|image_pad|>"


class CloseCall(Exception):
    """The greedy path has a step whose two best logits are too close, or a vision token."""


class Reference:
    """A checkpoint directory as transformers reads it."""

    def __init__(self, folder: Path):
        self.model, report = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"], report
        self.model.eval()
        self.config = self.model.config
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.renderer = PreTrainedTokenizerFast(tokenizer_object=self.tokenizer)
        self.images = PillowImageProcessor.from_pretrained(folder)

    def prompt(self, messages: list) -> str:
        return self.renderer.apply_chat_template(
            messages, chat_template=TEMPLATE.read_text(encoding="utf-8"), tokenize=False,
            add_generation_prompt=True)

    def pixels(self, messages: list, overrides: dict) -> dict:
        """pixel_values [patches, 1176] and image_grid_thw [images, 3]; {} without images."""
        files = [part["image"] for message in messages if isinstance(message["content"], list)
                 for part in message["content"] if part["type"] == "image"]
        if not files:
            return {}
        opened = [Image.open(IMAGES / file) for file in files]
        batch = self.images(images=opened, return_tensors="pt", **overrides)
        return {key: torch.as_tensor(batch[key]) for key in ("pixel_values", "image_grid_thw")}

    def token_ids(self, prompt: str, grids: list) -> list[int]:
        """The prompt's ids, every image pad repeated once for each merged patch of its image."""
        pieces = prompt.split(IMAGE_PAD)
        assert len(pieces) == len(grids) + 1
        text = pieces[0]
        for (frames, rows, columns), piece in zip(grids, pieces[1:]):
            text += IMAGE_PAD * (frames * rows * columns // 4) + piece
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def extra_inputs(self, function, ids: torch.Tensor) -> dict:
        """mm_token_type_ids where this version of transformers asks for it."""
        if "mm_token_type_ids" not in inspect.signature(function).parameters:
            return {}
        return {"mm_token_type_ids": (ids == self.config.image_token_id).int()}

    def positions(self, ids: torch.Tensor, pixels: dict) -> torch.Tensor:
        """M-RoPE positions [3, 1, tokens] of ids [1, tokens]."""
        index = self.model.model.get_rope_index
        extra = self.extra_inputs(index, ids)
        positions, _ = index(input_ids=ids, image_grid_thw=pixels.get("image_grid_thw"),
                             attention_mask=torch.ones_like(ids), **extra)
        return positions

    def image_embeds(self, pixels: dict) -> torch.Tensor:
        """The merger's output in the order in which it is put into the prompt: [tokens, hidden], and
        beside it, where there are any, the DeepStack features in the order of layers."""
        found = self.model.model.get_image_features(**pixels)
        merged = getattr(found, "pooler_output", found)
        merged = merged if torch.is_tensor(merged) else torch.cat(list(merged))
        return torch.cat([merged, *(getattr(found, "deepstack_features", None) or [])], dim=1)

    def logits(self, ids: torch.Tensor, pixels: dict, **more):
        extra = self.extra_inputs(self.model.forward, ids)
        return self.model(input_ids=ids, attention_mask=torch.ones_like(ids), **pixels, **extra,
                          **more)


def pick(logits: torch.Tensor, banned: set[int]) -> int:
    """The argmax of logits [vocab]; CloseCall where it is not a clear one."""
    values, indices = logits.topk(2)
    if values[0] - values[1] < MIN_MARGIN * logits.abs().max() or indices[0].item() in banned:
        raise CloseCall
    return indices[0].item()


def greedy(reference: Reference, ids: torch.Tensor, pixels: dict, next_position: int, first):
    """NUM_GREEDY argmax tokens after ids [1, tokens], with a key/value cache."""
    config = reference.config
    banned = {config.image_token_id, config.video_token_id, config.vision_start_token_id,
              config.vision_end_token_id}
    chosen, cache = [pick(first.logits[0, -1], banned)], first.past_key_values
    while len(chosen) < NUM_GREEDY:
        position = torch.full((3, 1, 1), next_position + len(chosen) - 1)
        step = reference.model(input_ids=torch.tensor([[chosen[-1]]]), position_ids=position,
                               past_key_values=cache, use_cache=True)
        chosen.append(pick(step.logits[0, -1], banned))
    return chosen


def check_greedy(reference: Reference, ids: torch.Tensor, pixels: dict, chosen: list[int]) -> None:
    """One forward pass over prompt and answer, without a cache, must choose the same tokens."""
    whole = torch.cat([ids, torch.tensor([chosen])], dim=1)
    logits = reference.logits(whole, pixels, use_cache=False).logits[0, ids.shape[1] - 1:-1]
    assert logits.argmax(-1).tolist() == chosen


def run_case(reference: Reference, spec: TinyModel, name: str, noun: str) -> tuple[dict, dict]:
    """One entry of cases.json and its tensors."""
    messages, overrides = CASES[name][0](noun), CASES[name][1]
    pixels = reference.pixels(messages, overrides)
    grids = pixels["image_grid_thw"].tolist() if pixels else []
    prompt = reference.prompt(messages)
    ids = torch.tensor([reference.token_ids(prompt, grids)])
    assert ids.shape[1] + NUM_GREEDY < MAX_POSITIONS
    positions = reference.positions(ids, pixels)
    first = reference.logits(ids, pixels, use_cache=True)
    chosen = greedy(reference, ids, pixels, positions.max().item() + 1, first)
    check_greedy(reference, ids, pixels, chosen)
    tensors = {f"{name}.logits": first.logits[0, -1]}
    if pixels:
        tensors[f"{name}.image_embeds"] = reference.image_embeds(pixels)
    if (spec.family, spec.name, name) in CASES_WITH_PIXELS:
        tensors[f"{name}.pixel_values"] = pixels["pixel_values"]
    if (spec.family, spec.name, name) in CASES_WITH_ALL_LOGITS:
        tensors[f"{name}.all_logits"] = first.logits[0]
    case = {"name": name, "messages": messages, **overrides, "prompt": prompt,
            "input_ids": ids[0].tolist(), "image_grid_thw": grids,
            "position_ids": positions[:, 0].tolist(), "greedy": chosen}
    return case, {key: value.float().clone() for key, value in tensors.items()}


def cases_json(cases: list[dict]) -> str:
    """JSON with one line for each field of a case, so that long id lists stay on one line."""
    blocks = []
    for case in cases:
        fields = [f"    {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
                  for key, value in case.items()]
        blocks.append("  {\n" + ",\n".join(fields) + "\n  }")
    return "[\n" + ",\n".join(blocks) + "\n]\n"


@torch.no_grad()
def write_model(spec: TinyModel, out: Path) -> str:
    """The checkpoint, cases.json and expected.safetensors of one spec; returns a report line."""
    torch.set_num_threads(1)
    folder = out / spec.family / spec.name
    shutil.rmtree(folder, ignore_errors=True)
    write_checkpoint(spec, folder)
    reference = Reference(folder)
    cases, tensors, tries = [], {}, 0
    for number, name in enumerate(spec.cases):
        for attempt in range(len(NOUNS)):
            tries += 1
            noun = NOUNS[(number * 7 + spec.seed + attempt) % len(NOUNS)]
            try:
                case, values = run_case(reference, spec, name, noun)
            except CloseCall:
                continue
            cases.append(case)
            tensors.update(values)
            break
        else:
            raise RuntimeError(f"{spec.name}/{name}: no noun gives clear margins; change the seed")
    (folder / "cases.json").write_text(cases_json(cases), encoding="utf-8")
    save_file(tensors, folder / "expected.safetensors", metadata={"format": "pt"})
    size = sum(path.stat().st_size for path in folder.iterdir())
    spread = tensors[f"{cases[0]['name']}.logits"]
    distinct = [len(set(case["greedy"])) for case in cases]
    return (f"{spec.family}/{spec.name}: {size} bytes, {tries} tries for {len(cases)} cases, logits std "
            f"{spread.std():.2f} max {spread.abs().max():.2f}, distinct greedy {distinct}")


@torch.no_grad()
def check_model(spec: TinyModel, out: Path) -> str:
    """Recomputes every case of a written directory; returns a report line."""
    torch.set_num_threads(1)
    folder = out / spec.family / spec.name
    reference, worst = Reference(folder), 0.0
    expected = load_file(folder / "expected.safetensors")
    for case in json.loads((folder / "cases.json").read_text(encoding="utf-8")):
        overrides = {key: case[key] for key in ("min_pixels", "max_pixels") if key in case}
        pixels = reference.pixels(case["messages"], overrides)
        assert reference.prompt(case["messages"]) == case["prompt"]
        ids = torch.tensor([case["input_ids"]])
        assert reference.token_ids(case["prompt"], case["image_grid_thw"]) == case["input_ids"]
        assert reference.positions(ids, pixels)[:, 0].tolist() == case["position_ids"]
        check_greedy(reference, ids, pixels, case["greedy"])
        want = expected[f"{case['name']}.logits"]
        have = reference.logits(ids, pixels).logits[0, -1]
        worst = max(worst, ((have - want).abs().max() / want.abs().max()).item())
    return f"{spec.name}: reproduces, logits within {worst:.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GOLDENS)
    parser.add_argument("--only", help="a family, or FAMILY/NAME of one configuration")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    specs = [spec for spec in TINY_MODELS
             if arguments.only in (None, spec.family, f"{spec.family}/{spec.name}")]
    work = check_model if arguments.check else write_model
    with multiprocessing.get_context("spawn").Pool(len(specs)) as pool:
        pending = [(f"{spec.family}/{spec.name}", pool.apply_async(work, (spec, arguments.out))) for spec in specs]
        failed = 0
        for name, result in pending:
            try:
                print(result.get(), flush=True)
            except Exception:
                failed += 1
                print(f"{name} FAILED\n{traceback.format_exc()}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
