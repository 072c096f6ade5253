"""Figures of an earlier report, kept where their stage's run folders are gone: another machine, a fresh checkout.

Each stage's figures carry a fingerprint of the documents and settings behind them. Only those with the
fingerprint of today are kept, so that no figure outlives what it was measured on.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Stage → where its figures stand; the first place is None if it was not run.
_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "corpus": (("served",), ("errors", "seeds"), ("examples", "seeds")),
    "crossval": (("crossval",), ("errors", "corpus"), ("examples", "corpus")),
    "curve": (("curve",),),
}
_FINGERPRINTS = "fingerprints"


def keep_earlier(figures: Mapping[str, Any], fingerprints: Mapping[str, str], report: Path) -> dict[str, Any]:
    """Return the figures, those of stages that were not run here taken from the report before.

    Args:
        figures: As `gather_figures` returns them.
        fingerprints: Stage → fingerprint of what it measures now.
        report: The JSON of the earlier report; it may be missing.
    """
    earlier = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    kept = {**figures, _FINGERPRINTS: dict(fingerprints)}
    for stage, places in _PLACES.items():
        known = earlier.get(_FINGERPRINTS, {}).get(stage) == fingerprints[stage]
        if known and figures[places[0][0]] is None:
            for place in places:
                kept = _with(kept, place, earlier)
    return kept


def _with(figures: dict[str, Any], place: Sequence[str], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures with what the earlier ones have in a place."""
    name, *inner = place
    return {**figures, name: _with(figures[name], inner, earlier[name]) if inner else earlier[name]}
