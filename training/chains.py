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
        self.still: Tensor
        tags = len(tag_set.tags)
        self.start = nn.Parameter(torch.zeros(layers, tags))
        self.step = nn.Parameter(torch.zeros(layers, tags, tags))
        self.end = nn.Parameter(torch.zeros(layers, tags))
        legal = Transitions.legal(layers, tag_set)
        for name in ("start", "step", "end"):
            # Finite, as infinity times the 0 of an open end is not a number.
            law = torch.from_numpy(getattr(legal, name)).to(torch.float32).clamp(min=_IMPOSSIBLE)
            self.register_buffer(f"law_{name}", law, persistent=False)
        # The move to where no word is, which changes nothing.
        still = torch.full((tags, tags), _IMPOSSIBLE).fill_diagonal_(0.0)
        self.register_buffer("still", still, persistent=False)

    def forward(self, scores: Tensor, tags: Tensor, pieces: Tensor) -> Tensor:
        """Return the negative log likelihood of the gold tags, summed over windows and layers."""
        return self.losses(scores, tags, pieces).sum()

    def losses(self, scores: Tensor, tags: Tensor, pieces: Tensor) -> Tensor:
        """Return the negative log likelihood of the gold tags, [windows, layers].

        Args:
            scores: Emissions, [windows, words, layers, tags].
            tags: Gold tags, `IGNORED` behind a window's last word, [windows, words, layers].
            pieces: What `mark_pieces` gives, [windows, words, 3]. Each piece is a chain of its own; where a window
                cuts a block it is open: no start or end score, any tag first or last.
        """
        inside, first = tags[..., 0] != IGNORED, pieces[..., 0] == 1
        start = pieces[..., 1, None, None] * (self.start + self.law_start)
        end = pieces[..., 2, None, None] * (self.end + self.law_end)
        # It takes nothing from the difference, and sums over many words stay small, and so does their rounding.
        scores = scores - scores.detach().amax(dim=-1, keepdim=True)
        gold = tags.clamp(min=0)
        return self._evidence(scores, inside, first, start, end) - self._path(scores, gold, inside, first, start, end)

    def _evidence(self, scores: Tensor, inside: Tensor, first: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Return the logarithm of the sum over all paths, [windows, layers].

        Neighbouring moves are joined two by two, and the joined ones again: on a GPU a window takes eight rounds of a
        few kernels, not hundreds, one after another (Rush 2020, "Torch-Struct").
        """
        inside, first = inside[..., None, None, None], first[..., None, None, None]
        before = end[:, :-1, :, :, None]
        moves = torch.where(first[:, 1:], before + start[:, 1:, :, None, :], self.step + self.law_step)
        moves = torch.where(inside[:, 1:], moves + scores[:, 1:, :, None, :], before + self.still)
        state = start[:, 0] + scores[:, 0]
        while moves.shape[1] > 1:
            even = moves.shape[1] // 2 * 2
            moves = torch.cat([_join(moves[:, 0:even:2], moves[:, 1:even:2]), moves[:, even:]], dim=1)
        if moves.shape[1]:
            state = torch.logsumexp(state[..., :, None] + moves[:, 0], dim=-2)
        return torch.logsumexp(state + end[:, -1], dim=-1)

    def _path(self, scores: Tensor, gold: Tensor, inside: Tensor, first: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Return the score of the gold tags, [windows, layers]."""
        chosen = (scores + start + end).gather(-1, gold[..., None])[..., 0] * inside[..., None]
        layers = torch.arange(gold.shape[-1], device=gold.device)
        moved = self.step[layers, gold[:, :-1], gold[:, 1:]] * (inside & ~first)[:, 1:, None]
        return chosen.sum(dim=1) + moved.sum(dim=1)

    def transitions(self) -> Transitions:
        """Return the learned scores for serving, without the tag set's law."""
        return Transitions(*(part.detach().cpu().double().numpy() for part in (self.start, self.step, self.end)))


def _join(first: Tensor, second: Tensor) -> Tensor:
    """Return two moves as one, [..., tags, tags]: the product of matrices, in logarithms."""
    return torch.logsumexp(first[..., :, :, None] + second[..., None, :, :], dim=-2)


def cross_entropy(scores: Tensor, tags: Tensor) -> Tensor:
    """Return the cross entropy summed over words and layers; arguments as for `LayeredChains`."""
    return functional.cross_entropy(scores.flatten(0, -2), tags.flatten(), ignore_index=IGNORED, reduction="sum")
