"""Defends that what a model thinks with is read off its chat template, and that nothing else is taught or asked."""

from pathlib import Path

import pytest
from transformers import AutoConfig

from playground.models.tokenizer import ChatTokenizer
from playground.protocol.messages import Message
from tests.support.thinking.model import CHANNELS, HARMONY, OPENED, SWITCHED, thinking_tokenizer
from tests.support.tiny import CHATML

QUESTION: Message = {"role": "user", "content": "Hello"}
ANSWERS = ["one", "two"]
ENDS = {
    SWITCHED: ("assistant\n", "assistant\n<think>\n\n</think>\n\n"),
    OPENED: ("assistant\n<think>\n", "assistant\n<think>\n\n</think>\n\n"),
    HARMONY: ("<|start|>assistant", "<|start|>assistant<|channel|>final<|message|>"),
}


def make(folder: Path, template: str) -> ChatTokenizer:
    theirs = thinking_tokenizer(template)
    if template == HARMONY:
        theirs.add_special_tokens({"additional_special_tokens": list(CHANNELS)})
    return ChatTokenizer(theirs, AutoConfig.from_pretrained(folder))


@pytest.mark.parametrize("template", ENDS, ids=["switched", "opened", "harmony"])
def test_a_prompt_lets_it_think_or_answer_at_once(tiny_model_folder: Path, template: str) -> None:
    tokenizer = make(tiny_model_folder, template)
    assert tokenizer.thinking.switchable
    for thinking, end in zip((True, False), ENDS[template], strict=True):
        assert tokenizer.decode_output(tokenizer.apply_chat_template([QUESTION], thinking)).endswith(end)


@pytest.mark.parametrize("template", ENDS, ids=["switched", "opened", "harmony"])
def test_only_answers_are_taught_after_the_prompt_that_is_asked(tiny_model_folder: Path, template: str) -> None:
    """An adapter is asked without thinking by every task and measure, so that is how it is taught."""
    tokenizer = make(tiny_model_folder, template)
    one, two = ({"role": "assistant", "content": said} for said in ANSWERS)
    talk: list[Message] = [QUESTION, one, QUESTION, two]  # type: ignore[list-item]
    ids, loss_mask = tokenizer.tokenize_conversation(talk)
    prompt = tokenizer.apply_chat_template(talk[:-1])
    assert ids[: len(prompt)] == prompt
    learnt = tokenizer.decode([token for token, learns in zip(ids, loss_mask, strict=True) if learns])
    assert learnt == "".join(ANSWERS)


def test_a_template_without_thoughts_is_left_alone(tiny_model_folder: Path) -> None:
    tokenizer = make(tiny_model_folder, CHATML)
    assert tokenizer.thinking_marks is None and not tokenizer.thinking.switchable
    assert tokenizer.apply_chat_template([QUESTION], True) == tokenizer.apply_chat_template([QUESTION])


def test_thoughts_of_a_model_that_chooses_itself_are_known_and_nothing_is_put_into_its_prompt(
    tiny_model_folder: Path,
) -> None:
    """Its template only drops earlier thoughts: whether it will think nobody knows, so there is no switch."""
    tokenizer = make(tiny_model_folder, CHATML + "{{ '</think>' if false }}")
    assert tokenizer.thinking_marks is not None and not tokenizer.thinking.switchable
    assert tokenizer.thinking.skipped == []
