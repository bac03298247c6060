"""Draws a scene with Pillow: the pictures of the evaluation and of assets/pictures."""

import math

import numpy as np
from PIL import Image

from compose_gpu import BACKGROUNDS
from scenes import Pack, Scene


def _hash01(x, y, seed: int):
    """The kernel's hash; x, y: integer arrays."""
    with np.errstate(over="ignore"):
        x, y = x.astype(np.int64).astype(np.uint32), y.astype(np.int64).astype(np.uint32)
        h = x * np.uint32(374761393) + y * np.uint32(668265263) + np.uint32(seed * 2246822519 & 0xFFFFFFFF)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
        h = h ^ (h >> np.uint32(16))
    return (h & np.uint32(0xFFFFFF)).astype(np.float32) / 16777216


def _value_noise(x, y, seed: int):
    fx, fy = np.floor(x), np.floor(y)
    tx, ty = x - fx, y - fy
    tx, ty = tx * tx * (3 - 2 * tx), ty * ty * (3 - 2 * ty)
    top = _hash01(fx, fy, seed) * (1 - tx) + _hash01(fx + 1, fy, seed) * tx
    low = _hash01(fx, fy + 1, seed) * (1 - tx) + _hash01(fx + 1, fy + 1, seed) * tx
    return top * (1 - ty) + low * ty


def background(scene: Scene) -> np.ndarray:
    """float32 [height, width, 3], 0..255."""
    y, x = np.mgrid[0:scene.height, 0:scene.width].astype(np.float32) + 0.5
    cosine, sine = math.cos(math.radians(scene.angle)), math.sin(math.radians(scene.angle))
    kind, period = scene.background, scene.period
    mix = np.zeros_like(x)
    if kind == "gradient":
        reach = abs(scene.width * cosine) + abs(scene.height * sine)
        mix = np.clip(0.5 + ((x - scene.width / 2) * cosine + (y - scene.height / 2) * sine) / reach, 0, 1)
    elif kind == "striped":
        mix = (np.floor((x * cosine + y * sine) / period).astype(int) & 1).astype(np.float32)
    elif kind == "checkered":
        mix = ((np.floor(x / period) + np.floor(y / period)).astype(int) & 1).astype(np.float32)
    elif kind == "noisy":
        mix = _hash01(np.floor(x / 2), np.floor(y / 2), scene.seed)
    elif kind == "textured":
        scale, weight = 1 / (period * 1.5), 0.5
        for octave in range(3):
            mix = mix + weight * _value_noise(x * scale, y * scale, scene.seed + octave)
            scale, weight = scale * 2, weight / 2
        mix = mix / 0.875
    assert kind in BACKGROUNDS
    first, second = np.array(scene.rgb1, np.float32), np.array(scene.rgb2, np.float32)
    return first * (1 - mix[..., None]) + second * mix[..., None]


def _tinted(sprite: np.ndarray, rgb, is_shape: bool) -> np.ndarray:
    """Straight-alpha uint8 [128, 136, 4] in one colour, keeping some of the drawing's shading."""
    color = np.array(rgb, np.float32)
    light = sprite[..., :3].astype(np.float32) @ np.array([0.3, 0.59, 0.11], np.float32) / 255
    scale = np.ones_like(light) if is_shape else 0.62 + 0.38 * light
    out = sprite.copy()
    out[..., :3] = np.clip(color * scale[..., None], 0, 255).astype(np.uint8)
    return out


def _paste(canvas: Image.Image, layer: Image.Image, x: float, y: float, angle: float) -> None:
    if angle:
        layer = layer.rotate(angle, Image.BICUBIC, expand=True)
    canvas.paste(layer, (round(x - layer.width / 2), round(y - layer.height / 2)), layer)


def draw(pack: Pack, scene: Scene) -> Image.Image:
    """The scene as an RGB picture."""
    canvas = Image.fromarray(np.clip(background(scene), 0, 255).astype(np.uint8))
    for x, y, length, thickness, angle, rgb, alpha in scene.lines:
        bar = Image.new("RGBA", (max(1, round(length)), max(1, round(thickness))), (*rgb, round(255 * alpha)))
        _paste(canvas, bar, x, y, angle or 0.01)
    for item in scene.items:
        sprite, is_shape = pack.sprites[item.kind], item.kind >= len(pack.things)
        layer = Image.fromarray(sprite if item.color is None else _tinted(sprite, item.rgb, is_shape))
        if item.flip:
            layer = layer.transpose(Image.FLIP_LEFT_RIGHT)
        layer = layer.resize((max(1, round(item.size * item.stretch * 136 / 128)), max(1, round(item.size))), Image.LANCZOS)
        _paste(canvas, layer, item.x, item.y, item.angle)
    for text in scene.texts:
        ink = Image.fromarray(text.mask)
        if text.scale != 1:
            ink = ink.resize((max(1, round(ink.width * text.scale)), max(1, round(ink.height * text.scale))), Image.LANCZOS)
        layer = Image.merge("RGBA", [Image.new("L", ink.size, v) for v in text.rgb] + [ink])
        _paste(canvas, layer, text.x, text.y, text.angle)
    if scene.blur > 1.2:
        small = np.asarray(canvas, np.float32)
        padded = np.pad(small, ((1, 1), (1, 1), (0, 0)), "edge")
        share = min(1.0, (scene.blur - 1) / 3)
        around = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
        canvas = Image.fromarray((small * (1 - share) + around * share).astype(np.uint8))
    pixels = np.asarray(canvas, np.float32) * scene.gain + scene.offset
    pixels = pixels + np.random.default_rng(scene.seed).normal(0, 1, pixels.shape) * scene.noise
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
