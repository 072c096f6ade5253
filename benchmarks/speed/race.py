"""The contenders' times on the same articles, interleaved, so that a busy moment of the machine meets them all."""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.progress import track

from speed.contenders import PIPELINE, Answer


@dataclass(frozen=True)
class Time:
    """What a contender needed for all articles.

    Attributes:
        seconds: CPU seconds for all articles, the median of each article over the rounds.
        ratio: Times the speed of what they are compared with: the median over the rounds.
        articles_per_second: Articles by these seconds.
        tokens_per_second: Sub-tokens by these seconds.
    """

    seconds: float
    ratio: float
    articles_per_second: float
    tokens_per_second: float


def race(
    answers: Mapping[str, Answer], texts: Sequence[str], tokens: int, rounds: int, base: str = PIPELINE
) -> dict[str, Time]:
    """Let every contender answer every article in every round.

    Args:
        answers: The contenders by name.
        texts: The articles.
        tokens: Their sub-tokens in all.
        rounds: How often.
        base: The contender that the others are compared with.
    """
    for answer in answers.values():
        answer(texts[0])
    taken: dict[str, list[list[float]]] = {name: [] for name in answers}
    order = random.Random(0)
    for _ in track(range(rounds), "rounds", transient=True):
        for times in taken.values():
            times.append([])
        for text in texts:
            for name in order.sample(sorted(answers), len(answers)):
                taken[name][-1].append(_cpu_seconds(answers[name], text))
    return {name: to_time(times, taken[base], len(texts), tokens) for name, times in taken.items()}


def _cpu_seconds(answer: Answer, text: str) -> float:
    begun = time.process_time()
    answer(text)
    return time.process_time() - begun


def to_time(times: list[list[float]], base: list[list[float]], articles: int, tokens: int) -> Time:
    """Return what times amount to.

    Args:
        times: Seconds of a contender, of each article in each round.
        base: Those of what it is compared with.
        articles: How many there are.
        tokens: Their sub-tokens in all.
    """
    seconds = sum(statistics.median(of_article) for of_article in zip(*times, strict=True))
    ratios = [sum(theirs) / sum(ours) for theirs, ours in zip(base, times, strict=True)]
    return Time(seconds, statistics.median(ratios), articles / seconds, tokens / seconds)
