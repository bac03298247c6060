"""Random scenes: what is where, in which colour, on which background. No pixels here.

A scene is drawn by compose_gpu (training) or compose_cpu (evaluation) and asked about by questions.
Coordinates are pixels of a width x height picture, y down; angles are degrees, counter-clockwise.

Held out of training, so that the evaluation can ask for it: pairs of kinds that never share a scene,
(thing, colour) and (kind, cell) combinations, words, font families, and seeds. Shapes come in every colour.
"""

import json
import math
import os
import random
from dataclasses import dataclass, field

import numpy as np

from text_masks import TextMasks
from things import COLORS

CELL = 28
MIN_CELLS, MAX_CELLS = 42, 168
COLOR_NAMES = list(COLORS)
ROW_NAMES, COLUMN_NAMES = ("top", "", "bottom"), ("left", "", "right")


@dataclass
class Item:
    kind: int            # index into Pack.kinds; also the sprite
    color: str | None    # None: the sprite's own colours
    x: float
    y: float
    size: float          # pixels from the sprite's top to its bottom (128 texels)
    angle: float
    flip: bool
    rgb: tuple = (255, 255, 255)
    stretch: float = 1.0  # width over the sprite's own width


@dataclass
class Text:
    string: str
    font: int
    font_px: int
    color: str
    rgb: tuple
    x: float
    y: float
    angle: float
    scale: float         # drawn size over rendered size, at most 1
    mask: np.ndarray     # uint8 [height, width], ink
    centers: list        # x of each character's centre in the mask


@dataclass
class Scene:
    width: int
    height: int
    background: str                   # plain, gradient, striped, checkered, noisy, textured
    background_color: str | None      # a plain colour's name when the question is well posed
    rgb1: tuple = (255, 255, 255)
    rgb2: tuple = (255, 255, 255)
    angle: float = 0.0
    period: float = 20.0
    seed: int = 0
    items: list = field(default_factory=list)
    texts: list = field(default_factory=list)
    lines: list = field(default_factory=list)   # clutter: (x, y, length, thickness, angle, rgb, alpha)
    blur: float = 1.0
    noise: float = 0.0
    gain: float = 1.0
    offset: float = 0.0
    stretch: float = 1.0  # of its items

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """(row, column) of the thirds grid."""
        return min(2, int(3 * y / self.height)), min(2, int(3 * x / self.width))

    def clear_cell(self, x: float, y: float, margin: float = 0.05) -> bool:
        """Whether the point is far enough from the thirds' borders to ask about."""
        return all(abs(value - third) > margin for value in (x / self.width, y / self.height)
                   for third in (1 / 3, 2 / 3))


class Pack:
    """The packed sprites' facts, fonts and words of pack.py."""

    def __init__(self, folder: str):
        with open(os.path.join(folder, "pack.json"), encoding="utf-8") as stream:
            table = json.load(stream)
        self.things, self.shapes = table["things"], table["shapes"]
        self.kinds = self.things + self.shapes
        self.words = {False: table["words"], True: table["held_words"]}
        self.fonts = table["fonts"]
        self.font_ids = {held: [i for i, f in enumerate(self.fonts) if f["held_out"] == held] for held in (False, True)}
        self.masks = TextMasks([os.path.join(folder, "fonts", f["file"]) for f in self.fonts])
        sprites = np.load(os.path.join(folder, "sprites.npz"))["sprites"]
        alpha = sprites[..., 3:].astype(np.float32)
        self.means = (sprites[..., :3] * alpha).sum((1, 2)) / alpha.sum((1, 2))          # [kinds, 3]
        self.coverage = sprites[:, 4::8, 4::8, 3] > 100                                  # [kinds, 16, 17]
        extent = sprites[..., 3] > 60
        rows, columns = extent.any(2), extent.any(1)
        self.boxes = [(int(c.argmax()), int(r.argmax()), int(136 - c[::-1].argmax()), int(128 - r[::-1].argmax()))
                      for r, c in zip(rows, columns)]                                    # texels x0 y0 x1 y1
        self.sprites = sprites


