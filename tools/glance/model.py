"""The Qwen2.5-VL mathematics over packed batches, with the published checkpoints' parameter names.

Pictures come as patches in window order, so windows and pictures are runs of consecutive patches; merged cells are put
where the language rows want them. On a GPU: variable-length flash attention and flex attention; elsewhere: dense masks.
"""

import os

import torch
import torch.nn as nn
import torch.nn.functional as F

from config import CHAR_SLOTS, CHARS, TEXT, VISION

ATEN_FLASH = os.environ.get("GLANCE_FLASH") == "aten"   # the operator below varlen_attn
HEAD_DIM = TEXT["hidden_size"] // TEXT["num_attention_heads"]


class RMSNorm(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return (self.weight * y).to(x.dtype)


class SwiGLU(nn.Module):
    def __init__(self, size: int, inner: int, bias: bool):
        super().__init__()
        self.gate_proj = nn.Linear(size, inner, bias=bias)
        self.up_proj = nn.Linear(size, inner, bias=bias)
        self.down_proj = nn.Linear(inner, size, bias=bias)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def rotate(x, cos, sin):
    """Rotary embedding, half-split; x: [..., heads, dim], cos and sin: [..., 1, dim]."""
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return (x.float() * cos + turned.float() * sin).to(x.dtype)


def segment_attention(q, k, v, ends, longest: int):
    """Attention inside consecutive segments; q, k, v: [tokens, heads, dim], ends: int32 [segments + 1]."""
    if q.is_cuda and ATEN_FLASH:
        return torch.ops.aten._flash_attention_forward(q, k, v, ends, ends, longest, longest, 0.0, False, False)[0]
    if q.is_cuda:
        from torch.nn.attention.varlen import varlen_attn
        return varlen_attn(q, k, v, ends, ends, longest, longest)
    segment = torch.bucketize(torch.arange(q.shape[0]), ends[1:].long(), right=True)
    scores = torch.einsum("qhd,khd->hqk", q, k) * q.shape[-1] ** -0.5
    scores = scores.masked_fill(segment[:, None] != segment[None, :], float("-inf"))
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), v)


