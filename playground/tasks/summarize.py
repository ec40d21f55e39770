"""Summarize a text of any length: what does not fit at once is read in parts, then as a whole.

A model that is known to be too weak to summarize does not make things up: it shows the text's own best sentences.
An adapter on it writes by itself, since it may have learnt to.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from playground.data import column_names as names
from playground.data.formats import HISTORY, SYSTEM, Column, DatasetFormat, framed
from playground.data.mapped_table import MappedRow
from playground.errors import InputError
from playground.metrics.corpus import ROUGE_1, ROUGE_L
from playground.metrics.scores import rouge
from playground.protocol.client import SamplingClient, in_thread
from playground.protocol.messages import Message
from playground.protocol.sampling import GREEDY
from playground.sentence import N_
from playground.tasks.base import Benchmark, Forgetting, Task, TaskExample, forgetting_items
from playground.tasks.inputs import Ask, TaskInputs, Text
from playground.tasks.nlp.extractive import extractive_summary
from playground.tasks.nlp.sentences import sentences
from playground.tasks.outputs import TextOutput

LENGTHS = {"short": "in one sentence", "medium": "in a few sentences", "long": "in a paragraph"}
MAX_SUMMARY_TOKENS = {"short": 80, "medium": 160, "long": 280}
SENTENCES = {"short": 1, "medium": 3, "long": 6}
"""In a summary that is made of the text's own sentences, at most."""
OWN_SENTENCES, SHORT_ALREADY = "extract", "short"
"""The notes on such a summary, and on a text that has nothing to leave out."""
MAX_PARTS = 200


def _row_to_messages(row: MappedRow) -> list[Message]:
    return framed(row, TASK.prompt(text=row.need("document"), length="short"), row.need("summary"))


