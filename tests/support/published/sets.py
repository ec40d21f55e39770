"""Sets of data on the stand-in hub, as publishers keep them."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = list[dict[str, Any]]
LABELS = {"label": {"_type": "ClassLabel", "names": ["bad", "good"]}, "text": {"_type": "Value", "dtype": "string"}}


LONG = "x" * 2000
MOODS: Rows = [{"text": f"t{n}", "label": n % 2} for n in range(20)]


def questions(count: int, word: str = "") -> Rows:
    return [{"question": f"What is {word}{n}?", "answer": f"It is {n}."} for n in range(count)]


def parquet(rows: Rows, features: Mapping[str, Any] | None = None, group: int = 100) -> bytes:
    made = io.BytesIO()
    table = pa.Table.from_pylist(rows)
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, made, row_group_size=group, compression="none")
    return made.getvalue()


def _files(split: str, folder: str = "plain_text") -> dict[str, str]:
    return {"split": split, "path": f"{folder}/{split}-*"}


def squad_like() -> dict[str, Any]:
    """Files and card: a configuration of two splits, the one to learn from in two files."""
    return {
        "files": {
            "README.md": b"# A set",
            "plain_text/train-00000-of-00002.parquet": parquet(questions(400, LONG)),
            "plain_text/train-00001-of-00002.parquet": parquet(questions(400, "y")),
            "plain_text/validation-00000-of-00001.parquet": parquet(questions(30, "z")),
            "moods/train-00000-of-00001.parquet": parquet(MOODS, LABELS),
        },
        "card": {
            "license": "cc-by-4.0",
            "configs": [
                {"config_name": "plain_text", "data_files": [_files("train"), _files("validation")]},
                {"config_name": "moods", "data_files": [_files("train", "moods"),
                                                        {"split": "evil", "path": "https://evil.example/x.parquet"}]},
            ],
            "dataset_info": [{"config_name": "plain_text", "splits": [{"name": "train", "num_examples": 800}]}],
        },
    }  # fmt: skip
