"""Draws the awkward picture files of tests/goldens/pixels/source (needs numpy, Pillow).

One small file for each way in which a picture's bytes can differ from plain 8-bit RGB.
"""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

import raw_png
from images import add_shapes, colour_field

ORIENTATION = 0x0112


def wide_samples(width: int, height: int, channels: int, seed: int, top: int) -> np.ndarray:
    """A smooth picture with values 0..top: [height, width, channels], uint32."""
    rng = np.random.default_rng(seed)
    field = colour_field(width, height, channels, rng)
    add_shapes(field, rng)
    return np.clip(np.rint(field / 255 * top), 0, top).astype(np.uint32)


def rgb(width: int, height: int, seed: int) -> Image.Image:
    return Image.fromarray(wide_samples(width, height, 3, seed, 255).astype(np.uint8), "RGB")


def rgba(width: int, height: int, seed: int) -> Image.Image:
    return Image.fromarray(wide_samples(width, height, 4, seed, 255).astype(np.uint8), "RGBA")


def cmyk(width: int, height: int, seed: int) -> Image.Image:
    return Image.fromarray(wide_samples(width, height, 4, seed, 255).astype(np.uint8), "CMYK")


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags.tobytes()


def png_files() -> dict[str, bytes]:
    """PNG: every colour type, bit depth and kind of transparency."""
    files = {}
    for name, colour_type, bits in [
            ("gray1", 0, 1), ("gray2", 0, 2), ("gray4", 0, 4), ("gray8", 0, 8), ("gray16", 0, 16),
            ("rgb8", 2, 8), ("rgb16", 2, 16), ("gray_alpha8", 4, 8), ("gray_alpha16", 4, 16),
            ("rgba8", 6, 8), ("rgba16", 6, 16)]:
        shape = (33 + bits, 29 - colour_type, raw_png.CHANNELS[colour_type])
        samples = wide_samples(*shape, seed=colour_type * 100 + bits, top=2**bits - 1)
        files[f"{name}.png"] = raw_png.encode(samples, colour_type, bits)
        if name in ("gray4", "gray16", "rgb8", "rgba16"):
            files[f"{name}_interlaced.png"] = raw_png.encode(samples, colour_type, bits, True)
        if name in ("gray8", "rgb8", "gray16", "rgb16"):
            key = b"".join(struct.pack(">H", int(value)) for value in samples[0, 0])
            files[f"{name}_transparent_colour.png"] = raw_png.encode(
                samples, colour_type, bits, extra_chunks=((b"tRNS", key),))
    # Pillow clips 16-bit gray at 255 instead of scaling it; these values lie on both sides of 255.
    dark = wide_samples(36, 24, 1, 9, 600)
    files["gray16_dark.png"] = raw_png.encode(dark, 0, 16)
    orient = exif(6).removeprefix(b"Exif\0\0")
    files["orientation_6.png"] = raw_png.encode(
        wide_samples(31, 19, 3, 8, 255), 2, 8, extra_chunks=((b"eXIf", orient),))
    return files


