"""Writing safetensors without the library, for scripts that only need numpy."""

import json

import numpy as np

DTYPES = {"float32": "F32", "float16": "F16", "uint8": "U8", "uint32": "U32", "int32": "I32"}


def write_safetensors(path, tensors):
    """tensors: name -> array, or (array of the stored bits, dtype name) for types numpy lacks."""
    header, chunks, offset = {}, [], 0
    for name, value in tensors.items():
        array, dtype = value if isinstance(value, tuple) else (value, None)
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": dtype or DTYPES[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(chunks))
