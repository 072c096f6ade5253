"""How far an adaptation is."""

from dataclasses import asdict, dataclass, field
from statistics import fmean
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
        losses: Mean loss of a hidden sub-token in each step since the last report.
        history: One entry a report, as `metrics.json` has them.
    """

    step: int = 0
    place: Place = field(default_factory=Place)
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_reported(self) -> bool:
        """Whether the last step has a report."""
        return bool(self.history) and self.history[-1]["step"] == self.step

    def end_stretch(self) -> dict[str, float]:
        """Return the mean loss since the last report, and begin anew."""
        loss, self.losses = fmean(self.losses), []
        return {"loss": loss}

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, with the places of all processes, for a checkpoint; every process must call."""
        places = gather_object([asdict(self.place)])
        return {"step": self.step, "places": places, "losses": self.losses, "history": self.history}

    @classmethod
    def from_dict(cls, described: dict[str, Any], accelerator: Accelerator) -> Self:
        """Return what `as_dict` gave, with the place of this process."""
        place = Place(**described["places"][accelerator.process_index])
        return cls(described["step"], place, described["losses"], described["history"])
