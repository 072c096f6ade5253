"""4-bit weights: packing, unpacking, nothing else.

The layout is Q4_0 of ggml. A block of 18 bytes holds 32 weights: a 16-bit float scale, then 16 bytes whose low halves
are weights 0-15 and whose high halves are weights 16-31, each a whole number of scales from -8 to 7 with 8 added.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK_SIZE = 32  # Weights.
Q4_BLOCK = np.dtype([("scale", "<f2"), ("packed", "u1", BLOCK_SIZE // 2)])

_LOWEST, _HIGHEST = -8, 7
_LARGEST_SCALE = float(np.finfo(np.float16).max)
_LARGEST_WEIGHT = -_LOWEST * _LARGEST_SCALE
# How many scales the largest weight of a block may be: ggml takes -8. Whole numbers find the scale again that unpacked
# weights were made with; the others cut the largest weights off for the sake of finer steps between all the rest.
_WHOLE = (-8, 7, -7, *(sign * number for number in range(6, 0, -1) for sign in (-1, 1)))
_CUT = (*np.arange(-8.25, -11, -0.25), *np.arange(7.25, 10, 0.25))
# Blocks at a time: what is made of them on the way stays in the processor's cache.
_CHUNK = 2048


def quantise(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pack 32-bit floats to Q4_0 blocks along the last dimension.

    Each block gets, of some scales, the one with the least squared error; it is never worse than ggml's own. What
    `dequantise` gave is packed without loss, and always to the same bytes.

    Args:
        values: [..., n x 32].

    Returns:
        [..., n x 18].

    Raises:
        ValueError: If the last dimension is no multiple of 32, or a weight is not finite or beyond ±524,032.
    """
    if values.shape[-1] % BLOCK_SIZE:
        raise ValueError(f"4-bit blocks hold {BLOCK_SIZE} weights; the last of {values.shape} is no multiple of it")
    largest = max(np.max(values, initial=0), -np.min(values, initial=0))
    # Written so that it refuses NaN too.
    if not largest <= _LARGEST_WEIGHT:
        raise ValueError(f"weights of magnitude {largest:g} do not go into 4 bits; {_LARGEST_WEIGHT:,.0f} is the most")
    weights = values.reshape(-1, BLOCK_SIZE)
    blocks = np.empty(len(weights), Q4_BLOCK)
    for start in range(0, len(weights), _CHUNK):
        part = slice(start, start + _CHUNK)
        blocks[part] = _pack(weights[part].astype(np.float32))
    return blocks.view(np.uint8).reshape(*values.shape[:-1], values.shape[-1] // BLOCK_SIZE * Q4_BLOCK.itemsize)


def dequantise(data: bytes | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unpack Q4_0 blocks to 32-bit floats, [32 x blocks]."""
    blocks = np.frombuffer(data, Q4_BLOCK)
    packed = blocks["packed"]
    weights = np.concatenate((packed & 0x0F, packed >> 4), axis=1).astype(np.float32) + _LOWEST
    values: NDArray[np.float32] = weights * blocks["scale"].astype(np.float32)[:, np.newaxis]
    return values.reshape(-1)


def _pack(weights: NDArray[np.float32]) -> NDArray[np.void]:
    scales = _best_scales(weights, (*_WHOLE, *_CUT))
    # Several scales may give the very same weights. Chosen once more, now from the weights that will be unpacked, it
    # is the one that would be chosen for those.
    weights = _levels(weights, scales) * scales
    scales = _best_scales(weights, _WHOLE)
    halves = (_levels(weights, scales) - _LOWEST).astype(np.uint8)
    blocks = np.empty(len(weights), Q4_BLOCK)
    blocks["scale"] = scales[:, 0]
    blocks["packed"] = halves[:, : BLOCK_SIZE // 2] | halves[:, BLOCK_SIZE // 2 :] << 4
    return blocks


def _best_scales(weights: NDArray[np.float32], numbers: Sequence[float]) -> NDArray[np.float32]:
    """Return the scale of each block with the least squared error, the first of equal ones, [blocks, 1].

    Args:
        weights: [blocks, 32].
        numbers: Of scales that the largest weight may be.
    """
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, np.newaxis], axis=1)
    best, least = np.zeros_like(largest), np.full(len(weights), np.inf, np.float32)
    for number in numbers:
        scales = np.clip(largest / np.float32(number), -_LARGEST_SCALE, _LARGEST_SCALE)
        # Judged as it will be stored: tiny ones are rounded much. Adding 0 takes the sign off -0.
        scales = scales.astype(np.float16).astype(np.float32) + 0
        errors = _levels(weights, scales)
        errors *= scales
        errors -= weights
        squared = np.einsum("ij,ij->i", errors, errors)
        better = squared < least
        best[better], least[better] = scales[better], squared[better]
    return best


def _levels(weights: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights as whole numbers of scales, -8 to 7; all are 0 where the scale is."""
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    levels = weights * inverse
    np.rint(levels, out=levels)
    clipped: NDArray[np.float32] = np.clip(levels, _LOWEST, _HIGHEST, out=levels)
    return clipped
