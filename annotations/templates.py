"""The project's templates, which lie beside the code that fills them."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape


def render_template(path: Path, content: dict[str, Any]) -> str:
    """Return a template filled with content; a name that the content lacks is an error.

    Args:
        path: The template; in one that ends in `.html.j2` what is filled in is escaped.
        content: Name → value.
    """
    return _template(path).render(content)


@cache
def _template(path: Path) -> Template:
    environment = Environment(
        loader=FileSystemLoader(path.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Markdown is taken as it is.
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        keep_trailing_newline=True,
    )
    return environment.get_template(path.name)
