"""Who has signed in: a link to do so, or the account's name with a way out."""

import gradio as gr

from playground.sentence import N_
from playground.service.services import Services
from playground.ui.components.snippets import caption
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import gettext_for
from playground.ui.templates import snippet

WAITS = N_(
    "A training run from before you signed in goes on. What it learns comes to your account when it has ended and you "
    "open this page anew."
)


def wire(services: Services, page: gr.Blocks, place: gr.HTML, waits: gr.HTML) -> None:
    """Fill both in when the page loads; where nobody can sign in, they stay hidden."""
    if not services.owners.signs_in:
        return

    @show_errors
    async def who(request: gr.Request) -> list[gr.HTML]:
        owners, gettext = services.owners, gettext_for(request)
        account = owners.account(request.headers)
        if account is None:
            link = snippet("sign_in", gettext("Sign in with Hugging Face"))
            return [gr.HTML(link, visible=True), gr.HTML(visible=False)]
        name = snippet("signed_in", account.name, gettext("Sign out"))
        going_on = owners.earlier_owner(request.headers) in services.finetuning.active_owners()
        return [gr.HTML(name, visible=True), gr.HTML(caption(gettext(WAITS)) if going_on else "", visible=going_on)]

    page.load(who, None, [place, waits], **EVENT_OPTIONS)
