"""Fine-tune, step 2: whether the examples fit into what the model reads at once, and what becomes of the others."""

import sys

from playground.data.examples import Example
from playground.service.datasets import row_codec, spread
from playground.service.services import Services
from playground.training.spec import TrainingValues
from playground.training.tokenization import TokenRow, encode
from playground.ui.reports import dataset as teach_html
from playground.ui.reports.dataset import Fit, Say


def measure(services: Services, examples: list[Example], values: TrainingValues) -> Fit:
    """Measure examples from all over the file, as many as can be in a moment."""
    codec, limit = row_codec(services), values.max_length
    measured = spread(examples)
    whole = encode(measured, codec, sys.maxsize)
    made = encode(measured, codec, limit)
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


def beyond(rows: list[TokenRow], limit: int, say: Say) -> str:
    """What of an example is not shown, because it does not fit."""
    if len(rows) > 1:
        return teach_html.quiet(say("This is the first of {count} pieces; all of them are learnt.", count=len(rows)))
    if not rows[0].truncated:
        return ""
    if not rows[0].learnt_tokens:
        told = "The answer begins only after {limit} places, so this example is left out."
    else:
        told = "Cut off here: it takes {length} places, and {limit} fit."
    return f'<div class="warn">{teach_html.safe(say(told, length=rows[0].full_length, limit=limit))}</div>'
