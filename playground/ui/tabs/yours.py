"""At the end of the Adapters tab: what a visitor has on this server, and deleting all of it."""

from typing import Any

import gradio as gr

from playground.sentence import N_
from playground.service.services import Services
from playground.threads import slow
from playground.ui.components.basics import caption, ghost, head, second, static_html
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import gettext_for, t

GONE = N_("Deleted for good. Adapters: {adapters}. Training runs: {runs}. Files: {files}. Corrections: {corrections}.")


def build(services: Services) -> None:
    """Draw it and bind its events; call inside the tab."""
    with gr.Column(elem_id="yours"):
        _build_deletion(services)


def _build_deletion(services: Services) -> None:
    with gr.Row(elem_classes=["head"]):
        head("Yours on this server", "Your adapters, training runs, files and corrections.")
        static_html("", "say")
        delete = ghost("Delete everything of mine")
    with gr.Row(visible=False, elem_classes=["foot", "asking"]) as asking:
        caption(
            "All your adapters, training runs, files and corrections go from this server, and a training that goes on "
            "ends. They cannot be brought back. Delete everything?"
        )
        sure = gr.Button(t("Delete everything for good"), variant="stop", size="md", min_width=60)
        keep = second("Keep everything")
    told = gr.Textbox(visible=False)

    @show_errors
    async def remove(request: gr.Request) -> list[Any]:
        owner = services.owners.known_owner(request.headers)
        gone = await slow.run(services.belongings.delete_everything, owner)
        line = gettext_for(request)(
            GONE,
            adapters=gone.adapters,
            runs=gone.runs,
            files=gone.uploads,
            corrections=gone.corrections,
        )
        return [gr.Row(visible=False), line]

    delete.click(lambda: gr.Row(visible=True), None, asking, **EVENT_OPTIONS)
    keep.click(lambda: gr.Row(visible=False), None, asking, **EVENT_OPTIONS)
    deleting = sure.click(remove, None, [asking, told], **EVENT_OPTIONS)
    # Every tab may show something that is gone.
    deleting.success(None, told, None, js=in_browser("startAnew"), **EVENT_OPTIONS)
