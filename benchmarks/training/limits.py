"""The device's matrix rate, measured, and the products that a training step needs."""

import time

import torch
from speed.models import Size

# Sides of square matrices: on a GPU the large ones are fastest, on a core those that its caches hold.
_SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
_SECONDS, _AT_ONCE = 0.5, 4


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Return the most multiplications and additions a second that products of square matrices reach here."""
    return max(_rate(side, device, dtype) for side in _SIDES[device])


def _rate(side: int, device: str, dtype: torch.dtype) -> float:
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    torch.mm(one, other)
    begun, products = seconds(device), 0
    while (passed := seconds(device) - begun) < _SECONDS:
        # Some at once, so that a GPU is not waited for after each.
        for _ in range(_AT_ONCE):
            torch.mm(one, other)
        products += _AT_ONCE
    return 2.0 * side**3 * products / passed


def seconds(device: str) -> float:
    """Return the time once the device has done what it was told; on one thread CPU time, whatever else runs there."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.process_time() if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter()


def operations(size: Size, lengths: list[int]) -> float:
    """Return the multiplications and additions of the products of a step over windows of these lengths.

    The way back multiplies twice for each product of the way there; padding and what is computed twice do not count.
    """
    return 3.0 * sum(size.products(length) for length in lengths)
