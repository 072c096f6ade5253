"""The project on a real server: made, kept up to date, never pulled from under annotations."""

import re
from pathlib import Path

from aqwal.annotations.records import Document
from aqwal.annotations.studio.connection import Connection, Project
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


def test_studio_init_refuses_to_orphan_labels(project: Project, push_to, run):
    push_to(project, Document("d", "وقال الوزير إن الأمر انتهى"))
    client = project.connection.client
    client.projects.update(id=project.id, label_config=labelling_config().replace('value="TOPIC"', 'value="EVENT"'))
    task = project.export()[0]["id"]
    value = {"start": 0, "end": 4, "text": "وقال", "labels": ["EVENT"]}
    region = {"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
    client.annotations.create(task, result=[region])
    done = run("init", "--project", project.title)
    assert done.exit_code == 1
    assert "label EVENT (1). They would be orphaned, so nothing was changed" in done.output
    assert "EVENT" in client.projects.get(id=project.id).label_config
    refused = run("pull", "never", "--project", project.title)
    assert "another labelling config; `aqwal studio init` brings it up to date" in refused.output


def test_two_projects_of_one_title_are_told(project: Project, run):
    project.connection.client.projects.create(title=project.title, label_config=labelling_config())
    done = run("init", "--project", project.title)
    assert done.exit_code == 1
    assert "has 2 projects" in done.output


def test_a_project_that_is_not_there_is_told(run, tmp_path: Path):
    done = run("pull", tmp_path, "--project", "nowhere")
    assert done.exit_code == 1
    assert "has no project 'nowhere'; `aqwal studio init` makes it" in done.output


def test_annotators_see_every_rule_with_its_number(project: Project):
    shown = project.connection.client.projects.get(id=project.id).expert_instruction
    numbers = [int(one) for one in re.findall(r">(\d+)\. <", shown)]
    assert numbers.count(22) == 2
    assert set(range(1, 23)) <= set(numbers)
    assert initialise(project.connection, project.title).state == "up to date"
    assert shown == instructions()
