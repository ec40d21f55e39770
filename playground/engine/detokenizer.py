"""From tokens to the text a reader sees while it grows."""

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]

_TAIL = 8
_MAX_WINDOW = 64
"""Broken bytes for longer than this are given up on."""
_MAX_CHARACTER_BYTES = 4
"""Bytes, and so tokens, that one character may take."""
_BROKEN = "\ufffd"


class IncrementalDetokenizer:
    """The text so far of one answer.

    Each step decodes only a short window, begun inside the prompt so that a leading space is kept. What may still
    change is held back: an incomplete character, and the beginning of what may become a stop text.
    """

    def __init__(self, decode: Decode, prompt: Sequence[int], stops: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stops = tuple(stops)
        self._longest_stop = max((len(stop) for stop in stops), default=0)
        self._window, self._before = self._begin(prompt)
        self._settled = ""
        self._searched = 0
        self.text = ""
        """Everything decoded so far, an incomplete character at the end left out."""
        self.stopped = False

    def push(self, token: int) -> None:
        """Add a token; sets `stopped` when a stop text is complete, which `text` then ends before."""
        self._window.append(token)
        grown = self._decode(self._window)
        new = grown[len(self._before) :] if grown.startswith(self._before) else ""
        self.text = self._settled + new.rstrip(_BROKEN)
        if (new and not new.endswith(_BROKEN)) or len(self._window) > _MAX_WINDOW:
            self._settled = self.text
            self._window, self._before = self._begin(self._window)
        self._find_stop()

    def _begin(self, tokens: Sequence[int]) -> tuple[list[int], str]:
        """The last tokens and their text. Cut inside a character, some tokenizers would break all bytes after it."""
        for size in range(_TAIL, _TAIL + _MAX_CHARACTER_BYTES):
            window = list(tokens[-size:])
            text = self._decode(window)
            if not text.startswith(_BROKEN):
                return window, text.rstrip(_BROKEN)
        window = list(tokens[-_TAIL:])
        return window, self._decode(window).rstrip(_BROKEN)

    def visible(self) -> str:
        """The text that will not change any more."""
        held = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self.text)), held, -1):
                if self.text.endswith(stop[:length]):
                    held = length
                    break
        return self.text[: len(self.text) - held]

    def _find_stop(self) -> None:
        start = max(0, self._searched - self._longest_stop)
        found = [position for stop in self._stops if (position := self.text.find(stop, start)) >= 0]
        self._searched = len(self.text)
        if found:
            self.text = self.text[: min(found)]
            self.stopped = True
