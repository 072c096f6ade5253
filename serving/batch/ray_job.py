"""Answer Parquet files on a Ray cluster: read, map over a pool of actors with a predictor each, write."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqwal.serving.documents import read_row
from aqwal.serving.predictor import Predictor
from aqwal.serving.table import Row, rows_of, to_arrow

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

_COLUMNS = ("id", "text")
# Ray reports its use to its maker unless told not to.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@dataclass(frozen=True)
class ActorPool:
    """The actors that answer, and what each of them takes.

    Attributes:
        actors: How many at most; None for as many as the cluster has room for.
        threads: Cores of each, which it uses all.
        batch_size: Documents handed to an actor at a time.
    """

    actors: int | None = None
    threads: int = 1
    batch_size: int = 64


def predict_parquet(
    source: str | list[str], target: str, model: Path, precision: str = "int8", pool: ActorPool | None = None
) -> list[str]:
    """Answer the documents of Parquet files into a folder of Parquet files, one row a quote, in no order.

    Runs on the cluster that Ray is connected to, or starts Ray on this machine.

    Args:
        source: Files or folders, anywhere that Ray can read, with columns `id` and `text`, each once.
        target: A folder that is not there yet.
        model: Model folder; every node must find it under this path.
        precision: `int8`, or `fp32` if the folder has it.
        pool: How many actors, and what each takes.

    Returns:
        What is wrong with each document that was passed over, in a sentence.

    Raises:
        ValueError: If the source lacks a column or has it twice, or if the target is there.
    """
    import ray
    from ray.data import SaveMode, read_parquet

    # Of a target elsewhere Ray says the same, in its own words.
    if Path(target).exists():
        raise ValueError(f"{target} is there already; delete it or name another folder")
    documents = read_parquet(source)
    names = documents.schema().names
    if any(names.count(column) != 1 for column in _COLUMNS):
        raise ValueError(f'{source}: expected the columns "id" and "text", got {names}')
    collector: Any = ray.remote(num_cpus=0)(_Problems)
    problems = collector.remote()
    answers = answer_dataset(documents.select_columns(list(_COLUMNS)), model, precision, pool or ActorPool(), problems)
    answers.write_parquet(target, mode=SaveMode.ERROR)
    return sorted(ray.get(problems.told.remote()))


def answer_dataset(documents: "Dataset", model: Path, precision: str, pool: ActorPool, problems: Any) -> "Dataset":
    """Return the table of answers to a dataset with columns `id` and `text`, worked out as it is read.

    Args:
        documents: The dataset.
        model: Model folder.
        precision: Number format of the model's matrices.
        pool: How many actors, and what each takes.
        problems: Handle of an actor whose `tell` takes a sentence for each document passed over.
    """
    from ray.data import ActorPoolStrategy

    return documents.map_batches(
        PredictorActor,
        fn_constructor_args=(str(model.resolve()), precision, pool.threads, problems),
        # Not a fixed number: actors on all cores would leave none for reading and writing, and wait for ever.
        compute=ActorPoolStrategy(min_size=1, max_size=pool.actors),
        num_cpus=pool.threads,
        batch_size=pool.batch_size,
        batch_format="pyarrow",
    )


class PredictorActor:
    """A predictor that stays in memory between batches of documents."""

    def __init__(self, model: str, precision: str, threads: int, problems: Any) -> None:
        self._predictor = Predictor(model, precision, threads)
        self._problems = problems

    def __call__(self, batch: "pa.Table") -> "pa.Table":
        """Return the rows of the answers to a table of documents."""
        rows: list[Row] = []
        for prediction in self._predictor.predict_documents(self._documents(batch)):
            rows += rows_of(prediction)
        return to_arrow(rows)

    def _documents(self, batch: "pa.Table") -> Iterator[tuple[str, str | None]]:
        # Row by row, or one that is not UTF-8 would take all others with it.
        for text, identifier in zip(batch["text"], batch["id"], strict=True):
            try:
                content, name = read_row(text, identifier)
            except ValueError as error:
                self._tell(f"{_describe(identifier)}: {error}")
            else:
                yield content, None if name is None else str(name)

    def _tell(self, problem: str) -> None:
        import ray

        # Waited for, or a message could come after the count.
        ray.get(self._problems.tell.remote(problem))


def _describe(identifier: "pa.Scalar[Any]") -> str:
    try:
        name = identifier.as_py()
    except UnicodeDecodeError:
        name = None
    return "a document without an id that can be read" if name is None else f"document {name}"


@dataclass
class _Problems:
    """What actors have to tell, each sentence once though a batch may be tried again."""

    sentences: set[str] = field(default_factory=set)

    def tell(self, sentence: str) -> None:
        self.sentences.add(sentence)

    def told(self) -> set[str]:
        return self.sentences
