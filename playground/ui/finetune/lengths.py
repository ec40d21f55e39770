"""Fine-tune, step 2: whether the examples fit into what the model reads at once, and what becomes of the others."""

import sys

from playground.data.examples import Example
from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.service.datasets import row_tokenizer, spread
from playground.service.services import Services
from playground.training.spec import TrainingConfig
from playground.training.tokenization import TokenizedExample, encode
from playground.ui.reports import dataset as teach_html
from playground.ui.reports.dataset import Fit


def measure(services: Services, examples: list[Example], values: TrainingConfig) -> Fit:
    """Measure examples from all over the file, as many as can be in a moment."""
    tokenizer, limit = row_tokenizer(services), values.max_length
    measured = spread(examples)
    whole = encode(measured, tokenizer, sys.maxsize)
    made = encode(measured, tokenizer, limit)
    texts = set(made.in_pieces)
    return Fit(
        counts=[row.full_length for row in whole.rows],
        limit=limit,
        total=len(examples),
        cut=len(made.truncated),
        lost=len(made.skipped) - len(whole.skipped),
        texts=len(texts),
        pieces=sum(row.row in texts for row in made.rows),
    )


def beyond(rows: list[TokenizedExample], limit: int, gettext: Gettext) -> str:
    """What of an example is not shown, because it does not fit."""
    if len(rows) > 1:
        return teach_html.caption(
            gettext("This is the first of {count} pieces; all of them are learnt.", count=len(rows))
        )
    if not rows[0].truncated:
        return ""
    if not rows[0].num_loss_tokens:
        told = N_("The answer begins only after {limit} places, so this example is left out.")
    else:
        told = N_("Cut off here: it takes {length} places, and {limit} fit.")
    return f'<div class="warn">{teach_html.safe(gettext(told, length=rows[0].full_length, limit=limit))}</div>'
