"""Scenes as flat arrays for compose_kernel.cu, and its launcher."""

import math
import os

import numpy as np

from scenes import Item, Pack, Scene, Text

BACKGROUNDS = ["plain", "gradient", "striped", "checkered", "noisy", "textured"]
SPRITE_W, SPRITE_H, LEVELS = 136, 128, 4
LEVEL_BYTES = [(SPRITE_W >> l) * (SPRITE_H >> l) * 4 for l in range(LEVELS)]
SPRITE_BYTES = sum(LEVEL_BYTES)
LAYER_FLOATS = IMAGE_FLOATS = 20


def sprite_mips(sprites: np.ndarray) -> np.ndarray:
    """Premultiplied sprites with halved copies, flat: uint8 [num_sprites * SPRITE_BYTES]. sprites: uint8 [n, 128, 136, 4]."""
    level = sprites.astype(np.float32)
    level[..., :3] *= level[..., 3:] / 255
    flat = []
    for _ in range(LEVELS):
        flat.append(np.rint(level).astype(np.uint8).reshape(len(sprites), -1))
        level = level[:, :, :level.shape[2] // 2 * 2]
        level = (level[:, ::2, ::2] + level[:, 1::2, ::2] + level[:, ::2, 1::2] + level[:, 1::2, 1::2]) / 4
    return np.ascontiguousarray(np.concatenate(flat, 1)).reshape(-1)


def inverse_affine(x: float, y: float, angle: float, per_pixel_x: float, per_pixel_y: float, half_w: float, half_h: float):
    """Coefficients taking a pixel to source texels, for a source centred on (x, y), turned counter-clockwise."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    a, b = cosine * per_pixel_x, -sine * per_pixel_x
    d, e = sine * per_pixel_y, cosine * per_pixel_y
    return [a, b, half_w - a * x - b * y, d, e, half_h - d * x - e * y]


def _box(x: float, y: float, width: float, height: float, angle: float) -> list[float]:
    cosine, sine = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    w, h = (width * cosine + height * sine) / 2 + 1, (width * sine + height * cosine) / 2 + 1
    return [x - w, y - h, x + w, y + h]


def item_affine(item: Item) -> list[float]:
    per = SPRITE_H / item.size
    across = per / item.stretch
    return inverse_affine(item.x, item.y, item.angle, -across if item.flip else across, per, SPRITE_W / 2, SPRITE_H / 2)


def item_row(item: Item, is_shape: bool) -> list[float]:
    level = min(LEVELS - 1, max(0, round(math.log2(SPRITE_H / item.size / 2))))
    offset = item.kind * SPRITE_BYTES + sum(LEVEL_BYTES[:level])
    mode = 0 if item.color is None else 1 if is_shape else 2
    return item_affine(item) + [level, 0, offset, 0, 0, *(v / 255 for v in item.rgb), mode, 1.0,
                                *_box(item.x, item.y, item.size * item.stretch * SPRITE_W / SPRITE_H, item.size, item.angle)]


def text_affine(text: Text) -> list[float]:
    height, width = text.mask.shape
    return inverse_affine(text.x, text.y, text.angle, 1 / text.scale, 1 / text.scale, width / 2, height / 2)


def text_row(text: Text, offset: int) -> list[float]:
    height, width = text.mask.shape
    return text_affine(text) + [0, 1, offset, width, height, *(v / 255 for v in text.rgb), 1, 1.0,
                                *_box(text.x, text.y, width * text.scale, height * text.scale, text.angle)]


def line_row(line, square: int) -> list[float]:
    """A thin rectangle made of the square shape's middle."""
    x, y, length, thickness, angle, rgb, alpha = line
    side = 96.0
    affine = inverse_affine(x, y, angle, side / length, side / thickness, SPRITE_W / 2, SPRITE_H / 2)
    return affine + [0, 0, square * SPRITE_BYTES, 0, 0, *(v / 255 for v in rgb), 1, alpha,
                     *_box(x, y, length * 1.15, thickness * 1.3, angle)]


def scene_layers(pack: Pack, scene: Scene, mask_offset: int) -> tuple[list, list]:
    """(layer rows back to front, masks) of a scene; masks follow each other from `mask_offset`."""
    things = len(pack.things)
    square = things + pack.shapes.index("square")
    rows = [line_row(line, square) for line in scene.lines]
    rows += [item_row(item, item.kind >= things) for item in scene.items]
    masks = []
    for text in scene.texts:
        rows.append(text_row(text, mask_offset))
        masks.append(text.mask.reshape(-1))
        mask_offset += text.mask.size
    return rows, masks


def image_row(scene: Scene, first_layer: int, last_layer: int) -> list[float]:
    cosine, sine = math.cos(math.radians(scene.angle)), math.sin(math.radians(scene.angle))
    return [scene.width, scene.height, BACKGROUNDS.index(scene.background), *(v / 255 for v in scene.rgb1),
            *(v / 255 for v in scene.rgb2), cosine, sine, scene.period, scene.seed, scene.blur, scene.noise, scene.gain,
            scene.offset, first_layer, last_layer, 0]


class Composer:
    """Launches the kernel on PyTorch tensors."""

    def __init__(self, pack: Pack, device):
        import cupy
        import torch
        self.torch, self.cupy, self.device = torch, cupy, device
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "compose_kernel.cu"), encoding="utf-8") as stream:
            code = stream.read()
        self.kernel = cupy.RawModule(code=code, options=("-std=c++17", "--use_fast_math")).get_function("compose")
        self.sprites = torch.from_numpy(sprite_mips(pack.sprites)).to(device)

    def __call__(self, images, layers, masks, place):
        """images [B, 20], layers [N, 20] float; masks uint8; place int32 [P, 3] -> bf16 [P, 588]."""
        torch = self.torch
        patches = torch.empty(place.shape[0], 588, dtype=torch.bfloat16, device=self.device)
        count = place.shape[0] * 196
        with self.cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            self.kernel(((count + 195) // 196,), (196,), (images.data_ptr(), layers.data_ptr(), self.sprites.data_ptr(),
                        masks.data_ptr(), place.data_ptr(), patches.data_ptr(), np.int32(place.shape[0])))
        return patches
