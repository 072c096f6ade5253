"""torch's fused attention, without transformers' look at the padding.

transformers leaves the mask away where a batch has no padding, and to know that it asks the device: a GPU is waited
for in every forward pass. `collate` knows it already and gives no mask then.
"""

from typing import Any

from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

_FUSED, _UNASKED = "sdpa", "sdpa_unasked"


def _mask(attention_mask: Tensor | None = None, **options: Any) -> Tensor | None:
    """Return the mask that transformers makes; called as `sdpa_mask` is."""
    if attention_mask is not None:
        options["allow_is_bidirectional_skip"] = False
    made: Tensor | None = sdpa_mask(attention_mask=attention_mask, **options)
    return made


AttentionInterface.register(_UNASKED, sdpa_attention_forward)
AttentionMaskInterface.register(_UNASKED, _mask)


def attend_unasked(model: PreTrainedModel) -> None:
    """Let a model that has torch's fused attention leave the mask as it is given; others stay as they are."""
    if model.config._attn_implementation == _FUSED:
        model.set_attn_implementation(_UNASKED)
