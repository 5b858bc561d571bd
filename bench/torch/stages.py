"""What the opponent measures, stage by stage."""

import json
import math
import os
import time

import torch
import torch.nn.functional as F

from network import HEAD, PATCH, SIZES, Network, attend, split_heads, tokens
from timing import (
    attention_backends,
    captured,
    copies,
    figures,
    one_after_another,
    plain,
)
from tokens_file import difference, read_tokens, write_tokens

PRECISIONS = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
BATCHES = [1, 64, 256, 8]
LARGE_BATCHES = [1, 16]

# Relative L2 of an image's tokens. Residual streams of 16 bits, as PyTorch has them, lead tokens away
# by 1e-3 (f16) or 1e-2 (bf16) in a dozen blocks; more than this is another network.
LARGEST_DIFFERENCE = {"f32": 1e-4, "f16": 2e-2, "bf16": 1e-1}

# Rounds of whole networks take turns among so many inputs.
ROTATION = 4


class Opponent:
    """Measures, and writes every row as soon as it is there."""

    def __init__(self, options):
        self.options = options
        self.device = options.device
        self.began = time.monotonic()
        self.rows = []
        self.compilations = {}
        self.attention_times = {}
        self.built = (None, None)

    # -------------------------------------------------------------------------- bookkeeping

    def resume(self):
        """Takes over the rows of an earlier run that were measured."""
        if os.path.exists(self.options.out):
            with open(self.options.out, encoding="utf-8") as file:
                self.rows = [row for row in json.load(file) if "milliseconds" in row]

    def add(self, **row):
        """Puts a row into the file, which is whole at any time."""
        self.rows.append(row)
        print(json.dumps(row), flush=True)
        beside = self.options.out + ".partial"
        with open(beside, "w", encoding="utf-8") as file:
            file.write(
                "[\n" + ",\n".join(json.dumps(row) for row in self.rows) + "\n]\n"
            )
        os.replace(beside, self.options.out)

    def measure(self, key, work):
        """Adds a row of what is measured, or of why it could not be."""
        if any(key.items() <= row.items() for row in self.rows):
            return
        left = self.options.budget - (time.monotonic() - self.began)
        compiles = key["engine"] == "torch-compile"
        if left <= (self.compilations.get(key["model"], 0) if compiles else 0):
            return
        try:
            result = work()
        except Exception as error:  # Whatever it is, the other rows are worth having.
            self.built = (None, None)
            self.add(**key, error=str(error).strip()[:500])
            return
        self.add(**key, **result)

    def facts(self):
        """What runs here; the first row of every run."""
        row = {"engine": "torch", "what": "facts", "torch": torch.__version__}
        if self.device == "cuda":
            row["device"] = torch.cuda.get_device_name()
            row["cuda"] = torch.version.cuda
            row["cudnn"] = torch.backends.cudnn.version()
        self.add(**row)

    # ------------------------------------------------------------------------------ stages

    def run(self):
        """What is quick or cannot be done without comes first, for the budget may not suffice."""
        first, *others = self.options.precisions
        usual = [size for size in self.sizes() if size[0] <= 224]
        large = [size for size in self.sizes() if size[0] > 224]
        every = usual + large
        self.forwards("torch-eager", every, first, "cls", "bytes", graph=True)
        self.attentions(first)
        self.forwards("torch-compile", usual, first, "cls", "bytes")
        self.products(first)
        self.forwards("torch-compile", large, first, "cls", "bytes")
        self.forwards("torch-compile", usual, first, "cls", "normalised")
        self.forwards("torch-eager", every, first, "cls", "bytes", graph=False)
        for precision in others:
            self.forwards("torch-eager", every, precision, "cls", "bytes", graph=True)
            self.attentions(precision)
            self.products(precision)
            self.forwards("torch-compile", every, precision, "cls", "bytes")
        for precision in self.options.precisions:
            self.forwards(
                "torch-eager", every, precision, "tokens", "bytes", graph=True
            )
            self.forwards("torch-compile", every, precision, "tokens", "bytes")
        self.forwards("torch-compile", large, first, "cls", "normalised")

    def products(self, precision):
        """The products of a block, of whole batches."""
        if "product" not in self.options.only:
            return
        for pixels, batch in self.sizes():
            for model in self.options.models:
                for name, (columns, depth) in SIZES[model].products().items():
                    key = {
                        "engine": "torch-eager",
                        "what": "product",
                        "model": model,
                        "pixels": pixels,
                        "batch": batch,
                        "precision": precision,
                        "product": name,
                        "rows": batch * tokens(pixels),
                        "columns": columns,
                        "depth": depth,
                    }
                    self.measure(key, lambda key=key: self.product(key))

    def product(self, key):
        rows, columns, depth = key["rows"], key["columns"], key["depth"]
        dtype = PRECISIONS[key["precision"]]
        count = copies(2 * (rows * depth + columns * depth + rows * columns))
        inputs = [
            tuple(
                torch.randn(shape, device=self.device).to(dtype)
                for shape in [(rows, depth), (columns, depth), (columns,)]
            )
            for _ in range(count)
        ]
        result = self.piece(F.linear, inputs)
        teraflops = 2e-9 * rows * columns * depth / result["milliseconds"]
        return {**result, "teraflops": round(teraflops, 1)}

    def attentions(self, precision):
        """Attention by every back end."""
        if "attention" not in self.options.only:
            return
        for pixels, batch in self.sizes():
            for model in self.options.models:
                for backend in attention_backends(self.device):
                    key = {
                        "engine": "torch-eager",
                        "what": "attention",
                        "model": model,
                        "pixels": pixels,
                        "batch": batch,
                        "precision": precision,
                        "tokens": tokens(pixels),
                        "heads": SIZES[model].width // HEAD,
                        "backend": backend,
                    }
                    self.measure(key, lambda key=key: self.attention(key))

    def attention(self, key):
        """Measured once for a size, whoever asks."""
        heads, rows = key["heads"], key["tokens"]
        size = (key["batch"], heads, rows, key["precision"], key["backend"])
        if size not in self.attention_times:
            shape = (key["batch"], rows, 3 * HEAD * heads)
            dtype = PRECISIONS[key["precision"]]
            inputs = [
                (torch.randn(shape, device=self.device).to(dtype),)
                for _ in range(copies(2 * math.prod(shape)))
            ]
            with attention_backends(self.device)[key["backend"]]():
                self.attention_times[size] = self.piece(
                    lambda x: attend(*split_heads(x)), inputs
                )
        result = self.attention_times[size]
        work = 4 * key["batch"] * heads * HEAD * rows**2
        return {**result, "teraflops": round(1e-9 * work / result["milliseconds"], 1)}

    def piece(self, function, inputs):
        """Figures of one operation, which is too short for a graph of its own."""
        calls = self.calls(one_after_another(function, inputs), [()])
        return figures(calls, self.device, 0.2, len(inputs))

    def forwards(self, engine, sizes, precision, output, source, graph=True):
        """Whole networks; those of one batch together, since a budget had better end after them."""
        if "forward" not in self.options.only:
            return
        if engine.removeprefix("torch-") not in self.options.engines:
            return
        for pixels, batch in sizes:
            for model in self.options.models:
                key = {
                    "engine": engine,
                    "what": "forward",
                    "model": model,
                    "pixels": pixels,
                    "batch": batch,
                    "precision": precision,
                    "output": output,
                    "input": source,
                    "graph": graph and self.device == "cuda",
                }
                self.measure(key, lambda key=key: self.forward(key))

    def forward(self, key):
        network = self.network(key["model"], key["pixels"], key["precision"])
        inputs = [(self.images(key, i), key["output"]) for i in range(ROTATION)]
        backend = self.fastest(key)
        extra = {"attention": backend}
        with attention_backends(self.device)[backend]():
            if key["engine"] == "torch-compile":
                network, seconds = self.compiled(network, inputs[0])
                extra["compile_seconds"] = self.compilations[key["model"]] = seconds
            calls = (
                self.calls(network, inputs) if key["graph"] else plain(network, inputs)
            )
            result = figures(calls, self.device, 0.5, ROTATION)
        per_second = 1000 * key["batch"] / result["milliseconds"]
        return {**result, "images_per_second": round(per_second, 2), **extra}

    def compiled(self, network, arguments):
        """The network compiled for such arguments, and the seconds that took."""
        torch._dynamo.reset()
        result = torch.compile(
            network, mode="max-autotune-no-cudagraphs", dynamic=False
        )
        begin = time.monotonic()
        result(*arguments)
        if self.device == "cuda":
            torch.cuda.synchronize()
        return result, round(time.monotonic() - begin, 2)

    def images(self, key, number):
        """Bytes [B, H, W, 3], or normalised planes [B, 3, H, W]."""
        side = key["pixels"]
        generator = torch.Generator(self.device).manual_seed(number)
        where = {"device": self.device, "generator": generator}
        if key["input"] == "bytes":
            shape = (key["batch"], side, side, 3)
            return torch.randint(0, 256, shape, dtype=torch.uint8, **where)
        shape = (key["batch"], 3, side, side)
        return torch.randn(shape, **where).to(PRECISIONS[key["precision"]])

    def fastest(self, key):
        """The attention back end for a size."""
        shape = {
            "tokens": tokens(key["pixels"]),
            "heads": SIZES[key["model"]].width // HEAD,
        }
        times = {}
        for backend in attention_backends(self.device):
            try:
                row = self.attention({**key, **shape, "backend": backend})
                times[backend] = row["milliseconds"]
            except RuntimeError:
                continue  # Not every back end takes every size; the attention stage says why.
        if not times:
            raise RuntimeError("no attention back end takes this size")
        return min(times, key=times.get)

    def check(self):
        """One image through each network: written to a file, compared with another's.

        Returns whether all were compared, as far as that was asked for, and none is too far away.
        """
        image = read_image(self.options.image).to(self.device)
        for precision in self.options.precisions:
            for model in self.options.models:
                for engine in self.options.engines:
                    key = {
                        "engine": f"torch-{engine}",
                        "what": "check",
                        "model": model,
                        "pixels": image.shape[1],
                        "batch": 1,
                        "precision": precision,
                    }
                    self.measure(
                        key, lambda key=key: self.comparison(key, (image, "tokens"))
                    )
        return all(row.get("pass", "error" not in row) for row in self.rows)

    def comparison(self, key, arguments):
        network = self.network(key["model"], key["pixels"], key["precision"])
        if key["engine"] == "torch-compile":
            network, _ = self.compiled(network, arguments)
        got = network(*arguments)[0].double().cpu()
        if self.options.dump:
            write_tokens(self.options.dump, got)
        if not self.options.expect:
            return {}
        row = difference(got, read_tokens(self.options.expect))
        return {
            **row,
            "pass": row["relative_l2"] <= LARGEST_DIFFERENCE[key["precision"]],
        }

    # --------------------------------------------------------------------------- machinery

    def sizes(self):
        """(side of images in pixels, batch), the usual ones or those that were asked for."""
        return [
            (pixels, batch)
            for pixels in self.options.pixels
            for batch in self.options.batches
            or (LARGE_BATCHES if pixels > 224 else BATCHES)
        ]

    def network(self, model, pixels, precision):
        """The network last used, or another in its place."""
        key = (model, pixels, precision)
        if self.built[0] != key:
            self.built = (None, None)
            network = Network(model, pixels, self.device, PRECISIONS[precision])
            self.built = (key, network.eval())
        return self.built[1]

    def calls(self, function, inputs):
        return (
            captured(function, inputs)
            if self.device == "cuda"
            else plain(function, inputs)
        )


def read_image(path):
    """A square of RGB bytes: [1, S, S, 3]."""
    with open(path, "rb") as file:
        image = bytearray(file.read())
    side = math.isqrt(len(image) // 3)
    if 3 * side * side != len(image) or side % PATCH != 0:
        raise SystemExit(
            f"{path} has {len(image)} bytes, where 3 x S x S are expected, S a multiple of {PATCH}"
        )
    return torch.frombuffer(image, dtype=torch.uint8).view(1, side, side, 3)
