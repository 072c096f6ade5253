"""`make benchmark`: measure, print a table, write it and the figures.

python -m speed [--output DIR] [--rounds N]     (from benchmarks/)
"""

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from tokenizers import Tokenizer

from aqwal.annotations.atomic import write_text
from aqwal.annotations.page import Page
from aqwal.annotations.stored import read_documents
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import SETTINGS_FILE, TOKENIZER_FILE
from speed.cold_start import cold_starts
from speed.contenders import contenders
from speed.growth import growth
from speed.limits import shares
from speed.models import RELEASED, ROOT, Measured, arabert, released
from speed.race import race
from speed.report import to_markdown

# Every so many-th article of the corpus: flashes and long reports, of all batches; and the seeds.
_EVERY = 24


def main(
    output: Annotated[Path, typer.Option(help="Folder of speed.md and speed.json.")] = ROOT / "docs",
    rounds: Annotated[int, typer.Option(min=1, help="How often every article is answered by each.")] = 5,
    cache: Annotated[Path, typer.Option(help="Where models with random weights are kept.")] = ROOT / "runs/speed",
) -> None:
    """Measure how fast the predictor is, beside what people would use otherwise."""
    texts = _articles()
    models = [arabert(cache, texts), released(cache, texts)]
    figures = {
        "processor": processor(),
        "articles": len(texts),
        "sub_tokens": _sub_tokens(texts),
        "models": [_measure(model, texts, rounds) for model in models],
        "growth": [asdict(one) for one in growth(RELEASED, texts[0])],
    }
    write_text(output / "speed.json", json.dumps(figures, indent=1) + "\n")
    write_text(output / "speed.md", to_markdown(figures))
    typer.echo(to_markdown(figures))


def _measure(measured: Measured, texts: list[str], rounds: int) -> dict[str, object]:
    times = race(contenders(measured), texts, _sub_tokens(texts), rounds)
    starts = cold_starts(measured, min(texts, key=len))
    return {
        "name": measured.name,
        "race": {name: asdict(one) for name, one in times.items()},
        "cold_start": {name: asdict(one) for name, one in starts.items()},
        "shares": {precision: asdict(one) for precision, one in shares(measured).items()},
    }


def _articles() -> list[str]:
    files = [*sorted((ROOT / "annotations/gold").glob("*.json"))]
    files += sorted((ROOT / "annotations/corpus").glob("*.json"))[::_EVERY]
    return [document.text for file in files for document in read_documents(file)]


def _sub_tokens(texts: list[str]) -> int:
    """Return how many sub-tokens the articles have, each counted once."""
    settings = json.loads((RELEASED / SETTINGS_FILE).read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(RELEASED / TOKENIZER_FILE))
    encoder = WordEncoder(tokenizer, settings["max_length"], 0)
    return sum(len(window.input_ids) - 2 for text in texts for window in encoder.encode(Page(text)))


def processor() -> str:
    """Return the processor's model, as the system names it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    typer.run(main)
