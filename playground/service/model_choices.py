"""Which base models there are to choose from, and what each would mean on this machine."""

import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from playground.data_dir import DataDir
from playground.errors import InputError, ModelError
from playground.memory import free_bytes
from playground.models import fit, hub, hub_cache
from playground.models.catalog import CATALOG, STARTER, STARTER_FOLDER, CatalogEntry, find_model, name_of
from playground.models.convert_gguf import (
    STORED_BYTES,
    converted_folder,
    read_gguf,
    shape_of_gguf,
    why_not_converted,
)
from playground.models.gguf_header import is_gguf
from playground.models.model_shape import ModelShape, shape_of
from playground.protocol.model import ModelHost
from playground.protocol.model_choice import ModelChoice
from playground.sentence import Sentence
from playground.settings import Mode

MAX_QUERY_CHARS = 200
_HALF, _FULL = 2, 4


class ModelChoices:
    """The catalog, what is on this machine, what the hub has, and folders; the loaded model always among them."""

    def __init__(self, host: ModelHost, data: DataDir, mode: Mode) -> None:
        self._host, self._data = host, data
        self.public = mode == "public"

    def known(self, more: Collection[str] = ()) -> Sequence[ModelChoice]:
        """The catalog, models that were fetched before, and `more`, from small to large."""
        larger = (entry for entry in CATALOG if entry.name != STARTER.name)  # which is in the box already
        entries = {entry.model_id: entry for entry in (STARTER, *larger)}
        found = [self._of_entry(entry) for entry in entries.values()]
        others = {*more, *(model for model, _ in hub_cache.downloaded())} - entries.keys()
        found += [self._of_files(model) for model in others if hub_cache.present(model)]
        found += [self._of_folder(folder) for folder in self._converted()]
        if not any(one.current for one in found):
            found.append(self._loaded())
        return sorted(found, key=lambda one: one.num_parameters)

    def search(self, query: object) -> Sequence[ModelChoice]:
        """Models of the hub by name or id. Raises `InputError`, `ModelError`."""
        if not isinstance(query, str) or not query.strip() or len(query) > MAX_QUERY_CHARS:
            raise InputError(
                "Write a model's name or id to search for, of at most {count} signs.", count=MAX_QUERY_CHARS
            )
        return [self._of_facts(one) for one in hub.search(query.strip())]

    def describe(self, model: object) -> ModelChoice:
        """One by its id, a folder or a GGUF file. Raises `InputError`, `ModelError`."""
        if not isinstance(model, str) or not model.strip():
            raise InputError("Choose a model first.")
        model = model.strip()
        entry = STARTER if model == STARTER.model_id else find_model(model)
        if entry:
            return self._of_entry(entry)
        folder = Path(model).expanduser()
        if folder.is_dir():
            return self._of_folder(folder.resolve())
        if model == self._host.info.id:
            return self._loaded()
        if is_gguf(model):
            return self._of_gguf(Path(model).expanduser())
        if hub_cache.present(model):
            return self._of_files(model)
        return self._of_facts(hub.facts(model))

    def check_fits(self, choice: ModelChoice) -> None:
        """Raise `ModelError` for a model that is too large for memory or disk."""
        if choice.why_not:
            raise ModelError("{model} does not fit this machine. {why}", model=choice.name, why=choice.why_not)

    def is_here(self, model: str) -> bool:
        """Whether all files of a model are on this machine."""
        return model == STARTER.model_id or Path(model).is_dir() or hub_cache.present(model) is not None

    def suggestion(self, choices: Sequence[ModelChoice]) -> ModelChoice | None:
        """The largest of the catalog's that fits, is quick enough and lets visitors share its passes, where the bundled
        model is loaded; None else."""
        if self._host.info.id != STARTER.model_id:
            return None
        good = [
            one
            for one in choices
            if one.fits and not one.gated and not one.current and not one.why_not
            if (entry := find_model(one.id)) and not entry.one_at_a_time
            if (one.words_per_s or 0.0) >= fit.MIN_WORDS_PER_S
        ]
        return good[-1] if good else None

    def forget(self, model: str) -> None:
        """Remove the files of a model that was fetched. Raises `InputError`, `ModelError`."""
        if not self.can_forget(model):
            raise InputError("{model} cannot be removed: it answers now, or was not fetched by this page.", model=model)
        if Path(model) in self._converted():
            shutil.rmtree(Path(model).parent)
        else:
            hub_cache.forget(model)

    def can_forget(self, model: str) -> bool:
        """Whether a model is there to be removed; not the loaded one, nor a folder of somebody's own."""
        entry_id = getattr(find_model(model), "model_id", model)
        if entry_id == self._host.info.id or model == STARTER.model_id:
            return False
        return hub_cache.present(entry_id) is not None or Path(model) in self._converted()

    def _of_entry(self, entry: CatalogEntry) -> ModelChoice:
        present = entry is STARTER or hub_cache.present(entry.model_id) is not None
        return self._choice(
            ModelChoice(
                id=entry.model_id,
                name=entry.name,
                download_bytes=entry.download_bytes,
                languages=entry.languages,
                license=entry.licence,
                good_for=entry.good_for,
                tasks=entry.tasks,
                gated=entry.gated,
                present=present,
            ),
            entry.shape,
        )

    def _of_facts(self, facts: hub.HubFacts) -> ModelChoice:
        entry = find_model(facts.id)
        found = ModelChoice(
            id=facts.id,
            name=name_of(facts.id),
            num_parameters=facts.num_parameters,
            download_bytes=facts.download_bytes,
            languages=facts.languages,
            license=facts.license,
            gated=facts.gated,
            present=hub_cache.present(facts.id) is not None,
            good_for=entry.good_for if entry else "",
            tasks=entry.tasks if entry else (),
        )
        return self._choice(found, shape_of(facts.config, facts.num_parameters or None))

    def _of_files(self, model: str) -> ModelChoice:
        """A model of the hub that nobody described, by its files."""
        folder = hub_cache.present(model)
        shape = shape_in(folder) if folder else None
        return self._choice(ModelChoice(id=model, name=name_of(model), present=True), shape)

    def _of_folder(self, folder: Path) -> ModelChoice:
        if folder == STARTER_FOLDER:
            return self._of_entry(STARTER)
        return self._choice(ModelChoice(id=str(folder), name=name_of(str(folder)), present=True), shape_in(folder))

    def _of_gguf(self, file: Path) -> ModelChoice:
        made = converted_folder(file, self._data.converted)
        if made.is_dir():
            return self._of_folder(made)
        header = read_gguf(file)
        known = ModelChoice(id=str(file.resolve()), name=file.stem, download_bytes=header.num_parameters * STORED_BYTES)
        choice = self._choice(known, shape_of_gguf(header))
        return choice if choice.why_not else choice.model_copy(update=_whether(why_not_converted(header)))

    def _converted(self) -> list[Path]:
        return [path.parent for path in self._data.converted.glob("*/*/config.json")]

    def _loaded(self) -> ModelChoice:
        info = self._host.info
        known = ModelChoice(
            id=info.id,
            name=info.name,
            num_parameters=info.num_parameters,
            present=True,
            languages=info.chat_languages,
            license=info.license,
        )
        return self._choice(known, shape_in(info.folder))

    def _choice(self, known: ModelChoice, shape: ModelShape | None) -> ModelChoice:
        """Complete what is known with what depends on this machine."""
        info = self._host.info
        current = known.id == info.id
        wide = _FULL if info.dtype == "fp32" else _HALF
        why = None
        if not current:
            free = free_bytes(), shutil.disk_usage(self._data.root).free
            why = fit.why_not(shape, known.download_bytes, known.present, "auto", *free, dtype_bytes=wide)
        return known.model_copy(
            update={
                "current": current,
                "num_parameters": known.num_parameters or (shape.num_parameters if shape else 0),
                "memory_bytes": self._memory_bytes(current, shape, wide),
                **_whether(why),
                "words_per_s": self._words_per_s(shape, wide) if shape else None,
            }
        )

    def _memory_bytes(self, current: bool, shape: ModelShape | None, wide: int) -> int:
        if current:
            return int(self._host.info.memory_gib * 2**30)
        return shape.weights_bytes("auto", wide) if shape else 0

    def _words_per_s(self, shape: ModelShape, wide: int) -> float:
        """By this machine's memory, corrected by what the loaded model reaches, once it has answered somebody."""
        seen, loaded = self._host.status().step_s, shape_in(self._host.info.folder)
        expected = fit.words_per_s(shape, "auto", wide, fit.memory_speed())
        if not (seen and loaded):
            return expected
        of_loaded = fit.words_per_s(loaded, "auto", wide, fit.memory_speed())
        return expected * (fit.WORDS_A_TOKEN / seen) / of_loaded


def _whether(why_not: Sentence | None) -> dict[str, object]:
    return {"fits": why_not is None, "why_not": why_not}


def shape_in(folder: Path) -> ModelShape | None:
    """Of the model in a folder; None where its config.json does not tell, or cannot be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return shape_of(config, None) if isinstance(config, dict) else None
