"""The project annotators work in: labelling config and instructions, created or brought up to date.

The config puts the text right to left, in an Arabic face, with lines far enough apart for the
arrows of relations. `granularity="symbol"`, because "word" swallows marks next to a word: edges are
checked and snapped by the scheme when annotations are pulled.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from aqwal.annotations.scheme import LABELS, LINK_ENDS, QUOTE, SCHEME, SPEAKER, TOPIC
from aqwal.annotations.stored import FROM_NAME, TO_NAME
from aqwal.annotations.studio.connection import Connection, Project, init_command
from aqwal.annotations.studio.home import StudioError

# Key and colour of each label; colours that people who see red and green alike can tell apart (Okabe and Ito 2008).
_HOTKEYS = {SPEAKER: "s", QUOTE: "q", TOPIC: "t"}
_COLOURS = {SPEAKER: "#0072B2", QUOTE: "#D55E00", TOPIC: "#009E73"}
# Label Studio sets font and line height itself, so ours need `!important`.
_STYLE = """
.labels-bar { position: sticky; top: 0; z-index: 10; background: white; padding: 4px 0; }
.rtl { direction: rtl; text-align: right; }
.rtl [class*="richtext"] {
  font-family: "Noto Naskh Arabic", "Amiri", "Geeza Pro", "Traditional Arabic", serif !important;
  font-size: 20px !important; line-height: 2.4 !important;
}
"""
# More than anybody needs: a task may always be annotated once more.
_MOST_ANNOTATIONS = 100


@dataclass(frozen=True, slots=True)
class Initialised:
    """What `initialise` did: the project, and whether it is new, changed or was up to date."""

    project: Project
    state: str


def labelling_config() -> str:
    """Return the labelling config as XML."""
    view = ET.Element("View")
    ET.SubElement(view, "Style").text = _STYLE
    bar = ET.SubElement(view, "View", className="labels-bar")
    labels = ET.SubElement(bar, "Labels", name=FROM_NAME, toName=TO_NAME)
    for label in LABELS:
        ET.SubElement(labels, "Label", value=label, background=_COLOURS[label], hotkey=_HOTKEYS[label])
    relations = ET.SubElement(view, "Relations")
    for link in LINK_ENDS:
        ET.SubElement(relations, "Relation", value=link)
    text = ET.SubElement(view, "View", className="rtl")
    ET.SubElement(text, "Text", name=TO_NAME, value="$text", granularity="symbol")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode")


def instructions() -> str:
    """Return the guidelines, Arabic and English, as the HTML that annotators see beside a task."""
    guidelines = files("aqwal.annotations").joinpath("GUIDELINES.md").read_text(encoding="utf-8")
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(guidelines)
    _write_numbers_out(tokens)
    _unlink(tokens)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _write_numbers_out(tokens: list[Token]) -> None:
    """Write the numbers of lists as text: the server strips where a list starts, and rules are known by number."""
    for token in tokens:
        if token.type in ("ordered_list_open", "ordered_list_close", "list_item_open", "list_item_close"):
            token.tag, token.attrs = "div", {}
    for item, content in zip(tokens, tokens[2:], strict=False):
        # A numbered item's number is in `info`; behind its opening come a paragraph and what that says.
        if item.type == "list_item_open" and item.info and content.children is not None:
            content.children.insert(0, Token("text", "", 0, content=f"{item.info}. "))


def _unlink(tokens: list[Token]) -> None:
    """Make links plain text: they lead to places of the file, which has none of them where annotators see it."""
    for token in tokens:
        if token.children is not None:
            token.children = [one for one in token.children if one.type not in ("link_open", "link_close")]


def initialise(connection: Connection, title: str) -> Initialised:
    """Create the project, or bring its config and instructions up to date.

    Raises:
        StudioError: If annotations on the server use labels or controls that the config does not have: they would be
            orphaned. Nothing is changed then.
    """
    fields: dict[str, Any] = {
        "label_config": labelling_config(),
        "expert_instruction": instructions(),
        "show_instruction": True,
        "maximum_annotations": _MOST_ANNOTATIONS,
        "description": f"Who said what about what; scheme {SCHEME}",
    }
    project = Project.find(connection, title)
    if project is None:
        made: Any = connection.write(lambda client: client.projects.create(title=title, **fields))
        return Initialised(Project(connection, made.id, title), "created")
    _refuse_to_orphan(project)
    now = connection.read(lambda client: client.projects.get(id=project.id))
    if all(_same(name, getattr(now, name, None), value) for name, value in fields.items()):
        return Initialised(project, "up to date")
    connection.write(lambda client: client.projects.update(id=project.id, **fields))
    return Initialised(project, "updated")


def _same(name: str, there: Any, wanted: Any) -> bool:
    if name == "label_config" and isinstance(there, str):
        return bool(there.strip() == wanted.strip())
    return bool(there == wanted)


def _refuse_to_orphan(project: Project) -> None:
    uses = {task["id"]: Counter(_orphans(task.get("annotations", []))) for task in project.export()}
    listed = [
        f"  {project.link(task)}: {', '.join(f'{what} ({count})' for what, count in sorted(found.items()))}"
        for task, found in sorted(uses.items())
        if found
    ]
    if listed:
        raise StudioError(
            f"annotations in project {project.title!r} use what the labelling config of {SCHEME} does not have; "
            "they would be orphaned, so nothing was changed:\n"
            + "\n".join(listed)
            + "\nopen each task, give what is named a label of the scheme or delete it, save with Ctrl+Enter; "
            "then give the command again"
        )


def _orphans(annotations: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield what the results of a task's annotations use and the config lacks."""
    for result in (one for annotation in annotations for one in annotation.get("result", [])):
        if result.get("type") == "relation":
            yield from (f"relation {label}" for label in result.get("labels") or [] if label not in LINK_ENDS)
        elif (result.get("from_name"), result.get("to_name")) != (FROM_NAME, TO_NAME):
            yield f"control {result.get('from_name')}"
        else:
            labels = result.get("value", {}).get("labels", [])
            yield from (f"label {label}" for label in labels if label not in LABELS)


def require_project(connection: Connection, title: str) -> Project:
    """Return the project, whose config must be the one that `initialise` gives.

    Raises:
        StudioError: If there is none, or its config is another.
    """
    project = Project.open(connection, title)
    if told := foreign_config(project):
        raise StudioError(f"{told}; nothing was done")
    return project


def foreign_config(project: Project) -> str:
    """Say that a project's config is not the one that `initialise` gives, and what to do; empty if it is."""
    config = project.connection.read(lambda client: client.projects.get(id=project.id)).label_config
    if _same("label_config", config, labelling_config()):
        return ""
    what = f"project {project.title!r} has another labelling config than {SCHEME}"
    return f"{what}; {init_command(project.title)} brings it up to date, or names the tasks to mend first"
