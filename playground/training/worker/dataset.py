"""Token rows as the trainer takes them, each by itself or several packed into one."""

from collections.abc import Sequence

import torch
from datasets import Dataset
from transformers import PreTrainedModel
from trl import pack_dataset

from playground.errors import TrainingError
from playground.training.config import TrainingConfig
from playground.training.tokenization import TokenizedExample

LENGTHS = "seq_lengths"
"""TRL's column of the lengths that were packed into a row."""
_MAX_DIFFERENCE = 0.05


def dataset_of(rows: Sequence[TokenizedExample], values: TrainingConfig) -> Dataset:
    """Make a dataset with `input_ids` and `labels`; packed, its rows hold several examples and their lengths."""
    dataset = _plain(rows)
    if not values.packing:
        return dataset
    return pack_dataset(dataset, values.max_length, "bfd", {"batch_size": None, "keep_in_memory": True})


def held_out_of(rows: Sequence[TokenizedExample]) -> Dataset | None:
    """The rows to measure on by their length, never packed; None without any."""
    return _plain(sorted(rows, key=lambda row: len(row.input_ids))) if rows else None


def _plain(rows: Sequence[TokenizedExample]) -> Dataset:
    return Dataset.from_dict({"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]})


def check_packing(model: PreTrainedModel, dataset: Dataset) -> None:
    """Make sure that this model reads packed examples as if each stood alone.

    Raises `TrainingError` for a model that looks from one into the next, whose training would be silently wrong.
    """
    packed = next((row for row in dataset if len(row[LENGTHS]) > 1), None)
    if packed is None:
        return
    first, second = packed[LENGTHS][:2]
    ids = torch.tensor([packed["input_ids"][: first + second]], device=model.device)
    places = torch.cat([torch.arange(first), torch.arange(second)])[None].to(model.device)
    with torch.no_grad():
        together = model(input_ids=ids, position_ids=places, use_cache=False).logits[0, first:].float()
        alone = model(input_ids=ids[:, first:], use_cache=False).logits[0].float()
    apart = ((together - alone).norm() / alone.norm()).item()
    if not apart < _MAX_DIFFERENCE:
        raise TrainingError("This model cannot keep packed examples apart. Switch packing off, and start again.")
