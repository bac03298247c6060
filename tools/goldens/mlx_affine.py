"""What mlx.core.quantize makes of random weights, by its published formula.

Usage: mlx_affine.py
Rows of f32, f16 and bf16 weights with groups of every kind (ordinary, all positive, all negative, constant,
zero, one outlier, tiny) are quantized at all widths and group sizes; codes, scales and biases go to
tests/goldens/quantization/mlx_affine.safetensors. Plain Python: a float32 result is a double one rounded once
more, which for single additions, products and quotients of float32 numbers is the same.
"""
import json
import random
import struct

from paths import GOLDENS

ROWS, INPUTS = 8, 256


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def bf16_bits(value):
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 & 0xFFFF


STORE = {
    "F32": lambda v: struct.pack("<f", v),
    "F16": lambda v: struct.pack("<e", v),
    "BF16": lambda v: struct.pack("<H", bf16_bits(v)),
}
LOAD = {
    "F32": lambda b: struct.unpack("<f", b)[0],
    "F16": lambda b: struct.unpack("<e", b)[0],
    "BF16": lambda b: struct.unpack("<f", b"\0\0" + b)[0],
}


def weights(rng):
    rows = [[f32(rng.gauss(0, 0.05)) for _ in range(INPUTS)] for _ in range(ROWS)]
    rows[1] = [abs(w) for w in rows[1]]
    rows[2] = [-abs(w) for w in rows[2]]
    rows[3][:128] = [0.0] * 128
    rows[4][:128] = [f32(0.0125)] * 128
    rows[5][7] = 2.5
    rows[6][130] = -3.0
    rows[7] = [f32(w * 1e-6) for w in rows[7]]
    return rows


def quantize_group(group, bits):
    """(codes, scale, bias), the last two unrounded float32."""
    low, high = min(group), max(group)
    steps = 2 ** bits - 1
    low_is_edge = abs(low) > abs(high)
    scale = max(f32(f32(high - low) / steps), f32(1e-7))
    if not low_is_edge:
        scale = -scale
    edge = low if low_is_edge else high
    q0 = round(f32(edge / scale))  # Python rounds halves to even
    bias = 0.0
    if q0 != 0:
        scale, bias = f32(edge / q0), edge
    codes = [min(max(round(f32(f32(w - bias) / scale)), 0), steps) for w in group]
    return codes, scale, bias


def packed(codes, bits):
    """One little-endian stream of bits."""
    stream = sum(code << (i * bits) for i, code in enumerate(codes))
    return stream.to_bytes(len(codes) * bits // 8, "little")


def main():
    rng = random.Random(11)
    tensors = {}
    for dtype, store in STORE.items():
        stored = [[store(w) for w in row] for row in weights(rng)]
        tensors[f"{dtype}.weight"] = (dtype, [ROWS, INPUTS], b"".join(b"".join(row) for row in stored))
        rows = [[LOAD[dtype](w) for w in row] for row in stored]
        for bits in (2, 3, 4, 5, 6, 8):
            for size in (32, 64, 128):
                data, scales, biases = b"", b"", b""
                for row in rows:
                    for begin in range(0, INPUTS, size):
                        codes, scale, bias = quantize_group(row[begin:begin + size], bits)
                        data += packed(codes, bits)
                        scales += store(scale)
                        biases += store(bias)
                path = f"{dtype}.{bits}.{size}"
                tensors[path + ".weight"] = ("U32", [ROWS, INPUTS * bits // 32], data)
                tensors[path + ".scales"] = (dtype, [ROWS, INPUTS // size], scales)
                tensors[path + ".biases"] = (dtype, [ROWS, INPUTS // size], biases)
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = GOLDENS / "quantization" / "mlx_affine.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))


main()
