#!/usr/bin/env python3
"""The opponent: what a PyTorch user would run instead of Fovea on the same GPU.

The networks are DINOv2 with four registers (small, base, large, giant; tiny ones for checks of this
script). Weights come from the formula of Fovea's synthetic models and are made where they are used,
so nothing is carried to the machine and both sides multiply the same numbers. Rows have the keys of
Fovea's own GPU suite:

  forward    whole networks, "torch-eager" and "torch-compile", from bytes that are normalised in the
             graph ("input": "bytes") and from finished 16-bit planes ("normalised"); times are of
             CUDA graphs ("graph": true) and, eager, of plain calls as well
  product    torch.nn.functional.linear on every matrix product of the networks
  attention  scaled_dot_product_attention with each of its back ends

PyTorch gets what makes it fast: 16-bit weights and activations, LayerScale folded into the layer
before it, the attention back end that is fastest for the size, the last LayerNorm of CLS alone where
CLS alone is asked for. The compiled network has the settings of mode="max-autotune", but its CUDA
graphs are captured here instead of by PyTorch: that saves it Python's time of every call and a copy of
the input. Times are from CUDA events around rounds of graphs with inputs of their own.

A file of rows that is there already is gone on with, so what does not fit into one budget can be
done in several. Only torch is needed, 2.6 or newer (older ones run eager on a CPU), and, to compile,
a C compiler, as PyTorch always wants one. TORCHINDUCTOR_CACHE_DIR and TRITON_CACHE_DIR say where it
keeps what it has compiled. Examples:

  opponent.py --out rows.json --budget 600
  opponent.py --out rows.json --only forward --engines compile --models small,base --precisions f16
  opponent.py --out rows.json --models small --image image.rgb --dump torch.safetensors
  opponent.py --out rows.json --models small --image image.rgb --expect fovea.safetensors

The last two run one image, square raw RGB, instead of measuring; the file that is expected holds
tokens_norm [N, D], as `fovea features` writes it. The status is 1 where tokens are so far away that
these are different networks.
"""

import argparse
import math

import torch

from network import SIZES
from stages import PRECISIONS, Opponent


def words(allowed=None, kind=str):
    """The parser of a list with commas."""

    def parse(text):
        values = [kind(value) for value in text.split(",")]
        unknown = [value for value in values if allowed and value not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{unknown[0]} is none of {', '.join(allowed)}"
            )
        return values

    return parse


def parsed(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = ["attention", "product", "forward"]
    engines = ["eager", "compile"]
    parser.add_argument("--out", required=True, metavar="FILE", help="rows, as JSON")
    parser.add_argument("--budget", type=float, default=math.inf, metavar="SECONDS")
    parser.add_argument(
        "--only", type=words(stages), default=stages, metavar=",".join(stages)
    )
    parser.add_argument(
        "--engines", type=words(engines), default=engines, metavar=",".join(engines)
    )
    parser.add_argument(
        "--models", type=words(SIZES), default=list(SIZES)[:4], metavar=",".join(SIZES)
    )
    parser.add_argument(
        "--precisions", type=words(PRECISIONS), metavar=",".join(PRECISIONS)
    )
    parser.add_argument(
        "--pixels", type=words(kind=int), default=[224, 518], metavar="224,518"
    )
    parser.add_argument(
        "--batches", type=words(kind=int), metavar="1,8", help="for every size"
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument(
        "--image", metavar="FILE.rgb", help="run this image, do not measure"
    )
    parser.add_argument(
        "--dump", metavar="FILE.safetensors", help="write the image's tokens"
    )
    parser.add_argument(
        "--expect", metavar="FILE.safetensors", help="compare the image's tokens"
    )
    options = parser.parse_args(arguments)
    if not options.precisions:
        options.precisions = ["f32"] if options.device == "cpu" else ["f16", "bf16"]
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch finds no GPU; --device cpu checks the script without one")
    return options


def main(arguments=None):
    options = parsed(arguments)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    opponent = Opponent(options)
    with torch.inference_mode():
        if options.image:
            opponent.facts()
            if not opponent.check():
                raise SystemExit(1)
        else:
            opponent.resume()
            opponent.facts()
            opponent.run()


if __name__ == "__main__":
    main()
