"""Draws the sample pictures of assets/pictures with the evaluation's painter.

    python3 samples.py --pack ../../.glance/pack --out ../../assets/pictures
"""

import argparse
import os

from compose_cpu import draw
from scenes import Item, Pack, Scene, Text
from things import COLORS

WIDTH, HEIGHT = 448, 336


def item(pack: Pack, name: str, x: float, y: float, size: float, angle: float = 0, color: str | None = None) -> Item:
    return Item(pack.kinds.index(name), color, x, y, size, angle, False, COLORS[color] if color else (255, 255, 255))


def text(pack: Pack, string: str, x: float, y: float, pixels: int, color: str, family: str, style: str, angle=0.0) -> Text:
    font = next(i for i, f in enumerate(pack.fonts) if f["family"] == family and f["style"] == style)
    mask, centers = pack.masks.render(font, pixels, string)
    return Text(string, font, pixels, color, COLORS[color], x, y, angle, 1.0, mask, centers)


def scenes(pack: Pack) -> dict[str, Scene]:
    """Four scenes by file name."""
    beach = Scene(WIDTH, HEIGHT, "gradient", None, (170, 220, 250), (250, 232, 190), 90)
    beach.items = [item(pack, "sun", 72, 66, 92), item(pack, "sailboat", 352, 128, 120), item(pack, "palm tree", 84, 226, 158, 4),
                   item(pack, "crab", 236, 272, 72, -8), item(pack, "umbrella", 372, 262, 96, 8)]
    beach.texts = [text(pack, "Holiday", 216, 60, 50, "red", "Lato", "Bold", 4)]
    breakfast = Scene(WIDTH, HEIGHT, "checkered", None, (250, 240, 225), (240, 222, 200), 0, 42)
    breakfast.items = [item(pack, "coffee cup", 84, 160, 112), item(pack, "croissant", 226, 150, 112, 6),
                       item(pack, "fried egg", 366, 160, 112), item(pack, "strawberry", 110, 280, 66, -10),
                       item(pack, "strawberry", 220, 284, 66, 5), item(pack, "strawberry", 332, 280, 66, 12)]
    breakfast.texts = [text(pack, "Breakfast", 224, 52, 54, "brown", "Vollkorn", "Bold")]
    safari = Scene(WIDTH, HEIGHT, "textured", None, (186, 226, 160), (150, 205, 130), 0, 44, 5)
    safari.items = [item(pack, "elephant", 92, 222, 146), item(pack, "giraffe", 352, 208, 158), item(pack, "penguin", 196, 268, 78),
                 item(pack, "penguin", 262, 262, 78), item(pack, "balloon", 224, 154, 86, 5, "red")]
    safari.texts = [text(pack, "Safari", 150, 58, 62, "blue", "Quicksand", "Bold", 3)]
    shapes = Scene(WIDTH, HEIGHT, "plain", "white", (250, 250, 248), (250, 250, 248))
    shapes.items = [item(pack, "circle", 80, 90, 92, 0, "red"), item(pack, "circle", 80, 236, 92, 0, "red"),
                    item(pack, "star", 220, 96, 110, 0, "yellow"), item(pack, "triangle", 364, 98, 100, 0, "green"),
                    item(pack, "heart", 222, 244, 104, 0, "pink"), item(pack, "rocket", 366, 238, 116, 0)]
    return {"beach": beach, "breakfast": breakfast, "safari": safari, "shapes": shapes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", default="../../.glance/pack")
    parser.add_argument("--out", default="../../assets/pictures")
    args = parser.parse_args()
    pack = Pack(args.pack)
    os.makedirs(args.out, exist_ok=True)
    for name, scene in scenes(pack).items():
        draw(pack, scene).save(os.path.join(args.out, name + ".jpg"), quality=92)


if __name__ == "__main__":
    main()
