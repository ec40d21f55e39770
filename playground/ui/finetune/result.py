"""Fine-tune, step 4: what changed, in figures that were measured and in answers, without and with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.adapters.info import AdapterInfo
from playground.errors import PlaygroundError
from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.protocol.messages import Message
from playground.protocol.sampling import SamplingParams
from playground.service.services import Services
from playground.tasks.outputs import UNANSWERED
from playground.tasks.registry import task_of
from playground.threads import quick, slow
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import AdapterPicker, picked
from playground.ui.components.basics import head, primary, second, static_html
from playground.ui.components.chat_history import ChatEvents
from playground.ui.components.file_download import download_after, hidden_download
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import checkpoints, skills
from playground.ui.finetune.checkpoints import StepParts
from playground.ui.finetune.skills import SkillParts
from playground.ui.finetune.state import BRING, Draft, FinetunePage, open_step
from playground.ui.i18n import gettext_for
from playground.ui.reports import report, run, verdict

SHORT_ANSWER = SamplingParams(max_new_tokens=80, temperature=0.0)
REDRAWN_S = 0.25
"""The table with all answers is redrawn at most this often."""


@dataclass(frozen=True)
class ResultParts:
    verdict: gr.HTML
    answers: gr.HTML
    behind: gr.HTML
    skills: SkillParts
    origin: gr.HTML
    proof: gr.HTML
    more: gr.Button
    steps: StepParts
    download: gr.Button
    fetch: gr.DownloadButton
    use: gr.Button


def build() -> ResultParts:
    """Draw the step."""
    with gr.Row(elem_classes=["work", "full", "ft"]):
        with gr.Column(elem_classes=["card", "scroll"], scale=1):
            found = gr.HTML("", padding=False)
            answers = gr.HTML("", padding=False)
            behind = gr.HTML("", padding=False)
        with gr.Column(elem_classes=["card", "rail", "scroll"]):
            panel, steps, take = checkpoints.build_panel()
            spoilt = skills.build()
            head("How it was taught")
            origin = gr.HTML("", padding=False)
            static_html("", "grow")
            proof = gr.HTML("", padding=False)
    with gr.Row(elem_classes="foot"):
        more = second("Teach more")
        another = second("Choose another step")
        download = second("Download")
        fetch = hidden_download()
        static_html("", "say")
        use = primary("Try it in Generate")
    chosen = StepParts(another, panel, steps, take)
    return ResultParts(found, answers, behind, spoilt, origin, proof, more, chosen, download, fetch, use)


def wire(
    frame: FinetunePage,
    parts: ResultParts,
    file: gr.File,
    choice: AdapterPicker,
    intensity: gr.Radio,
    chat: ChatEvents | None = None,
) -> None:
    """Bind the step: it is drawn when a run's adapter is there. `chat` is the one in Generate."""
    services = frame.services

    @show_errors
    async def download(adapter: str, request: gr.Request) -> str:
        return await slow.run(services.downloads.zipped, services.owners.owner(request.headers), adapter)

    told = [parts.verdict, parts.answers, parts.behind, parts.skills.table, parts.origin, parts.proof, parts.use]
    redraw = _showing(frame), [frame.adapter, frame.job], [*told, *parts.skills.buttons]
    frame.adapter.change(*redraw, **EVENT_OPTIONS)
    skills.wire(frame, parts.skills, choice, intensity, redraw)
    checkpoints.wire(frame, parts.steps)
    opening = [frame.tabs, *choice.inputs, *([chat.letter] if chat else [])]
    if chat:
        chat.stop(parts.use.click)
    used = parts.use.click(_using(frame, chat is not None), [frame.adapter, frame.job], opening, **EVENT_OPTIONS)
    if chat:  # what the base model said there before is none of the adapter's
        chat.ask_afresh(used)
    download_after(parts.download.click(download, frame.adapter, parts.fetch, **EVENT_OPTIONS), parts.fetch)
    parts.more.click(
        lambda: (open_step(BRING), "", "", Draft(), None),
        None,
        [frame.steps, frame.job, frame.adapter, frame.draft, file],
        **EVENT_OPTIONS,
    )


