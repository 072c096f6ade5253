"""The job on a small Ray cluster of this machine: the single call's answers, whichever actor gives them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from aqwal.serving import Prediction
from aqwal.serving.batch import ray_job
from aqwal.serving.batch.ray_job import ActorPool, PredictorActor, predict_parquet
from aqwal.serving.table import arrow_schema, rows_of

AQWAL = str(Path(sys.executable).parent / "aqwal")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster with little memory and three cores: two for actors, one to read and write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Workers give way to everything else by default, which on a busy machine is for ever.
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(address="local", num_cpus=3, object_store_memory=80 * 2**20, include_dashboard=False)
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture
def stored(tmp_path: Path, predictions: list[Prediction]) -> list[Prediction]:
    """Answers to the documents that lie in two files of the folder `in`, one document of which is bad."""
    (tmp_path / "in").mkdir()
    # The last text is a lone surrogate, which Parquet cannot hold.
    chosen = predictions[:-1][::4]
    rows = [{"id": answer.id, "text": answer.text} for answer in chosen]
    rows.insert(3, {"id": "bad", "text": None})
    for number, part in enumerate((rows[:10], rows[10:])):
        pq.write_table(pa.Table.from_pylist(part), tmp_path / f"in/{number}.parquet")
    return chosen


def wanted(answers: list[Prediction]) -> list[dict[str, Any]]:
    return sorted((row for answer in answers for row in rows_of(answer)), key=place)


def place(row: dict[str, Any]) -> tuple[str, int]:
    return row["document"] or "", row["quote_start"]


def test_a_pool_of_actors_gives_the_single_calls_answers(
    cluster: str, tiny_model: Path, stored: list[Prediction], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    pool = ActorPool(actors=2, batch_size=4)
    problems = predict_parquet(str(tmp_path / "in"), str(out), tiny_model, pool=pool)
    assert problems == ['document bad: expected a string in the column "text", got None']
    table = pq.read_table(out)
    assert table.schema.remove_metadata() == arrow_schema()
    assert sorted(table.to_pylist(), key=place) == wanted(stored)


class WaitingActor(PredictorActor):
    """An actor that answers only when another one is there too."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tell(f"process {os.getpid()}")

    def __call__(self, batch: pa.Table) -> pa.Table:
        while len(ray.get(self._problems.told.remote())) < 2:
            time.sleep(0.05)
        return super().__call__(batch)


def test_a_pool_grows_and_all_its_actors_answer(
    cluster: str, tiny_model: Path, predictions: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The workers cannot import a test.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(ray_job, "PredictorActor", WaitingActor)
    chosen = predictions[:26]
    tables = [pa.table({"id": [answer.id], "text": [answer.text]}) for answer in chosen]
    problems = ray.remote(num_cpus=0)(ray_job._Problems).remote()
    pool = ActorPool(actors=2, batch_size=1)
    answers = ray_job.answer_dataset(ray.data.from_arrow(tables), tiny_model, "int8", pool, problems)
    assert sorted(answers.take_all(), key=place) == wanted(chosen)
    assert len(ray.get(problems.told.remote())) == 2


def test_the_command_runs_on_a_cluster_that_is_there(
    cluster: str, tiny_model: Path, stored: list[Prediction], tmp_path: Path
) -> None:
    command = [AQWAL, "predict-on-ray", "--model", tiny_model, "--actors", "2", tmp_path / "in", tmp_path / "out"]
    env = {**os.environ, "RAY_ADDRESS": cluster, "COLUMNS": "1000"}
    done = subprocess.run(list(map(str, command)), env=env, capture_output=True, check=False, timeout=500)
    assert done.returncode == 1, done.stderr.decode()
    assert 'aqwal: document bad: expected a string in the column "text", got None' in done.stderr.decode()
    assert sorted(pq.read_table(tmp_path / "out").to_pylist(), key=place) == wanted(stored)


def test_documents_without_a_column_are_refused(cluster: str, tiny_model: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["قال"]}), tmp_path / "in.parquet")
    with pytest.raises(ValueError, match=r'expected the columns "id" and "text", got \[\'text\'\]'):
        predict_parquet(str(tmp_path / "in.parquet"), str(tmp_path / "out"), tiny_model)


def test_documents_with_a_column_twice_are_refused(cluster: str, tiny_model: Path, tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["قال"]), pa.array(["نعم"])], ["id", "text", "text"])
    pq.write_table(table, tmp_path / "in.parquet")
    with pytest.raises(ValueError, match='expected the columns "id" and "text"'):
        predict_parquet(str(tmp_path / "in.parquet"), str(tmp_path / "out"), tiny_model)


def test_bad_rows_are_told_and_spoil_no_others(
    cluster: str, tiny_model: Path, predictions: list[Prediction], tmp_path: Path
) -> None:
    good, nameless = predictions[4], replace(predictions[5], id=None)
    rows = [(b"a", b"\xd9"), (b"\xd9", b"text"), (b"b", None), (good.id.encode(), good.text.encode())]
    columns = zip(*rows, (None, nameless.text.encode()), (None, None), strict=True)
    strings = [pa.array(column, pa.binary()).cast(pa.string(), safe=False) for column in columns]
    pq.write_table(pa.table(dict(zip(("id", "text"), strings, strict=True))), tmp_path / "in.parquet")
    assert predict_parquet(str(tmp_path / "in.parquet"), str(tmp_path / "out"), tiny_model) == [
        'a document without an id that can be read: expected a string in the column "text", got None',
        "a document without an id that can be read: text or id is not UTF-8",
        "document a: text or id is not UTF-8",
        'document b: expected a string in the column "text", got None',
    ]
    assert sorted(pq.read_table(tmp_path / "out").to_pylist(), key=place) == wanted([good, nameless])


def test_answers_that_are_there_are_not_mixed_with_others(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is there already; delete it or name another folder"):
        predict_parquet("in.parquet", str(tmp_path), tiny_model)


def test_an_actor_answers_an_empty_batch_by_an_empty_table(tiny_model: Path) -> None:
    empty = pa.schema([("id", pa.string()), ("text", pa.string())]).empty_table()
    assert PredictorActor(str(tiny_model), "int8", 1, None)(empty).equals(arrow_schema().empty_table())


def test_a_model_that_is_not_there_is_told_before_anything_starts(run_aqwal, tmp_path: Path) -> None:
    done = run_aqwal("predict-on-ray", "--model", "nowhere", "in.parquet", "out")
    assert done.returncode == 2
    assert done.stderr.startswith(b"aqwal: no model folder nowhere")
