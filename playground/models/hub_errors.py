"""What the Hugging Face hub and its client say when something is wrong, as a sentence for people."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_token

from playground.errors import ModelError
from playground.sentence import N_

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
"""How long the hub may say nothing."""
_NOT_THERE = N_(
    "There is no model {model} on the Hugging Face hub, or it is private. Check how it is spelt; for a private one, "
    "set HF_TOKEN to a token that may read it."
)
_OF_MODELS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (HFValidationError,),
        N_(
            "'{model}' cannot be the name of a model on the Hugging Face hub. Write OWNER/NAME, as in "
            "Qwen/Qwen2.5-0.5B-Instruct."
        ),
    ),
    ((RepositoryNotFoundError,), _NOT_THERE),
    ((DisabledRepoError,), N_("The Hugging Face hub has disabled the model {model}. Choose another.")),
    (
        (EntryNotFoundError, RevisionNotFoundError),
        N_("A file of the model {model} is not on the Hugging Face hub any more. Get the model again."),
    ),
)


@contextmanager
def hub_errors_told(model_id: str) -> Iterator[None]:
    """Raise `ModelError` with one sentence for whatever the hub or its client refuses about this model."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        told = _about_model(error, model_id) or _about_hub(error)
        if told is None:
            raise
        log.info("the hub about %s: %s: %s", model_id, type(error).__name__, error, exc_info=error)
        raise told from error


def endpoint() -> str:
    """The hub's address, as the environment says now."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _about_model(error: Exception, model: str) -> ModelError | None:
    if isinstance(error, GatedRepoError):
        return _gated(model)
    if isinstance(error, LocalEntryNotFoundError):  # so the client says that it could not ask
        return _unreachable()
    if isinstance(error, HfHubHTTPError) and error.response.status_code == 401 and get_token() is None:
        return ModelError(_NOT_THERE, model=model)  # so it answers about what is not there, too
    found = next((sentence for kinds, sentence in _OF_MODELS if isinstance(error, kinds)), None)
    return ModelError(found, model=model) if found else None


def _gated(model: str) -> ModelError:
    page = f"{endpoint()}/{model}"
    if get_token() is None:
        return ModelError(
            "The hub gives {model} only to those who accepted its terms. Accept its terms on {page} and set HF_TOKEN "
            "to a token of that account.",
            model=model,
            page=page,
        )
    return ModelError(
        "The hub does not give {model} to the account of HF_TOKEN yet. Accept its terms on {page}, wait until they "
        "are granted, and use a token that may read such models.",
        model=model,
        page=page,
    )


def _about_hub(error: Exception) -> ModelError | None:
    if isinstance(error, OfflineModeIsEnabled):
        return ModelError(
            "This server was told to stay offline. Unset HF_HUB_OFFLINE, or choose a model that is on this machine."
        )
    if isinstance(error, httpx2.TimeoutException):
        return ModelError(
            "The Hugging Face hub did not answer within {seconds} seconds. Try again in a moment.",
            seconds=round(TIMEOUT_S),
        )
    if isinstance(error, HfHubHTTPError):
        return _refused(error.response.status_code)
    if isinstance(error, httpx2.TransportError | httpx2.InvalidURL):
        return _unreachable()
    if isinstance(error, KeyError | TypeError | ValueError | AttributeError | httpx2.HTTPError):
        return ModelError(
            "The answer of {hub} cannot be understood. Check HF_ENDPOINT and the network's proxy, or try again later.",
            hub=endpoint(),
        )
    return None


def _refused(code: int) -> ModelError:
    if code == 401:
        return ModelError("The Hugging Face hub does not know the token in HF_TOKEN. Set a valid one, or none.")
    if code == 403:
        return ModelError(
            "The Hugging Face hub does not let the account of HF_TOKEN read this model. Use a token that may."
        )
    if code == 429:
        return ModelError("The Hugging Face hub was asked too much from here. Try again in a few minutes.")
    if code >= 500:
        return ModelError(
            "The Hugging Face hub has a fault of its own just now (code {code}). Try again in a few minutes.", code=code
        )
    return ModelError("The Hugging Face hub refused this (code {code}). Check the name of the model.", code=code)


def _unreachable() -> ModelError:
    return ModelError(
        "The Hugging Face hub cannot be reached. Check this machine's network, or choose a model that is on it already."
    )
