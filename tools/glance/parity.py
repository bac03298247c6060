"""Checks an exported directory against transformers: pixels, prompt ids, logits and greedy text must agree.

    python3 parity.py --model DIR --pack PACK
"""

import argparse
import os

import numpy as np
import torch

import bpe
from batches import grid_order
from compose_cpu import draw
from export import load_safetensors, model_state
from generate import answers, cell_positions, prompt_document
from model import Glance
from scenes import Pack
from scoring import held_out_questions

MEAN, STD = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])


def picture_arrays(image) -> dict[str, torch.Tensor]:
    """The vision tower's inputs for one picture whose sides are multiples of 28."""
    pixels = (np.asarray(image, np.float64) / 255 - MEAN) / STD
    rows, columns = pixels.shape[0] // 28, pixels.shape[1] // 28
    _, patches, windows = grid_order(rows, columns)
    flat = [pixels[14 * y:14 * y + 14, 14 * x:14 * x + 14].transpose(2, 0, 1).reshape(-1) for y, x in patches]
    place = np.concatenate([np.zeros((len(patches), 1), np.int64), patches * 14], 1)
    return {"patches": torch.from_numpy(np.stack(flat)).float(), "place": torch.from_numpy(place),
            "windows": torch.from_numpy(np.cumsum([0] + windows).astype(np.int32)),
            "pictures": torch.tensor([0, len(patches)], dtype=torch.int32)}


def load_model(folder: str, pack: Pack):
    """(our model in float32, tokenizer) of an exported directory."""
    tokenizer = bpe.load(os.path.join(folder, "tokenizer.json"))
    model = Glance(tokenizer.size, len(pack.kinds))
    model.load_state_dict(model_state(load_safetensors(os.path.join(folder, "model.safetensors"))), strict=False)
    return model.eval(), tokenizer


@torch.no_grad()
def our_logits(model, tokenizer, scene, image, prompt: str):
    """(prompt ids, logits after the prompt [vocab], merged cells)."""
    cells = model.visual(**picture_arrays(image))
    doc = prompt_document(tokenizer, scene, prompt)
    ids, count = torch.tensor([doc.ids]), len(doc.ids)
    at = torch.from_numpy(cell_positions([scene], [doc], count))
    mask = torch.full((count, count), float("-inf")).triu(1)[None, None]
    hidden = model.model(model.embed(ids, cells, at), torch.tensor([doc.positions]), mask)
    return doc.ids, model.logits(hidden[0, -1]), cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pack", required=True)
    args = parser.parse_args()
    from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration
    torch.set_num_threads(8)
    pack = Pack(args.pack)
    model, tokenizer = load_model(args.model, pack)
    theirs = Qwen2_5_VLForConditionalGeneration.from_pretrained(args.model, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(args.model)
    print(type(processor).__name__, type(processor.image_processor).__name__, type(processor.tokenizer).__name__)
    worst = 0.0
    for scene, qa in held_out_questions(pack, 77, 1):
        image = draw(pack, scene)
        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": qa.prompt}]}]
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        inputs = processor(text=[text], images=[image], return_tensors="pt")
        ids, logits, cells = our_logits(model, tokenizer, scene, image, qa.prompt)
        with torch.no_grad():
            other = theirs(**inputs).logits[0, -1]
            tokens = theirs.generate(**inputs, max_new_tokens=64)[0, inputs["input_ids"].shape[1]:]
        error = float((logits - other).abs().max() / other.abs().max())
        worst = max(worst, error)
        mine = answers(model, tokenizer, cells, [scene], [qa.prompt], "cpu", 64)[0]
        print(f"ids {'equal' if ids == inputs['input_ids'][0].tolist() else 'DIFFER'}, logits {error:.2e}, "
              f"text {'equal' if mine == processor.tokenizer.decode(tokens, skip_special_tokens=True) else 'DIFFERS'}: "
              f"{qa.prompt!r} -> {mine!r}")
    print(f"largest relative difference {worst:.2e}")


if __name__ == "__main__":
    main()
