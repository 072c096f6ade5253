"""From a document to what the encoder reads: words → normalised words → sub-tokens → windows.

Training and serving both go through here, so a model never meets text cut in another way than
the one it learned. The tokenizer sees one word at a time; a word's first sub-token speaks for it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.serving.normalization import normalize_word
from aqwal.serving.windows import Window, cut_windows

# Sub-tokens kept of one word; no Arabic word needs so many, a line of base64 would.
MAX_SUBTOKENS = 32
_CACHED_WORDS = 50_000
# Code points; a longer one hardly comes again, and thousands of them would fill memory.
_LONGEST_CACHED_WORD = 100


@dataclass(frozen=True)
class EncodedWindow:
    """One window for the encoder.

    Attributes:
        window: Which words it holds and owns.
        input_ids: Sub-tokens with the special tokens around them, [tokens].
        heads: Position in `input_ids` of each word's first sub-token, [stop - first].
    """

    window: Window
    input_ids: NDArray[np.int64]
    heads: NDArray[np.int64]

    @property
    def own_heads(self) -> NDArray[np.int64]:
        """Positions in `input_ids` of the words this window answers for, [own_stop - own_first]."""
        return self.heads[self.window.own_first - self.window.first : self.window.own_stop - self.window.first]


class WordEncoder:
    """Turn the words of a document into windows of sub-tokens.

    Args:
        tokenizer: A tokenizer as `tokenizer.json` stores it; its padding and truncation are switched off.
        max_length: Sub-tokens in a window, special tokens included; the encoder's limit or less.
        overlap: Sub-tokens that neighbouring windows share, about.

    Attributes:
        unknown: The sub-token for what the tokenizer does not know.

    Raises:
        ValueError: If the tokenizer has no unknown token, no special tokens around a text, or if
            `max_length` leaves too little room.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, overlap: int) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        special = tokenizer.encode("").ids
        if len(special) != 2:
            raise ValueError(
                f"the tokenizer must put one token before and one after a text; it puts {len(special)} around"
            )
        self._first, self._last = special
        self.unknown = _unknown_id(tokenizer)
        self._room = max_length - len(special)
        if self._room < 2 * MAX_SUBTOKENS:
            raise ValueError(f"windows of {max_length} sub-tokens are too small; give {2 * MAX_SUBTOKENS + 2} or more")
        self._overlap = overlap
        self._known: dict[str, list[int]] = {}

    @property
    def described(self) -> dict[str, object]:
        """All that decides its windows, as JSON has it."""
        return {"tokenizer": self._tokenizer.to_str(), "room": self._room, "overlap": self._overlap}

    def encode(self, page: Page) -> list[EncodedWindow]:
        """Cut a document into encoded windows; none for a text without words."""
        ids = self._encode_words([page.text[word.start : word.end] for word in page.words])
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        ends = [page.words_over(offset, offset)[0] for offset in page.line_breaks]
        windows = cut_windows(lengths, self._room, self._overlap, ends)
        return [self._encode_window(window, ids, lengths) for window in windows]

    def _encode_words(self, words: list[str]) -> list[list[int]]:
        # A local name, so that another thread's fresh start cannot take away what this one counts on.
        known = self._known
        new = [word for word in dict.fromkeys(words) if word not in known]
        if len(known) + len(new) > _CACHED_WORDS:
            known, new = {}, list(dict.fromkeys(words))
            self._known = known
        encoded = self._tokenize(new)
        known.update((word, ids) for word, ids in encoded.items() if len(word) <= _LONGEST_CACHED_WORD)
        return [encoded[word] if word in encoded else known[word] for word in words]

    def _tokenize(self, words: list[str]) -> dict[str, list[int]]:
        normalised = [normalize_word(word) for word in words]
        encodings = self._tokenizer.encode_batch(normalised, add_special_tokens=False)
        return {
            word: encoding.ids[:MAX_SUBTOKENS] or [self.unknown]
            for word, encoding in zip(words, encodings, strict=True)
        }

    def _encode_window(self, window: Window, ids: list[list[int]], lengths: NDArray[np.int64]) -> EncodedWindow:
        inside = [piece for word in ids[window.first : window.stop] for piece in word]
        input_ids = np.array([self._first, *inside, self._last], dtype=np.int64)
        heads = 1 + np.cumsum(lengths[window.first : window.stop]) - lengths[window.first : window.stop]
        return EncodedWindow(window, input_ids, heads)


def _unknown_id(tokenizer: Tokenizer) -> int:
    for token in ("[UNK]", "<unk>"):
        identifier = tokenizer.token_to_id(token)
        if identifier is not None:
            return int(identifier)
    raise ValueError("the tokenizer has neither [UNK] nor <unk>, which words without letters need")
