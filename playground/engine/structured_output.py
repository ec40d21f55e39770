"""Answers of a given structure: at each step, only tokens by which the answer can still become JSON of its schema.

Source: llguidance, which walks the schema's grammar and the tokenizer's vocabulary side by side.
"""

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from transformers import PreTrainedTokenizerFast

from playground.errors import EngineError, InputError, first_line

_WHITESPACE = r"[ \n\t]{1,12}"
"""Between two parts: a small model likes to go on with blanks for ever."""


class StructuredOutputMatcher:
    """Of one answer."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def allowed_tokens(self, vocabulary: int) -> npt.NDArray[np.bool_]:
        """(vocabulary): what may be written next. Raises `EngineError`."""
        mask = self._matcher.compute_bitmask()
        self._check()
        bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=vocabulary, bitorder="little")
        return bits.astype(np.bool_)

    def accept(self, token: int) -> None:
        """The token is written. Raises `EngineError`."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise EngineError(
                "The answer could not be kept to its JSON schema ({reason}). Simplify the schema.",
                reason=self._matcher.get_error().splitlines()[0][:200].rstrip("."),
            )


class StructuredOutputs:
    """Of one model. Thread-safe; the first schema takes a second or more, in which the vocabulary is made ready."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, vocabulary: int, eos_token_ids: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._eos_token_ids = list(eos_token_ids)
        self._lock = threading.Lock()
        self._prepared: LLTokenizer | None = None

    def matcher(self, json_schema: str) -> StructuredOutputMatcher:
        """Raises `InputError` for what is no JSON schema, or one that no answer can keep to."""
        try:
            grammar = LLMatcher.grammar_from_json_schema(json_schema, overrides={"whitespace_pattern": _WHITESPACE})
        except ValueError as error:
            raise _refused(first_line(error)) from error
        tokenizer = self._tokens()
        if wrong := LLMatcher.validate_grammar(grammar, tokenizer):
            raise _refused(" ".join(wrong.split())[:200])
        matcher = LLMatcher(tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise _refused(matcher.get_error().splitlines()[0][:200])
        return StructuredOutputMatcher(matcher)

    def _tokens(self) -> LLTokenizer:
        with self._lock:
            if self._prepared is None:
                self._prepared = from_tokenizer(self._tokenizer, self._vocabulary, self._eos_token_ids)
            return self._prepared


def _refused(reason: str) -> InputError:
    return InputError("The JSON schema cannot be used: {reason}.", reason=reason.rstrip("."))
