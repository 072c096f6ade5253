"""The notebook runs as it stands, from the articles to the plot."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient


@pytest.fixture(scope="module")
def outputs(root: Path) -> list[list[dict[str, Any]]]:
    """What each cell of code shows when the notebook is run from its folder."""
    notebook = nbformat.read(root / "docs/who-speaks-about-what.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(root / "docs")}}).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def test_the_table_has_a_row_a_quote(outputs: list[list[dict[str, Any]]]) -> None:
    assert outputs[1][0]["text"].endswith("quotes in 5 articles\n")
    assert "canonical_speaker" in outputs[2][0]["data"]["text/html"]


def test_names_of_one_person_are_one_row(outputs: list[list[dict[str, Any]]]) -> None:
    shown = outputs[4][0]["data"]["text/plain"]
    # One whose names no wrong span of the released model holds.
    assert shown.count("بوتين") == 1


def test_the_plot_is_drawn_and_has_every_letter(outputs: list[list[dict[str, Any]]]) -> None:
    # A letter that the font lacks would be a warning on standard error beside it.
    (plot,) = outputs[-1]
    assert plot["data"]["image/png"].startswith("iVBORw0KGgo")
