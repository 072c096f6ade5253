"""4-bit blocks: the layout, what is lost and what is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aqwal.training.four_bits import BLOCK_SIZE, Q4_BLOCK, dequantise, quantise

# From subnormal to the largest.
SCALES = arrays(np.float16, (5, 1), elements=st.floats(-65504, 65504, width=16))
LEVELS = arrays(np.int8, (5, BLOCK_SIZE), elements=st.integers(-8, 7))
WEIGHTS = arrays(np.float32, (3, BLOCK_SIZE), elements=st.floats(-8 * 65504, 8 * 65504, width=32))


def test_hand_made_block():
    """A block of scale 0.5 whose low halves count up from 0 and whose high halves count down from 15."""
    block = bytes.fromhex("0038") + bytes(j | (15 - j) << 4 for j in range(16))
    rising = [-4.0, -3.5, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    values = dequantise(block)
    assert values.tolist() == rising + rising[::-1]
    assert quantise(values).tobytes() == block
    two_blocks = dequantise(block + b"\x00\xbc" + bytes([0x80] * 16))
    assert two_blocks.dtype == np.float32
    assert two_blocks[32:].tolist() == [8.0] * 16 + [0.0] * 16


@given(SCALES, LEVELS)
def test_what_was_unpacked_is_packed_without_loss(scales: np.ndarray, levels: np.ndarray):
    values = scales.astype(np.float32) * levels
    assert np.array_equal(dequantise(quantise(values)).reshape(values.shape), values)


@given(SCALES, LEVELS)
def test_a_block_that_reaches_minus_eight_keeps_its_bytes(scales: np.ndarray, levels: np.ndarray):
    scales = np.where(scales == 0, np.float16(1), scales)
    levels[:, 7] = -8
    halves = (levels + 8).astype(np.uint8)
    blocks = np.empty(len(levels), Q4_BLOCK)
    blocks["scale"], blocks["packed"] = scales[:, 0], halves[:, :16] | halves[:, 16:] << 4
    assert quantise(dequantise(blocks.tobytes())).tobytes() == blocks.tobytes()


@given(WEIGHTS)
def test_packing_again_gives_the_same_bytes(weights: np.ndarray):
    packed = quantise(weights)
    assert quantise(dequantise(packed)).tobytes() == packed.tobytes()


@given(WEIGHTS)
def test_no_block_is_worse_than_ggml_has_it(weights: np.ndarray):
    ours = _squared_errors(dequantise(quantise(weights)).reshape(weights.shape), weights)
    assert (ours <= _squared_errors(_by_ggml(weights), weights) * (1 + 1e-5)).all()


def test_ordinary_weights_are_kept_a_tenth_better_than_by_ggml():
    weights = np.random.default_rng(0).normal(0, 0.05, (3000, 2 * BLOCK_SIZE)).astype(np.float32)
    packed = quantise(weights)
    assert (packed.shape, packed.dtype) == ((3000, 36), np.uint8)
    error = _squared_errors(dequantise(packed).reshape(weights.shape), weights).sum()
    blocks = weights.reshape(-1, BLOCK_SIZE)
    assert error < 0.91 * _squared_errors(_by_ggml(blocks), blocks).sum()


def _by_ggml(weights: np.ndarray) -> np.ndarray:
    """Return what ggml's `quantize_row_q4_0` leaves of the weights, [blocks, 32]."""
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, None], axis=1)
    scale = largest / np.float32(-8)
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    levels = np.minimum(np.trunc(weights * inverse + np.float32(8.5)), 15) - 8
    return levels * scale.astype(np.float16).astype(np.float32)


def _squared_errors(found: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return ((found.astype(np.float64) - weights) ** 2).sum(axis=1)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-9, 1e-30, -1e-45])
def test_nothing_and_next_to_nothing_become_nothing(value: float):
    assert not dequantise(quantise(np.full(BLOCK_SIZE, value, np.float32))).any()


def test_weights_of_a_subnormal_scale_are_off_by_half_a_step():
    weights = np.linspace(-4e-6, 4e-6, BLOCK_SIZE, dtype=np.float32)
    assert np.abs(dequantise(quantise(weights)) - weights).max() < 4e-6 / 8


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 524_100.0, -524_100.0])
def test_a_weight_that_no_scale_reaches_is_refused(value: float):
    weights = np.ones(2 * BLOCK_SIZE, np.float32)
    weights[40] = value
    with pytest.raises(ValueError, match=r"do not go into 4 bits; 524,032 is the most"):
        quantise(weights)


def test_a_length_that_fills_no_block_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 33\) is no multiple"):
        quantise(np.ones((2, 33), np.float32))


def test_no_rows_are_no_bytes():
    assert quantise(np.empty((0, 64), np.float32)).shape == (0, 36)
