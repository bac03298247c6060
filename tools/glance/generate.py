"""Greedy answers with our own model, many at a time, without a KV cache: simple, for checks during training."""

import numpy as np
import torch

from batches import Document, grid_order
from compose_gpu import image_row, scene_layers
from model import Glance


def prompt_document(tokenizer, scene, prompt: str) -> Document:
    """What the chat template makes of one picture and one prompt."""
    doc = Document(tokenizer)
    doc.special("<|im_start|>")
    doc.text("system\nYou are a helpful assistant.")
    doc.special("<|im_end|>")
    doc.text("\n")
    doc.user()
    if scene is not None:
        doc.picture(scene.height // 28, scene.width // 28)
    doc.text(prompt)
    doc.special("<|im_end|>")
    doc.text("\n")
    doc.special("<|im_start|>")
    doc.text("assistant\n")
    return doc


def scene_arrays(pack, scenes) -> dict[str, np.ndarray]:
    """The vision side of a batch for exactly these scenes."""
    images, layers, masks, place, windows, pictures = [], [], [np.zeros(16, np.uint8)], [], [0], [0]
    size = 16
    for number, scene in enumerate(scenes):
        order, patches, lengths = grid_order(scene.height // 28, scene.width // 28)
        rows, mask = scene_layers(pack, scene, size)
        images.append(image_row(scene, len(layers), len(layers) + len(rows)))
        layers += rows
        masks += mask
        size += sum(m.size for m in mask)
        place.append(np.concatenate([np.full((len(patches), 1), number, np.int32), patches * 14], 1))
        windows += lengths
        pictures.append(len(patches))
    return {"images": np.array(images, np.float32), "layers": np.array(layers or [[0] * 20], np.float32),
            "masks": np.concatenate(masks), "place": np.concatenate(place).astype(np.int32),
            "windows": np.cumsum(windows).astype(np.int32), "pictures": np.cumsum(pictures).astype(np.int32)}


def cell_positions(scenes, documents, length: int) -> np.ndarray:
    """Flat position in the [B, length] rows of every merged cell in window order."""
    places = []
    for row, (scene, doc) in enumerate(zip(scenes, documents)):
        order, _, _ = grid_order(scene.height // 28, scene.width // 28)
        places.append(row * length + doc.images[0][0] + order)
    return np.concatenate(places)


@torch.no_grad()
def answers(model: Glance, tokenizer, cells, scenes, prompts: list[str], device, limit: int = 220) -> list[str]:
    """Greedy answers to one prompt about each scene; cells: merged cells of all scenes in window order."""
    docs = [prompt_document(tokenizer, scene, prompt) for scene, prompt in zip(scenes, prompts)]
    start = [len(doc.ids) for doc in docs]
    length = max(start) + limit
    ids = torch.zeros(len(docs), length, dtype=torch.long)
    positions = torch.zeros(len(docs), length, 3, dtype=torch.long)
    for row, doc in enumerate(docs):
        ids[row, :start[row]] = torch.tensor(doc.ids)
        positions[row, :start[row]] = torch.tensor(doc.positions)
        positions[row, start[row]:] = doc.next + torch.arange(length - start[row])[:, None]
    ids, positions = ids.to(device), positions.to(device)
    at = torch.from_numpy(cell_positions(scenes, docs, length)).to(device)
    end, rows = tokenizer.special["<|im_end|>"], torch.arange(len(docs), device=device)
    now, done = torch.tensor(start, device=device), torch.zeros(len(docs), dtype=torch.bool, device=device)
    for _ in range(limit - 1):
        width = int(now.max())
        mask = torch.full((width, width), float("-inf"), device=device).triu(1)[None, None]
        inputs = model.embed(ids, cells, at)[:, :width]
        hidden = model.model(inputs, positions[:, :width], mask)
        token = model.logits(hidden[rows, now - 1]).float().argmax(-1)
        ids[rows, now] = torch.where(done, ids[rows, now], token)
        done |= token == end
        if bool(done.all()):
            break
        now = torch.where(done, now, now + 1)
    texts = []
    for row in range(len(docs)):
        tokens = ids[row, start[row]:].tolist()
        texts.append(tokenizer.decode(tokens[:tokens.index(end)] if end in tokens else tokens))
    return texts
