"""Packs scenes and conversations into fixed-size arrays, in worker processes.

Vision side: all pictures' patches follow each other in window order, [patches] long.
Language side: [rows, length] tokens. A document is a prefix (system prompt, picture) and several branches
(questions with answers) that see the prefix but not each other: every branch is what a fresh conversation would be.
"""

import math
import random
from functools import lru_cache

import numpy as np

import prompts
from bpe import Tokenizer
from compose_gpu import IMAGE_FLOATS, LAYER_FLOATS, image_row, item_affine, scene_layers
from config import CHAR_SLOTS, CHARS
from questions import QA, Asker
from scenes import COLOR_NAMES, Pack, Scene, SceneMaker

CHAR_ID = {char: i + 1 for i, char in enumerate(CHARS)}


@lru_cache(maxsize=None)
def grid_order(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """For a picture of rows x columns merged cells, in window order: cell index [cells], patch (y, x) [4*cells, 2],
    and the number of patches in every 4x4-cell window."""
    cells, windows = [], []
    for top in range(0, rows, 4):
        for left in range(0, columns, 4):
            inside = [r * columns + c for r in range(top, min(top + 4, rows)) for c in range(left, min(left + 4, columns))]
            cells += inside
            windows.append(4 * len(inside))
    order = np.array(cells, np.int32)
    y, x = order // columns, order % columns
    patches = np.stack([np.repeat(2 * y, 4) + np.tile([0, 0, 1, 1], len(order)),
                        np.repeat(2 * x, 4) + np.tile([0, 1, 0, 1], len(order))], 1).astype(np.int32)
    return order, patches, windows


def cell_targets(pack: Pack, scene: Scene):
    """What every 28x28 cell shows, row-major: (kind, colour, kind whose centre is here [cells], characters [cells, 5]).
    Zero means nothing."""
    rows, columns = scene.height // 28, scene.width // 28
    kind = np.zeros((rows, columns), np.int16)
    color, center = np.zeros_like(kind), np.zeros_like(kind)
    chars = np.zeros((rows, columns, CHAR_SLOTS), np.int16)
    for item in scene.items:
        a, b, c, d, e, f = item_affine(item)
        reach = item.size * 0.75
        r0, r1 = max(0, int((item.y - reach) // 28)), min(rows, int((item.y + reach) // 28) + 1)
        c0, c1 = max(0, int((item.x - reach) // 28)), min(columns, int((item.x + reach) // 28) + 1)
        y, x = np.arange(r0, r1)[:, None] * 28 + 14.0, np.arange(c0, c1)[None, :] * 28 + 14.0
        u, v = ((a * x + b * y + c) / 8).astype(np.int32), ((d * x + e * y + f) / 8).astype(np.int32)
        inside = (u >= 0) & (u < 17) & (v >= 0) & (v < 16)
        inside &= pack.coverage[item.kind][np.clip(v, 0, 15), np.clip(u, 0, 16)]
        middle = min(rows - 1, max(0, int(item.y // 28))), min(columns - 1, max(0, int(item.x // 28)))
        shade = COLOR_NAMES.index(item.color) + 1 if item.color else 12
        kind[r0:r1, c0:c1][inside] = item.kind + 1
        color[r0:r1, c0:c1][inside] = shade
        kind[middle] = center[middle] = item.kind + 1
        color[middle] = shade
    for text in scene.texts:
        _mark_text(text, chars, color)
    return kind.reshape(-1), color.reshape(-1), center.reshape(-1), chars.reshape(-1, CHAR_SLOTS)


def _mark_text(text, chars, color) -> None:
    """Writes every character into the next free slot of the cell its centre falls into."""
    rows, columns, slots = chars.shape
    height, width = text.mask.shape
    cosine, sine = math.cos(math.radians(text.angle)), math.sin(math.radians(text.angle))
    for char, at in zip(text.string, text.centers):
        if char == " ":
            continue
        dx = (at - width / 2) * text.scale
        row, column = int((text.y - dx * sine) // 28), int((text.x + dx * cosine) // 28)
        if 0 <= row < rows and 0 <= column < columns:
            free = int((chars[row, column] > 0).sum())
            if free < slots:
                chars[row, column, free] = CHAR_ID[char]
            color[row, column] = COLOR_NAMES.index(text.color) + 1


class Document:
    """Token ids with positions, branch numbers and loss weights, grown piece by piece."""

    def __init__(self, tokenizer: Tokenizer):
        self.tok = tokenizer
        self.ids, self.weights, self.branches = [], [], []
        self.positions: list[tuple[int, int, int]] = []
        self.images: list[tuple[int, int]] = []     # (offset of the first image token, number)
        self.branch, self.next, self.prefix_next = 0, 0, 0

    def add(self, ids: list[int], weight: float = 0.0) -> None:
        start, count = self.next, len(ids)
        self.ids += ids
        self.weights += [weight] * count
        self.branches += [self.branch] * count
        self.positions += [(p, p, p) for p in range(start, start + count)]
        self.next = start + count

    def text(self, text: str) -> None:
        self.add(self.tok.encode(text))

    def special(self, name: str, weight: float = 0.0) -> None:
        self.add([self.tok.special[name]], weight)

    def picture(self, rows: int, columns: int) -> None:
        self.special("<|vision_start|>")
        self.images.append((len(self.ids), rows * columns))
        base = self.next
        self.ids += [self.tok.special["<|image_pad|>"]] * (rows * columns)
        self.weights += [0.0] * (rows * columns)
        self.branches += [self.branch] * (rows * columns)
        self.positions += [(base, base + r, base + c) for r in range(rows) for c in range(columns)]
        self.next = base + max(rows, columns)
        self.special("<|vision_end|>")

    def system(self, rng: random.Random) -> None:
        draw = rng.random()
        if draw < 0.08:
            return
        words = prompts.DEFAULT_SYSTEM if draw < 0.8 else rng.choice(prompts.SYSTEM)
        self.special("<|im_start|>")
        self.text("system\n" + words)
        self.special("<|im_end|>")
        self.text("\n")

    def user(self) -> None:
        self.special("<|im_start|>")
        self.text("user\n")

    def fork(self) -> None:
        """Starts a branch at the end of the prefix."""
        if self.branch == 0:
            self.prefix_next = self.next
        self.branch += 1
        self.next = self.prefix_next

    def answer_ids(self, qa: QA) -> list[int]:
        """The answer's tokens; text read off the picture is spelled."""
        ids, rest = [], qa.answer
        for literal in qa.literals:
            at = rest.find('"' + literal)
            at = at + 1 if at >= 0 else rest.find(literal)
            if at < 0:
                continue
            ids += self.tok.encode(rest[:at]) + self.tok.spell(literal)
            rest = rest[at + len(literal):]
        return ids + self.tok.encode(rest)

    def turn(self, qa: QA, ask: bool = True) -> None:
        """The question (unless already asked) up to the answer's end."""
        if ask:
            self.text(qa.prompt)
        self.special("<|im_end|>")
        self.text("\n")
        self.special("<|im_start|>")
        self.text("assistant\n")
        ids = self.answer_ids(qa) + [self.tok.special["<|im_end|>"]]
        self.add(ids, len(ids) ** -0.4 * (1.5 if qa.task == "read" else 1.0))

    def next_turn(self) -> None:
        self.text("\n")
        self.user()


class BatchMaker:
    """Makes batches of `patches` patches and `rows` x `length` tokens."""

    def __init__(self, pack: Pack, tokenizer: Tokenizer, seed: int, patches: int, rows: int, length: int):
        self.pack, self.tok, self.rng = pack, tokenizer, random.Random(seed)
        self.maker = SceneMaker(pack, seed * 7919 + 1)
        self.patches, self.rows, self.length = patches, rows, length

    # -- documents ----------------------------------------------------------------------------------

    def _document(self, budget: int) -> tuple[Document, list[Scene]]:
        """A document of about `budget` tokens over one picture (seldom two)."""
        rng, draw = self.rng, self.rng.random()
        doc = Document(self.tok)
        doc.system(rng)
        if draw < 0.05:
            return self._two_pictures(doc, budget)
        scene = self.maker.make()
        asker = Asker(self.pack, scene, rng)
        doc.user()
        if draw < 0.12:                                    # the question before the picture
            qa = asker.random_question()
            doc.text(qa.prompt + rng.choice(["", "\n", " "]))
            doc.picture(scene.height // 28, scene.width // 28)
            doc.turn(qa, ask=False)
            return doc, [scene]
        doc.picture(scene.height // 28, scene.width // 28)
        self._branches(doc, budget, asker)
        return doc, [scene]

    def _branches(self, doc: Document, budget: int, asker: Asker) -> None:
        rng = self.rng
        while doc.branch == 0 or len(doc.ids) < budget - 30:
            doc.fork()
            if rng.random() < 0.1:
                doc.text(rng.choice(["\n", " "]))
            doc.turn(asker.random_question())
            while rng.random() < 0.15 and len(doc.ids) < 700:
                doc.next_turn()
                doc.turn(asker.random_question())

    def _two_pictures(self, doc: Document, budget: int) -> tuple[Document, list[Scene]]:
        rng = self.rng
        scenes = [self.maker.make(), self.maker.make()]
        askers = [Asker(self.pack, scene, rng) for scene in scenes]
        doc.user()
        doc.picture(scenes[0].height // 28, scenes[0].width // 28)
        if rng.random() < 0.4:                             # the second picture comes in a later turn
            doc.turn(askers[0].random_question())
            doc.next_turn()
            doc.picture(scenes[1].height // 28, scenes[1].width // 28)
            self._branches(doc, budget, askers[1])
            return doc, scenes
        doc.picture(scenes[1].height // 28, scenes[1].width // 28)
        while doc.branch == 0 or len(doc.ids) < budget:
            which = rng.randrange(2)
            qa = askers[which].random_question()
            where = rng.choice([["In the first image, ", "In the second image, "], ["First picture: ", "Second picture: "],
                                ["Look at the first picture. ", "Look at the second picture. "],
                                ["In picture 1, ", "In picture 2, "], ["Image 1: ", "Image 2: "]])[which]
            qa.prompt = where + qa.prompt[0].lower() + qa.prompt[1:]
            doc.fork()
            doc.turn(qa)
        return doc, scenes

    def _chat(self) -> Document:
        """A greeting or a question without a picture."""
        rng, doc = self.rng, Document(self.tok)
        doc.system(rng)
        doc.user()
        for branch in range(3):
            questions, answer = rng.choice(prompts.CHAT)
            doc.fork()
            doc.turn(QA("chat", prompts.vary(rng, rng.choice(questions)), answer))
        return doc

    # -- batches ------------------------------------------------------------------------------------

    def make(self) -> dict[str, np.ndarray]:
        """One batch; every array's size is fixed except layers and masks."""
        arrays = self._empty()
        fill, state = [0] * self.rows, {"patch": 0, "image": 0, "doc": 1}
        layers, masks, mask_size = [], [np.zeros(16, np.uint8)], 16
        used, misses, room = 0, 0, self.rows * self.length * 0.94
        while True:
            allowed = room * (state["patch"] + 420) / self.patches
            doc, scenes = self._document(min(900, max(60, int(allowed - used))))
            cells = sum(scene.width * scene.height // 784 for scene in scenes)
            if state["patch"] + 4 * cells > self.patches:
                break
            spot = self._row(fill, len(doc.ids))
            if spot is None:
                misses += 1
                if misses > 20:
                    break
                continue
            for scene in scenes:
                rows, mask = scene_layers(self.pack, scene, mask_size)
                self._picture(arrays, state, scene, len(layers), len(rows))
                layers += rows
                masks += mask
                mask_size += sum(m.size for m in mask)
            self._write(arrays, state, doc, spot, fill)
            used += len(doc.ids)
        for _ in range(3):
            doc = self._chat()
            spot = self._row(fill, len(doc.ids))
            if spot is not None:
                self._write(arrays, state, doc, spot, fill)
        self._finish(arrays, state)
        arrays["layers"] = np.array(layers, np.float32).reshape(-1, LAYER_FLOATS)
        arrays["masks"] = np.concatenate(masks)
        return arrays

    def _empty(self) -> dict[str, np.ndarray]:
        patches, cells, tokens = self.patches, self.patches // 4, (self.rows, self.length)
        return {
            "images": np.zeros((patches // 168 + 1, IMAGE_FLOATS), np.float32), "place": np.full((patches, 3), -1, np.int32),
            "windows": np.zeros(patches // 20, np.int32), "pictures": np.zeros(patches // 168 + 2, np.int32),
            "kind": np.zeros(cells, np.int16), "color": np.zeros(cells, np.int16), "center": np.zeros(cells, np.int16),
            "chars": np.zeros((cells, CHAR_SLOTS), np.int16), "cell_at": np.zeros(cells, np.int32),
            "ids": np.zeros(tokens, np.int32), "positions": np.zeros((*tokens, 3), np.int16),
            "doc": np.zeros(tokens, np.int16), "branch": np.zeros(tokens, np.int16), "weight": np.zeros(tokens, np.float32),
        }

    def _row(self, fill: list[int], size: int):
        """The fullest of the rows with room."""
        best = None
        for row, used in enumerate(fill):
            if used + size <= self.length and (best is None or used > fill[best]):
                best = row
        return best

    def _picture(self, arrays, state, scene: Scene, first_layer: int, num_layers: int) -> None:
        rows, columns = scene.height // 28, scene.width // 28
        order, patches, windows = grid_order(rows, columns)
        start, image = state["patch"], state["image"]
        end = start + 4 * len(order)
        arrays["images"][image] = image_row(scene, first_layer, first_layer + num_layers)
        arrays["place"][start:end, 0] = image
        arrays["place"][start:end, 1:] = patches * 14
        for name, values in zip(("kind", "color", "center", "chars"), cell_targets(self.pack, scene)):
            arrays[name][start // 4:end // 4] = values[order]
        state.setdefault("windows", []).extend(windows)
        state.setdefault("pictures", []).append(end - start)
        state.setdefault("cells", []).append((start // 4, order))
        state["patch"], state["image"] = end, image + 1

    def _write(self, arrays, state, doc: Document, row: int, fill: list[int]) -> None:
        start, count = fill[row], len(doc.ids)
        where = np.s_[row, start:start + count]
        arrays["ids"][where] = doc.ids
        arrays["positions"][where] = doc.positions
        arrays["branch"][where] = doc.branches
        arrays["doc"][where] = state["doc"]
        arrays["weight"][where] = doc.weights
        pictures = state.get("cells", [])[len(state.get("cells", [])) - len(doc.images):] if doc.images else []
        for (offset, number), (cell, order) in zip(doc.images, pictures):
            arrays["cell_at"][cell:cell + number] = row * self.length + start + offset + order
        state["doc"] += 1
        fill[row] = start + count

    def _finish(self, arrays, state) -> None:
        """Closes the cumulative lengths; unused patches form blank windows and pictures at the end."""
        left = self.patches - state["patch"]
        for name, size in (("windows", 64), ("pictures", 672)):
            blanks = [size] * (left // size) + ([left % size] if left % size else [])
            ends = np.cumsum([0] + state[name] + blanks)
            full = np.full(len(arrays[name]), self.patches, np.int32)
            assert len(ends) <= len(full), (name, len(ends), len(full))
            full[:len(ends)] = ends
            arrays[name] = full
        used = state["patch"] // 4
        arrays["cell_at"][used:] = self.rows * self.length + np.arange(self.patches // 4 - used)


def worker(folder: str, tokenizer_path: str, seed: int, patches: int, rows: int, length: int, queue) -> None:
    """Puts batches on the queue for ever."""
    import os
    os.environ["OMP_NUM_THREADS"] = "1"
    from bpe import load
    maker = BatchMaker(Pack(folder), load(tokenizer_path), seed, patches, rows, length)
    while True:
        queue.put(maker.make())