def _mix(*values: int) -> int:
    state = 2166136261
    for value in values:
        state = ((state ^ (value + 0x9E37)) * 16777619) & 0xFFFFFFFF
        state ^= state >> 13
    return state


def held_pair(a: int, b: int) -> bool:
    return _mix(1, min(a, b), max(a, b)) % 8 == 0


def held_color(kind: int, color: str) -> bool:
    return _mix(2, kind, COLOR_NAMES.index(color)) % 8 == 0


def held_cell(kind: int, row: int, column: int) -> bool:
    return _mix(3, kind, row, column) % 9 == 0


def _distance(a, b) -> float:
    return math.sqrt(sum((p - q) ** 2 for p, q in zip(a, b)))


class SceneMaker:
    """Draws random scenes. `held_out` chooses the evaluation's side of every split."""

    def __init__(self, pack: Pack, seed: int, held_out: bool = False):
        self.pack, self.rng, self.held_out = pack, random.Random(seed), held_out

    def make(self, style: str | None = None) -> Scene:
        rng = self.rng
        style = style or rng.choices(["single", "few", "count", "text", "mixed"], [16, 28, 20, 22, 14])[0]
        scene = self._canvas()
        if style in ("text", "mixed"):
            for _ in range(rng.choice([1, 1, 1, 2, 3] if style == "text" else [1, 1, 2])):
                self._add_text(scene)
        if style == "single":
            self._fill(scene, 1, 1)
        elif style == "few":
            self._fill(scene, rng.randint(2, 5), 1)
        elif style == "count":
            self._fill(scene, rng.choice([1, 1, 2, 2, 3]), rng.randint(2, 9))
        elif style == "text":
            self._fill(scene, rng.choice([0, 0, 0, 1, 2]), 1)
        else:
            self._fill(scene, rng.randint(1, 4), rng.choice([1, 1, 1, 2, 3]))
        if not scene.items and not scene.texts:
            return self.make(style)
        self._clutter(scene)
        return scene

    # -- canvas -------------------------------------------------------------------------------------

    def _canvas(self) -> Scene:
        rng = self.rng
        while True:
            columns, rows = rng.randint(6, 14), rng.randint(6, 14)
            if MIN_CELLS <= columns * rows <= MAX_CELLS and max(columns, rows) <= 2.2 * min(columns, rows):
                break
        kind = rng.choices(["plain", "gradient", "striped", "checkered", "noisy", "textured"],
                           [30, 18, 10, 8, 12, 22])[0]
        name = rng.choice(COLOR_NAMES) if rng.random() < 0.5 else None
        first = self._jitter(COLORS[name], 12) if name else tuple(rng.randint(20, 250) for _ in range(3))
        if name is None and rng.random() < 0.6:                       # most pictures are light
            first = tuple(int(v + (255 - v) * rng.uniform(0.3, 0.9)) for v in first)
        spread = {"plain": 0, "gradient": 70, "striped": 45, "checkered": 45, "noisy": 20, "textured": 60}[kind]
        second = self._jitter(first, spread)
        named = name if kind in ("plain", "noisy") else None
        scene = Scene(columns * CELL, rows * CELL, kind, named, first, second, rng.uniform(0, 360),
                      rng.uniform(10, 60), rng.randrange(1 << 16))
        if rng.random() < 0.3:
            scene.blur = rng.uniform(1.0, 2.6)
        if rng.random() < 0.3:
            scene.stretch = rng.uniform(0.92, 1.08)
        if rng.random() < 0.4:
            scene.noise = rng.uniform(0, 10)
        if rng.random() < 0.4:
            scene.gain, scene.offset = rng.uniform(0.85, 1.1), rng.uniform(-15, 15)
        return scene

    def _jitter(self, rgb, amount: int) -> tuple:
        return tuple(min(255, max(0, v + self.rng.randint(-amount, amount))) for v in rgb)

    def _stands_out(self, scene: Scene, rgb, least: float = 75) -> bool:
        return _distance(rgb, scene.rgb1) > least and _distance(rgb, scene.rgb2) > least

    # -- text ---------------------------------------------------------------------------------------

    def _string(self) -> str:
        rng, words = self.rng, self.pack.words[self.held_out]
        draw = rng.random()
        if draw < 0.22:
            return self._number()
        if draw < 0.34 and not self.held_out:
            letters = "abcdefghijklmnopqrstuvwxyz" + ("0123456789" if rng.random() < 0.1 else "")
            word = "".join(rng.choice(letters) for _ in range(rng.randint(2, 9)))
        else:
            word = rng.choice(words)
            if rng.random() < 0.12:
                word += " " + rng.choice(words)
        return rng.choice([str.lower, str.upper, str.capitalize])(word)

    def _number(self) -> str:
        rng = self.rng
        digits = rng.randint(1, 5)
        number = str(rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10 ** digits))
        if digits >= 3 and rng.random() < 0.15:
            number = number[:-2] + "." + number[-2:]
        return number

    def _add_text(self, scene: Scene) -> None:
        rng = self.rng
        color = rng.choice(COLOR_NAMES)
        rgb = self._jitter(COLORS[color], 12)
        for _ in range(12):
            if self._stands_out(scene, rgb, 110):
                break
            color = rng.choice(COLOR_NAMES)
            rgb = self._jitter(COLORS[color], 12)
        else:
            color = "white" if sum(scene.rgb1) < 380 else "black"
            rgb = COLORS[color]
        string, font = self._string(), rng.choice(self.pack.font_ids[self.held_out])
        native = rng.random() < 0.5
        font_px = 2 * rng.randint(10, 30) if native else rng.choice([36, 48, 64])
        scale = 1.0 if native else rng.uniform(0.5, 1.0)
        for _ in range(6):
            mask, centers = self.pack.masks.render(font, font_px, string)
            angle = 0.0 if native or rng.random() < 0.3 else rng.uniform(-14, 14)
            width, height = self._extent(mask.shape[1] * scale, mask.shape[0] * scale, angle)
            if width < scene.width * 0.94 and height < scene.height * 0.5:
                break
            font_px = max(18, int(font_px * 0.7) // 2 * 2)
            if font_px * scale < 18:
                scale = 1.0
        else:
            return
        for _ in range(12):
            x = rng.uniform(width / 2 + 3, scene.width - width / 2 - 3)
            y = rng.uniform(height / 2 + 3, scene.height - height / 2 - 3)
            if all(abs(y - other.y) > (height + other.mask.shape[0]) * 0.6 for other in scene.texts):
                scene.texts.append(Text(string, font, font_px, color, rgb, x, y, angle, scale, mask, centers))
                return

    @staticmethod
    def _extent(width: float, height: float, angle: float) -> tuple[float, float]:
        cosine, sine = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
        return width * cosine + height * sine, width * sine + height * cosine

    # -- items --------------------------------------------------------------------------------------

    def _kinds(self, count: int) -> list[int]:
        """Distinct kinds; training never joins a held-out pair, evaluation holds at least one."""
        rng, chosen = self.rng, []
        things = len(self.pack.things)
        for _ in range(400):
            if len(chosen) == count:
                break
            kind = rng.randrange(things) if rng.random() < 0.8 else things + rng.randrange(len(self.pack.shapes))
            if kind in chosen:
                continue
            if not self.held_out and any(held_pair(kind, other) for other in chosen):
                continue
            if self.held_out and len(chosen) == 1 and not held_pair(kind, chosen[0]):
                continue
            chosen.append(kind)
        return chosen

    def _color(self, scene: Scene, kind: int):
        """(name, rgb) for a kind that stands out from the background; (None, None): its own colours."""
        rng = self.rng
        is_shape = kind >= len(self.pack.things)
        own = self._stands_out(scene, self.pack.means[kind], 60)
        if not is_shape and (own and rng.random() < 0.7):
            return None, None
        for _ in range(25):
            name = rng.choice(COLOR_NAMES)
            rgb = self._jitter(COLORS[name], 14)
            if name == "black" and not is_shape:
                rgb = tuple(v + 34 for v in rgb)                      # keeps a black thing's inner lines visible
            if self._stands_out(scene, rgb) and (is_shape or held_color(kind, name) == self.held_out):
                return name, rgb
        for _ in range(25):
            name = rng.choice(COLOR_NAMES)
            if self._stands_out(scene, COLORS[name]) and (is_shape or self.held_out or not held_color(kind, name)):
                return name, COLORS[name]
        return None, None

    def _fill(self, scene: Scene, kinds: int, each: int) -> None:
        """Places `kinds` kinds, up to `each` of every one, without overlap."""
        rng, groups = self.rng, []
        for kind in self._kinds(kinds):
            color, rgb = self._color(scene, kind)
            if color is None and kind >= len(self.pack.things):
                continue
            groups.append((kind, color, rgb, rng.randint(1, each)))
            if color is not None and rng.random() < 0.15:             # the same kind in a second colour
                other, rgb2 = self._color(scene, kind)
                if other not in (None, color):
                    groups.append((kind, other, rgb2, rng.randint(1, max(1, each // 2))))
        total = sum(group[3] for group in groups)
        if total == 0:
            return
        if total > 10:
            groups = [(k, c, r, max(1, n * 10 // total)) for k, c, r, n in groups]
            total = sum(group[3] for group in groups)
        cover = rng.uniform(0.16, 0.5) * (0.8 if scene.texts else 1.0)
        base = math.sqrt(scene.width * scene.height * cover / total)
        wobble = rng.choice([0.05, 0.15, 0.3])
        for kind, color, rgb, number in groups:
            size = base * rng.uniform(1 - wobble, 1 + wobble)
            for _ in range(number):
                self._place(scene, kind, color, rgb, size * rng.uniform(0.94, 1.06))

    def _place(self, scene: Scene, kind: int, color, rgb, size: float) -> None:
        rng = self.rng
        size = min(max(size, 28.0), 0.86 * min(scene.width, scene.height))
        is_shape = kind >= len(self.pack.things)
        tilt = 10 if is_shape else 25
        angle = 0.0 if rng.random() < 0.5 else rng.uniform(-tilt, tilt)
        half = size * 0.5
        for attempt in range(40):
            if attempt and attempt % 10 == 0 and size > 30:
                size, half = size * 0.9, half * 0.9
            x = rng.uniform(half * 0.95, scene.width - half * 0.95)
            y = rng.uniform(half * 0.95, scene.height - half * 0.95)
            held = held_cell(kind, *scene.cell(x, y))
            if held and not self.held_out or self.held_out and not held and attempt < 14:
                continue
            if self._free(scene, x, y, half):
                flip = not is_shape and rng.random() < 0.35
                scene.items.append(Item(kind, color, x, y, size, angle, flip, rgb or (255, 255, 255),
                                        scene.stretch))
                return

    def _free(self, scene: Scene, x: float, y: float, half: float) -> bool:
        for item in scene.items:
            reach = 0.86 * (half + item.size * 0.5)
            if abs(x - item.x) < reach and abs(y - item.y) < reach:
                return False
        for text in scene.texts:
            height, width = text.mask.shape
            width, height = self._extent(width * text.scale, height * text.scale, text.angle)
            if abs(x - text.x) < width / 2 + half and abs(y - text.y) < height / 2 + half:
                return False
        return True

    def _clutter(self, scene: Scene) -> None:
        rng = self.rng
        if rng.random() < 0.2:
            for _ in range(rng.randint(1, 6)):
                scene.lines.append((rng.uniform(0, scene.width), rng.uniform(0, scene.height), rng.uniform(15, 150),
                                    rng.uniform(1.0, 3.0), rng.uniform(0, 180),
                                    tuple(rng.randint(0, 255) for _ in range(3)), rng.uniform(0.1, 0.45)))
