"""Rounds of optimizer steps, turn by turn, so that a busy moment of the machine meets all, and what they amount to."""

import multiprocessing
import random
import statistics
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import torch
from rich.progress import track

from training.contenders import COMPILED, CRF, CROSS_ENTROPY, TRAINER, Job, Round, serve
from training.limits import matrix_rate


def race(job: Job, steps: int, rounds: int, compiled: bool = False) -> dict[str, Any]:
    """Let every contender do its steps in every round, the device's matrix rate measured in between.

    Args:
        job: What they do.
        steps: Optimizer steps of each contender in a round; one before them warms up and is not timed.
        rounds: How often.
        compiled: Whether torch.compile takes part.

    Returns:
        The matrix rate, operations a second, and by contender: what `sum_up` gives, and peak memory in megabytes.
    """
    names = [TRAINER, CROSS_ENTROPY, CRF, *([COMPILED] if compiled else [])]
    running = {name: _start(name, job) for name in names}
    for _, pipe in running.values():
        pipe.recv()
    dtype = torch.bfloat16 if job.device == "cuda" else torch.float32
    done: dict[str, list[Round]] = {name: [] for name in names}
    rates, order = [], random.Random(0)
    for _ in track(range(rounds), "rounds", transient=True):
        rates.append(matrix_rate(job.device, dtype))
        for name in order.sample(names, len(names)):
            _, pipe = running[name]
            pipe.send(steps)
            done[name].append(pipe.recv())
    megabytes = {name: _end(*running[name]) for name in names}
    limit = statistics.median(rates)
    return {
        "steps": steps,
        "rounds": rounds,
        "limit": limit,
        "contenders": {
            name: {**sum_up(done[name], done[TRAINER], steps, limit), "megabytes": megabytes[name]} for name in names
        },
    }


def _start(name: str, job: Job) -> tuple[SpawnProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(name, job, there, torch.get_num_threads()), daemon=True)
    process.start()
    there.close()
    return process, here


def _end(process: SpawnProcess, pipe: Connection) -> float:
    pipe.send(None)
    megabytes: float = pipe.recv()
    process.join()
    return megabytes


def sum_up(rounds: list[Round], trainer: list[Round], steps: int, limit: float) -> dict[str, Any]:
    """Return medians over a contender's rounds.

    Args:
        rounds: Its own.
        trainer: The Trainer's, of the same moments.
        steps: Optimizer steps of a round.
        limit: The matrix rate, operations a second.

    Returns:
        Seconds of a step, times the Trainer's sub-tokens a second, sub-tokens a second, share of the matrix rate; and
        the sub-tokens of each round.
    """
    pairs = zip(rounds, trainer, strict=True)
    return {
        "step_seconds": statistics.median(one.seconds for one in rounds) / steps,
        "ratio": statistics.median(ours.tokens_per_second / theirs.tokens_per_second for ours, theirs in pairs),
        "tokens_per_second": statistics.median(one.tokens_per_second for one in rounds),
        "share": statistics.median(one.operations / one.seconds for one in rounds) / limit,
        "sub_tokens": [one.sub_tokens for one in rounds],
    }
