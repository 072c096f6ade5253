"""The loss of layered tags: a linear-chain CRF per layer, or plain cross entropy.

The CRF (Lafferty et al. 2001) is the torch twin of `aqwal.serving.decoding`: the same chains over
the same blocks, so that what is learned is what is decoded.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from aqwal.serving.decoding import Transitions
from aqwal.serving.tags import TagSet
from aqwal.training.data import IGNORED

_IMPOSSIBLE = -1.0e9


class LayeredChains(nn.Module):
    """Transition scores of one chain per layer: `start`, `end` [layers, tags], `step` [layers, tags, tags]."""

    def __init__(self, layers: int, tag_set: TagSet) -> None:
        super().__init__()
        self.law_start: Tensor
        self.law_step: Tensor
        self.law_end: Tensor
        tags = len(tag_set.tags)
        self.start = nn.Parameter(torch.zeros(layers, tags))
        self.step = nn.Parameter(torch.zeros(layers, tags, tags))
        self.end = nn.Parameter(torch.zeros(layers, tags))
        legal = Transitions.legal(layers, tag_set)
        for name in ("start", "step", "end"):
            # Finite, as infinity times the 0 of an open end is not a number.
            law = torch.from_numpy(getattr(legal, name)).to(torch.float32).clamp(min=_IMPOSSIBLE)
            self.register_buffer(f"law_{name}", law, persistent=False)

    def forward(self, scores: Tensor, tags: Tensor, pieces: Tensor) -> Tensor:
        """Return the negative log likelihood of the gold tags, summed over pieces and layers."""
        return self.losses(scores, tags, pieces).sum()

    def losses(self, scores: Tensor, tags: Tensor, pieces: Tensor) -> Tensor:
        """Return the negative log likelihood of the gold tags, [pieces, layers].

        Args:
            scores: Emissions, [windows, words, layers, tags].
            tags: Gold tags, [windows, words, layers].
            pieces: (window, first, stop, begins a block, ends a block), [pieces, 5]. Where a window
                cuts a block, the chain is open: no start or end score, any tag first or last.
        """
        window, first, stop = pieces[:, :3].T
        positions = first[:, None] + torch.arange(int((stop - first).max()), device=scores.device)
        inside = positions < stop[:, None]
        positions = positions.clamp(max=scores.shape[1] - 1)
        emissions = scores[window[:, None], positions]
        # Padding is never counted, but it must be a tag to be looked up.
        gold = tags[window[:, None], positions].clamp(min=0)
        begins, ends = pieces[:, 3, None, None].float(), pieces[:, 4, None, None].float()
        start, end = begins * (self.start + self.law_start), ends * (self.end + self.law_end)
        evidence = self._evidence(emissions, inside, start, end)
        return evidence - self._path(emissions, gold, inside, start, end)

    def _evidence(self, emissions: Tensor, inside: Tensor, start: Tensor, end: Tensor) -> Tensor:
        step = self.step + self.law_step
        state = emissions[:, 0] + start
        for position in range(1, emissions.shape[1]):
            reached = torch.logsumexp(state[..., :, None] + step, dim=-2) + emissions[:, position]
            state = torch.where(inside[:, position, None, None], reached, state)
        return torch.logsumexp(state + end, dim=-1)

    def _path(self, emissions: Tensor, gold: Tensor, inside: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Return the score of the gold tags, [pieces, layers]."""
        chosen = emissions.gather(-1, gold[..., None])[..., 0] * inside[..., None]
        layers = torch.arange(gold.shape[-1], device=gold.device)
        steps = self.step[layers, gold[:, :-1], gold[:, 1:]] * inside[:, 1:, None]
        last = gold.gather(1, (inside.sum(dim=1) - 1)[:, None, None].expand(-1, 1, gold.shape[-1]))[:, 0]
        ends = start.gather(-1, gold[:, 0, :, None])[..., 0] + end.gather(-1, last[..., None])[..., 0]
        return chosen.sum(dim=1) + steps.sum(dim=1) + ends

    def transitions(self) -> Transitions:
        """Return the learned scores for serving, without the tag set's law."""
        return Transitions(*(part.detach().cpu().double().numpy() for part in (self.start, self.step, self.end)))


def cross_entropy(scores: Tensor, tags: Tensor) -> Tensor:
    """Return the cross entropy summed over words and layers; arguments as for `LayeredChains`."""
    return functional.cross_entropy(scores.flatten(0, -2), tags.flatten(), ignore_index=IGNORED, reduction="sum")
