"""Quantized weights in every directory layout, with what the published formulas make of them.

Writes tests/goldens/quantization/layouts/<name>/: config.json and model.safetensors as that layout has
them, holding random codes for a few modules, and expected.safetensors with the weights in f32. Needs numpy.
"""

import json
import shutil

import numpy as np

from paths import GOLDENS
from safetensors_file import write_safetensors

ROOT = GOLDENS / "quantization" / "layouts"
OUTPUTS, INPUTS = 24, 256
E2M1 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0.0, -.5, -1, -1.5, -2, -3, -4, -6], np.float32)
rng = np.random.default_rng(17)


def e4m3(codes):
    codes = codes.astype(np.int64)
    sign = np.where(codes & 0x80, -1.0, 1.0)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    return (sign * np.where(exponent == 0, mantissa * 2.0**-9,
                            (1 + mantissa / 8) * 2.0**(exponent - 7.0))).astype(np.float32)


def e8m0(codes):
    return np.exp2(codes.astype(np.float32) - 127)


def bf16(values):
    """Rounded down to bf16, and its bits."""
    bits = values.astype(np.float32).view(np.uint32) >> 16
    return (bits << 16).view(np.float32), bits.astype(np.uint16)


def scales_of(kind, shape):
    """Values as f32, and the array to store."""
    values = (rng.uniform(0.002, 0.02, shape) * rng.choice([-1, 1], shape)).astype(np.float32)
    if kind == "bf16":
        rounded, bits = bf16(values)
        return rounded, (bits, "BF16")
    stored = values.astype({"f16": np.float16, "f32": np.float32}[kind])
    return stored.astype(np.float32), stored


def pack_stream(codes, bits):
    """One little-endian stream of bits a row, as u32."""
    stream = ((codes[..., None] >> np.arange(bits)) & 1).astype(np.uint8).reshape(len(codes), -1)
    return np.packbits(stream, axis=1, bitorder="little").view(np.uint32)


def per_input(values, group):
    return np.repeat(values, group, axis=1)


