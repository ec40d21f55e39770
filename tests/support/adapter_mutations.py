"""Ways in which a zip with an adapter may be wrong, by accident or by malice. Each is one function of a random source.

`ZIPS` change the zip's bytes or the way it is packed; `tests.support.adapter_file_mutations` the files before that.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable

from tests.support.adapter_file_mutations import (
    CONFIG,
    CONFIGURATIONS,
    README,
    TENSORS,
    WEIGHTS,
    Parts,
    Random,
    flipped,
)


def packed(parts: Parts, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return raw.getvalue()


def mutated(good: Parts, chance: Random) -> tuple[str, bytes]:
    """One or two things wrong with a good adapter; returns their names and the zip."""
    parts, names = dict(good), []
    both = [chance.choice(CONFIGURATIONS), chance.choice(TENSORS)]
    chosen = chance.choice((both, both[:1], both[:1], both[1:], both[1:], [], []))
    for change in chosen:
        parts = change(parts, chance)
        names.append(change.__name__)
    if chosen and chance.random() < 0.8:
        return " + ".join(names), packed(parts)
    spoil = chance.choice(ZIPS)
    return " + ".join([*names, spoil.__name__]), spoil(parts, chance)


def flipped_zip(parts: Parts, chance: Random) -> bytes:
    raw = packed(parts, chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    first = chance.choice((0, max(0, len(raw) - 300)))
    return flipped(raw, chance, first)


def cut_zip(parts: Parts, chance: Random) -> bytes:
    raw = packed(parts)
    at = chance.randrange(len(raw))
    return chance.choice(
        [raw[:at], raw[at:], raw + bytes(at), bytes(at) + raw, raw[:at] + bytes(50) + raw[at:], raw * 2]
    )


def odd_packing(parts: Parts, chance: Random) -> bytes:
    return packed(parts, chance.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))


def odd_places(parts: Parts, chance: Random) -> bytes:
    name = chance.choice(["../evil", "/etc/evil", "a\\..\\evil", "C:evil", "a/" * 40 + "b", "\u202ea", "a\0b"])
    return packed(parts | {name: b"x"})


def folders_as_people_zip_them(parts: Parts, chance: Random) -> bytes:
    top = {f"my adapter/{name}": content for name, content in parts.items()}
    extra = chance.choice(
        [
            {f"__MACOSX/my adapter/._{name}": b"\0\5\x16\7" for name in parts},
            {f"my adapter/checkpoint-10/{name}": content for name, content in parts.items()},
            {f"other/{name}": content for name, content in parts.items()},
            {"my adapter/": b"", "my adapter/.DS_Store": b"x", "my adapter/training_args.bin": b"\x80\4"},
        ]
    )
    return packed(top | extra)


def a_zip_in_a_zip(parts: Parts, chance: Random) -> bytes:
    return packed({"adapter.zip": packed(parts)} | chance.choice([{}, {CONFIG: parts[CONFIG]}]))


def a_pickle(parts: Parts, chance: Random) -> bytes:
    rest = {name: content for name, content in parts.items() if name != WEIGHTS}
    return packed(rest | {chance.choice(["adapter_model.bin", WEIGHTS, "adapter_model.pt"]): b"\x80\4cos\nsystem\n."})


def links_devices_and_doubles(parts: Parts, chance: Random) -> bytes:
    raw = io.BytesIO(packed(parts))
    with zipfile.ZipFile(raw, "a") as archive:
        entry = zipfile.ZipInfo(chance.choice(["a link", "README2.md", "sub/dev"]))
        entry.external_attr = (chance.choice((stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK)) | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    if chance.random() < 0.4:  # the same name twice: once in each spelling of the same place
        return packed(parts | {f"./{name}": b"{}" for name in (CONFIG, WEIGHTS)})
    return raw.getvalue()


def locked(parts: Parts, chance: Random) -> bytes:
    """The flag that means a password, in the index, beside the file, or in both."""
    raw = bytearray(packed(parts))
    for mark, at in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        if chance.random() < 0.7:
            place = raw.find(mark)
            raw[place + at] |= chance.choice((1, 1 | 64, 32))
    return bytes(raw)


def a_bomb(parts: Parts, chance: Random) -> bytes:
    """Small in the zip, large outside, whatever the zip says of its size."""
    name = chance.choice((CONFIG, README, CONFIG, README, WEIGHTS))
    raw = bytearray(packed(parts | {name: bytes(40 * 2**20)}))
    if chance.random() < 0.5:
        place = raw.rfind(b"PK\1\2")
        struct.pack_into("<L", raw, place + 24, 10)
    return bytes(raw)


def a_huge_index(parts: Parts, chance: Random) -> bytes:
    """Many thousand entries, told or not told in the record that ends the zip."""
    raw = packed(parts)
    end = raw.rfind(b"PK\5\6")
    count = chance.choice((300, 60_000))
    entry = (
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, zlib.crc32(b""), 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    )
    index = entry * count
    told = chance.choice((4, count % 65536))
    return raw[:end] + index + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, told, told, len(index), end, 0)


ZIPS: list[Callable[[Parts, Random], bytes]] = [
    flipped_zip,
    flipped_zip,
    flipped_zip,
    cut_zip,
    cut_zip,
    odd_packing,
    odd_places,
    folders_as_people_zip_them,
    folders_as_people_zip_them,
    a_zip_in_a_zip,
    a_pickle,
    links_devices_and_doubles,
    locked,
    a_bomb,
    a_huge_index,
]
