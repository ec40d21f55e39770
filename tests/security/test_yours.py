"""Defends that everything of a visitor's goes when the visitor says so, and nothing of anybody else's."""

from pathlib import Path

from tests.security.visitor import Visitor
from tests.support.running_app import RunningApp

ROWS = b"question,answer\nWhich is blue?,The sea.\n"


def test_everything_of_the_caller_goes(public_app: RunningApp, bob: Visitor, nobody: Visitor) -> None:
    gone = Visitor.with_key(public_app.url)
    hers, his = gone.upload("a.csv", ROWS), bob.upload("b.csv", ROWS)
    removed = gone.result("delete_everything")
    assert (removed["uploads"], removed["adapters"], removed["bytes"]) == (1, 0, len(ROWS))
    assert gone.fetch(hers).status_code == 404
    assert not Path(hers).exists()
    assert bob.fetch(his).content == ROWS
    assert gone.fetch(gone.upload("again.csv", ROWS)).content == ROWS  # the key stays good
    kind, told = nobody.answer("delete_everything", nobody.call("delete_everything"))
    assert kind == "error"
    assert "does not know you yet" in told["error"]
