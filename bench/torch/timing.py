"""Times of functions on a GPU, or on a CPU where a script is only to be checked."""

import contextlib
import math
import statistics
import time

import torch

# Operands of single operations take turns in more memory than an L2 cache has, as in a network, where
# every layer has weights of its own.
ROTATION_BYTES = 256 << 20


def captured(function, inputs):
    """CUDA graphs of a function, one for each input, that share memory for what is in between."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            function(*inputs[0])
    torch.cuda.current_stream().wait_stream(stream)
    graphs = []
    for arguments in inputs:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=graphs[0].pool() if graphs else None):
            function(*arguments)
        graphs.append(graph)
    return [graph.replay for graph in graphs]


def plain(function, inputs):
    """The same without CUDA graphs."""
    return [lambda arguments=arguments: function(*arguments) for arguments in inputs]


def one_after_another(function, inputs):
    """All calls as one, so that a CUDA graph has a node for each."""

    def everything():
        for arguments in inputs:
            function(*arguments)

    return everything


def figures(calls, device, seconds, operations):
    """Median and least milliseconds of an operation; a round makes every call once.

    operations: how many of them all calls are together
    """
    timed(calls, device, 1)
    begin = time.perf_counter()
    timed(calls, device, 1)
    once = time.perf_counter() - begin
    rounds = timed(calls, device, min(max(int(seconds / once), 5), 300))
    rounds = [milliseconds / operations for milliseconds in rounds]
    return {
        "milliseconds": round(statistics.median(rounds), 6),
        "minimum_milliseconds": round(min(rounds), 6),
        "rounds": len(rounds),
        "operations_of_a_round": operations,
    }


def timed(calls, device, rounds):
    """Milliseconds of each of some rounds of calls."""
    if device == "cpu":
        marks = [time.perf_counter()]
        for _ in range(rounds):
            for call in calls:
                call()
            marks.append(time.perf_counter())
        return [1000 * (end - begin) for begin, end in zip(marks, marks[1:])]
    events = [torch.cuda.Event(enable_timing=True) for _ in range(rounds + 1)]
    events[0].record()
    for event in events[1:]:
        for call in calls:
            call()
        event.record()
    torch.cuda.synchronize()
    return [begin.elapsed_time(end) for begin, end in zip(events, events[1:])]


def attention_backends(device):
    """Back ends of scaled_dot_product_attention, by name; one unnamed where none can be chosen."""
    if device == "cpu":
        return {"default": contextlib.nullcontext}
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return {
        "flash": lambda: sdpa_kernel(SDPBackend.FLASH_ATTENTION),
        "cudnn": lambda: sdpa_kernel(SDPBackend.CUDNN_ATTENTION),
        "efficient": lambda: sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION),
    }


def copies(bytes_of_one):
    """How many sets of operands a measurement takes turns in."""
    return min(max(math.ceil(ROTATION_BYTES / bytes_of_one), 2), 64)
