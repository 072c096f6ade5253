"""The masked-language model as a loss, computed where words are hidden only."""

from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from aqwal.training.data import IGNORED


class MaskedWordLoss(nn.Module):
    """Stock masked-language model; `forward` gives the mean loss of a hidden sub-token.

    The head's product with the whole vocabulary costs as much as several layers of a small encoder,
    and most of its rows would be thrown away. So the encoder's output is cut down to the
    hidden sub-tokens before the stock head sees it.

    Args:
        model: A model of `AutoModelForMaskedLM`, which is trained in place.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        self._hidden: Tensor | None = None
        model.base_model.register_forward_hook(self._keep_hidden)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the loss of a batch; see `MaskedBatch.tensors` for its parts."""
        self._hidden = batch["labels"] != IGNORED
        logits = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[0]
        return nn.functional.cross_entropy(logits.float(), batch["labels"][self._hidden])

    def _keep_hidden(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[self._hidden][None]
        return output
