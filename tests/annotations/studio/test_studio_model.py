"""The model in the loop: pre-annotations that are pushed, asked for by the server, and put in order."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi.testclient import TestClient

from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.studio.backend import create_app
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.home import Home
from aqwal.annotations.studio.preannotation import Preannotator, certainty
from aqwal.serving import Predictor

AQWAL = Path(sys.executable).with_name("aqwal")


@pytest.fixture(scope="session")
def preannotator(tiny_model: Path) -> Preannotator:
    return Preannotator(Predictor(tiny_model, threads=1))


@pytest.fixture
def seed(root: Path) -> str:
    """The seed that the tiny model knows by heart."""
    return next((root / "seeds").glob("002_*.txt")).read_bytes().decode()


def test_pushed_predictions_come_with_scores_relations_and_version(
    project: Project, run, tmp_path: Path, tiny_model: Path, preannotator: Preannotator, seed: str
):
    (tmp_path / "seed.txt").write_bytes(seed.encode())
    for predictions in (1, 0):
        done = run("push", tmp_path / "seed.txt", "--model", tiny_model, "--project", project.title)
        assert f"{predictions} predictions" in done.stdout, done.output
    (found,) = project.connection.client.predictions.list(project=project.id)
    prediction = found.model_dump()
    answer = Predictor(tiny_model).predict(seed)
    regions = [one for one in prediction["result"] if one["type"] == "labels"]
    assert [(one["value"]["start"], one["value"]["end"], one["score"]) for one in regions] == [
        (span.start, span.end, span.score) for span in answer.spans
    ]
    links = [one for one in prediction["result"] if one["type"] == "relation"]
    assert len(links) == sum((quote.speaker is not None) + (quote.topic is not None) for quote in answer.quotes) > 0
    assert prediction["model_version"] == preannotator.version
    assert prediction["score"] == pytest.approx(certainty(answer), abs=1e-4)


def test_another_model_adds_its_own_prediction(project: Project, run, tmp_path: Path, tiny_model: Path):
    (tmp_path / "d.txt").write_text("قال الوزير إن الأمر انتهى.")
    other = shutil.copytree(tiny_model, tmp_path / "other-model")
    for model in (tiny_model, other, other):
        assert run("push", tmp_path / "d.txt", "--model", model, "--project", project.title).exit_code == 0
    versions = [version.rpartition("-")[0] for _, version in project.predictions()]
    assert sorted(versions) == ["other-model", tiny_model.name]


def test_next_puts_the_least_certain_first_here_and_on_the_server(
    project: Project, push_to, run, tiny_model: Path, preannotator: Preannotator, seed: str
):
    texts = {"known": seed, "half": seed[: len(seed) // 2] + " قال فلان إن علانا وصل أمس.", "nothing": "لا شيء هنا"}
    push_to(project, *(Document(name, text) for name, text in texts.items()))
    push_to(project, Document("done", seed, (Annotation("a", ()),)))
    done = run("next", "--model", tiny_model, "--project", project.title)
    assert done.exit_code == 0, done.output
    listed = [line.split() for line in done.stdout.splitlines()[:-1]]
    assert "tasks in order: 3" in done.stdout
    wanted = sorted(texts, key=lambda name: preannotator.predict(texts[name])["score"])
    assert [line[2] for line in listed] == wanted
    client = project.connection.client
    assert run("next", "--model", tiny_model, "--project", project.title).stdout == done.stdout
    (view,) = client.views.list(project=project.id)
    # What the browser sends for `Label All Tasks` in this tab.
    order = {"ordering": view.data["ordering"], "filters": view.data["filters"]}
    opened = httpx.post(
        f"{project.connection.url}/api/dm/actions?id=next_task&project={project.id}&tabID={view.id}",
        headers=client._client_wrapper.get_headers(),
        json=order,
    ).json()
    assert opened["data"]["id"] == wanted[0]


def test_an_answer_without_spans_counts_as_certain():
    assert certainty(SimpleNamespace(spans=())) == 1.0
    assert certainty(SimpleNamespace(spans=(SimpleNamespace(score=0.5), SimpleNamespace(score=0.9)))) == 0.7


def test_the_backend_keeps_label_studios_contract(preannotator: Preannotator, seed: str):
    client = TestClient(create_app(preannotator))
    assert client.get("/health").json()["status"] == "UP"
    assert client.post("/setup", json={"access_token": "secret", "schema": "<View/>"}).json() == {
        "model_version": preannotator.version
    }
    assert client.get("/versions").json() == {"versions": [preannotator.version]}
    assert client.post("/webhook", json={"action": "ANNOTATION_CREATED"}).is_success
    tasks = [{"id": 1, "data": {"text": seed}}, {"id": 2, "data": {"text": ""}}]
    results = client.post("/predict", json={"tasks": tasks, "project": "1.2", "params": {}}).json()["results"]
    assert results == [preannotator.predict(seed), preannotator.predict("")]


@pytest.mark.parametrize("body", [{}, {"tasks": 3}, {"tasks": [{"id": 1}]}, {"tasks": [{"data": {"text": 3}}]}])
def test_the_backend_refuses_what_is_no_task(preannotator: Preannotator, body: dict):
    answer = TestClient(create_app(preannotator)).post("/predict", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.fixture
def served_model(project: Project, studio: Home, tiny_model: Path, free_port) -> Iterator[str]:
    """`aqwal studio model` as a process of its own, connected to the project."""
    port = free_port()
    command = [AQWAL, "studio", "model", "--model", tiny_model, "--port", port, "--project", project.title]
    arguments = [*map(str, command), "--home", str(studio.folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert "asks it whenever a task is opened" in told, told
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 128 + signal.SIGINT)


def test_opening_a_task_asks_the_model(project: Project, push_to, served_model: str, preannotator, seed: str):
    push_to(project, Document("seed", seed))
    connection = project.connection
    (task,) = project.export()
    # What the browser asks for when an annotator opens the task.
    headers = connection.client._client_wrapper.get_headers()
    opened = httpx.get(f"{connection.url}/api/tasks/{task['id']}?project={project.id}", headers=headers, timeout=60)
    (prediction,) = opened.json()["predictions"]
    wanted = preannotator.predict(seed)
    assert json.loads(json.dumps(wanted["result"])) == prediction["result"]
    assert prediction["model_version"] == wanted["model_version"]
    (backend,) = connection.client.ml.list(project=project.id)
    assert backend.url == served_model


def test_a_model_that_is_none_is_told(project: Project, run, tmp_path: Path):
    done = run("model", "--model", tmp_path / "nowhere", "--project", project.title)
    assert done.exit_code == 1
    assert "no model folder" in done.output


def test_a_taken_port_is_told(project: Project, run, tiny_model: Path, studio: Home):
    running = studio.running()
    assert running is not None
    done = run("model", "--model", tiny_model, "--port", running.port, "--project", project.title)
    assert done.exit_code == 1
    assert f"port {running.port} cannot be used" in done.output
