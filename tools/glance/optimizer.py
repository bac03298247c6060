"""Muon for the matrices inside the blocks (orthogonalized momentum), AdamW for everything else."""

import torch


def orthogonalize(g):
    """Newton-Schulz iteration towards the nearest orthogonal matrix; g: [n, rows, columns]."""
    x = g.bfloat16()
    flip = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if flip else x
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).to(x.dtype)
    for _ in range(5):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.transpose(1, 2) if flip else x


class Muon:
    """Matrices of one shape are handled together. Fused qkv weights count as three matrices."""

    def __init__(self, named_parameters, momentum: float = 0.95, weight_decay: float = 0.05):
        self.groups: dict[tuple, list] = {}
        for name, p in named_parameters:
            split = 3 if name.endswith("qkv.weight") else 1
            self.groups.setdefault((p.shape[0] // split, p.shape[1], split), []).append(p)
        self.momentum, self.weight_decay = momentum, weight_decay
        self.buffers = {key: torch.zeros(len(ps) * key[2], key[0], key[1], device=ps[0].device)
                        for key, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, lr: float) -> None:
        for key, params in self.groups.items():
            buffer = self.buffers[key]
            grad = torch.stack([p.grad for p in params]).view_as(buffer)
            buffer.lerp_(grad, 1 - self.momentum)
            update = orthogonalize(grad.lerp(buffer, self.momentum)) * (0.2 * max(key[0], key[1]) ** 0.5)
            update = update.view(len(params), *params[0].shape).to(params[0].dtype)
            torch._foreach_mul_(params, 1 - lr * self.weight_decay)
            torch._foreach_add_(params, list(update.unbind(0)), alpha=-lr)


def make_optimizers(model):
    """(Muon, AdamW) over the model's parameters."""
    matrices, others = [], []
    for name, p in model.named_parameters():
        inner = p.dim() == 2 and not any(part in name for part in ("embed_tokens", "patch_embed", "aux"))
        (matrices if inner else others).append((name, p))
    adam = torch.optim.AdamW([p for _, p in others], lr=1e-3, betas=(0.9, 0.97), weight_decay=0.01,
                             **({"fused": True} if others[0][1].is_cuda else {}))
    return Muon(matrices), adam
