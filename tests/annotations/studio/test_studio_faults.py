"""What can go wrong with a real server: killed in the middle, project gone, nonsense that it accepted."""

import json
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.stored import read_documents, write_documents
from aqwal.annotations.studio import push as pushing
from aqwal.annotations.studio import server
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.home import Home
from aqwal.annotations.studio.labelling import initialise

TEXT = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل."
QUOTE, SPEAKER, TOPIC = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER"), Span(15, 30, "TOPIC")
MARKED = Annotation("a", (QUOTE, SPEAKER, TOPIC), (Link(QUOTE, TOPIC, "about"), Link(QUOTE, SPEAKER, "said_by")))


def _kill(home: Home) -> None:
    """End all of the server at once, as a power cut would."""
    running = home.running()
    assert running is not None
    process = psutil.Process(running.pid)
    family = [*process.children(recursive=True), process]
    for one in family:
        one.kill()
    psutil.wait_procs(family)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of 150 annotated documents: three import requests of like size."""
    for number in range(150):
        document = Document(f"d{number:03}", f"{TEXT} {number} " + "لا شيء هنا. " * 790, (MARKED,))
        write_documents(tmp_path / "many" / f"{document.id}.json", [document])
    return tmp_path / "many"


def _exported(home: Home, connect) -> dict[str, int]:
    tasks = Project.open(connect(home), "Aqwal").export()
    found = {task["data"]["id"]: len(task["annotations"]) for task in tasks}
    assert len(found) == len(tasks), "a document is there twice"
    return found


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_a_server_killed_in_a_push_loses_and_doubles_nothing(
    own_studio: Home,
    studio_environment: Path,
    many: Path,
    batches: int,
    connect,
    run_with,
    free_port,
    monkeypatch: pytest.MonkeyPatch,
):
    """The server is killed while it works on an import request, after so many that it answered."""
    initialise(connect(own_studio), "Aqwal")
    to_server, seen = pushing.to_server, []

    def kill_soon(*arguments: object) -> object:
        seen.append(arguments)
        if len(seen) == 50 * batches + 1:
            threading.Timer(0.03, _kill, [own_studio]).start()
        return to_server(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(pushing, "to_server", kill_soon)
        cut = run_with(own_studio, "push", many)
    assert cut.exit_code == 1
    assert "give the command again" in cut.output
    assert "`aqwal studio up` starts it" in cut.output
    assert "Traceback" not in cut.output

    server.up(own_studio, studio_environment, free_port(), print)
    again = run_with(own_studio, "push", many)
    assert again.exit_code == 0, again.output
    assert _exported(own_studio, connect) == {f"d{number:03}": 1 for number in range(150)}


def test_a_server_killed_in_a_pull_leaves_the_files_alone(
    own_studio: Home, studio_environment: Path, many: Path, tmp_path: Path, connect, run_with, free_port
):
    initialise(connect(own_studio), "Aqwal")
    assert run_with(own_studio, "push", many).exit_code == 0
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "d000.json").write_bytes((many / "d000.json").read_bytes())
    timer = threading.Timer(0.3, _kill, [own_studio])
    timer.start()
    cut = run_with(own_studio, "pull", tmp_path / "out")
    timer.join()
    assert cut.exit_code == 1
    assert "`aqwal studio up` starts" in cut.output
    assert "Traceback" not in cut.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["d000.json"]

    server.up(own_studio, studio_environment, free_port(), print)
    assert run_with(own_studio, "pull", tmp_path / "out").exit_code == 0
    assert all((tmp_path / "out" / path.name).read_bytes() == path.read_bytes() for path in many.iterdir())


def test_a_project_deleted_meanwhile_is_told(project: Project, push_to, run):
    push_to(project, Document("d", TEXT))
    project.connection.client.projects.delete(id=project.id)
    with pytest.raises(Exception, match="was the project or the task deleted"):
        push_to(project, Document("e", TEXT))
    done = run("push", ".", "--project", project.title)
    assert done.exit_code == 1
    assert f"has no project {project.title!r}" in done.output


def _result(name: str, start: int, end: int, text: str, label: str) -> dict[str, object]:
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


NONSENSE = {
    "unknown label": ([_result("r", 5, 11, "لافروف", "EVENT")], "unknown label 'EVENT'"),
    "past the end": ([_result("r", 5, 900, "لافروف", "QUOTE")], "offsets lie outside the text of 50 code points"),
    "other text": ([_result("r", 5, 11, "بومبيو", "QUOTE")], "the text there is 'لافروف'"),
    "no quote": ([_result("r", 5, 11, "لافروف", "SPEAKER")], "SPEAKER belongs to no QUOTE (rule 17)"),
    "no region at all": (
        [{"id": "r", "type": "choices", "value": {"choices": ["x"]}}],
        "unknown result type 'choices'",
    ),
    "loose relation": (
        [{"type": "relation", "from_id": "x", "to_id": "y", "direction": "right"}],
        "no accepted region",
    ),
}


def test_nonsense_that_the_server_accepted_is_kept_apart(project: Project, push_to, run, tmp_path: Path):
    documents = [Document(name, TEXT, (MARKED,)) for name in NONSENSE]
    push_to(project, *documents, Document("good", TEXT, (MARKED,)))
    client, tasks = project.connection.client, {task["data"]["id"]: task for task in project.export()}
    for name, (result, _) in NONSENSE.items():
        client.annotations.create(tasks[name]["id"], result=result)
    client.projects.import_tasks(
        id=project.id, request=[{"data": {"text": "بلا اسم"}, "annotations": [{"result": []}]}]
    )
    client.projects.import_tasks(
        id=project.id, request=[{"data": tasks["good"]["data"], "annotations": [{"result": []}]}]
    )

    done = run("pull", tmp_path, "--project", project.title)
    assert done.exit_code == 1
    rejected = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "rejected").glob("*.json")}
    assert f"not accepted; what the server has of them is in {tmp_path / 'rejected'}: {len(rejected)}" in done.output
    for name, (result, reason) in NONSENSE.items():
        assert reason in rejected[name]["reasons"][-1]
        assert rejected[name]["task"]["annotations"][-1]["result"] == result
        assert rejected[name]["link"] == project.link(tasks[name]["id"])
        assert rejected[name]["link"] in done.output
        # The other annotation of the task is good.
        assert read_documents(tmp_path / f"{name}.json")[0].annotations == (MARKED,)
    others = [one["reasons"][0] for name, one in rejected.items() if name not in NONSENSE]
    assert sum("a task needs data with a text `id`" in one for one in others) == 1
    assert sum("2 tasks have the id 'good'; delete all but one" in one for one in others) == 2
    assert not (tmp_path / "good.json").exists()


def test_git_takes_what_was_accepted_and_nothing_else(project: Project, push_to, run, tmp_path: Path):
    push_to(project, Document("good", TEXT, (MARKED,)), Document("bad", TEXT))
    bad = next(task["id"] for task in project.export() if task["data"]["id"] == "bad")
    project.connection.client.annotations.create(bad, result=NONSENSE["unknown label"][0])
    assert run("pull", tmp_path / "mine", "--project", project.title).exit_code == 1
    assert (tmp_path / "mine" / "rejected" / "bad.json").is_file()
    for command in (["init", "--quiet"], ["add", "mine"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    added = subprocess.run(["git", "ls-files"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert added.stdout.split() == ["mine/good.json"]


def test_what_was_mended_on_the_server_is_no_longer_kept_apart(project: Project, push_to, run, tmp_path: Path):
    push_to(project, Document("d", TEXT))
    client, task = project.connection.client, project.export()[0]["id"]
    bad = client.annotations.create(task, result=NONSENSE["unknown label"][0])
    assert run("pull", tmp_path, "--project", project.title).exit_code == 1
    assert (tmp_path / "rejected" / "d.json").is_file()
    client.annotations.update(bad.id, result=[_result("r", 12, 49, TEXT[12:49], "QUOTE")])
    assert run("pull", tmp_path, "--project", project.title).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["d.json"]
