"""Ask `aqwal serve` for twice what it can do, on loopback: is anything it accepted lost, does its memory grow?

    python benchmarks/service_load.py --seconds 120 --json load.json

First as many clients as the service has places ask one after another: that is its capacity. Then
requests come at twice that rate, whether or not earlier ones are answered. Each must end as the
right answer, or as 503 with Retry-After. Exit status 1 if one does not, or if memory grows.
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
        ends: How requests ended: status, or what else went wrong.
        seconds: Of the answered ones.
        memory: The service's resident bytes, once a second.
    """

    def __init__(self, client: httpx.AsyncClient, texts: list[str]) -> None:
        self._client, self._texts = client, texts
        self._answers: dict[int, object] = {}
        self.ends: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.memory: list[float] = []

    async def ask_alone(self) -> None:
        """Ask for each text when nothing else is asked: what every later answer must be."""
        for number, text in enumerate(self._texts):
            self._answers[number] = (await self._client.post(PREDICT, json={"text": text})).json()

    async def measure_capacity(self, clients: int, seconds: float) -> float:
        """Return how many requests a second the service answers if clients wait for their answers."""
        began, count = time.monotonic(), 0

        async def ask_in_turn(number: int) -> None:
            nonlocal count
            while time.monotonic() - began < seconds:
                await self._client.post(PREDICT, json={"text": self._texts[number % len(self._texts)]})
                number, count = number + clients, count + 1

        await asyncio.gather(*map(ask_in_turn, range(clients)))
        return count / (time.monotonic() - began)

    async def press(self, rate: float, seconds: float) -> None:
        """Send requests at a rate, and watch the memory."""
        watching = asyncio.create_task(self._watch())
        began = time.monotonic()
        async with asyncio.TaskGroup() as requests:
            for number in range(round(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                requests.create_task(self._ask(number % len(self._texts)))
        watching.cancel()

    async def _ask(self, number: int) -> None:
        began = time.monotonic()
        try:
            response = await self._client.post(PREDICT, json={"text": self._texts[number]})
        except httpx.HTTPError as error:
            self.ends[type(error).__name__] += 1
            return
        if response.status_code == 200:
            self.seconds.append(time.monotonic() - began)
            self.ends["answered" if response.json() == self._answers[number] else "another answer"] += 1
        elif response.status_code == 503 and int(response.headers["retry-after"]) >= 1:
            self.ends["refused"] += 1
        else:
            self.ends[str(response.status_code)] += 1

    async def _watch(self) -> None:
        while True:
            metrics = (await self._client.get("/metrics")).text
            found = re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)
            self.memory += [float(found.group(1))] if found else []
            await asyncio.sleep(1.0)


async def press(url: str, clients: int, seconds: float) -> dict[str, object]:
    """Put the load on a service; return what came of it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:
        load = Load(client, read_texts())
        await load.ask_alone()
        capacity = await load.measure_capacity(clients, max(2.0, seconds / 10))
        await load.press(2 * capacity, seconds)
    return {
        "capacity": round(capacity, 2),
        "seconds": seconds,
        "ends": dict(load.ends),
        "median_seconds": round(statistics.median(load.seconds), 3),
        **_growth(load.memory),
    }


def _growth(memory: list[float]) -> dict[str, object]:
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
    finally:
        process.send_signal(signal.SIGTERM)
    found["exit"] = process.wait(60)
    shown = json.dumps(found, indent=2)
    print(shown)
    if options.json:
        options.json.write_text(shown + "\n", encoding="utf-8")
    lost = set(found["ends"]) - {"answered", "refused"}
    if lost or found["exit"] or float(str(found["growth"])) > MOST_GROWTH:
        sys.exit("something was lost, or memory grew")


if __name__ == "__main__":
    main()
