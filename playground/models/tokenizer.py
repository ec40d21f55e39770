"""Tokenizer and chat template of one model. Special tokens typed by a visitor are encoded as plain text."""

import itertools
import threading
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from tokenizers import Encoding, Tokenizer
from transformers import GenerationConfig, PretrainedConfig, PreTrainedTokenizerFast

from playground.errors import InputError
from playground.models.thinking import Thinking, switch
from playground.protocol.messages import Message
from playground.protocol.thinking import ThinkingMarks

_ANCHOR = "\n"


class ChatTokenizer:
    """Implements `protocol.Tokenizer` over a transformers tokenizer, and makes training rows.

    `eos_token_ids` are those that end an answer; none of them can come out of `encode_continuation`.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        config: PretrainedConfig,
        generation_config: GenerationConfig | None = None,
    ) -> None:
        self.has_chat_template = tokenizer.chat_template is not None
        self._special_token_ids = {token for token, word in tokenizer.added_tokens_decoder.items() if word.special}
        self.context_length = _context_length(tokenizer, config)
        self._tokenizer = tokenizer
        self._lock = threading.Lock()  # transformers reconfigures the tokenizer in every call of it
        self._backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._bos_token_ids = self._find_bos_token_ids()
        self._text_only = _without_special_tokens(tokenizer)
        self._anchor = self._text_only.encode(_ANCHOR).ids if _adds_a_space(self._text_only) else []
        self.thinking = Thinking(tokenizer)
        self._takes_system = self.has_chat_template and self._renders_system()
        tail = self._find_turn_tail() if self.has_chat_template else []
        self.eos_token_ids = self._find_eos_token_ids(tail, config, generation_config)
        end = next((index for index, token in enumerate(tail) if token in self.eos_token_ids), None)
        self.template_prefix_ids = self._find_template_prefix() if self.has_chat_template else ()
        """What the template itself writes before a conversation that begins with a question."""
        self._end_of_turn_ids = list(self.eos_token_ids[:1]) if end is None else tail[: end + 1]

    @property
    def transformers_tokenizer(self) -> PreTrainedTokenizerFast:
        """What it is made of, for a trainer."""
        return self._tokenizer

    @property
    def thinking_marks(self) -> ThinkingMarks | None:
        return self.thinking.marks

    def apply_chat_template(self, messages: Sequence[Message], thinking: bool = False) -> list[int]:
        """Encode the prompt up to where the assistant speaks; without a chat template, plain paragraphs.

        With `thinking`, a model that can is left to think first; else it answers at once.
        Raises `InputError` for no messages, for an order of roles that the model refuses, and for broken characters.
        """
        if not messages:
            raise InputError("There is no message to answer. Write one.")
        if not self.has_chat_template:
            return self.encode("\n\n".join(message["content"] for message in messages))
        return [*self._render(messages, thinking), *([] if thinking else self.thinking.skipped)]

    def encode(self, text: str) -> list[int]:
        """Encode a text to be continued, with the start token where the model wants one."""
        return [*self._bos_token_ids, *self._encode(text).ids]

    def encode_continuation(self, text: str) -> list[int]:
        """Encode the text as it would follow a prompt, with no special tokens."""
        return self.encode_continuation_with_offsets(text)[0]

    def encode_continuation_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """As `encode_continuation`, with each token's (start, end) characters in `text`."""
        anchored = self._encode(_ANCHOR + _checked(text)) if self._anchor else None
        size = len(self._anchor)
        if anchored is None or anchored.ids[:size] != self._anchor:
            encoding = self._encode(text)
            return encoding.ids, encoding.offsets
        shift = len(_ANCHOR)
        offsets = [(max(0, start - shift), max(0, end - shift)) for start, end in anchored.offsets[size:]]
        return anchored.ids[size:], offsets

    def decode(self, tokens: Sequence[int]) -> str:
        """Decode to text, leaving special tokens out; an incomplete character at the end shows as U+FFFD."""
        return self._backend.decode(list(tokens), skip_special_tokens=True)

    def decode_output(self, tokens: Sequence[int]) -> str:
        """As `decode`, with the marks of thinking also where they are special tokens."""
        shown = self.thinking.special_token_ids
        if not shown:
            return self.decode(tokens)
        kept = [token for token in tokens if token in shown or token not in self._special_token_ids]
        return self._backend.decode(kept, skip_special_tokens=False)

    def tokenize_conversation(self, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """Encode a training row that ends in an assistant's turn; returns the ids and which of them carry loss.

        The ids begin with exactly `apply_chat_template(messages[:-1])`, so what is trained is what is asked later. Each
        assistant turn carries loss with the token that ends it, unless its weight is 0. Raises `InputError` when the
        last turn is not the assistant's.
        """
        if not messages or messages[-1]["role"] != "assistant":
            raise InputError("A training example must end with an answer of the assistant.")
        prompt = self.apply_chat_template(messages[:-1])
        loss_mask = [False] * len(prompt)
        for index, message in enumerate(messages[:-1]):
            if message["role"] == "assistant" and index > 0 and self.has_chat_template and message.get("weight", 1):
                self._mark_turn(prompt, loss_mask, before=self.apply_chat_template(messages[:index]))
        answer = [*self.encode_continuation(messages[-1]["content"]), *self._end_of_turn_ids]
        return [*prompt, *answer], [*loss_mask, *[messages[-1].get("weight", 1) != 0] * len(answer)]

    def tokenize_text(self, text: str) -> tuple[list[int], list[bool]]:
        """Encode a plain text to train on: all of it carries loss (but the start token), its end too."""
        start = len(self._bos_token_ids)
        ids = [*self.encode(text), *self.eos_token_ids[:1]]
        return ids, [index >= start for index in range(len(ids))]

    def _encode(self, text: str) -> Encoding:
        encoding = self._text_only.encode(_checked(text))
        if not self._special_token_ids.isdisjoint(encoding.ids):  # the plain vocabulary of some holds control words
            raise InputError("The text holds a control word of the model, such as </s>. Remove it.")
        return encoding

    def _mark_turn(self, ids: list[int], loss_mask: list[bool], before: list[int]) -> None:
        """Mark an earlier turn: from where the conversation goes beyond the prompt before it, to its end token."""
        pairs = zip(ids, before, strict=False)
        start = next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(ids), len(before)))
        end = next((index for index in range(start, len(ids)) if ids[index] in self.eos_token_ids), start - 1)
        loss_mask[start : end + 1] = [True] * (end + 1 - start)

    def _render(self, messages: Sequence[Message], thinking: bool = False) -> list[int]:
        prepared = [{"role": m["role"], "content": _checked(m["content"])} for m in messages]
        if not self._takes_system:
            prepared = _merge_system(prepared)
        try:
            with self._lock:
                ids = self._tokenizer.apply_chat_template(
                    prepared,
                    add_generation_prompt=True,
                    sanitize_control_tokens=True,
                    tokenize=True,
                    return_dict=False,
                    **switch(thinking),
                )
        except (TemplateError, ValueError) as error:
            raise InputError(
                "The model cannot take this conversation ({reason}). Begin with a question, then alternate.",
                reason=str(error).rstrip("."),
            ) from error
        return list(ids)

    def _renders_system(self) -> bool:
        probe: list[dict[str, str]] = [
            {"role": "system", "content": "Qzx7"},
            {"role": "user", "content": "Hello"},
        ]
        try:
            return "Qzx7" in self._tokenizer.apply_chat_template(probe, tokenize=False, add_generation_prompt=True)
        except (TemplateError, ValueError, TypeError):
            return False

    def _find_turn_tail(self) -> list[int]:
        """The tokens that the template writes after an assistant's words."""
        probe = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Qzx7"}]
        text = str(self._tokenizer.apply_chat_template(probe, tokenize=False))
        tail = text.rpartition("Qzx7")[2]
        return list(self._tokenizer(tail, add_special_tokens=False)["input_ids"])

    def _find_template_prefix(self) -> tuple[int, ...]:
        try:
            one, other = (self._render([{"role": "user", "content": text}]) for text in ("Qzx7", "9"))
        except InputError:
            return ()
        pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
        return tuple(token for token, _ in pairs)

    def _find_eos_token_ids(
        self, tail: list[int], config: PretrainedConfig, generation: GenerationConfig | None
    ) -> tuple[int, ...]:
        added = self._tokenizer.added_tokens_decoder
        found: list[int] = [token for token in tail if token in added and added[token].special][:1]
        for value in (
            self._tokenizer.eos_token_id,
            getattr(generation, "eos_token_id", None),
            getattr(config, "eos_token_id", None),
        ):
            found += value if isinstance(value, list) else [value] if value is not None else []
        return tuple(dict.fromkeys(found))

    def _find_bos_token_ids(self) -> list[int]:
        """What the tokenizer puts before a text, such as `<s>`."""
        ids = self._tokenizer("", add_special_tokens=True)["input_ids"]
        return [token for token in ids if token == self._tokenizer.bos_token_id][:1]


