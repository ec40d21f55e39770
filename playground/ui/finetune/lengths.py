"""Fine-tune, step 2: what becomes of an example that does not fit into what the model reads at once."""

from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.service.datasets import ExamplePreview
from playground.ui.components import snippets


def beyond(example: ExamplePreview, limit: int, gettext: Gettext) -> str:
    """What of an example is not shown, because it does not fit."""
    if example.num_rows > 1:
        return snippets.caption(
            gettext("This is the first of {count} pieces; all of them are learnt.", count=example.num_rows)
        )
    if not example.truncated:
        return ""
    if not example.num_loss_tokens:
        told = N_("The answer begins only after {limit} places, so this example is left out.")
    else:
        told = N_("Cut off here: it takes {length} places, and {limit} fit.")
    return snippets.warning(gettext(told, length=example.num_tokens, limit=limit))