def save(name, config, tensors, expected):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    write_safetensors(folder / "model.safetensors", tensors)
    write_safetensors(folder / "expected.safetensors", expected)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def mlx_affine():
    quantization, tensors, expected = {"group_size": 64, "bits": 4}, {}, {}
    kinds = ["bf16", "f16", "f32"]
    for i, (bits, group) in enumerate([(4, 64), (2, 32), (3, 64), (4, 128), (5, 32), (6, 64), (8, 128), (3, 128)]):
        module = f"layers.{i}.proj"
        if (bits, group) != (4, 64):
            quantization[module] = {"group_size": group, "bits": bits}
        codes = rng.integers(0, 2**bits, (OUTPUTS, INPUTS))
        scales, stored_scales = scales_of(kinds[i % 3], (OUTPUTS, INPUTS // group))
        biases, stored_biases = scales_of(kinds[i % 3], (OUTPUTS, INPUTS // group))
        tensors |= {module + ".weight": pack_stream(codes, bits), module + ".scales": stored_scales,
                    module + ".biases": stored_biases}
        weights = per_input(scales, group) * codes.astype(np.float32) + per_input(biases, group)
        expected[module + ".weight"] = weights.astype(np.float32)
    # A layer left alone, with a bias of its own beside a quantized layer's.
    plain = rng.standard_normal((4, 8)).astype(np.float32)
    quantization["layers.9.proj"] = False
    tensors |= {"layers.9.proj.weight": plain, "layers.0.proj.bias": plain[0]}
    expected |= {"layers.9.proj.weight": plain, "layers.0.proj.bias": plain[0]}
    save("mlx_affine", {"model_type": "none", "quantization": quantization,
                        "quantization_config": quantization}, tensors, expected)


def mlx_floats():
    quantization, tensors, expected = {"group_size": 32, "bits": 4, "mode": "mxfp4"}, {}, {}
    for i, mode in enumerate(["mxfp4", "mxfp8", "nvfp4"]):
        module = f"layers.{i}.proj"
        bits, group = (8 if mode == "mxfp8" else 4), (16 if mode == "nvfp4" else 32)
        if i > 0:
            quantization[module] = {"group_size": group, "bits": bits, "mode": mode}
        codes = rng.integers(0, 2**bits, (OUTPUTS, INPUTS))
        if mode == "mxfp8":
            codes = np.where(codes & 0x7f == 0x7f, 0, codes)
        values = e4m3(codes) if bits == 8 else E2M1[codes]
        if mode == "nvfp4":
            scale_codes = rng.integers(0, 0x7f, (OUTPUTS, INPUTS // group)).astype(np.uint8)
            scales = e4m3(scale_codes)
        else:
            scale_codes = rng.integers(100, 140, (OUTPUTS, INPUTS // group)).astype(np.uint8)
            scales = e8m0(scale_codes)
        tensors |= {module + ".weight": pack_stream(codes, bits), module + ".scales": scale_codes}
        expected[module + ".weight"] = values * per_input(scales, group)
    save("mlx_floats", {"model_type": "none", "quantization": quantization}, tensors, expected)


def mlx_experts():
    """Experts are stacked: one more dimension in front."""
    codes = rng.integers(0, 16, (3 * OUTPUTS, INPUTS))
    scales, stored_scales = scales_of("f16", (3 * OUTPUTS, INPUTS // 64))
    biases, stored_biases = scales_of("f16", (3 * OUTPUTS, INPUTS // 64))
    stacked = lambda array: array.reshape(3, OUTPUTS, -1)
    tensors = {"experts.weight": stacked(pack_stream(codes, 4)), "experts.scales": stacked(stored_scales),
               "experts.biases": stacked(stored_biases)}
    weights = per_input(scales, 64) * codes.astype(np.float32) + per_input(biases, 64)
    save("mlx_experts", {"model_type": "none", "quantization": {"group_size": 64, "bits": 4}}, tensors,
         {"experts.weight": stacked(weights.astype(np.float32))})


def packed(name, bits, group, symmetric):
    """compressed-tensors: codes are signed, stored 2^(bits - 1) too large."""
    groups = INPUTS // group
    codes = rng.integers(0, 2**bits, (OUTPUTS, INPUTS))
    scales, stored = scales_of("bf16", (OUTPUTS, groups))
    tensors = {"proj.weight_packed": pack_stream(codes, bits).view(np.int32), "proj.weight_scale": stored,
               "proj.weight_shape": np.array([OUTPUTS, INPUTS], np.int32)}
    zeros = np.full((OUTPUTS, groups), 2**(bits - 1))
    if not symmetric:
        zeros = rng.integers(0, 16, (OUTPUTS, groups))
        tensors["proj.weight_zero_point"] = pack_stream(np.ascontiguousarray(zeros.T), 4).view(np.int32).T.copy()
    weights = {"num_bits": bits, "type": "int", "symmetric": symmetric, "group_size": group, "strategy": "group"}
    config = {"model_type": "none", "quantization_config": {
        "quant_method": "compressed-tensors", "format": "pack-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}, "ignore": ["lm_head"]}}
    expected = per_input(scales, group) * (codes - per_input(zeros, group)).astype(np.float32)
    save(name, config, tensors, {"proj.weight": expected.astype(np.float32)})


def pack_words(codes, order):
    """Eight codes along the last axis to a 32-bit word; nibble i holds the code of place order[i]."""
    eights = codes.reshape(*codes.shape[:-1], -1, 8)[..., order].astype(np.uint64)
    return (eights << (4 * np.arange(8, dtype=np.uint64))).sum(-1).astype(np.uint32).view(np.int32)


def awq():
    group = 64
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    codes = rng.integers(0, 16, (INPUTS, OUTPUTS))
    zeros = rng.integers(0, 16, (INPUTS // group, OUTPUTS))
    scales, stored = scales_of("f16", (INPUTS // group, OUTPUTS))
    tensors = {"proj.qweight": pack_words(codes, order), "proj.qzeros": pack_words(zeros, order),
               "proj.scales": stored}
    expected = (codes - np.repeat(zeros, group, 0)).astype(np.float32) * np.repeat(scales, group, 0)
    config = {"model_type": "none", "quantization_config": {
        "quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}}
    save("awq", config, tensors, {"proj.weight": expected.T.copy()})


def gptq(name, version, act_order):
    group = 64
    codes = rng.integers(0, 16, (INPUTS, OUTPUTS))
    zeros = rng.integers(1, 16, (INPUTS // group, OUTPUTS))
    scales, stored = scales_of("f16", (INPUTS // group, OUTPUTS))
    g_idx = np.arange(INPUTS) // group
    if act_order:
        g_idx = rng.permutation(g_idx)
    plain = list(range(8))
    tensors = {"proj.qweight": pack_words(codes.T.copy(), plain).T.copy(),
               "proj.qzeros": pack_words(zeros - (version == "gptq"), plain), "proj.scales": stored,
               "proj.g_idx": g_idx.astype(np.int32)}
    expected = (codes - zeros[g_idx]).astype(np.float32) * scales[g_idx]
    config = {"model_type": "none", "quantization_config": {
        "quant_method": "gptq", "bits": 4, "group_size": group, "desc_act": act_order, "sym": False,
        "checkpoint_format": version}}
    save(name, config, tensors, {"proj.weight": expected.T.copy()})


def fp8():
    tensors, expected = {}, {}
    outputs, inputs = 40, 96  # blocks of 32 x 64: the last ones are cut
    for module, shape in (("block", (2, 2)), ("rows", (outputs, 1)), ("whole", (1,))):
        codes = rng.integers(0, 256, (outputs, inputs)).astype(np.uint8)
        codes = np.where(codes & 0x7f == 0x7f, 0, codes)
        scales = rng.uniform(0.001, 0.01, shape).astype(np.float32)
        suffix = ".weight_scale_inv" if module == "block" else ".weight_scale"
        tensors |= {module + ".weight": (codes, "F8_E4M3"), module + suffix: scales}
        if module == "block":
            wide = np.repeat(np.repeat(scales, 32, 0), 64, 1)[:outputs, :inputs]
        else:
            wide = np.broadcast_to(scales.reshape(-1, 1), (outputs, inputs))
        expected[module + ".weight"] = e4m3(codes) * wide
    config = {"model_type": "none", "quantization_config": {"quant_method": "fp8", "weight_block_size": [32, 64]}}
    save("fp8", config, tensors, expected)


def main():
    mlx_affine()
    mlx_floats()
    mlx_experts()
    packed("packed_int4", 4, 128, True)
    packed("packed_int4_zeros", 4, 64, False)
    packed("packed_int8", 8, 256, True)
    awq()
    gptq("gptq", "gptq", False)
    gptq("gptq_v2", "gptq_v2", False)
    gptq("gptq_act_order", "gptq", True)
    fp8()


main()
