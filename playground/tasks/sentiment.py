"""Sentiment: how likely the model finds each label, from its own scores and not from what it writes."""

import math
from collections.abc import AsyncIterator
from typing import Any

from playground.protocol.client import SamplingClient
from playground.protocol.messages import Message
from playground.sentence import N_
from playground.tasks.base import ClassificationOutput, Field, Task, TaskExample, check_text

LABELS = (N_("positive"), N_("negative"))


class Sentiment(Task):
    name = "sentiment"
    title = N_("Sentiment")
    action = "Judge the mood"
    empty = N_("Each line gets its own verdict.")
    fields = (Field("text", "Text", placeholder="One text, or many: one on each line…"),)
    examples = (
        TaskExample("One film review", {"text": "A warm, funny film with a wonderful cast."}),
        TaskExample(
            "Six hotel reviews",
            {
                "text": "The staff were kind and the room was spotless.\nWe waited forty minutes for a cold soup.\n"
                "It was fine, nothing special.\nGreat view and a lovely breakfast.\n"
                "Dirty, loud and far too expensive.\nThe best stay we have had in years."
            },
        ),
        TaskExample("Mixed feelings", {"text": "The story is dull, but the music is beautiful."}),
    )

    def messages(self, **inputs: Any) -> list[Message]:
        return [{"role": "user", "content": f"Is this text positive or negative?\n\n{inputs['text']}"}]

    async def run(self, client: SamplingClient, **inputs: Any) -> AsyncIterator[ClassificationOutput]:
        text = check_text(inputs.get("text")).strip()
        token_ids = await client.encode_prompt(self.messages(text=text), text=text)
        scores = await client.compute_logprobs(token_ids, [client.tokenizer.encode_continuation(one) for one in LABELS])
        likelihoods = [sum(score.logprobs) for score in scores]
        highest = max(likelihoods)
        weights = [math.exp(likelihood - highest) for likelihood in likelihoods]
        shares = [(label, weight / sum(weights)) for label, weight in zip(LABELS, weights, strict=True)]
        shares.sort(key=lambda share: -share[1])
        yield ClassificationOutput(shares[0][0], tuple(shares))


TASK = Sentiment()
