"""Data by name: what a set of the hub holds is told first, and no more is fetched than what was asked for."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from playground.errors import DataError, InputError, PlaygroundError
from playground.models.hub_dataset import CONVERTED
from playground.models.loader import LoadedModel
from playground.service.owners import STRANGER
from playground.service.reading import hub_rows
from playground.service.reading.hub import HubChoice, HubDatasets, facts_as_api
from playground.service.services import Services
from tests.support.exchange import data_of, running_services
from tests.support.hub import TOKEN, Hub, running_hub, use_hub
from tests.support.published.sets import LONG, parquet, questions, squad_like

SET = "people/squad"
OWNER = "a" * 32


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as running:
        use_hub(running, tmp_path / "hf", monkeypatch)
        running.datasets[SET] = squad_like()
        yield running


@pytest.fixture
def services(hub: Hub, loaded: LoadedModel, tmp_path: Path) -> Iterator[Services]:
    with running_services(loaded, tmp_path / "data") as running:
        yield running


def taken(services: Services, *choice: object) -> list[dict[str, object]]:
    file, fetched = asyncio.run(services.hub.fetch(OWNER, HubChoice(*choice)))  # type: ignore[arg-type]
    assert file.path == fetched.path and data_of(services).sent(OWNER) in file.path.parents
    rows = [json.loads(line) for line in file.path.read_text(encoding="utf-8").splitlines()]
    assert fetched.rows == len(rows)
    return rows


def refused(services: Services, *choice: object) -> str:
    with pytest.raises(PlaygroundError) as caught:
        asyncio.run(services.hub.fetch(OWNER, HubChoice(*choice)))  # type: ignore[arg-type]
    assert not any(data_of(services).sent(OWNER).rglob("*.*"))
    return str(caught.value)


def test_what_there_is_is_told_before_anything_is_fetched(services: Services, hub: Hub) -> None:
    told = facts_as_api(asyncio.run(services.hub.facts(HubChoice(SET))))
    assert (told["dataset"], told["license"], told["gated"]) == (SET, "cc-by-4.0", False)
    plain, moods = told["configurations"]
    assert [(split["name"], split["rows"], split["kind"]) for split in plain["splits"]] == [
        ("train", 800, "parquet"),
        ("validation", None, "parquet"),
    ]
    assert plain["splits"][0]["bytes"] == sum(
        len(raw) for name, raw in hub.datasets[SET]["files"].items() if name.startswith("plain_text/train")
    )
    assert [split["name"] for split in moods["splits"]] == ["train"]  # an address in a card is no file of the set
    assert hub.requests == [f"GET /api/datasets/{SET}"]


def test_only_the_rows_that_were_asked_for_are_fetched(services: Services, hub: Hub) -> None:
    """Defends the network and the disk: of a file with 400 rows in groups of 100, the first group alone."""
    assert taken(services, SET, "", "", 50) == questions(400, LONG)[:50]
    first = hub.datasets[SET]["files"]["plain_text/train-00000-of-00002.parquet"]
    assert sum(hub.sent.values()) < len(first) / 2
    assert {path.split("/")[-1] for path in hub.requests if "resolve" in path} == {"train-00000-of-00002.parquet"}


def test_rows_of_several_files_and_of_other_parts(services: Services) -> None:
    assert len(taken(services, SET, "plain_text", "train", 1000)) == 800
    assert taken(services, SET, "plain_text", "validation", 10) == questions(30, "z")[:10]
    assert taken(services, SET, "moods")[:2] == [{"text": "t0", "label": "bad"}, {"text": "t1", "label": "good"}]


def test_it_goes_on_like_an_upload(services: Services) -> None:
    """Defends the rest of the way: it is read, taught of, and goes with everything of its owner's."""
    file, _ = asyncio.run(services.hub.fetch(OWNER, HubChoice(SET, "moods")))
    assert file.name == "squad-moods-train.jsonl"
    assert asyncio.run(services.datasets.describe(OWNER, file))["format"] == "text_label"
    services.belongings.delete_everything(OWNER)
    assert not file.path.exists()


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (("people/nothing",), "There is no set of data people/nothing"),
        (("no body's set",), "cannot be the name of a set"),
        ((SET, "nope"), "no configuration 'nope'. There are: plain_text, moods"),
        ((SET, "moods", "test"), "no split 'test'. There are: train"),
        ((SET, "", "", 1), "rows must be a whole number"),
        ((" ",), "Write the name of a set"),
        (("people/code",), "holds no files of Parquet"),
    ],
)
def test_one_sentence_for_what_cannot_be(services: Services, hub: Hub, choice: tuple[object, ...], said: str) -> None:
    hub.datasets["people/code"] = {"files": {"code.py": b"print('run me')", "data.zip": b"PK"}}
    assert said in refused(services, *choice)
    assert not any("code.py" in request for request in hub.requests)