class VisionAttention(nn.Module):
    def __init__(self, size: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(size, 3 * size)
        self.proj = nn.Linear(size, size)

    def forward(self, x, cos, sin, ends, longest: int):
        q, k, v = self.qkv(x).view(x.shape[0], 3, self.heads, -1).unbind(1)
        out = segment_attention(rotate(q, cos, sin), rotate(k, cos, sin), v.contiguous(), ends, longest)
        return self.proj(out.reshape(x.shape[0], -1))


class VisionBlock(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        size = config["hidden_size"]
        self.norm1, self.norm2 = RMSNorm(size), RMSNorm(size)
        self.attn = VisionAttention(size, config["num_heads"])
        self.mlp = SwiGLU(size, config["intermediate_size"], True)

    def forward(self, x, cos, sin, ends, longest: int):
        x = x + self.attn(self.norm1(x), cos, sin, ends, longest)
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """A linear map of one frame; exported as the convolution over two equal frames."""

    def __init__(self, size: int):
        super().__init__()
        self.proj = nn.Linear(3 * 14 * 14, size, bias=False)

    def forward(self, patches):
        return self.proj(patches)


class Merger(nn.Module):
    def __init__(self, size: int, out: int):
        super().__init__()
        self.ln_q = RMSNorm(size)
        self.mlp = nn.Sequential(nn.Linear(4 * size, 4 * size), nn.GELU(), nn.Linear(4 * size, out))

    def forward(self, x):
        return self.mlp(self.ln_q(x).view(x.shape[0] // 4, -1))


class VisionTower(nn.Module):
    def __init__(self, config: dict = VISION):
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config["hidden_size"])
        self.blocks = nn.ModuleList(VisionBlock(config) for _ in range(config["depth"]))
        self.merger = Merger(config["hidden_size"], config["out_hidden_size"])

    def rotary(self, place):
        """cos, sin float32 [patches, 1, head_dim] of the patches' (y, x) pixels."""
        quarter = self.config["hidden_size"] // self.config["num_heads"] // 4
        speeds = 10000.0 ** (-torch.arange(quarter, device=place.device, dtype=torch.float32) / quarter)
        angles = ((place[:, 1:].clamp(min=0) // 14).float()[:, :, None] * speeds).flatten(1)
        angles = torch.cat([angles, angles], -1)[:, None]
        return angles.cos(), angles.sin()

    def forward(self, patches, place, windows, pictures):
        """patches [P, 588] in window order, place int [P, 3]; windows, pictures: cumulative lengths -> [P/4, out]."""
        cos, sin = self.rotary(place)
        x = self.patch_embed(patches)
        for i, block in enumerate(self.blocks):
            full = i in self.config["fullatt_block_indexes"]
            x = block(x, cos, sin, pictures if full else windows, 672 if full else 64)
        return self.merger(x)


class TextAttention(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        size = config["hidden_size"]
        self.groups = config["num_key_value_heads"]
        self.q_proj = nn.Linear(size, size)
        self.k_proj = nn.Linear(size, self.groups * HEAD_DIM)
        self.v_proj = nn.Linear(size, self.groups * HEAD_DIM)
        self.o_proj = nn.Linear(size, size, bias=False)

    def forward(self, x, cos, sin, mask):
        shape = (*x.shape[:2], -1, HEAD_DIM)
        q, k = rotate(self.q_proj(x).view(shape), cos, sin), rotate(self.k_proj(x).view(shape), cos, sin)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), self.v_proj(x).view(shape).transpose(1, 2)
        if torch.is_tensor(mask):                                     # additive [B or 1, 1, L, L]
            k, v = k.repeat_interleave(q.shape[1] // k.shape[1], 1), v.repeat_interleave(q.shape[1] // v.shape[1], 1)
            out = ((q @ k.transpose(-1, -2)).float() * HEAD_DIM ** -0.5 + mask).softmax(-1).to(v.dtype) @ v
        else:
            from torch.nn.attention.flex_attention import flex_attention
            out = flex_attention(q, k, v, block_mask=mask, enable_gqa=True)
        return self.o_proj(out.transpose(1, 2).reshape(x.shape))


class TextLayer(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.self_attn = TextAttention(config)
        self.mlp = SwiGLU(config["hidden_size"], config["intermediate_size"], False)
        self.input_layernorm = RMSNorm(config["hidden_size"])
        self.post_attention_layernorm = RMSNorm(config["hidden_size"])

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class TextModel(nn.Module):
    def __init__(self, vocab: int, config: dict = TEXT):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(vocab, config["hidden_size"])
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = RMSNorm(config["hidden_size"])

    def rotary(self, positions):
        """cos, sin float32 [B, L, 1, head_dim]; positions: [B, L, 3] (time, row, column)."""
        half = HEAD_DIM // 2
        speeds = self.config["rope_theta"] ** (-torch.arange(half, device=positions.device, dtype=torch.float32) / half)
        axis = torch.repeat_interleave(torch.arange(3, device=positions.device),
                                       torch.tensor(self.config["mrope_section"], device=positions.device), output_size=half)
        angles = positions.float()[..., axis] * speeds
        angles = torch.cat([angles, angles], -1)[:, :, None]
        return angles.cos(), angles.sin()

    def forward(self, x, positions, mask):
        cos, sin = self.rotary(positions)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x)


class Glance(nn.Module):
    """`visual.` and `model.` are the checkpoint; `aux` reads every merged cell during training only."""

    def __init__(self, vocab: int, kinds: int):
        super().__init__()
        self.visual, self.model = VisionTower(), TextModel(vocab)
        self.parts = [kinds + 1, 13, kinds + 1] + [len(CHARS) + 1] * CHAR_SLOTS
        self.aux = nn.Linear(VISION["out_hidden_size"], sum(self.parts))
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02 if "embed_tokens" in name else parameter.shape[1] ** -0.5 * 0.7)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        for block in self.visual.blocks:
            nn.init.zeros_(block.attn.proj.weight)
            nn.init.zeros_(block.mlp.down_proj.weight)
        for layer in self.model.layers:
            nn.init.zeros_(layer.self_attn.o_proj.weight)
            nn.init.zeros_(layer.mlp.down_proj.weight)

    def embed(self, ids, cells, cell_at):
        """Token embeddings [B, L, D] with merged cells at flat positions cell_at (beyond the end: dropped)."""
        rows, length = ids.shape
        words = self.model.embed_tokens(ids).to(cells.dtype).view(rows * length, -1)
        room = torch.zeros(cells.shape[0], words.shape[1], dtype=words.dtype, device=words.device)
        return torch.cat([words, room]).index_copy(0, cell_at.long(), cells)[:rows * length].view(rows, length, -1)

    def logits(self, hidden):
        return hidden @ self.model.embed_tokens.weight.to(hidden.dtype).t()


def text_loss(model: Glance, hidden, ids, weight):
    """Weighted next-token loss and its accuracy; weight belongs to the token that is predicted."""
    logits = model.logits(hidden[:, :-1]).float().flatten(0, 1)
    target, share = ids[:, 1:].flatten(), weight[:, 1:].flatten()
    loss = F.cross_entropy(logits, target, reduction="none")
    right = (logits.argmax(-1) == target) & (share > 0)
    return (loss * share).sum() / share.sum(), right.sum() / (share > 0).sum()


def aux_loss(model: Glance, cells, kind, color, center, chars):
    """Dense supervision of every cell; empty cells count a tenth."""
    scores = model.aux(cells).float().split(model.parts, -1)
    total, accuracy = 0.0, []
    for score, target, scale in zip(scores, [kind, color, center, *chars.unbind(-1)], [1, .3, 1] + [.6] * CHAR_SLOTS):
        share = torch.where(target > 0, 1.0, 0.1)
        loss = F.cross_entropy(score, target, reduction="none")
        total = total + scale * (loss * share).sum() / share.sum()
        accuracy.append(((score.argmax(-1) == target) & (target > 0)).sum() / (target > 0).sum().clamp(min=1))
    return total, torch.stack(accuracy[:4])
