"""At the end of the Adapters tab: what a visitor has on this server, the key to it, and deleting all of it."""

from typing import Any

import gradio as gr

from playground.sentence import N_
from playground.service.services import Services
from playground.threads import slow
from playground.ui.components.basics import caption, ghost, head, second, static_html
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import gettext_for, t

MAX_KEY_CHARS = 200
GONE = N_("Deleted for good. Adapters: {adapters}. Training runs: {runs}. Files: {files}. Corrections: {corrections}.")


def build(services: Services) -> None:
    """Draw it and bind its events; call inside the tab."""
    with gr.Column(elem_id="yours"):
        _build_deletion(services)
        if services.owners.mode == "public":
            _build_key(services.owners.signs_in)


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
        owner, earlier = services.owners.known_owner(request.headers), services.owners.earlier_owner(request.headers)
        gone = await slow.run(services.belongings.delete_everything, owner, earlier)
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


def _build_key(signs_in: bool) -> None:
    """The key goes from the server to the browser of whoever holds it and back, and never through Gradio."""
    plain = gr.InputHTMLAttributes(autocomplete="off", spellcheck=False)
    with gr.Row(elem_classes=["foot"]):
        caption(
            "You are known here by a key, which this browser keeps. It also works on another device, and for a program "
            "in the header x-playground-key. Whoever has it has what is yours."
        )
        show = second("Show my key")
    with gr.Row(visible=False, elem_classes=["foot", "asking"]) as row:
        key = gr.Textbox(
            label=t("Your key"), show_label=False, interactive=False, elem_id="own-key", html_attributes=plain, scale=1
        )
        copy = second("Copy")
    with gr.Row(elem_classes=["foot", "asking"]):
        entered = gr.Textbox(
            label=t("Key from another device"),
            placeholder=t("Key from another device"),
            show_label=False,
            max_length=MAX_KEY_CHARS,
            elem_id="other-key",
            html_attributes=plain,
            scale=1,
        )
        use = second("Use this key")
    caption("What is yours by the present key stays with it: save that one before you use another.")
    if signs_in:
        caption(
            "Signed in, you are known by your account. The key that is shown is then for programs alone, good for 30 "
            "days, and what belongs to a key that you enter comes to your account."
        )
    wrong = gr.HTML("", padding=False)
    show.click(None, None, [row, key, wrong], js=in_browser("showKey"))
    copy.click(None, js=in_browser("copy", "#own-key textarea, #own-key input"))
    gr.on([use.click, entered.submit], None, entered, wrong, js=in_browser("enterKey"))
