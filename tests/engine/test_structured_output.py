"""Defends whoever reads an answer by a program: it keeps to its JSON schema, whatever the model would rather say, and
beside others as alone."""

import asyncio
import json

import pytest

from playground.engine.llm_engine import LLMEngine
from playground.engine.structured_output import StructuredOutputs
from playground.errors import InputError
from playground.models.loader import LoadedModel
from playground.protocol.requests import GenerateRequest, LogprobsRequest
from playground.protocol.sampling import SamplingParams

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "legs": {"enum": [2, 4]}},
        "required": ["name", "legs"],
        "additionalProperties": False,
    }
)


def test_answers_keep_to_their_schema_among_others(engine: LLMEngine, loaded: LoadedModel) -> None:
    prompt = tuple(loaded.tokenizer.encode("Tell me of a dog."))
    streams = [
        engine.submit(GenerateRequest(prompt, SamplingParams(150, 1.5, 1.0, 0, seed=seed, json_schema=schema)))
        for seed in range(4)
        for schema in (SCHEMA, "")
    ]
    for place, stream in enumerate(streams):
        output = stream.result(120)
        if place % 2 == 0:
            found = json.loads(output.text)
            assert set(found) == {"name", "legs"}
            assert found["legs"] in (2, 4)
            assert output.finish_reason == "stop"


def test_a_proposed_text_is_held_to_it_too(engine: LLMEngine, loaded: LoadedModel) -> None:
    """What stood in the prompt is proposed to be written again; where the schema forbids it, it is not."""
    said = '{"name": "dog", "legs": 3}'
    prompt = tuple(loaded.tokenizer.encode(f"{said}\n" * 4 + '{"name": "dog", "legs": '))
    number = json.dumps({"enum": [2, 4]})
    output = engine.submit(GenerateRequest(prompt, SamplingParams(20, 0.0, json_schema=number))).result(120)
    assert output.text.strip() in ("2", "4")


@pytest.mark.parametrize(
    "schema", ["", "no JSON", '{"type": "cat"}', '{"not": {}}', '{"pattern": "(", "type": "string"}']
)
def test_what_is_no_schema_is_told(loaded: LoadedModel, schema: str) -> None:
    vocabulary = loaded.model.get_input_embeddings().num_embeddings
    outputs = StructuredOutputs(loaded.tokenizer.transformers_tokenizer, vocabulary, loaded.tokenizer.eos_token_ids)
    with pytest.raises(InputError, match="The JSON schema cannot be used"):
        outputs.matcher(schema)


def test_a_schema_of_a_strangers_size_is_refused_before_it_is_read(engine: LLMEngine) -> None:
    with pytest.raises(InputError, match="at most"):
        engine.submit(GenerateRequest((5,), SamplingParams(json_schema=" " * 30_000)))


def test_scores_tell_the_likeliest_in_each_place(engine: LLMEngine, loaded: LoadedModel) -> None:
    """Whole, and in parts of a text that is too long for one pass."""
    row = tuple(loaded.tokenizer.encode("Once upon a time there was a little dog. " * 40))
    (scores,) = asyncio.run(engine.compute_logprobs(LogprobsRequest(row[:1], (row[1:],), top_logprobs=3)))
    assert len(scores.top_logprobs) == len(scores.logprobs) == len(row) - 1
    for token, logprob, likeliest in zip(row[1:], scores.logprobs, scores.top_logprobs, strict=True):
        values = [value for _, value in likeliest]
        assert values == sorted(values, reverse=True)
        assert logprob <= values[0] + 1e-4
        assert dict(likeliest).get(token, logprob) == pytest.approx(logprob, abs=1e-4)
