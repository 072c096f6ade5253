"""Every window once an epoch, however many processes and passes share it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aqwal.training.loop.order import Order, Pass, share

LONGEST = 512
LENGTHS = st.lists(st.integers(3, LONGEST), min_size=1, max_size=60).map(tuple)


BUDGETS = st.none() | st.integers(LONGEST, 4 * LONGEST)


@given(LENGTHS, st.integers(1, 9), BUDGETS, st.integers(1, 5), st.integers(0, 3), st.integers(1, 4))
def test_two_processes_or_more_count_every_window_once(lengths, step_size, budget, passes, seed, processes):
    """`even_batches` of accelerate repeats windows where they do not come out even."""
    order = Order(lengths, step_size, seed, budget)
    steps = list(order.steps(1))
    assert len(steps) == order.steps_per_epoch
    counted = []
    for windows in steps:
        shares = [share(windows, passes, rank, processes) for rank in range(processes)]
        assert len({len(one) for one in shares}) == 1, "all processes take part in every pass"
        assert len(shares[0]) <= passes
        counted += [window for one in shares for each in one if each.counted for window in each.windows]
    assert sorted(counted) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 9), st.integers(1, 5), st.integers(1, 4))
def test_no_pass_has_more_than_its_part_of_a_step(lengths, step_size, passes, processes):
    most = -(-step_size // (passes * processes))
    for windows in Order(lengths, step_size, 1).steps(1):
        for rank in range(processes):
            assert all(len(one.windows) <= most for one in share(windows, passes, rank, processes))


@given(LENGTHS, st.integers(1, 9), st.integers(LONGEST, 4 * LONGEST), st.integers(1, 5), st.integers(1, 4))
def test_a_budget_holds_for_all_passes_of_a_step_together(lengths, step_size, budget, passes, processes):
    for windows in Order(lengths, step_size, 1, budget).steps(1):
        assert len(windows) <= step_size
        assert len(windows) * max(lengths[window] for window in windows) <= budget
        shares = [one for rank in range(processes) for one in share(windows, passes, rank, processes) if one.counted]
        assert sum(len(one.windows) * max(lengths[window] for window in one.windows) for one in shares) <= budget


@given(LENGTHS, st.integers(1, 9), BUDGETS, st.integers(0, 3))
def test_all_epochs_have_as_many_steps(lengths, step_size, budget, seed):
    """The schedule of the rates and the place of a resumed run are counted in them."""
    order = Order(lengths, step_size, seed, budget)
    assert [len(list(order.steps(epoch))) for epoch in (1, 2, 3)] == [order.steps_per_epoch] * 3


@given(LENGTHS, st.integers(1, 9), BUDGETS)
def test_seed_and_epoch_decide_the_order(lengths, step_size, budget):
    first = list(Order(lengths, step_size, 1, budget).steps(2))
    assert first == list(Order(lengths, step_size, 1, budget).steps(2))


def test_a_budget_wastes_little():
    lengths = tuple(torch.randint(60, 385, (600,), generator=torch.Generator().manual_seed(1)).tolist())
    order = Order(lengths, 64, 1, 2048)
    padded = [len(windows) * max(lengths[window] for window in windows) for windows in order.steps(1)]
    assert sum(lengths) > 0.95 * sum(padded)
    assert sum(lengths) > 0.85 * 2048 * len(padded)


@pytest.mark.parametrize("budget", [None, 800])
def test_epochs_and_seeds_have_orders_of_their_own(budget):
    orders = [Order(tuple(range(100, 200)), 4, seed, budget) for seed in (1, 2)]
    assert len({tuple(order.steps(epoch)) for order in orders for epoch in (1, 2, 3)}) == 6


def test_a_process_without_a_window_runs_one_that_does_not_count():
    assert share([7, 8, 9], 2, 0, 2) == [Pass((7,)), Pass((9,))]
    assert share([7, 8, 9], 2, 1, 2) == [Pass((8,)), Pass((7,), counted=False)]