def palette_files() -> dict[str, bytes]:
    """Indexed PNG of 1, 2, 4 and 8 bits, with and without transparency, and GIF."""
    files = {}
    rng = np.random.default_rng(5)
    for bits in (1, 2, 4, 8):
        colours = rng.integers(0, 256, size=(2**bits, 3), dtype=np.uint8)
        alphas = rng.integers(0, 256, size=2**bits, dtype=np.uint8)
        samples = wide_samples(30 + bits, 26, 1, 50 + bits, 2**bits - 1)
        palette = (b"PLTE", colours.tobytes())
        files[f"palette{bits}.png"] = raw_png.encode(
            samples, 3, bits, interlaced=bits == 4, extra_chunks=(palette,))
        files[f"palette{bits}_alpha.png"] = raw_png.encode(
            samples, 3, bits, extra_chunks=(palette, (b"tRNS", alphas.tobytes())))
    frames = [rgb(43, 27, seed).quantize(32) for seed in (61, 62, 63)]
    files["still.gif"] = saved(frames[0], "GIF")
    files["animated.gif"] = saved(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    files["transparent.gif"] = saved(frames[1], "GIF", transparency=frames[1].getpixel((5, 5)))
    files["interlaced.gif"] = saved(frames[2], "GIF", interlace=True)
    return files


def jpeg_files() -> dict[str, bytes]:
    """JPEG: subsamplings, progressive, gray, CMYK, the eight orientations, odd sizes."""
    picture = rgb(67, 45, 70)
    files = {
        "yuv444.jpg": saved(picture, "JPEG", quality=92, subsampling=0),
        "yuv422.jpg": saved(picture, "JPEG", quality=85, subsampling=1),
        "yuv420.jpg": saved(picture, "JPEG", quality=85, subsampling=2),
        "yuv420_low_quality.jpg": saved(picture, "JPEG", quality=30, subsampling=2),
        "progressive420.jpg": saved(picture, "JPEG", quality=85, progressive=True),
        "progressive444.jpg": saved(
            picture, "JPEG", quality=85, progressive=True, subsampling=0),
        "gray.jpg": saved(picture.convert("L"), "JPEG", quality=88),
        "cmyk.jpg": saved(cmyk(53, 39, 71), "JPEG", quality=90),
    }
    small = rgb(37, 22, 72)
    for orientation in range(1, 9):
        files[f"orientation_{orientation}.jpg"] = saved(
            small, "JPEG", quality=90, exif=exif(orientation))
    return files


def rgb16_tiff(samples: np.ndarray) -> bytes:
    """An uncompressed little-endian TIFF of 16-bit RGB samples [height, width, 3]."""
    height, width, _ = samples.shape
    data = samples.astype("<u2").tobytes()
    bits_at = 8
    data_at = bits_at + 6
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, bits_at), (259, 3, 1, 1),
               (262, 3, 1, 2), (273, 4, 1, data_at), (277, 3, 1, 3), (278, 3, 1, height),
               (279, 4, 1, len(data)), (284, 3, 1, 1)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0\0\0\0"
    header = struct.pack("<2sHI", b"II", 42, data_at + len(data))
    return header + struct.pack("<3H", 16, 16, 16) + data + directory


def tiff_files() -> dict[str, bytes]:
    """TIFF: compressions, bilevel, palette, CMYK, 16-bit, alpha, orientation."""
    picture = rgb(41, 33, 80)
    gray16 = wide_samples(35, 28, 1, 81, 65535)[..., 0].astype(np.uint16)
    dark = wide_samples(30, 22, 1, 86, 600)[..., 0].astype(np.uint16)
    return {
        "raw.tif": saved(picture, "TIFF"),
        "lzw.tif": saved(picture, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "packbits_gray.tif": saved(picture.convert("L"), "TIFF", compression="packbits"),
        "bilevel_group4.tif": saved(picture.convert("1"), "TIFF", compression="group4"),
        "palette.tif": saved(picture.quantize(64), "TIFF"),
        "cmyk.tif": saved(cmyk(38, 31, 82), "TIFF"),
        "rgba.tif": saved(rgba(34, 27, 83), "TIFF", compression="tiff_lzw"),
        "gray16.tif": saved(Image.fromarray(gray16), "TIFF"),
        "gray16_dark.tif": saved(Image.fromarray(dark), "TIFF"),
        "rgb16.tif": rgb16_tiff(wide_samples(32, 25, 3, 84, 65535)),
        "orientation_8.tif": saved(rgb(31, 18, 85), "TIFF", tiffinfo={ORIENTATION: 8}),
    }


def webp_files() -> dict[str, bytes]:
    """WebP: lossy, lossy with alpha, lossless with alpha, oriented."""
    return {
        "lossy.webp": saved(rgb(59, 43, 90), "WEBP", quality=80),
        "lossy_alpha.webp": saved(rgba(49, 37, 91), "WEBP", quality=80),
        "lossless_alpha.webp": saved(rgba(33, 26, 92), "WEBP", lossless=True, exact=True),
        "orientation_5.webp": saved(rgb(40, 24, 93), "WEBP", lossless=True, exif=exif(5)),
    }


def all_files() -> dict[str, bytes]:
    """File name -> bytes of every source picture."""
    return {**png_files(), **palette_files(), **jpeg_files(), **tiff_files(), **webp_files()}


def write_sources(folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    files = all_files()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return sorted(files)
