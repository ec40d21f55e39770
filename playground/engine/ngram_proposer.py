"""Speculation from the text itself: what followed the last words when they stood earlier is proposed to follow again.

Source: prompt lookup decoding (Saxena 2023), as vLLM's `ngram` proposer.
"""

from collections.abc import Sequence

NGRAM = 3
"""So many tokens must have stood together before."""
FIRST_TOKENS, MAX_TOKENS = 4, 12
"""How many tokens are proposed at once: at first, and when all were right again and again."""
FIRST_PAUSE, MAX_PAUSE = 8, 128
"""For how many tokens nothing is proposed after two proposals that were wrong from their first token on."""


class NgramProposer:
    """Of one request."""

    def __init__(self, token_ids: Sequence[int]) -> None:
        self._token_ids: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        """Where the token after each n-gram stands, the latest one; of those that end before the last token."""
        self._size = FIRST_TOKENS
        self._misses = 0
        self._pause = FIRST_PAUSE
        self._resumes_at = 0
        self.extend(token_ids)

    def extend(self, token_ids: Sequence[int]) -> None:
        """More tokens have been decided."""
        for token in token_ids:
            if len(self._token_ids) >= NGRAM:
                self._ends[tuple(self._token_ids[-NGRAM:])] = len(self._token_ids)
            self._token_ids.append(token)

    def propose(self, most: int) -> list[int]:
        """What may follow, at most so many tokens."""
        if len(self._token_ids) < self._resumes_at:
            return []
        start = self._ends.get(tuple(self._token_ids[-NGRAM:]))
        return [] if start is None else self._token_ids[start : start + min(self._size, most)]

    def learn(self, num_proposed: int, num_right: int) -> None:
        """How many of the last proposal were right, from its first token on."""
        if num_right:
            self._size = min(2 * self._size, MAX_TOKENS) if num_right == num_proposed else max(2, num_right)
            self._misses, self._pause = 0, FIRST_PAUSE
            return
        self._misses += 1
        if self._misses > 1:
            self._resumes_at = len(self._token_ids) + self._pause
            self._size, self._misses, self._pause = FIRST_TOKENS, 0, min(2 * self._pause, MAX_PAUSE)