def _without_special_tokens(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """The same tokenizer knowing no added token at all, so that every text is ordinary text to it."""
    whole = tokenizer.backend_tokenizer
    bare = Tokenizer(whole.model)  # shared, not copied: a vocabulary takes a second to write out and read again
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        if (value := getattr(whole, part)) is not None:
            setattr(bare, part, value)
    return bare


def _adds_a_space(backend: Tokenizer) -> bool:
    """Whether a space is put before every text, as SentencePiece does; inside a conversation it would be wrong."""
    tokens = backend.encode("a").tokens
    return bool(tokens) and tokens[0][0] in "▁Ġ"


def _context_length(tokenizer: PreTrainedTokenizerFast, config: PretrainedConfig) -> int:
    text_config = config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        value = getattr(text_config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return min(int(tokenizer.model_max_length), 4096)


def _merge_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the system's words before the first question, for templates without that role."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    others = [m for m in messages if m["role"] != "system"]
    if not system:
        return others
    if not others or others[0]["role"] != "user":
        return [{"role": "user", "content": system}, *others]
    first = {"role": "user", "content": f"{system}\n\n{others[0]['content']}"}
    return [first, *others[1:]]


def _checked(text: str) -> str:
    """Refuse lone surrogates, which no tokenizer can take."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "The text holds a broken character at position {position}. Remove it or type it again.",
            position=error.start + 1,
        ) from error
    return text
