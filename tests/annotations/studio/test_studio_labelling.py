"""The project on a real server: made, kept up to date, never pulled from under annotations."""

import json
import re
from pathlib import Path

from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.studio.connection import Connection, Project, init_command
from aqwal.annotations.studio.labelling import initialise, instructions, labelling_config


def test_studio_init_makes_and_mends_a_project(run, connection: Connection):
    def state() -> str:
        done = run("init", "--project", "made and mended")
        assert done.exit_code == 0, done.output
        return re.search(r"made and mended: ([a-z ]+);", done.stdout)[1]

    assert [state(), state()] == ["created", "up to date"]
    project = Project.open(connection, "made and mended")
    connection.client.projects.update(id=project.id, label_config=labelling_config().replace('"q"', '"z"'))
    assert [state(), state()] == ["updated", "up to date"]
    kept = connection.client.projects.get(id=project.id)
    assert kept.label_config == labelling_config()
    assert kept.show_instruction


def test_studio_labels_of_another_config_are_named_kept_apart_and_mended(
    project: Project, push_to, run, tmp_path: Path
):
    texts = {"d": "وقال الوزير إن الأمر انتهى", "fine": "وقال"}
    push_to(project, *(Document(name, text, (Annotation("a", ()),)) for name, text in texts.items()))
    client = project.connection.client
    client.projects.update(id=project.id, label_config=labelling_config().replace('value="TOPIC"', 'value="EVENT"'))
    task = next(task["id"] for task in project.export() if task["data"]["id"] == "d")
    value = {"start": 0, "end": 4, "text": "وقال", "labels": ["EVENT"]}
    region = {"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
    made = client.annotations.create(task, result=[region])
    init = f"`aqwal studio init --project '{project.title}'` brings it up to date, or names the tasks to mend first"
    done = run("init", "--project", project.title)
    assert done.exit_code == 1
    assert f"nothing was changed:\n  {project.link(task)}: label EVENT (1)\nopen each task" in done.output
    assert "EVENT" in client.projects.get(id=project.id).label_config

    (tmp_path / "new.txt").write_text("قال")
    pushed = run("push", tmp_path / "new.txt", "--project", project.title)
    assert pushed.exit_code == 1
    assert f"has another labelling config than aqwal-1; {init}; nothing was done" in pushed.output

    pulled = run("pull", tmp_path, "--project", project.title)
    assert pulled.exit_code == 1
    assert init in pulled.stdout
    reason = "document d, annotator annotator, region r, [0:4] 'وقال': unknown label 'EVENT'"
    assert f"{project.link(task)}\n  {reason}" in pulled.output
    kept = json.loads((tmp_path / "rejected" / "d.json").read_text())
    assert kept["task"]["annotations"][-1]["result"] == [region]
    assert {path.name for path in tmp_path.glob("*.json")} == {"d.json", "fine.json"}

    client.annotations.update(made.id, result=[])
    assert run("init", "--project", project.title).exit_code == 0
    for command in (("push", tmp_path / "new.txt"), ("pull", tmp_path)):
        assert run(*command, "--project", project.title).exit_code == 0


def test_two_projects_of_one_title_are_told(project: Project, run):
    project.connection.client.projects.create(title=project.title, label_config=labelling_config())
    done = run("init", "--project", project.title)
    assert done.exit_code == 1
    assert "has 2 projects" in done.output


def test_a_project_that_is_not_there_is_told(run, tmp_path: Path):
    done = run("pull", tmp_path, "--project", "nowhere")
    assert done.exit_code == 1
    assert "has no project 'nowhere'; `aqwal studio init --project nowhere` makes it" in done.output


def test_the_usual_project_needs_no_name():
    assert init_command("Aqwal") == "`aqwal studio init`"
    assert init_command("أقوال ١") == "`aqwal studio init --project 'أقوال ١'`"


def test_annotators_see_every_rule_with_its_number(project: Project):
    shown = project.connection.client.projects.get(id=project.id).expert_instruction
    numbers = [int(one) for one in re.findall(r">(\d+)\. <", shown)]
    assert numbers.count(22) == 2
    assert set(range(1, 23)) <= set(numbers)
    # Links of the file lead nowhere in Label Studio.
    assert "<a " not in shown
    assert "<p>العربية · English. The two parts say the same" in shown
    assert initialise(project.connection, project.title).state == "up to date"
    assert shown == instructions()
