"""A hundred damaged files are each read or refused with a sentence; tests.bench.mutated_uploads tries thousands."""

from pathlib import Path

from playground.models.tokenizer import ChatTokenizer
from tests.bench.mutated_uploads import READ, REFUSED, teach
from tests.support.mutations import damaged, own_files

COUNT = 100


def test_damaged_files_end_in_a_sentence(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    """Defends the page from tracebacks: anything but a sentence for people is raised, and names its damage here."""
    files = own_files()
    ends = []
    for number in range(COUNT):
        damage, (name, raw) = damaged(files[number % len(files)], f"test-{number}")
        path = tmp_path / f"upload{Path(name).suffix}"
        path.write_bytes(raw)
        try:
            what, said = teach(path, tokenizer)
        except Exception as error:
            raise AssertionError(f"{number}, {files[number % len(files)][0]}: {damage}") from error
        assert said.rstrip().endswith((".", "taught"))
        ends.append(what)
    assert min(ends.count(READ), ends.count(REFUSED)) >= COUNT // 10


def test_whole_files_are_taught(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    """Defends the test above: what it damages is read and taught before."""
    for name, raw in own_files():
        path = tmp_path / name
        path.write_bytes(raw)
        assert teach(path, tokenizer)[0] == READ, name
