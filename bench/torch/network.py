"""DINOv2 with registers in PyTorch, with the weights of Fovea's synthetic models."""

import ctypes
import hashlib
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

PATCH = 14
REGISTERS = 4
HEAD = 64
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Size(NamedTuple):
    """Width and depth of a network, hidden channels, kind of MLP, side of the stored positions."""

    width: int
    depth: int
    hidden: int
    swiglu: bool
    grid: int

    def products(self):
        """(columns, depth) of the matrix products of a block, by name."""
        return {
            "qkv": (3 * self.width, self.width),
            "projection": (self.width, self.width),
            "mlp-first": (self.hidden * (2 if self.swiglu else 1), self.width),
            "mlp-second": (self.width, self.hidden),
        }


SIZES = {
    "small": Size(384, 12, 1536, False, 37),
    "base": Size(768, 12, 3072, False, 37),
    "large": Size(1024, 24, 4096, False, 37),
    "giant": Size(1536, 40, 4096, True, 37),
    "tiny": Size(128, 2, 512, False, 5),
    "tiny-swiglu": Size(128, 2, 344, True, 5),
}


def tokens(pixels):
    """Rows of an image: CLS, registers, patches."""
    return 1 + REGISTERS + (pixels // PATCH) ** 2


def signed(number):
    """The 64-bit pattern of a number, as torch.int64 has it."""
    return ctypes.c_int64(number).value


def shifted(numbers, bits):
    """A shift to the right that brings zeros in."""
    return (numbers >> bits) & ((1 << (64 - bits)) - 1)


def uniform(name, count, device):
    """SplitMix64 from the hash of the name: float32 in [-1, 1), the same bits as Fovea's."""
    start = hashlib.sha256(f"1:{name}".encode()).digest()[:8]
    z = torch.arange(1, count + 1, dtype=torch.int64, device=device)
    z = z * signed(0x9E3779B97F4A7C15) + signed(int.from_bytes(start, "little"))
    z = (z ^ shifted(z, 30)) * signed(0xBF58476D1CE4E5B9)
    z = (z ^ shifted(z, 27)) * signed(0x94D049BB133111EB)
    return shifted(z ^ shifted(z, 31), 40).to(torch.float32) * 2**-23 - 1


def synthetic(name, *shape, device):
    """A tensor of a synthetic checkpoint, in float32."""
    shift, factor = 0.0, 0.5
    if name.endswith(("norm1.weight", "norm2.weight")) or name == "norm.weight":
        shift, factor = 1.0, 0.2
    elif name.endswith("gamma"):
        shift, factor = 0.3, 0.2
    elif name.endswith(".bias"):
        factor = 0.1
    elif name.endswith("weight"):
        factor = 1.2 * math.sqrt(3.0 / math.prod(shape[1:]))
    return (shift + factor * uniform(name, math.prod(shape), device)).reshape(shape)


def attend(q, k, v):
    """softmax(q k^T / 8) v for [B, H, N, 64]."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    return torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(HEAD), dim=-1) @ v


def split_heads(qkv):
    """[B, N, 3 D] to queries, keys and values, [B, H, N, 64] each."""
    batch, tokens, columns = qkv.shape
    heads = columns // (3 * HEAD)
    return qkv.view(batch, tokens, 3, heads, HEAD).permute(2, 0, 3, 1, 4).unbind(0)


class Layer(torch.nn.Module):
    """Weight and bias of a linear layer or a LayerNorm, frozen."""

    def __init__(self, name, *shape, device, dtype, scale=None):
        super().__init__()
        weight = synthetic(f"{name}.weight", *shape, device=device)
        bias = synthetic(f"{name}.bias", shape[0], device=device)
        if scale is not None:
            gamma = synthetic(scale, shape[0], device=device)
            weight, bias = weight * gamma[:, None], bias * gamma
        self.register_buffer("weight", weight.to(dtype))
        self.register_buffer("bias", bias.to(dtype))


class Linear(Layer):
    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


class LayerNorm(Layer):
    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-6)


class Block(torch.nn.Module):
    """Attention and MLP, each behind a LayerNorm and added to what came in; LayerScale is folded."""

    def __init__(self, name, size, **where):
        super().__init__()
        products = size.products()
        first, second = ("w12", "w3") if size.swiglu else ("fc1", "fc2")
        self.swiglu = size.swiglu
        self.norm1 = LayerNorm(f"{name}.norm1", size.width, **where)
        self.qkv = Linear(f"{name}.attn.qkv", *products["qkv"], **where)
        self.projection = Linear(
            f"{name}.attn.proj",
            *products["projection"],
            scale=f"{name}.ls1.gamma",
            **where,
        )
        self.norm2 = LayerNorm(f"{name}.norm2", size.width, **where)
        self.first = Linear(f"{name}.mlp.{first}", *products["mlp-first"], **where)
        self.second = Linear(
            f"{name}.mlp.{second}",
            *products["mlp-second"],
            scale=f"{name}.ls2.gamma",
            **where,
        )

    def forward(self, x):
        attended = attend(*split_heads(self.qkv(self.norm1(x))))
        x = x + self.projection(attended.transpose(1, 2).flatten(2))
        hidden = self.first(self.norm2(x))
        if self.swiglu:
            gate, value = hidden.chunk(2, dim=-1)
            hidden = F.silu(gate) * value
        else:
            hidden = F.gelu(hidden)
        return x + self.second(hidden)


class Network(torch.nn.Module):
    """DINOv2 with registers for square images of one size: tokens are CLS, registers, patches."""

    def __init__(self, model, pixels, device, dtype):
        super().__init__()
        size = SIZES[model]
        self.side = pixels // PATCH
        where = {"device": device, "dtype": dtype}
        weight = synthetic(
            "patch_embed.proj.weight", size.width, 3, PATCH, PATCH, device=device
        )
        self.register_buffer("patch_weight", weight.flatten(1).to(dtype))
        bias = synthetic("patch_embed.proj.bias", size.width, device=device)
        positions = synthetic("pos_embed", 1 + size.grid**2, size.width, device=device)
        cls = synthetic("cls_token", 1, size.width, device=device) + positions[:1]
        registers = synthetic("register_tokens", REGISTERS, size.width, device=device)
        grid = resampled(positions[1:], size.grid, self.side)
        self.register_buffer("prefix", torch.cat([cls, registers]).to(dtype))
        self.register_buffer("positions", (grid + bias).to(dtype))
        mean = torch.tensor(MEAN, device=device)
        deviation = torch.tensor(DEVIATION, device=device)
        self.register_buffer("scale", 1 / (255 * deviation))
        self.register_buffer("shift", -mean / deviation)
        self.blocks = torch.nn.ModuleList(
            Block(f"blocks.{i}", size, **where) for i in range(size.depth)
        )
        self.norm = LayerNorm("norm", size.width, **where)

    def patches(self, images):
        """Bytes [B, H, W, 3] or normalised planes [B, 3, H, W] to [B, P, 588]."""
        side = self.side
        if images.dtype == torch.uint8:
            images = (images.float() * self.scale + self.shift).to(
                self.patch_weight.dtype
            )
            split = images.view(-1, side, PATCH, side, PATCH, 3).permute(
                0, 1, 3, 5, 2, 4
            )
        else:
            split = images.view(-1, 3, side, PATCH, side, PATCH).permute(
                0, 2, 4, 1, 3, 5
            )
        return split.reshape(-1, side * side, 3 * PATCH * PATCH)

    def forward(self, images, output):
        """Normalised tokens [B, N, D], or CLS of them [B, D]."""
        x = F.linear(self.patches(images), self.patch_weight) + self.positions
        x = torch.cat([self.prefix.expand(x.shape[0], -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, 0] if output == "cls" else x)


def resampled(positions, grid, side):
    """Position embeddings of another grid, as models with registers want them."""
    if grid == side:
        return positions
    stored = positions.T.reshape(1, -1, grid, grid)
    other = F.interpolate(stored, size=(side, side), mode="bicubic", antialias=True)
    return other[0].flatten(1).T
