"""Rounds of optimizer steps, turn by turn, so that a busy moment of the machine meets all, and what they amount to."""

import multiprocessing
import random
import statistics
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import torch
from rich.progress import track

from training.contenders import COMPILED, CRF, CROSS_ENTROPY, TRAINER, Job, serve
from training.limits import matrix_rate


def race(job: Job, steps: int, rounds: int, compiled: bool = False) -> dict[str, Any]:
    """Let every contender do its steps in every round, the device's matrix rate measured in between.

    Args:
        job: What they do.
        steps: Optimizer steps of each contender in a round; one before them warms up and is not timed.
        rounds: How often.
        compiled: Whether torch.compile takes part.

    Returns:
        The matrix rate, operations a second, and by contender: seconds of a step, times the speed of the Trainer,
        sub-tokens a second, share of the matrix rate (medians over the rounds), and peak memory in megabytes.
    """
    names = [TRAINER, CROSS_ENTROPY, CRF, *([COMPILED] if compiled else [])]
    running = {name: _start(name, job) for name in names}
    for _, pipe in running.values():
        pipe.recv()
    dtype = torch.bfloat16 if job.device == "cuda" else torch.float32
    seconds: dict[str, list[float]] = {name: [] for name in names}
    rates, order = [], random.Random(0)
    for _ in track(range(rounds), "rounds", transient=True):
        rates.append(matrix_rate(job.device, dtype))
        for name in order.sample(names, len(names)):
            _, pipe = running[name]
            pipe.send(steps)
            seconds[name].append(pipe.recv() / steps)
    needs = {name: _end(*running[name]) for name in names}
    limit = statistics.median(rates)
    return {
        "steps": steps,
        "rounds": rounds,
        "limit": limit,
        "contenders": {name: _summed_up(seconds[name], seconds[TRAINER], needs[name], limit) for name in names},
    }


def _start(name: str, job: Job) -> tuple[SpawnProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(name, job, there, torch.get_num_threads()), daemon=True)
    process.start()
    there.close()
    return process, here


def _end(process: SpawnProcess, pipe: Connection) -> dict[str, float]:
    pipe.send(None)
    needs: dict[str, float] = pipe.recv()
    process.join()
    return needs


def _summed_up(seconds: list[float], trainer: list[float], needs: dict[str, float], limit: float) -> dict[str, float]:
    step = statistics.median(seconds)
    return {
        "step_seconds": step,
        "ratio": statistics.median(theirs / ours for theirs, ours in zip(trainer, seconds, strict=True)),
        "tokens_per_second": needs["tokens"] / step,
        "share": needs["operations"] / step / limit,
        "megabytes": needs["megabytes"],
    }
