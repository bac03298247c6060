"""Random weights of the tiny vision-language checkpoints, not too dull."""

import torch

# RMS norms that store how far the factor is from 1.
OFFSET_NORMS = ("GemmaRMSNorm", "Gemma2RMSNorm", "Gemma3RMSNorm")
# Parameters that are vectors in their own right, not factors.
VECTORS = ("image_newline", "view_separator")


def scale_of(name: str, shape: torch.Size, tied: bool, scaled: bool) -> float:
    """As checkpoint.scale_of, for the names of these families.

    scaled: the model multiplies embeddings by the root of their width, as Gemma does and BART may.
    """
    if "mm_input_projection" in name:
        return 1.0 / shape[0]**0.5
    if any(part in name for part in ("position", "class_embedding", "cls_token", "pos_embed",
                                     "rel_pos")):
        return 0.5
    if "latents" in name:
        return 1.0
    if "_resolution" in name:  # queries; what they learn of the picture must outweigh them
        return 0.3
    if "embed_tokens_per_layer" in name:
        return 0.4
    gain = 1.0
    if "timm_model" in name and ".se." not in name and len(shape) > 1:
        # Convolutions with GELU and no norms: 1.0 loses the picture on the way, 2.0 explodes.
        gain = 1.6
    elif "vision_encoder" in name and "self_attn" in name:
        gain = {"q_proj": 3.0, "k_proj": 3.0, "o_proj": 2.5}.get(name.split(".")[-2], 1.0)
    elif "q_proj" in name or "k_proj" in name:
        gain = 1.8
    elif "lm_head" in name:
        gain = 2.5
    elif ".shared." in name and scaled:
        gain = 1.0 / shape[1]**0.5
    elif "language_model" in name or "text_model" in name:
        if "o_proj" in name or "down_proj" in name:
            gain = 1.5
        elif "embed_tokens" in name:
            return (0.25 if tied else 1.0) / (shape[1]**0.5 if scaled else 1.0)
    return gain / shape[1:].numel()**0.5


def randomize_buffers(model, generator: torch.Generator) -> None:
    """Fills the buffers that checkpoints carry: statistics, bounds of clipped maps, scalars."""
    for name, buffer in sorted(model.named_buffers()):
        noise = torch.randn(buffer.shape, generator=generator)
        last = name.rsplit(".", 1)[-1]
        if last in ("layer_scalar", "std_scale", "running_var"):
            buffer.copy_(1.0 + 0.3 * noise.clamp(-2, 2))
        elif last in ("std_bias", "running_mean"):
            buffer.copy_(noise * 0.3)
        elif last in ("input_max", "output_max"):
            buffer.copy_(1.8 + 0.2 * noise)
        elif last in ("input_min", "output_min"):
            buffer.copy_(-1.8 + 0.2 * noise)


@torch.no_grad()
def randomize(model, seed: int, tied: bool, quiet_rows: list[int]) -> None:
    """Fills every parameter; quiet_rows of the head become small, so that no path produces them."""
    generator = torch.Generator().manual_seed(seed)
    offset = {f"{name}.weight" for name, module in model.named_modules()
              if type(module).__name__ in OFFSET_NORMS}
    scaled = float(getattr(model.get_input_embeddings(), "embed_scale", 1.0)) != 1.0
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        last = name.rsplit(".", 1)[-1]
        if last in VECTORS:
            parameter.copy_(noise * 0.6)
        elif last == "gamma":  # layer scales of convolutional towers
            parameter.copy_(0.5 + noise * 0.2)
        elif ".experts." in name:  # each a matrix of its own
            parameter.copy_(noise * scale_of(name, parameter.shape[1:], tied, scaled))
        elif parameter.ndim > 1 or "class_embedding" in name:
            parameter.copy_(noise * scale_of(name, parameter.shape, tied, scaled))
        elif name.endswith("bias"):
            parameter.copy_(noise * 0.2)
        else:
            parameter.copy_((0.0 if name in offset else 1.0) + noise * 0.25)
    randomize_buffers(model, generator)
    model.get_output_embeddings().weight[quiet_rows] *= 0.1
