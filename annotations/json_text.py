"""JSON as this project writes it: on one line, Arabic letters as they are."""

import json
from typing import Any


def to_json(content: Any) -> bytes:
    """Return content as JSON in UTF-8; a lone surrogate, which UTF-8 cannot hold, as its escape."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
