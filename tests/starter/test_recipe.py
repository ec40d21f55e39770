"""The recipe of the bundled model: what it reads, that it survives being killed, and that its product loads."""

import random
import sys
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from playground.errors import DataError
from playground.evaluation.benchmark_data import chinese_pairs, questions, read_rows, stories
from playground.starter import __main__ as command
from playground.starter.batches import steps
from playground.starter.card import SOURCES, card
from playground.starter.corpus import Example, gather
from playground.starter.export import export
from playground.starter.facts import facts
from playground.starter.muon import orthogonal
from playground.starter.tokenizer import learn_tokenizer
from playground.starter.train import Progress, Recipe, train
from playground.tasks.answer import NOT_SAID
from tests.support.starter_data import make_data

STEP = 600
TINY = Recipe(
    tokens=6 * STEP, tokens_per_step=STEP, hidden_size=64, layers=1, intermediate_size=64, warmup_tokens=2 * STEP
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def corpus(data: Path) -> dict[str, list[Example]]:
    return gather(data, seed=7)


@pytest.fixture(scope="module")
def tokenizer(corpus: dict[str, list[Example]]) -> PreTrainedTokenizerFast:
    return learn_tokenizer(command._texts(corpus), context_length=768, size=600)


def words(corpus: dict[str, list[Example]]) -> str:
    return "\n".join(
        f"{[message['content'] for message in example.messages]} {example.completion}"
        for examples in corpus.values()
        for example in examples
    )


def test_nothing_held_out_is_learnt(data: Path, corpus: dict[str, list[Example]]) -> None:
    """Scores on held-out rows would be lies otherwise."""
    everything = words(corpus)
    held = [row["en"] for row in chinese_pairs(data)[1]]
    held += [row["question"] for row in questions(data)[1]]
    held += [story.splitlines()[0] for story in stories(data)[1]]
    held += [row["text"] for row in read_rows(data / "sentiment/sst2_dev.jsonl")]
    held += [row["de"] for row in read_rows(data / "translation/multi30k_val.jsonl")]
    held += [row["document"] for row in read_rows(data / "summarization/scitldr_dev.jsonl")]
    assert len(held) > 50
    assert [text for text in held if text in everything] == []


def test_every_answer_stands_in_its_passage(corpus: dict[str, list[Example]]) -> None:
    """Passages are cut around the answer; a cut in the wrong place would teach to invent."""
    asked = [(example.messages[0]["content"], example.completion) for example in corpus["answer"]]
    assert all(completion in passage for passage, completion in asked)
    assert any(completion == NOT_SAID for _, completion in asked)


def test_stories_are_asked_for_by_what_is_in_them(corpus: dict[str, list[Example]]) -> None:
    prompts = [example.messages[0]["content"] for example in corpus["story"]]
    assert any("a little dog" in prompt for prompt in prompts)
    assert any("Tom" in prompt for prompt in prompts)


def test_made_up_facts_are_answered_in_their_passage() -> None:
    """A question without its answer in the passage would teach to guess."""
    asked = list(facts(random.Random(1)))
    assert all(item.answer in item.passage for item in asked)
    assert 0.05 < sum(not item.answer for item in asked) / len(asked) < 0.2


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sst2_sentences_train"):
        gather(tmp_path, seed=7)


def test_batches_follow_from_seed_and_step(
    corpus: dict[str, list[Example]], tokenizer: PreTrainedTokenizerFast
) -> None:
    """A resumed run must read what the uninterrupted one would have read."""
    once = list(islice(steps(corpus, tokenizer, 7, 500), 5))
    assert once == list(islice(steps(corpus, tokenizer, 7, 500), 5))
    assert once != list(islice(steps(corpus, tokenizer, 8, 500), 5))
    assert once[0] != once[1]


def test_killed_and_resumed_run_ends_in_the_same_weights(
    tmp_path: Path, corpus: dict[str, list[Example]], tokenizer: PreTrainedTokenizerFast
) -> None:
    """Whatever is not in the checkpoint (an optimizer's state, the place in the data) would show here."""

    def kill(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    whole, _ = train(corpus, tokenizer, TINY, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(corpus, tokenizer, TINY, tmp_path / "killed", save_every_s=0.0, on_step=kill)
    resumed, progress = train(corpus, tokenizer, TINY, tmp_path / "killed")
    assert progress.tokens >= TINY.tokens
    for (name, one), (_, other) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.allclose(one, other, atol=1e-6), name


def test_run_of_another_recipe_is_not_continued(
    tmp_path: Path, corpus: dict[str, list[Example]], tokenizer: PreTrainedTokenizerFast
) -> None:
    train(corpus, tokenizer, replace(TINY, tokens=1), tmp_path)
    with pytest.raises(DataError, match="another recipe"):
        train(corpus, tokenizer, replace(TINY, tokens=1, seed=8), tmp_path)


def test_run_may_be_lengthened_only_before_its_rates_fall(
    tmp_path: Path, corpus: dict[str, list[Example]], tokenizer: PreTrainedTokenizerFast
) -> None:
    """A longer run is the same run until then; after it, what comes out would be no recipe's."""
    longer = replace(TINY, tokens=9 * STEP)
    seen: list[int] = []
    train(
        corpus,
        tokenizer,
        TINY,
        tmp_path / "early",
        on_step=lambda p: seen.append(p.step),
        stopping=lambda: len(seen) == 2,
    )
    lengthened, _ = train(corpus, tokenizer, longer, tmp_path / "early")
    whole, _ = train(corpus, tokenizer, longer, tmp_path / "whole")
    for (name, one), (_, other) in zip(whole.state_dict().items(), lengthened.state_dict().items(), strict=True):
        assert torch.allclose(one, other, atol=1e-6), name
    train(corpus, tokenizer, TINY, tmp_path / "late")
    with pytest.raises(DataError, match="another recipe"):
        train(corpus, tokenizer, longer, tmp_path / "late")


def test_rates_warm_up_stay_and_fall_to_zero() -> None:
    recipe = replace(TINY, tokens=100 * STEP, warmup_tokens=10 * STEP, cooldown=0.5)
    rates = [recipe.rate(step * STEP) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[20] == rates[50] == 1.0
    assert rates[75] == pytest.approx(0.5) and rates[100] == 0.0


def test_training_learns(tmp_path: Path, corpus: dict[str, list[Example]], tokenizer: PreTrainedTokenizerFast) -> None:
    """A masked-out or wrongly shifted loss would not fall like this on sixty rows seen again and again."""
    losses: list[float] = []
    recipe = replace(TINY, tokens=40 * STEP)
    train(corpus, tokenizer, recipe, tmp_path, on_step=lambda progress: losses.append(progress.loss))
    assert min(losses[-5:]) < 0.6 * losses[0]


def test_muon_makes_matrices_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((64, 128), (128, 64)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5 and values.max() < 1.5


def test_export_loads_and_fits_four_bits(
    tmp_path: Path, data: Path, corpus: dict[str, list[Example]], tokenizer: PreTrainedTokenizerFast
) -> None:
    model, progress = train(corpus, tokenizer, replace(TINY, tokens=1), tmp_path)
    export(model, tokenizer, data, TINY, progress, tmp_path / "model")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    linear = [module for name, module in loaded.named_modules() if isinstance(module, torch.nn.Linear)]
    assert all(layer.out_features % 32 == 0 and layer.in_features % 64 == 0 for layer in linear)
    assert loaded.dtype == torch.bfloat16
    own = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert own.decode(own("Grüße, 小狗 \U0001f43b!")["input_ids"]) == "Grüße, 小狗 \U0001f43b!"
    chat = own.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True)
    assert chat == "<|user|>Hi<|end|><|assistant|>"
    ends = {own.convert_tokens_to_ids(word) for word in ("<|end|>", "<|endoftext|>")}
    assert set(loaded.generation_config.eos_token_id) == ends


def test_command_makes_a_model(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one command of the recipe, from a plain folder to a folder with a model and how it came about."""
    monkeypatch.setattr(sys, "argv", ["starter", str(data), "--out", str(tmp_path), "--millions", "0.001"])
    assert command.main() == 0
    assert (tmp_path / "model/model.safetensors").is_file()
    assert '"text/sherlock.txt"' in (tmp_path / "model/recipe.json").read_text()


def test_card_tells_what_was_done_and_measured() -> None:
    hashes = {name: "ab" * 32 for name, *_ in SOURCES}
    progress = asdict(Progress(step=12, tokens=3_400_000, seconds=3600.0, loss=2.0))
    record = {"recipe": asdict(TINY), "progress": progress, "data": hashes}
    text = " ".join(
        card(record, "| scores |\n|---|\n| F1 12.3 |\n\nStarter, 4-bit.", 5_000_000, 50, "two cores", "A note.").split()
    )
    for said in ("5.0 million parameters", "3.40 million tokens in 12 steps", "1.00 hours on two cores", "F1 12.3"):
        assert said in text
    assert "Starter, 4-bit." in text and "A note." in text
    assert all(licence in text for *_, licence in SOURCES)