def _scores(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    scores = rouge(predictions, references)
    return {"ROUGE-1": scores["rouge1"], "ROUGE-2": scores["rouge2"], "ROUGE-L": scores["rougeL"]}


def own_sentences(text: str, length: str) -> TextOutput:
    """The text's own best sentences: never all of them, and more for each greater length where it has enough."""
    count = sum(1 for sentence in sentences(text) if sentence.strip())
    most = {"short": 1, "medium": count // 2, "long": count - max(1, count // 3)}[length]
    best = extractive_summary(text, max(1, min(SENTENCES[length], most)))
    return TextOutput(best, finished=True, note=OWN_SENTENCES if count > 1 else SHORT_ALREADY)


class Summarize(Task[TextOutput]):
    name, title, action, order = "summarize", N_("Summarize"), N_("Summarize"), 30
    empty = N_("Paste up to a book chapter: long texts are read in parts.")

    class Inputs(TaskInputs):
        text: Annotated[Text, Ask("Text to summarize", placeholder="Paste a text…")]
        length: Annotated[Literal["short", "medium", "long"], Ask("Length")] = "medium"

    Output = TextOutput
    examples = (
        TaskExample(
            "A town meeting",
            {
                "text": N_(
                    "The council met on Tuesday to decide what happens to the old harbour. Repairing the eastern "
                    "quay would cost nearly twice what was planned, because the wooden piles under the water have "
                    "rotted faster than anyone expected. The engineers offered three ways out: steel piles, filling "
                    "the basin with gravel, or moving the fishing boats to the western side. The fishermen spoke "
                    "against moving, since the western basin is too shallow at low tide. In the end nine of eleven "
                    "members voted for gravel, the cheapest way, on condition that the currents are studied first."
                )
            },
        ),
        TaskExample(
            "A research abstract",
            {
                "text": N_(
                    "Training large neural networks takes much memory, since the state of the optimizer is kept for "
                    "every weight. We show that most of this state changes slowly and can be stored with few bits. "
                    "Our method quantizes the optimizer state in blocks and corrects the error that this causes at "
                    "every step. In experiments on image classification and language modelling, it reaches the same "
                    "accuracy as the full-precision optimizer while it uses a quarter of the memory."
                )
            },
        ),
    )
    formats = (
        DatasetFormat(
            "summary",
            "texts with summaries",
            60,
            (
                Column("document", "The text is in", names.DOCUMENT),
                Column("summary", "The summary is in", names.SUMMARY),
                SYSTEM,
                HISTORY,
            ),
            _row_to_messages,
        ),
    )
    metrics = (ROUGE_1, ROUGE_L)
    forgetting = Forgetting(
        ROUGE_1,
        worse=N_("It got worse at summarizing."),
        forgot=N_("It forgot how to summarize."),
        at=N_("summarizing"),
        items=forgetting_items("summarize"),
    )
    benchmarks = (
        Benchmark(
            "Summarization, SciTLDR",
            "summarization/scitldr_dev.jsonl",
            lambda row: {"text": row["document"], "length": "short"},
            lambda row: row["summary"],
            _scores,
            baseline=("the first sentence, for comparison", lambda inputs: sentences(inputs["text"])[0].strip()),
        ),
    )

    def messages(self, inputs: Inputs) -> list[Message]:
        return [{"role": "user", "content": f"Summarize {LENGTHS[inputs.length]}:\n\n{inputs.text}"}]

    async def run(self, client: SamplingClient, inputs: Inputs) -> AsyncIterator[TextOutput]:
        text, length = inputs.text.strip(), inputs.length
        if self.name in client.info.weak_tasks and client.is_base:
            yield await in_thread(lambda: own_sentences(text, length))
            return
        parts = await in_thread(lambda: self._parts(client, text, length))
        while len(parts) > 1:
            notes: list[str] = []
            for number, part in enumerate(parts, 1):
                async for result in self._once(client, part, "short"):
                    so_far = " ".join([*notes, result.text]).strip()
                    yield replace(result, text=so_far, finished=False, part=number, parts=len(parts))
                notes.append(result.text)
            shorter = "\n".join(note for note in notes if note)
            if not shorter or len(shorter) >= len(text):
                break  # the model does not shorten: the notes of the parts are the best there is
            text, parts = shorter, await in_thread(partial(self._parts, client, shorter, length))
        if len(parts) > 1:
            yield TextOutput(so_far, finished=True)
            return
        async for result in self._once(client, text, length):
            yield result

    async def _once(self, client: SamplingClient, text: str, length: str) -> AsyncIterator[TextOutput]:
        asked = self.prompt(text=text, length=length)
        token_ids = await in_thread(lambda: client.tokenizer.apply_chat_template(asked))
        params = replace(
            GREEDY, max_new_tokens=MAX_SUMMARY_TOKENS[length], repetition_penalty=1.1, penalize_prompt=False
        )
        async for output in client.generate(token_ids, params):
            finished = output.finish_reason is not None
            yield TextOutput(output.text.strip(), finished, unanswered=output.unanswered)

    def _parts(self, client: SamplingClient, text: str, length: str) -> list[str]:
        """Whole sentences together, as many as fit beside the prompt and the summary; a giant one is cut."""
        frame = len(client.tokenizer.apply_chat_template(self.prompt(text="", length=length)))
        context = client.info.context_length
        room = context - frame - min(MAX_SUMMARY_TOKENS[length], context // 3) - 8
        if room < 16:
            raise InputError("The loaded model reads too little at once to summarize. Choose a larger model.")
        pieces = [piece for sentence in sentences(text) for piece in self._cut(client, sentence, room)]
        parts: list[str] = []
        used = room + 1
        for piece, size in pieces:
            if used + size > room:
                parts.append("")
                used = 0
            parts[-1] += piece
            used += size
        if len(parts) > MAX_PARTS:
            raise InputError("That is a very long text: {parts} parts. Paste at most a few chapters.", parts=len(parts))
        return [part.strip() for part in parts]

    def _cut(self, client: SamplingClient, sentence: str, room: int) -> list[tuple[str, int]]:
        size = len(client.tokenizer.encode_continuation(sentence))
        if size <= room:
            return [(sentence, size)]
        middle = len(sentence) // 2
        space = sentence.rfind(" ", 0, middle)
        middle = space + 1 if space > 0 else middle
        return self._cut(client, sentence[:middle], room) + self._cut(client, sentence[middle:], room)


TASK = Summarize()
