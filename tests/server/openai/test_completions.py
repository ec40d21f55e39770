"""Defends texts that go on, and their scores, through OpenAI's own client: as whoever measures models reads them."""

from typing import Any

import openai
import pytest
import torch
from openai import OpenAI
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.support.tiny_model import TINY

TEXT = "Once upon a time there was a little"


def ask(client: OpenAI, **given: Any) -> Any:
    return client.completions.create(**{"model": "base", "prompt": TEXT, "temperature": 0, "max_tokens": 8, **given})


def test_a_text_goes_on_whole_and_streamed(client: OpenAI) -> None:
    whole = ask(client, prompt=[TEXT, "The sea"], n=2, echo=True, logprobs=2)
    assert [choice.index for choice in whole.choices] == [0, 1, 2, 3]
    for choice, prompt in zip(whole.choices, (TEXT, TEXT, "The sea", "The sea"), strict=True):
        assert choice.text.startswith(prompt)
        assert len(choice.text) > len(prompt)
    told = [""] * 4
    for chunk in ask(client, prompt=[TEXT, "The sea"], n=2, echo=True, stream=True):
        told[chunk.choices[0].index] += chunk.choices[0].text
    assert told == [choice.text for choice in whole.choices]


def test_a_prompt_is_scored_as_by_the_model_itself(client: OpenAI) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    tokens = tokenizer(TEXT).input_ids
    with torch.inference_mode():
        expected = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    for prompt in (TEXT, tokens):
        scores = ask(client, prompt=prompt, echo=True, logprobs=1, max_tokens=0).choices[0]
        assert scores.text == TEXT
        assert scores.logprobs.token_logprobs[0] is None
        assert len(scores.logprobs.tokens) == len(tokens) == len(scores.logprobs.text_offset)
        for place, (told, likeliest) in enumerate(
            zip(scores.logprobs.token_logprobs[1:], scores.logprobs.top_logprobs[1:], strict=True)
        ):
            assert told == pytest.approx(float(expected[place, tokens[place + 1]]), abs=0.7)  # the app's is in 4 bits
            assert len(likeliest) == 1
            assert told <= max(likeliest.values())


def test_what_is_written_is_scored_too(client: OpenAI) -> None:
    answer = ask(client, echo=True, logprobs=3).choices[0]
    assert "".join(answer.logprobs.tokens) == answer.text
    assert answer.logprobs.text_offset == [
        len("".join(answer.logprobs.tokens[:place])) for place in range(len(answer.logprobs.tokens))
    ]
    written = answer.logprobs.top_logprobs[-1]
    assert max(written.values()) == answer.logprobs.token_logprobs[-1]  # the likeliest was taken
    assert len(written) == 3


def test_a_stop_ends_it_unseen(client: OpenAI) -> None:
    whole = ask(client, max_tokens=24).choices[0].text
    word = whole.split()[3]
    cut = ask(client, max_tokens=24, stop=word).choices[0]
    assert (cut.text, cut.finish_reason) == (whole[: whole.index(word)], "stop")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "empty"),
        ({"prompt": ""}, "empty"),
        ({"prompt": [1, "two"]}, "prompt"),
        ({"prompt": [10**9]}, "token"),
        ({"prompt": ["x"] * 33}, "32"),
        ({"max_tokens": 0}, "echo"),
        ({"suffix": "the end"}, "suffix"),
        ({"best_of": 5}, "best_of"),
        ({"logprobs": 99}, "logprobs"),
    ],
)
def test_what_cannot_be_done_is_told(client: OpenAI, given: dict[str, Any], said: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **given)
    assert said in refused.value.body["message"]  # type: ignore[index, call-overload]
