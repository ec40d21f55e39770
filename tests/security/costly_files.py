"""Files that cost whoever reads them far more than their size."""

import io
import random
import zipfile

import openpyxl

_STRINGS = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType='
    b'"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
)
_SST = b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
_STRING = b"<si><t>a</t></si>"


def many_columns(count: int) -> bytes:
    return (",".join(f"c{number}" for number in range(count)) + "\n" + "1," * count).encode()


def many_strings(count: int, padding: int = 0) -> bytes:
    """A workbook of two rows, and so many strings; `padding` bytes of noise make it look as large as it unfolds."""
    book, plain, made = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in (("question", "answer"), ("a", "b"), ("c", "d")):
        book.active.append(row)
    book.save(plain)
    with zipfile.ZipFile(plain) as read, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as write:
        for name in set(read.namelist()) - {"xl/sharedStrings.xml"}:
            part = read.read(name)
            write.writestr(name, part.replace(b"</Types>", _STRINGS) if name == "[Content_Types].xml" else part)
        with write.open("xl/sharedStrings.xml", "w") as part_file:
            part_file.write(_SST)
            for _ in range(count // 1000):
                part_file.write(_STRING * 1000)
            part_file.write(b"</sst>")
        write.writestr("xl/media/noise.bin", random.Random(0).randbytes(padding), zipfile.ZIP_STORED)
    return made.getvalue()


def endless() -> bytes:
    """Within all bounds of size, and two minutes of work."""
    return many_strings(15_000_000, 3 * 2**20)
