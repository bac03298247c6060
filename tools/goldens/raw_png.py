"""Writes PNG files of every colour type and bit depth, interlaced or not."""

import struct
import zlib

import numpy as np

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # PNG colour type -> samples of a pixel
# Adam7: (first column, first row, column step, row step) of each pass.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def packed_rows(samples: np.ndarray, bits: int) -> bytes:
    """Scanlines with filter type 0; samples [rows, columns, channels] of unsigned integers."""
    out = b""
    for row in samples.reshape(len(samples), -1):
        if bits == 16:
            line = row.astype(">u2").tobytes()
        elif bits == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            digits = "".join(format(int(value), f"0{bits}b") for value in row)
            digits += "0" * (-len(digits) % 8)
            line = int(digits, 2).to_bytes(len(digits) // 8, "big")
        out += b"\0" + line
    return out


def encode(samples: np.ndarray, colour_type: int, bits: int, interlaced: bool = False,
           extra_chunks: tuple = ()) -> bytes:
    """A PNG file of samples [height, width, channels]; extra_chunks: (kind, body) before IDAT."""
    height, width, channels = samples.shape
    assert channels == CHANNELS[colour_type]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, int(interlaced))
    if interlaced:
        passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        rows = b"".join(packed_rows(part, bits) for part in passes if part.size)
    else:
        rows = packed_rows(samples, bits)
    body = b"".join(chunk(kind, value) for kind, value in extra_chunks)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
