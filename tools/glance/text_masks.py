"""Words as ink masks, set by FreeType through Pillow; fonts are kept open."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont


class TextMasks:
    def __init__(self, paths: list[str]):
        self.paths = paths
        self._font = lru_cache(maxsize=1500)(self._open)

    def _open(self, font: int, pixels: int):
        return ImageFont.truetype(self.paths[font], pixels, layout_engine=ImageFont.Layout.BASIC)

    def render(self, font: int, pixels: int, string: str) -> tuple[np.ndarray, list[float]]:
        """(ink uint8 [height, width] cropped to the letters, x centre of every character in it)."""
        face = self._font(font, pixels)
        left, top, right, bottom = face.getbbox(string)
        left, width, height = min(left, 0), right - min(left, 0) + 2, bottom - top + 2
        image = Image.new("L", (width, height), 0)
        ImageDraw.Draw(image).text((1 - left, 1 - top), string, font=face, fill=255)
        edges = [face.getlength(string[:i]) for i in range(len(string) + 1)]
        return np.asarray(image), [1 - left + (a + b) / 2 for a, b in zip(edges, edges[1:])]