def _showing(frame: FinetunePage) -> Callable[..., Any]:
    """Draw a run's adapter with its figures; where no report has answers, the live model is asked for them."""
    services = frame.services

    @show_errors
    async def show(adapter: str, job_id: str, request: gr.Request) -> AsyncIterator[list[Any]]:
        if not adapter:
            yield ["", "", "", "", "", "", gr.skip(), *[gr.Button(visible=False)] * 3]
            return
        owner, gettext = services.owners.owner(request.headers), gettext_for(request)
        taught_by, card = services.finetuning, services.adapters.get(owner, adapter)
        facts: dict[str, Any] = {**taught_by.facts(owner, job_id), **card.metrics}
        lines = [(line.step, line.answers) for line in taught_by.probe_answers(owner, job_id)]
        kept = facts.get("step", facts.get("best_step"))
        probes = run.probes(gettext, taught_by.probes(owner, job_id), lines, kept=kept)
        answers = report.answers(card.report, card.name, gettext)
        below = report.behind(card.report, card.name, gettext), report.others(card.report, gettext)
        taught = snippets.facts(verdict.how_taught(facts, gettext))
        found, proof = verdict.verdict(card, facts, gettext), verdict.proof(card, gettext)
        offers = skills.offered(services, card, gettext)
        left_out = taught_by.left_out(owner, job_id)
        if left_out:
            answers = answers or snippets.caption(gettext(left_out))
        yield [found, answers + probes, *below, taught, proof, gr.Button(visible=left_out is None), *offers]
        if not answers:
            async for table in _answers(services, owner, job_id, card, gettext):
                yield [gr.skip(), table + probes, *[gr.skip()] * 8]

    return show


def _using(frame: FinetunePage, asks: bool) -> Callable[..., Any]:
    """Go to Generate with the adapter picked, beside the base model; `asks` where its chat is among the outputs."""
    services = frame.services

    @show_errors
    async def use(adapter: str, job_id: str, request: gr.Request) -> list[Any]:
        owner = services.owners.owner(request.headers)
        questions = services.finetuning.probes(owner, job_id)
        letter = {"text": questions[0] if questions else "", "new": bool(questions)}
        return [gr.Tabs(selected="generate"), picked(services, owner, adapter), 100, True, *[letter] * asks]

    return use


async def _answers(
    services: Services, owner: str, job_id: str, card: AdapterInfo, gettext: Gettext
) -> AsyncIterator[str]:
    """The table of questions with both answers, growing as the live model writes them."""
    asked = await quick.run(services.finetuning.sample_rows, owner, job_id)
    rows = [[messages[-1]["content"], "", "", wanted] for messages, wanted in asked]
    source = services.finetuning.source(owner, job_id)
    task = task_of(source.format) if source else None
    base = await services.adapters.client(owner, task=task.name if task else "")
    clients = base, await services.adapters.client(owner, card.id)
    clock = asyncio.get_running_loop().time
    next_at = 0.0
    for row, (messages, _) in zip(rows, asked, strict=True):
        for column, client in enumerate(clients, 1):
            async for text in _answer(client, messages, gettext):
                row[column] = text
                if clock() >= next_at:
                    next_at = clock() + REDRAWN_S
                    yield _table(gettext, card, rows)
    if rows:
        yield _table(gettext, card, rows)


async def _answer(client: SamplingClient, messages: list[Message], gettext: Gettext) -> AsyncIterator[str]:
    try:
        token_ids = client.tokenizer.apply_chat_template(messages)
        async for output in client.generate(token_ids, SHORT_ANSWER):
            said = gettext(UNANSWERED) if output.unanswered else output.text
            yield said + ("" if output.finish_reason else " ▍")
    except PlaygroundError as error:
        # One question that does not fit must not hide the answers to the others.
        yield gettext(error.sentence)


def _table(gettext: Gettext, card: AdapterInfo, rows: list[list[str]]) -> str:
    heading = gettext("Asked now, without and with it")
    return report.answers_table(gettext, heading, card.name, [(row[0], row[1], row[2], row[3]) for row in rows])
