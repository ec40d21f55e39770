"""Fine-tune, step 4: what changed, in figures that were measured and in answers, without and with it."""

import asyncio
from collections.abc import AsyncIterator
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
from playground.ui.components.basics import head, primary, second
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import checkpoints as finetune_steps
from playground.ui.finetune.checkpoints import StepParts
from playground.ui.finetune.state import BRING, Draft, FinetunePage, fetched, go, picked, static_html
from playground.ui.i18n import gettext_for
from playground.ui.reports import dataset as teach_html
from playground.ui.reports import report as report_html
from playground.ui.reports import verdict as verdict_html

SHORT_ANSWER = SamplingParams(max_new_tokens=80, temperature=0.0)
REDRAWN_S = 0.25
"""The table with all answers is redrawn at most this often."""


@dataclass(frozen=True)
class ResultParts:
    verdict: gr.HTML
    answers: gr.HTML
    behind: gr.HTML
    others: gr.HTML
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
            verdict = gr.HTML("", padding=False)
            answers = gr.HTML("", padding=False)
            behind = gr.HTML("", padding=False)
        with gr.Column(elem_classes=["card", "rail", "scroll"]):
            panel, steps, take = finetune_steps.build_panel()
            others = gr.HTML("", padding=False)
            head("How it was taught")
            origin = gr.HTML("", padding=False)
            static_html("", "grow")
            proof = gr.HTML("", padding=False)
    with gr.Row(elem_classes="foot"):
        more = second("Teach more")
        another = second("Choose another step")
        download = second("Download")
        fetch = gr.DownloadButton(elem_classes="fetch")
        static_html("", "say")
        use = primary("Try it in Generate")
    chosen = StepParts(another, panel, steps, take)
    return ResultParts(verdict, answers, behind, others, origin, proof, more, chosen, download, fetch, use)


def wire(frame: FinetunePage, parts: ResultParts, file: gr.File, prompt: gr.Textbox | None = None) -> None:
    """Bind the step: it is drawn when a run's adapter is there. `prompt` is where Generate is asked."""
    services = frame.services

    @show_errors
    async def show(adapter: str, job_id: str, request: gr.Request) -> AsyncIterator[list[Any]]:
        if not adapter:
            yield ["", "", "", "", "", "", gr.skip()]
            return
        owner, gettext = services.owners.owner(request.headers), gettext_for(request)
        taught_by, card = services.finetuning, services.adapters.get(owner, adapter)
        facts: dict[str, Any] = {**taught_by.facts(owner, job_id), **card.metrics}
        lines = [(line.step, line.answers) for line in taught_by.probe_answers(owner, job_id)]
        strip = teach_html.strip(
            gettext, taught_by.probes(owner, job_id), lines, kept=facts.get("step", facts.get("best_step"))
        )
        answers = report_html.answers(card.report, card.name, gettext)
        below = report_html.behind(card.report, card.name, gettext), report_html.others(card.report, gettext)
        taught = teach_html.facts(verdict_html.how_taught(facts, gettext))
        verdict, proof = verdict_html.verdict(card, facts, gettext), verdict_html.proof(card, gettext)
        left_out = taught_by.left_out(owner, job_id)
        if left_out:
            answers = answers or teach_html.caption(gettext(left_out))
        yield [verdict, answers + strip, *below, taught, proof, gr.Button(visible=left_out is None)]
        if not answers:
            async for table in _answers(services, owner, job_id, card, gettext):
                yield [gr.skip(), table + strip, *[gr.skip()] * 5]

    @show_errors
    async def use(adapter: str, job_id: str, request: gr.Request, written: str = "") -> list[Any]:
        owner = services.owners.owner(request.headers)
        probes = services.finetuning.probes(owner, job_id)
        # A first question stands ready to be sent, unless something is written there already.
        ready = [probes[0] if probes and not written.strip() else gr.skip()] * (prompt is not None)
        return [gr.Tabs(selected="generate"), picked(services, owner, adapter), *ready]

    @show_errors
    async def download(adapter: str, request: gr.Request) -> str:
        return await asyncio.to_thread(services.downloads.zipped, services.owners.owner(request.headers), adapter)

    shown = [parts.verdict, parts.answers, parts.behind, parts.others, parts.origin, parts.proof, parts.use]
    frame.adapter.change(show, [frame.adapter, frame.job], shown, **EVENT_OPTIONS)
    finetune_steps.wire(frame, parts.steps)
    prompts = [prompt] if prompt else []
    parts.use.click(use, [frame.adapter, frame.job, *prompts], [frame.tabs, frame.picker, *prompts], **EVENT_OPTIONS)
    fetched(parts.download.click(download, frame.adapter, parts.fetch, **EVENT_OPTIONS), parts.fetch)
    parts.more.click(
        lambda: (go(BRING), "", "", Draft(), None),
        None,
        [frame.steps, frame.job, frame.adapter, frame.draft, file],
        **EVENT_OPTIONS,
    )


async def _answers(
    services: Services, owner: str, job_id: str, card: AdapterInfo, gettext: Gettext
) -> AsyncIterator[str]:
    """The table of questions with both answers, growing as the live model writes them."""
    asked = await asyncio.to_thread(services.finetuning.sample_rows, owner, job_id)
    heading = f'<div class="h">{teach_html.safe(gettext("Asked now, without and with it"))}</div>'
    rows = [[messages[-1]["content"], "", "", wanted] for messages, wanted in asked]
    clients = await services.adapters.client(owner), await services.adapters.client(owner, card.id)
    clock = asyncio.get_running_loop().time
    next_at = 0.0
    for row, (messages, _) in zip(rows, asked, strict=True):
        for column, client in enumerate(clients, 1):
            async for text in _answer(client, messages, gettext):
                row[column] = text
                if clock() >= next_at:
                    next_at = clock() + REDRAWN_S
                    yield heading + _table(gettext, card, rows)
    if rows:
        yield heading + _table(gettext, card, rows)


async def _answer(client: SamplingClient, messages: list[Message], gettext: Gettext) -> AsyncIterator[str]:
    try:
        token_ids = client.tokenizer.apply_chat_template(messages)
        async for output in client.generate(token_ids, SHORT_ANSWER):
            yield output.text + ("" if output.finish_reason else " ▍")
    except PlaygroundError as error:
        # One question that does not fit must not hide the answers to the others.
        yield gettext(error.sentence)


def _table(gettext: Gettext, card: AdapterInfo, rows: list[list[str]]) -> str:
    return teach_html.answers_table(gettext, card.name, [tuple(row) for row in rows])
