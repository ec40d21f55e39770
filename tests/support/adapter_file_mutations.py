"""Ways in which an adapter's files may be wrong, before they are zipped. Each is one function of a random source."""

import json
import math
import random
import struct
from collections.abc import Callable
from typing import Any

CONFIG, WEIGHTS, README = "adapter_config.json", "adapter_model.safetensors", "README.md"
Parts = dict[str, bytes]
Random = random.Random
Header = dict[str, Any]


def flipped(raw: bytes, chance: Random, first: int = 0, last: int | None = None) -> bytes:
    found = bytearray(raw)
    for _ in range(chance.choice((1, 2, 8, 64))):
        found[chance.randrange(first, max(first + 1, min(last or len(found), len(found))))] = chance.randrange(256)
    return bytes(found)


# The configuration


def _odd_value(chance: Random) -> Any:
    deep: Any = []
    for _ in range(chance.choice((3, 900, 3000))):
        deep = [deep]
    plain = (None, True, False, 0, -1, 1.5, 10**30, 10**400, 1e308, math.nan, math.inf, "", "x" * 5000, "a\nb")
    texts = ("\ud800", "<img src=x onerror=alert(1)>", "\u202egnp", "(a+)+$", "q_proj", "all-linear", "/etc/passwd")
    lists = ([], [None], deep, ["q_proj"] * 6000, [10**400], ["../x"])
    objects = ({}, {"a": {}}, {"q_proj": 10**400}, {"q_proj": "4"}, {"": 4})
    return chance.choice((*plain, *texts, *lists, *objects))


def a_value_of_the_configuration(parts: Parts, chance: Random) -> Parts:
    config = json.loads(parts[CONFIG])
    config[chance.choice(sorted(config))] = _odd_value(chance)
    return parts | {CONFIG: _dumped(config)}


def an_unknown_key(parts: Parts, chance: Random) -> Parts:
    name = chance.choice(["surprise", "", "\ud83d", "<script>", "r ", "x" * 9000, "__class__", "auto_map"])
    return parts | {CONFIG: _dumped(json.loads(parts[CONFIG]) | {name: _odd_value(chance)})}


def a_missing_key(parts: Parts, chance: Random) -> Parts:
    config = json.loads(parts[CONFIG])
    del config[chance.choice(sorted(config))]
    return parts | {CONFIG: _dumped(config)}


def another_method(parts: Parts, chance: Random) -> Parts:
    changes = [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"bias": "all"}, {"lora_bias": True}]
    changes += [{"peft_type": "IA3"}, {"task_type": "SEQ_CLS"}, {"trainable_token_indices": [1]}, {"use_rslora": True}]
    changes += [{"layers_pattern": ["layers"], "layers_to_transform": [1]}, {"exclude_modules": ["q_proj"]}]
    changes += [{"init_lora_weights": "pissa"}, {"r": 8}, {"target_modules": ["v_proj"]}, {"alpha_pattern": {"q": 9}}]
    return parts | {CONFIG: _dumped(json.loads(parts[CONFIG]) | chance.choice(changes))}


def the_text_of_the_configuration(parts: Parts, chance: Random) -> Parts:
    raw = parts[CONFIG]
    texts = [b"", b"[]", b"null", b"\xff\xfe{}", b"\xef\xbb\xbf" + raw, b"[" * 90_000, b'{"r":' * 50_000, raw + b"}"]
    texts += [flipped(raw, chance), raw[: chance.randrange(len(raw))], b" " * 300_000, b'{"r": ' + b"9" * 6000 + b"}"]
    return parts | {CONFIG: chance.choice(texts)}


def _dumped(config: Header) -> bytes:
    try:
        return json.dumps(config).encode()
    except RecursionError:
        return b"[" * 3000 + b"]" * 3000


# The weights


