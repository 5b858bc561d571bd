"""Tokens of an image in a safetensors file, as `fovea features` writes them, and their comparison."""

import ctypes
import json
import struct

import torch
import torch.nn.functional as F


def read_tokens(path):
    """tokens_norm [N, D] of a safetensors file, in float64."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    (length,) = struct.unpack_from("<Q", data)
    entry = json.loads(data[8 : 8 + length])["tokens_norm"]
    if entry["dtype"] != "F32":
        raise SystemExit(
            f"tokens_norm of {path} is {entry['dtype']}, where F32 is expected"
        )
    begin, end = entry["data_offsets"]
    values = torch.frombuffer(
        data, dtype=torch.float32, count=(end - begin) // 4, offset=8 + length + begin
    )
    return values.view(entry["shape"]).double()


def write_tokens(path, values):
    """tokens_norm [N, D] into a safetensors file, in float32."""
    values = values.float().contiguous()
    size = 4 * values.numel()
    entry = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [0, size]}
    header = json.dumps({"tokens_norm": entry}).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.write(ctypes.string_at(values.data_ptr(), size))


def difference(got, want):
    """How far tokens [N, D] are from those that are expected."""
    if got.shape != want.shape:
        raise SystemExit(
            f"{list(want.shape)} tokens are expected, got {list(got.shape)}"
        )
    cosines = F.cosine_similarity(got, want, dim=1)
    return {
        "cls_cosine": cosines[0].item(),
        "worst_token_cosine": cosines.min().item(),
        "relative_l2": ((got - want).norm() / want.norm()).item(),
    }
