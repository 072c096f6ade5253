"""The model: a stock token classifier read as layers of tags, with learned transitions beside it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from aqwal.annotations.page import Page
from aqwal.annotations.records import AQWAL, Document
from aqwal.serving.decoding import Transitions
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.spans import SpanDecoder
from aqwal.serving.tags import TagSet
from aqwal.training.chains import LayeredChains, cross_entropy
from aqwal.training.metrics import Answered

# Where a checkpoint's config.json keeps what transformers does not know of.
CONFIG_KEY = "aqwal"


class SpanTagger(nn.Module):
    """Token classifier + chains; `forward` gives the loss of a batch, `decoder` what serves.

    Args:
        classifier: A stock model with labels × tags logits, as `load_model` makes it.
        labels: The layers.
        tag_set: The tags of each layer.
        learn_transitions: CRF loss if true, else cross entropy.
        calibration: Temperature and threshold of each label, as `TrainConfig.calibration` has them.
        hidden_share: Share of the sub-tokens that are hidden from the encoder while it is trained, at random.
        hidden_id: The sub-token that stands for a hidden one.
        scheme: The scheme that answers obey, one of `SCHEMES`.
    """

    def __init__(
        self,
        classifier: PreTrainedModel,
        labels: tuple[str, ...],
        tag_set: TagSet,
        learn_transitions: bool,
        calibration: Mapping[str, Mapping[str, float]],
        hidden_share: float = 0.0,
        hidden_id: int = 0,
        scheme: str = AQWAL,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.labels, self.tag_set = labels, tag_set
        self.calibration, self.scheme = calibration, scheme
        self.hidden_share, self.hidden_id = hidden_share, hidden_id
        self.chains = LayeredChains(len(labels), tag_set) if learn_transitions else None
        self._classify: Callable[[Tensor, Tensor | None], Tensor] = self._logits

    def compile_training(self) -> None:
        """Let torch compile what `forward` does with the classifier, for windows of any number and length.

        Weights keep their names. Answers are computed as before, since each length of a text would cost another
        compilation.
        """
        self._classify = torch.compile(self._logits, dynamic=True)

    def _logits(self, ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        logits: Tensor = self.classifier(input_ids=ids, attention_mask=attention_mask).logits
        return logits

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the loss summed over the batch's own words; see `collate` for the batch."""
        ids = self._with_hidden(batch["input_ids"]) if self.training and self.hidden_share else batch["input_ids"]
        logits = self._classify(ids, batch.get("attention_mask")).float()
        heads = batch["heads"][..., None].expand(-1, -1, logits.shape[-1])
        scores = logits.gather(1, heads).view(*batch["heads"].shape, len(self.labels), len(self.tag_set.tags))
        if self.chains is None:
            return cross_entropy(scores, batch["tags"])
        loss: Tensor = self.chains(scores, batch["tags"], batch["pieces"])
        return loss

    def _with_hidden(self, ids: Tensor) -> Tensor:
        """Hide sub-tokens at random, so that no span is known by one word alone."""
        return torch.where(torch.rand(ids.shape, device=ids.device) < self.hidden_share, self.hidden_id, ids)

    @torch.no_grad()
    def emissions(self, page: Page, encoder: WordEncoder) -> NDArray[np.float64]:
        """Return the tag scores of a document's words, [words, labels, tags], window by window."""
        device = next(self.parameters()).device
        parts = []
        for window in encoder.encode(page):
            ids = torch.from_numpy(window.input_ids).to(device)[None]
            logits = self.classifier(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            parts.append(logits[0, torch.from_numpy(window.own_heads).to(device)].double().cpu().numpy())
        width = len(self.labels), len(self.tag_set.tags)
        return np.concatenate(parts).reshape(-1, *width) if parts else np.zeros((0, *width))

    def decoder(self) -> SpanDecoder:
        """Return the decoder for the weights as they are now."""
        width = len(self.labels), len(self.tag_set.tags)
        none = Transitions(np.zeros(width), np.zeros((*width, width[1])), np.zeros(width))
        transitions = none if self.chains is None else self.chains.transitions()
        return make_decoder(self.labels, self.tag_set, transitions, self.calibration, self.scheme)

    def save(self, folder: Path) -> None:
        """Save a checkpoint that plain `from_pretrained` loads; what it does not know of goes into config.json."""
        transitions = self.decoder().transitions
        scores = {name: getattr(transitions, name).tolist() for name in ("start", "step", "end")}
        described: dict[str, Any] = {
            "scheme": self.scheme,
            "labels": list(self.labels),
            "tags": self.tag_set.name,
            "transitions": scores,
            "calibration": self.calibration,
        }
        setattr(self.classifier.config, CONFIG_KEY, described)
        self.classifier.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path, **options: Any) -> "SpanTagger":
        """Load a checkpoint that `save` wrote.

        Args:
            folder: The checkpoint's folder.
            **options: Passed on to `from_pretrained`.

        Raises:
            FileNotFoundError: If the folder holds no checkpoint of this project.
        """
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(
                f"{folder} holds no checkpoint; train one with `accelerate launch training/train.py`"
            )
        classifier = AutoModelForTokenClassification.from_pretrained(folder, **options)
        described = getattr(classifier.config, CONFIG_KEY, None)
        if described is None:
            raise FileNotFoundError(f"{folder}/config.json has no {CONFIG_KEY!r} section; this project did not save it")
        labels, tag_set = tuple(described["labels"]), TagSet(described["tags"])
        tagger = cls(classifier, labels, tag_set, True, described["calibration"], scheme=described.get("scheme", AQWAL))
        assert tagger.chains is not None, "just asked for"
        tagger.chains.load_state_dict({name: torch.tensor(part) for name, part in described["transitions"].items()})
        return tagger.eval()


def make_decoder(
    labels: tuple[str, ...],
    tag_set: TagSet,
    transitions: Transitions,
    calibration: Mapping[str, Mapping[str, float]],
    scheme: str = AQWAL,
) -> SpanDecoder:
    """Return the decoder of a model; `calibration` as `TrainConfig.calibration` has it, `scheme` one of `SCHEMES`."""
    temperatures, thresholds = (
        np.array([calibration[label][name] for label in labels]) for name in ("temperature", "threshold")
    )
    return SpanDecoder(labels, tag_set, transitions, temperatures, thresholds, scheme)


def answer_documents(tagger: SpanTagger, encoder: WordEncoder, documents: Sequence[Document]) -> list[Answered]:
    """Answer documents with the weights as they are, decoded as the predictor decodes."""
    decoder = tagger.decoder()
    pages = [Page(document.text) for document in documents]
    return [
        Answered(document, decoder.decode(page, tagger.emissions(page, encoder), document.id))
        for document, page in zip(documents, pages, strict=True)
    ]
