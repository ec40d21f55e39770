"""What a run says when something ends it that nobody foresaw."""

from traceback import walk_tb

from playground.errors import TrainingError
from playground.memory import out_of_memory
from playground.sentence import Sentence
from playground.training.config import REPORTERS
from playground.training.jobs.events import Event, failure


def unexpected(error: Exception, log_id: str) -> Event:
    """The run's last event: what a person can mend is said, anything else is in the log under this id."""
    if out_of_memory(error):
        return Event(
            "failed",
            "There was not enough memory. Use a smaller batch size or max_length. (Details: log {id}.)",
            {"id": log_id},
        )
    tracker = _tracker_in(error)
    if tracker is not None:
        said = str(error).replace("<no message>", "").strip().split("\n")[0][:200].rstrip(".")
        return failure(
            TrainingError(
                "The curves cannot be sent to {reporter}: {reason} Mend that and resume, or start a new run with "
                "report_to at none.",
                reporter=tracker,
                reason=f"{said}." if said else Sentence("It does not answer."),
            )
        )
    return Event(
        "failed",
        "The training stopped because of an unexpected error; its details are in the server's log under {id}.",
        {"id": log_id},
    )


def _tracker_in(error: Exception) -> str | None:
    """The tracker that raised it, or in whose code something else did, such as its connection."""
    raisers = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    packages = {name.partition(".")[0] for name in (type(error).__module__, *raisers)}
    return next((name for name in REPORTERS if name in packages), None)
