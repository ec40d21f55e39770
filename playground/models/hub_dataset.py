"""What the Hugging Face hub knows of a set of data, before anything of it is fetched: its parts, rows, sizes, licence.

Only data files are looked for: a set that is a program of its publisher's is taken from the Parquet files that the hub
has made of it, else refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import httpx2
from huggingface_hub import DatasetInfo, HfApi, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import filter_repo_objects, validate_repo_id

from playground.errors import DataError, ModelError
from playground.models.hub import license_of
from playground.models.hub_errors import TIMEOUT_S, endpoint, hub_errors_told
from playground.protocol.hub_dataset import HubConfiguration, HubDataset, HubSplit
from playground.sentence import N_

KINDS = ("parquet", "jsonl", "csv", "tsv", "json", "txt")
"""Of files that are read, the surest first."""
CONVERTED = "refs/convert/parquet"
"""Where the hub keeps what it made of a set."""
MAX_LISTED = 500
"""Configurations of one set."""
_SPLITS = (("validation", r"validation|valid|val|dev"), ("test", r"test|testing|eval"), ("train", r"train|training"))
_NO_DATA = re.compile(r"(^|/)\.|(^|/)(dataset_infos?|config|package|state|.*_config)\.json$|requirements\.txt$")
_NAMELESS = ("data", "default", "")
_NOT_THERE = N_(
    "There is no set of data {dataset} on the Hugging Face hub, or it is private. Check how it is spelt, as in "
    "rajpurkar/squad."
)


def dataset_facts(dataset: str, token: bool | None = None) -> HubDataset:
    """Ask the hub about one set; with `token=False` as somebody whom it does not know. Raises `DataError`."""
    with dataset_errors_told(dataset):
        validate_repo_id(dataset)
        api = HfApi(endpoint=endpoint())
        info = api.dataset_info(dataset, files_metadata=True, timeout=TIMEOUT_S, token=token)
        card: Mapping[str, Any] = info.card_data.to_dict() if info.card_data else {}
        found = _own(info, card)
        if not found:
            found = _converted(api, info.id, token)
        if not found:
            raise DataError(
                "The set {dataset} holds no files of Parquet, CSV, TSV, JSON or TXT. Choose another, or upload a file.",
                dataset=dataset,
            )
        counted = _with_rows(found[:MAX_LISTED], card)
    return HubDataset(info.id, license_of(card), bool(info.gated), tuple(counted))


@contextmanager
def dataset_errors_told(dataset: str) -> Iterator[None]:
    """Raise `DataError` with one sentence for whatever the hub or its client refuses about this set."""
    try:
        with hub_errors_told(dataset):
            yield
    except ModelError as error:
        raise _told(error.__cause__, dataset) or DataError(error.sentence) from error


def _told(cause: BaseException | None, dataset: str) -> DataError | None:
    if isinstance(cause, HFValidationError):
        return DataError(
            "'{dataset}' cannot be the name of a set on the Hugging Face hub. Write OWNER/NAME, as in rajpurkar/squad.",
            dataset=dataset[:80],
        )
    if isinstance(cause, GatedRepoError):
        return DataError(
            "The hub gives {dataset} only to those who accepted its terms. Accept them there, fetch the file yourself "
            "and upload it.",
            dataset=dataset,
        )
    is_unknown = isinstance(cause, HfHubHTTPError) and cause.response.status_code == 401
    if is_unknown or isinstance(cause, RepositoryNotFoundError | RevisionNotFoundError):
        return DataError(_NOT_THERE, dataset=dataset)
    if isinstance(cause, OfflineModeIsEnabled):
        return DataError("This server was told to stay offline. Unset HF_HUB_OFFLINE, or upload a file.")
    if isinstance(cause, LocalEntryNotFoundError | httpx2.TransportError) and not isinstance(
        cause, httpx2.TimeoutException
    ):
        return DataError("The Hugging Face hub cannot be reached. Check this machine's network, or upload a file.")
    return None


def _own(info: DatasetInfo, card: Mapping[str, Any]) -> list[HubConfiguration]:
    """What the set's own files are, by its card, else by their names."""
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or () if _kind(file.rfilename)}
    told = [config for config in _listed(card.get("configs")) if isinstance(config, dict)]
    if told:
        made = [
            _configuration(info, str(config.get("config_name") or "default"), _by_card(config, list(sizes)), sizes)
            for config in told[:MAX_LISTED]
        ]
    else:
        homes: dict[str, list[str]] = {}
        for name in sizes:
            home = name.split("/")[0] if "/" in name else ""
            homes.setdefault("default" if home in _NAMELESS or _split(f"{home}/") else home, []).append(name)
        made = [_configuration(info, home, _by_name(names), sizes) for home, names in homes.items()]
    return [one for one in made if one.splits]


