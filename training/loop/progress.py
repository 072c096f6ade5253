"""How far a fine-tuning is."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Progress:
    """How far a fine-tuning is; with the seed it says which windows come next.

    Attributes:
        step: Optimizer steps done.
        loss: Sum of the losses of all words since the epoch began.
        words: Those words.
        epochs: One entry for each epoch that was scored, as `metrics.json` has them.
        kept: Epoch and scores of the weights that were kept; empty before any were.
        seconds: Of training, over all starts, without the scoring after an epoch.
    """

    step: int = 0
    loss: float = 0.0
    words: int = 0
    epochs: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def epoch(self) -> int:
        """The running epoch, from 1 on."""
        return len(self.epochs) + 1

    def end_epoch(self, scores: dict[str, Any]) -> None:
        """Note the mean loss of a word and the development scores of the running epoch, and begin the next."""
        self.epochs.append({"epoch": self.epoch, "loss": self.loss / self.words, "development": scores})
        self.loss, self.words = 0.0, 0

    @property
    def is_best(self) -> bool:
        """Whether the last epoch is better than all before it, by macro F1."""
        scores = [entry["development"]["macro_f1"] for entry in self.epochs]
        return bool(scores[-1] > max(scores[:-1], default=-1.0))

    def keep(self) -> None:
        """Note that the weights of the last epoch are the ones to keep."""
        last = self.epochs[-1]
        self.kept = {"epoch": last["epoch"], "development": last["development"]}

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds."""
        return {"epochs": self.epochs, "kept": self.kept}

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, for a checkpoint."""
        return asdict(self)
