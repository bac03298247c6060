"""Blocks of every GGUF type with what ggml itself makes of them.

Usage: ggml_blocks.py LIBGGML_BASE.so
The library comes with any build of llama.cpp (npm's node-llama-cpp carries one). For each type, random
bytes with moderate scales, and a row that ggml quantized from a normal distribution, are dequantized by
ggml; codes, scales and values go to tests/goldens/quantization/ggml.safetensors.
"""
import ctypes
import sys

import numpy as np

from paths import GOLDENS
from safetensors_file import write_safetensors

TYPES = {  # name: (number, elements, bytes, offsets of f16 fields)
    "Q4_0": (2, 32, 18, [0]), "Q4_1": (3, 32, 20, [0, 2]), "Q5_0": (6, 32, 22, [0]),
    "Q5_1": (7, 32, 24, [0, 2]), "Q8_0": (8, 32, 34, [0]), "Q2_K": (10, 256, 84, [80, 82]),
    "Q3_K": (11, 256, 110, [108]), "Q4_K": (12, 256, 144, [0, 2]), "Q5_K": (13, 256, 176, [0, 2]),
    "Q6_K": (14, 256, 210, [208]), "IQ4_NL": (20, 32, 18, [0]), "IQ4_XS": (23, 256, 136, [0]),
    "MXFP4": (39, 32, 17, []),
}
ROW = 512


def random_blocks(rng, elements, size, halves):
    blocks = rng.integers(0, 256, (ROW // elements, size), dtype=np.uint8)
    for offset in halves:
        scales = (rng.standard_normal(len(blocks)) * 0.05).astype(np.float16)
        blocks[:, offset:offset + 2] = scales.view(np.uint8).reshape(-1, 2)
    if not halves:
        blocks[:, 0] = rng.integers(110, 130, len(blocks))
    return blocks


class Ggml:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.ggml_get_type_traits.restype = ctypes.POINTER(ctypes.c_void_p * 7)
        self.library.ggml_quantize_chunk.restype = ctypes.c_size_t

    def to_float(self, number, blocks):
        """struct ggml_type_traits: name, blck_size, blck_size_interleave, type_size, is_quantized,
        to_float, from_float_ref: the sixth word is the function."""
        traits = self.library.ggml_get_type_traits(number).contents
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(traits[5])
        values = np.zeros(ROW, np.float32)
        data = np.ascontiguousarray(blocks)
        function(data.ctypes.data, values.ctypes.data, ROW)
        return values

    def quantize(self, number, row, size):
        out = np.zeros(size, np.uint8)
        self.library.ggml_quantize_chunk(
            number, row.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(0), ctypes.c_int64(1), ctypes.c_int64(ROW), None)
        return out


def main():
    ggml = Ggml(sys.argv[1])
    rng = np.random.default_rng(3)
    tensors = {}
    row = rng.standard_normal(ROW).astype(np.float32)
    tensors["row"] = row
    for name, (number, elements, size, halves) in TYPES.items():
        blocks = np.stack([random_blocks(rng, elements, size, halves).reshape(-1),
                           ggml.quantize(number, row, ROW // elements * size)])
        tensors[name + ".blocks"] = blocks
        tensors[name + ".values"] = np.stack([ggml.to_float(number, b) for b in blocks])
    write_safetensors(GOLDENS / "quantization" / "ggml.safetensors", tensors)


main()