def _split(raw: bytes) -> tuple[Header, bytes]:
    (size,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def _joined(header: Header | bytes, data: bytes, size: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if size is None else size) + raw + data


def _names(header: Header) -> list[str]:
    return sorted(name for name in header if name != "__metadata__")


def bytes_of_the_weights(parts: Parts, chance: Random) -> Parts:
    raw = parts[WEIGHTS]
    last = chance.choice((8, 8 + len(raw) // 4, len(raw)))
    return parts | {WEIGHTS: flipped(raw, chance, 0, last)}


def cut_weights(parts: Parts, chance: Random) -> Parts:
    raw = parts[WEIGHTS]
    kept = chance.choice((0, 4, 8, 20, len(raw) - 1, chance.randrange(len(raw))))
    return parts | {WEIGHTS: raw[:kept] + chance.choice((b"", b"\0" * 999))}


def a_lying_header(parts: Parts, chance: Random) -> Parts:
    header, data = _split(parts[WEIGHTS])
    size = chance.choice((0, 1, 2**31, 2**62, 2**64 - 1, 9_000_000, 100_000_001))
    twice = json.dumps(header)[:-1].encode() + b", " + json.dumps(header)[1:].encode()
    return parts | {WEIGHTS: chance.choice([_joined(header, data, size), _joined(twice, data), _joined(b"{}", data)])}


def a_fact_of_the_header(parts: Parts, chance: Random) -> Parts:
    header, data = _split(parts[WEIGHTS])
    facts = header[chance.choice(_names(header))]
    odd = [None, -1, 2**63, 1.5, "F32", [], [2**40, 2**40], [0, -4], [0, 10**9], [1, 2, 3], "I64", "F8_E4M3", "BF16"]
    facts[chance.choice(("dtype", "shape", "data_offsets", "surprise"))] = chance.choice(odd)
    return parts | {WEIGHTS: _joined(header, data)}


def swapped_weights(parts: Parts, chance: Random) -> Parts:
    header, data = _split(parts[WEIGHTS])
    one, other = chance.sample(_names(header), 2)
    header[one], header[other] = header[other], header[one]
    return parts | {WEIGHTS: _joined(header, data)}


def turned_weights(parts: Parts, chance: Random) -> Parts:
    header, data = _split(parts[WEIGHTS])
    for name in chance.sample(_names(header), 2):
        header[name]["shape"] = header[name]["shape"][::-1]
    return parts | {WEIGHTS: _joined(header, data)}


def other_names(parts: Parts, chance: Random) -> Parts:
    header, data = _split(parts[WEIGHTS])
    name = chance.choice(_names(header))
    names = [
        name.replace("layers.", "layers.9"),
        "x",
        "",
        name + "\u202e<b>",
        name.replace(".weight", ".default.weight"),
    ]
    names += [name.replace("lora_A", "lora_magnitude_vector"), name.replace("base_model.", ""), "a." * 5000 + name]
    header[chance.choice(names)] = header.pop(name)
    return parts | {WEIGHTS: _joined(header, data)}


def dropped_or_added(parts: Parts, chance: Random) -> Parts:
    header, data = _split(parts[WEIGHTS])
    if chance.random() < 0.5:
        header.pop(chance.choice(_names(header)))
    else:
        header["base_model.model.lm_head.weight"] = {
            "dtype": "F32",
            "shape": [2, 2],
            "data_offsets": [len(data), len(data) + 16],
        }
        data += bytes(16)
    return parts | {WEIGHTS: _joined(header, data)}


def wild_numbers(parts: Parts, chance: Random) -> Parts:
    header, data = _split(parts[WEIGHTS])
    found = bytearray(data)
    number = struct.pack("<f", chance.choice((math.nan, math.inf, -math.inf, 3e38, -3e38, 1e20, 1e-40)))
    first = chance.randrange(len(found) // 4)
    last = chance.choice((first + 1, len(found) // 4))
    found[4 * first : 4 * last] = number * (last - first)
    return parts | {WEIGHTS: _joined(header, bytes(found))}


CONFIGURATIONS: list[Callable[[Parts, Random], Parts]] = [
    a_value_of_the_configuration,
    a_value_of_the_configuration,
    an_unknown_key,
    a_missing_key,
    another_method,
    the_text_of_the_configuration,
]
TENSORS: list[Callable[[Parts, Random], Parts]] = [
    bytes_of_the_weights,
    bytes_of_the_weights,
    cut_weights,
    a_lying_header,
    a_fact_of_the_header,
    swapped_weights,
    turned_weights,
    other_names,
    dropped_or_added,
    wild_numbers,
]
