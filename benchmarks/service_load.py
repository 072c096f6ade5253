"""Ask `aqwal serve` for twice what it can do, on loopback: is anything it accepted lost, does its memory grow?

    python benchmarks/service_load.py --seconds 120 --json load.json

First as many clients as the service has places ask one after another: that is its capacity. Then
requests come at twice that rate, whether or not earlier ones are answered. Each must end as the
right answer, or as 503 with Retry-After. Exit status 1 if one does not, or if memory grows or is not told.
"""

import argparse
import asyncio
import json
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
PREDICT = "/v1/predict"
# Share by which the memory of the last quarter may exceed that of the second; the first one fills caches.
MOST_GROWTH = 0.05


def read_texts() -> list[str]:
    """Return the texts to be asked for: the seeds, whole and in parts."""
    seeds = [path.read_bytes().decode() for path in sorted((ROOT / "seeds").glob("*.txt"))]
    return [part for seed in seeds for part in (seed, seed[: len(seed) // 2], seed[:500])]


def start(model: Path, threads: int, queue: int) -> tuple[subprocess.Popen[str], str]:
    """Start the service; return its process and its address."""
    options = ["--model", str(model), "--port", "0", "--threads", str(threads), "--queue", str(queue)]
    command = [str(Path(sys.executable).parent / "aqwal"), "serve", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    told = re.search(r"http://\S+:\d+", process.stdout.readline())
    if told is None:
        sys.exit(f"{' '.join(command)} did not start")
    return process, told.group()


class Load:
    """The clients.

    Attributes:
        ends: How requests ended: "answered", "refused", or what else: "another answer", another status, an error's
            name. The end of the watch over the memory stands with them if it came early.
        seconds: Of the answered ones.
        memory: The service's resident bytes, once a second.
    """

    def __init__(self, client: httpx.AsyncClient, texts: list[str]) -> None:
        self._client, self._texts = client, texts
        self._answers: list[bytes] = []
        self.ends: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.memory: list[float] = []

    async def ask_alone(self) -> None:
        """Ask for each text when nothing else is asked: what every later answer must be.

        Raises:
            httpx.HTTPError: If one is not answered.
        """
        for text in self._texts:
            response = await self._client.post(PREDICT, json={"text": text})
            self._answers.append(response.raise_for_status().content)

    async def measure_capacity(self, clients: int, seconds: float) -> float:
        """Return how many requests a second the service answers if clients wait for their answers.

        Raises:
            SystemExit: If one ends otherwise; then there is no capacity to speak of.
        """
        began, ends = time.monotonic(), Counter[str]()

        async def ask_in_turn(number: int) -> None:
            while time.monotonic() - began < seconds:
                ends[await self._ask(number)] += 1
                number += clients

        await asyncio.gather(*map(ask_in_turn, range(clients)))
        if set(ends) != {"answered"}:
            sys.exit(f"{clients} clients, as many as there are places, must all be answered, but: {dict(ends)}")
        return ends["answered"] / (time.monotonic() - began)

    async def press(self, rate: float, seconds: float) -> None:
        """Send requests at a rate, and watch the memory."""
        watching = asyncio.create_task(self._watch())
        began = time.monotonic()
        async with asyncio.TaskGroup() as requests:
            for number in range(round(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                requests.create_task(self._press(number))
        watching.cancel()
        (ended,) = await asyncio.gather(watching, return_exceptions=True)
        if not isinstance(ended, asyncio.CancelledError):
            self.ends[f"watch over memory: {type(ended).__name__}"] += 1

    async def _press(self, number: int) -> None:
        began = time.monotonic()
        end = await self._ask(number)
        self.ends[end] += 1
        self.seconds += [time.monotonic() - began] if end == "answered" else []

    async def _ask(self, number: int) -> str:
        """Return how a request ends, in a word of `ends`."""
        number %= len(self._texts)
        try:
            response = await self._client.post(PREDICT, json={"text": self._texts[number]})
        except httpx.HTTPError as error:
            return type(error).__name__
        if response.status_code == 200:
            return "answered" if response.content == self._answers[number] else "another answer"
        if response.status_code == 503 and re.fullmatch("[1-9][0-9]*", response.headers.get("retry-after", "")):
            return "refused"
        return str(response.status_code)

    async def _watch(self) -> None:
        while True:
            metrics = (await self._client.get("/metrics")).raise_for_status().text
            found = re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)
            self.memory += [float(found.group(1))] if found else []
            await asyncio.sleep(1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return what came of it; what there is no figure for is None."""
        median = round(statistics.median(self.seconds), 3) if self.seconds else None
        return {"ends": dict(self.ends), "median_seconds": median, **_growth(self.memory)}


async def press(url: str, clients: int, seconds: float) -> dict[str, Any]:
    """Put the load on a service; return what came of it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:
        load = Load(client, read_texts())
        await load.ask_alone()
        capacity = await load.measure_capacity(clients, max(2.0, seconds / 10))
        await load.press(2 * capacity, seconds)
    return {"capacity": round(capacity, 2), "seconds": seconds, **load.to_dict()}


def _growth(memory: list[float]) -> dict[str, Any]:
    if not memory:
        return {"memory_mb": None, "growth": None}
    quarter = len(memory) // 4
    second, last = memory[quarter : 2 * quarter + 1], memory[-quarter - 1 :]
    before, behind = statistics.median(second), statistics.median(last)
    return {"memory_mb": [round(before / 1e6, 1), round(behind / 1e6, 1)], "growth": round(behind / before - 1, 4)}


def main() -> None:
    """Run the load and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "release")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--queue", type=int, default=16)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    process, url = start(options.model, options.threads, options.queue)
    try:
        found = asyncio.run(press(url, options.queue, options.seconds))
    except httpx.HTTPError as error:
        sys.exit(f"the service must answer a text that nothing else is asked beside, but: {error!r}")
    finally:
        process.send_signal(signal.SIGTERM)
    found["exit"] = process.wait(60)
    shown = json.dumps(found, indent=2)
    print(shown)
    if options.json:
        options.json.write_text(shown + "\n", encoding="utf-8")
    lost = set(found["ends"]) - {"answered", "refused"}
    if lost or found["exit"] or found["growth"] is None or found["growth"] > MOST_GROWTH:
        sys.exit("something was lost, or memory grew or was not told")


if __name__ == "__main__":
    main()
