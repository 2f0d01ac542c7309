"""The precision that a device trains in: on a processor the faster of two, by measurement.

bfloat16 is about twice as fast as float32 where the processor has instructions for it (Intel Xeon
with AMX, see weights/TRAINING.md), and slower where PyTorch has to imitate them (a convolution 10
times on an AMD EPYC that has only AVX2).
"""

from __future__ import annotations

import time
from functools import lru_cache

import torch
from torch.nn import functional

_CLEARLY = 1.1  # float32 is kept unless bfloat16 is so many times as fast
_TIMES = 3


def autocast(device: torch.device) -> torch.autocast:
    """A context in which networks run in the device's precision; the weights stay in float32."""
    wanted = device.type != "cpu" or bfloat16_is_faster(torch.get_num_threads())
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


@lru_cache
def bfloat16_is_faster(threads: int) -> bool:
    """Whether this processor trains a convolution clearly faster in bfloat16.

    It is measured once for each number of `threads`, which is PyTorch's current one.
    """
    del threads  # only a key: PyTorch knows it
    seconds = {True: 0.0, False: 0.0}
    for half in seconds:
        seconds[half] = min(_convolution(half) for _ in range(_TIMES))
    return seconds[False] > _CLEARLY * seconds[True]


def _convolution(half: bool) -> float:
    """Seconds for a convolution and its gradients, as large as those inside a residual."""
    images, weights = torch.ones(1, 64, 32, 32), torch.ones(64, 64, 3, 3)
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    weights = weights.contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.enable_grad():
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            answer = functional.conv2d(images, weights, padding=1)
        answer.sum().backward()
        return time.perf_counter() - start
