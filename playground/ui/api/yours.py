"""The endpoint that removes all that is the caller's."""

from typing import Any

import gradio as gr

from playground.service.services import Services
from playground.threads import slow
from playground.ui.errors import show_errors


def build(services: Services) -> None:
    """Add it to the page that is being built."""

    @show_errors
    async def delete_everything(request: gr.Request) -> dict[str, Any]:
        owner, earlier = services.owners.known_owner(request.headers), services.owners.earlier_owner(request.headers)
        removed = await slow.run(services.belongings.delete_everything, owner, earlier)
        return removed.model_dump()

    told = "Delete everything of yours on this server, for good; tells how much that was. Your key stays good."
    gr.api(delete_everything, api_name="delete_everything", api_description=told, concurrency_limit=None)
