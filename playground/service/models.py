"""The base model: which is loaded and how busy it is, which others there are, and changing it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any

from playground.errors import InputError, PlaygroundError
from playground.protocol.model import ModelHost, ModelInfo, Quantization
from playground.protocol.model_choice import ModelChoice
from playground.sentence import Sentence
from playground.service.model_change import ModelChange, ModelChanger
from playground.service.model_choices import ModelChoices
from playground.service.model_downloads import DownloadState, ModelDownloads
from playground.settings import Settings

VISITORS_PAUSE_S = 600.0
"""After a change, visitors may change the model again in so many seconds: each of them waits for all others."""


class ModelService:
    """`operator` says whether whoever asks runs this server; in local mode everybody does."""

    def __init__(
        self,
        settings: Settings,
        host: ModelHost,
        choices: ModelChoices,
        downloads: ModelDownloads,
        changer: ModelChanger,
    ) -> None:
        self._host, self._choices, self._downloads, self._changer = host, choices, downloads, changer
        self._quantization = settings.quantization
        self._picker = settings.model_picker
        if self._picker == ("auto",):
            self._picker = ("operator",) if settings.mode == "local" else ("off",)

    @property
    def info(self) -> ModelInfo:
        """The loaded model. A value: ask again at each event."""
        return self._host.info

    @property
    def generation(self) -> int:
        """Grows by one at each change of the model."""
        return self._host.state().generation

    def status(self) -> dict[str, Any]:
        """What is loaded, where, in which precision, and how busy it is, as the API tells it."""
        info, change = self._host.info, self.change()
        return {
            "model": info.name,
            "device": info.device,
            "quantization": info.precision,
            "memory_gib": info.memory_gib,
            "context_length": info.context_length,
            "one_at_a_time": info.one_at_a_time,
            "kernels": info.kernels,
            **asdict(self._host.status()),
            "phase": change.phase if change and not change.ended else "ready",
            "generation": self.generation,
        }

    def health(self) -> tuple[bool, list[Sentence]]:
        """Whether questions are taken now, and what is not as it should be."""
        state = self._host.state()
        try:
            self._host.client()
        except PlaygroundError as error:
            return False, [error.sentence]
        return True, [state.failed] if state.failed else []

    def may_choose(self, operator: bool) -> bool:
        """Whether whoever asks may change the model at all."""
        return self._picker != ("off",) and (operator or self._picker != ("operator",))

    def asks_for_key(self) -> bool:
        """Whether there is more to choose for whoever knows the operator's key."""
        return self._choices.public and self._picker != ("off",)

    def choices(self, operator: bool) -> Sequence[ModelChoice]:
        """What may be chosen, from small to large, the loaded one among them; takes a moment. Empty for who may not."""
        if not self.may_choose(operator):
            return ()
        known = self._choices.known(() if operator else self._picker)
        return known if operator else [one for one in known if one.current or one.id in self._picker]

    def suggestion(self, operator: bool) -> ModelChoice | None:
        """The model that suits this machine better than the bundled one that is loaded; None where there is none."""
        return self._choices.suggestion(self.choices(operator)) if self.may_choose(operator) else None

    def named(self, operator: bool, name: str) -> ModelChoice | None:
        """The one of this name among the choices, if it can be loaded here: an adapter names its model so."""
        return next((one for one in self.choices(operator) if one.name == name and one.fits), None)

    def search(self, operator: bool, query: object) -> Sequence[ModelChoice]:
        """Models of the hub by name or id, before anything is fetched. Raises `InputError`, `ModelError`."""
        self._check_operator(operator)
        return self._choices.search(query)

    def use(
        self,
        owner: str,
        operator: bool,
        model: object,
        quantization: Quantization = "auto",
        while_training: bool = False,
    ) -> None:
        """Fetch a model, if need be, and change to it; goes on by itself, and is told by `change` and `follow`.

        Raises before anything has happened: `InputError` for who may not, `ModelError` for what cannot be, `BusyError`.
        """
        self._check(operator, model)  # before anybody is asked: not every stranger may have hub and disk looked at
        found = self._choices.describe(model)
        self._choices.check_fits(found)
        if quantization == "auto":
            quantization = self._quantization
        pause_s = 0.0 if operator else VISITORS_PAUSE_S
        self._changer.start(owner, found.id, found.name, quantization, while_training, pause_s)

    def change(self) -> ModelChange | None:
        """The change that goes on, else the last one."""
        return self._changer.state()

    def follow(self) -> AsyncIterator[ModelChange]:
        """Where the change stands, now and whenever that changes, until its end."""
        return self._changer.follow()

    def get(self, operator: bool, model: object) -> str:
        """Fetch a model without changing to it; returns its id. Raises as `use` does."""
        self._check_operator(operator)
        found = self._choices.describe(model)
        self._choices.check_fits(found)
        self._downloads.start(found.id)
        return found.id

    def download(self, model: str) -> DownloadState | None:
        """How far a model is fetched; None where nobody began to."""
        return self._downloads.state(model)

    def stop_download(self, owner: str, operator: bool, model: str) -> None:
        """Stop fetching, as the operator or whoever began it; what is there stays for later. Raises `InputError`."""
        if not self._changer.is_of(owner, model):
            self._check_operator(operator)
        self._downloads.stop(model)

    def forget(self, operator: bool, model: str) -> None:
        """Remove a model's files from this machine. Raises `InputError`, `ModelError`."""
        self._check_operator(operator)
        self._choices.forget(model)

    def can_forget(self, choice: ModelChoice) -> bool:
        """Whether its files were fetched and may be removed."""
        return self._choices.can_forget(choice.id)

    def is_here(self, model: str) -> bool:
        """Whether all files of a model are on this machine."""
        return self._choices.is_here(model)

    def close(self) -> None:
        """End downloads, and wait for a change that is loading."""
        self._downloads.close()
        self._changer.close()

    def _check(self, operator: bool, model: object) -> None:
        if not self.may_choose(operator):
            raise self._refusal()
        if not operator and model not in self._picker:
            raise InputError("Only the operator of this page can choose that model. Choose one of the list.")

    def _check_operator(self, operator: bool) -> None:
        if not (operator and self.may_choose(operator)):
            raise self._refusal()

    def _refusal(self) -> InputError:
        return InputError("Only the operator of this page can do that, and has to send the operator's key.")
