"""Writing GGUF version 3 files, and reading the safetensors they are made from, with numpy alone."""

import json
import struct

import numpy as np

ALIGNMENT = 32
F32, F16, Q4_0, Q8_0, BF16 = 0, 1, 2, 8, 30
# Numbers of value types in the file.
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def read_safetensors(path):
    """name -> array in f32, and the name of the type most weights are stored in."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors, types = {}, []
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        raw = data[begin:end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype(np.float32)
        tensors[name] = values.reshape(entry["shape"])
        types.append(entry["dtype"])
    return tensors, max(set(types), key=types.count)


def quantize_q8_0(values):
    """Blocks of 32: a scale in f16, then signed bytes."""
    blocks = values.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1) / 127).astype(np.float16)
    divisor = np.where(scale == 0, 1, scale).astype(np.float32)
    codes = np.clip(np.rint(blocks / divisor[:, None]), -127, 127).astype(np.int8)
    data = np.concatenate([scale.view(np.uint8).reshape(-1, 2), codes.view(np.uint8)], axis=1)
    return data.tobytes(), (codes * scale.astype(np.float32)[:, None]).reshape(values.shape)


def quantize_q4_0(values):
    """Blocks of 32: a scale in f16, then codes 0 to 15 that mean -8 to 7; the low halves of the
    bytes are the first sixteen."""
    blocks = values.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1) / 7).astype(np.float16)
    divisor = np.where(scale == 0, 1, scale).astype(np.float32)
    codes = np.clip(np.rint(blocks / divisor[:, None]), -8, 7).astype(np.int8)
    nibbles = (codes + 8).astype(np.uint8)
    packed = nibbles[:, :16] | nibbles[:, 16:] << 4
    data = np.concatenate([scale.view(np.uint8).reshape(-1, 2), packed], axis=1)
    return data.tobytes(), (codes * scale.astype(np.float32)[:, None]).reshape(values.shape)


def encoded(values, kind):
    """Bytes of a tensor, and the values they stand for."""
    values = np.ascontiguousarray(values, np.float32)
    if kind == Q8_0:
        return quantize_q8_0(values)
    if kind == Q4_0:
        return quantize_q4_0(values)
    if kind == F16:
        half = values.astype(np.float16)
        return half.tobytes(), half.astype(np.float32)
    if kind == BF16:
        bits = values.view(np.uint32)
        bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
        return bits.astype("<u2").tobytes(), (bits.astype(np.uint32) << 16).view(np.float32)
    return values.tobytes(), values


def text_bytes(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value_bytes(value):
    """A metadata value with its type. Integers are uint32 and floats float32, as llama.cpp's
    converter writes them; a list's first element tells what it holds."""
    if isinstance(value, bool):
        return struct.pack("<I?", BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + text_bytes(value)
    if isinstance(value[0], str):
        items, kind = [text_bytes(item) for item in value], STRING
    else:
        form, kind = {bool: ("<?", BOOL), int: ("<i", INT32), float: ("<f", FLOAT32)}[type(value[0])]
        items = [struct.pack(form, item) for item in value]
    return struct.pack("<IIQ", ARRAY, kind, len(items)) + b"".join(items)


def write_gguf(path, metadata, tensors):
    """metadata: key -> value; tensors: name -> (values, type)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += text_bytes(key) + value_bytes(value)
    chunks, offset = [], 0
    for name, (values, kind) in tensors.items():
        data = encoded(values, kind)[0]
        head += text_bytes(name) + struct.pack("<I", values.ndim)
        head += b"".join(struct.pack("<Q", size) for size in reversed(values.shape))
        head += struct.pack("<IQ", kind, offset)
        data += b"\0" * (-len(data) % ALIGNMENT)
        chunks.append(data)
        offset += len(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + b"\0" * (-len(head) % ALIGNMENT) + b"".join(chunks))