def test_a_set_that_is_a_program_is_taken_as_the_hub_converted_it(services: Services, hub: Hub) -> None:
    hub.datasets["people/code"] = {"files": {"code.py": b"print('run me')"}}
    files = {
        "default/train/0000.parquet": parquet(questions(5)),
        "default/partial-test/0000.parquet": parquet([{"a": 1}]),
    }
    hub.datasets[f"people/code@{CONVERTED}"] = {"files": files}
    assert taken(services, "people/code") == questions(5)
    assert not any("code.py" in request for request in hub.requests)


@pytest.mark.parametrize(
    ("files", "rows", "content"),
    [
        ({"data/train.jsonl": b'{"a": 1}\n{"a": 2}\n{"a": 3}\n'}, 2, b'{"a": 1}\n{"a": 2}\n'),
        ({"train.csv": b'a,b\n"x\ny",1\nz,2\nq,3\n', "test.csv": b"a,b\n"}, 2, b'a,b\n"x\ny",1\nz,2\n'),
        ({"my.txt": b"one\ntwo"}, 5, b"one\ntwo"),
        ({"train.json": b'[{"a": 1}, {"a": 2}, {"a": 3}]', "dataset_infos.json": b"{}"}, 2, b'[{"a": 1}, {"a": 2}]'),
    ],
)  # fmt: skip
def test_texts_are_cut_between_rows(
    services: Services, hub: Hub, files: dict[str, bytes], rows: int, content: bytes
) -> None:
    hub.datasets["people/own"] = {"files": files}
    file, fetched = asyncio.run(services.hub.fetch(OWNER, HubChoice("people/own", "", "", rows)))
    assert file.path.read_bytes() == content
    assert fetched.rows == 2


def test_folders_are_configurations_where_no_card_says_so(services: Services, hub: Hub) -> None:
    hub.datasets["people/wiki"] = {
        "files": {f"{name}/{split}-0.parquet": parquet(questions(3, name)) for name in ("raw", "clean")
                  for split in ("test", "train")}
    }  # fmt: skip
    found = asyncio.run(services.hub.facts(HubChoice("people/wiki")))
    assert [(one.name, [split.name for split in one.splits]) for one in found.configurations] == [
        ("raw", ["train", "test"]),
        ("clean", ["train", "test"]),
    ]


def test_a_stranger_does_not_ask_with_the_operators_token(
    services: Services, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defends what the operator's token may read: on a public page it is not sent for anybody."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    taken(services, SET)
    assert hub.tokens == {""}
    own = HubDatasets(services.uploads, services.sandbox, services.owners, public=False)
    asyncio.run(own.fetch(OWNER, HubChoice(SET)))
    assert hub.tokens == {"", f"Bearer {TOKEN}"}


def test_a_damaged_file_and_one_that_is_too_much(
    services: Services, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub.datasets["people/bad"] = {"files": {"train.parquet": b"PAR1" + b"\0" * 200 + b"PAR1"}}
    assert "damaged or cut off" in refused(services, "people/bad")
    hub.no_ranges = True  # then each part of a file comes with all that stands before it
    monkeypatch.setattr(hub_rows, "MAX_FETCHED_BYTES", 20_000)
    split = asyncio.run(services.hub.facts(HubChoice(SET))).find()[1]
    with pytest.raises(DataError, match="were fetched without coming to 300 rows"):
        hub_rows.fetch_rows(SET, split, 300, tmp_path, "x", {})


@pytest.mark.parametrize(("trouble", "said"), [("offline", "stay offline"), ("gone", "cannot be reached"),
                                               ("broken", "fault of its own")])  # fmt: skip
def test_no_network(services: Services, hub: Hub, monkeypatch: pytest.MonkeyPatch, trouble: str, said: str) -> None:
    if trouble == "offline":
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    elif trouble == "gone":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    else:
        hub.broken_code = 503
    assert said in refused(services, SET)


def test_visitors_without_a_key_fetch_nothing(services: Services, hub: Hub) -> None:
    with pytest.raises(InputError):
        asyncio.run(services.hub.fetch(f"{STRANGER}1", HubChoice(SET)))
    assert hub.requests == []