def _converted(api: HfApi, dataset: str, token: bool | None) -> list[HubConfiguration]:
    """What the hub made of the set: CONFIGURATION/SPLIT/0000.parquet."""
    try:
        info = api.dataset_info(dataset, revision=CONVERTED, files_metadata=True, timeout=TIMEOUT_S, token=token)
    except (RevisionNotFoundError, RepositoryNotFoundError):
        return []
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or () if _kind(file.rfilename)}
    found: dict[str, dict[str, list[str]]] = {}
    for name in sizes:
        if len(parts := name.split("/")) == 3:
            found.setdefault(parts[0], {}).setdefault(parts[1].removeprefix("partial-"), []).append(name)
    return [_configuration(info, name, splits, sizes) for name, splits in found.items()]


def _configuration(
    info: DatasetInfo, name: str, splits: Mapping[str, Sequence[str]], sizes: Mapping[str, int]
) -> HubConfiguration:
    made = []
    for split, names in splits.items():
        kind = next((kind for kind in KINDS if any(_kind(file) == kind for file in names)), "")
        files = tuple(
            (hf_hub_url(info.id, file, repo_type="dataset", revision=info.sha, endpoint=endpoint()), sizes[file])
            for file in sorted(names)
            if _kind(file) == kind
        )
        if files:
            made.append(HubSplit(split, kind, files))
    return HubConfiguration(name, tuple(made))


def _by_card(config: Mapping[str, Any], names: Sequence[str]) -> dict[str, list[str]]:
    """The files of each split that a card lists: patterns of names, never addresses."""
    told = config.get("data_files")
    folder = str(config.get("data_dir") or "").strip("/")
    within = [name for name in names if not folder or name.startswith(f"{folder}/")]
    if isinstance(told, dict):
        told = [{"split": split, "path": path} for split, path in told.items()]
    entries = [entry for entry in _listed(told) if isinstance(entry, dict)]
    if told and not entries:
        return _by_name(list(filter_repo_objects(within, allow_patterns=[str(path) for path in _listed(told)])))
    if not entries:
        return _by_name(within)
    found: dict[str, list[str]] = {}
    for entry in entries:
        patterns = [f"{folder}/{path}" if folder else str(path) for path in _listed(entry.get("path"))]
        found[str(entry.get("split") or "train")] = list(filter_repo_objects(list(names), allow_patterns=patterns))
    return found


def _by_name(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_split(name) or "train", []).append(name)
    return dict(sorted(found.items(), key=lambda one: one[0] != "train"))


def _split(name: str) -> str:
    """The split that a file's or a folder's name speaks of; "" for none."""
    for split, words in _SPLITS:
        if re.search(rf"(?:^|[/._ -])(?:{words})(?:[/._ -]|\d|$)", name, re.IGNORECASE):
            return split
    return ""


def _with_rows(found: Sequence[HubConfiguration], card: Mapping[str, Any]) -> Iterator[HubConfiguration]:
    """With the counts of rows that a card tells."""
    told = card.get("dataset_info")
    entries = [entry for entry in ([told] if isinstance(told, dict) else _listed(told)) if isinstance(entry, dict)]
    counts = {
        (str(entry.get("config_name") or "default"), split.get("name")): split.get("num_examples")
        for entry in entries
        for split in _listed(entry.get("splits"))
        if isinstance(split, dict)
    }
    for one in found:
        splits = [(split, counts.get((one.name, split.name))) for split in one.splits]
        counted = [
            HubSplit(split.name, split.kind, split.files, count if isinstance(count, int) else 0)
            for split, count in splits
        ]
        yield HubConfiguration(one.name, tuple(counted))


def _kind(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
    return "" if suffix not in KINDS or _NO_DATA.search(name) else suffix


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
