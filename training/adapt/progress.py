"""How far an adaptation is."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from accelerate import Accelerator
from accelerate.utils import gather_object

from aqwal.training.adapt.text_stream import Place


@dataclass
class Progress:
    """How far an adaptation is.

    Attributes:
        step: Optimizer steps done.
        place: Where in the text this process goes on.
        history: One entry a report, as `metrics.json` has them.
    """

    step: int = 0
    place: Place = field(default_factory=Place)
    history: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, with the places of all processes, for a checkpoint; every process must call."""
        return {"step": self.step, "places": gather_object([asdict(self.place)]), "history": self.history}

    @classmethod
    def from_dict(cls, described: dict[str, Any], accelerator: Accelerator) -> Self:
        """Return what `as_dict` gave, with the place of this process."""
        place = Place(**described["places"][accelerator.process_index])
        return cls(described["step"], place, described["history"])
