"""Times are the visitor's own, and say so where nobody knows them."""

from playground.ui.local_time import local_time

AT = "2026-11-25T21:44:00+00:00"


def test_times_are_those_of_the_visitors_zone() -> None:
    assert local_time({"cookie": "playground_timezone=Asia/Shanghai"}, AT) == "2026-11-26 05:44"
    assert local_time({"cookie": "playground_timezone=Europe/Berlin"}, 0.0) == "1970-01-01 01:00"


def test_an_unknown_zone_is_utc_and_says_so() -> None:
    for cookie in (
        "",
        "playground_timezone=Nowhere/Else",
        "playground_timezone=../../etc/passwd",
        "playground_timezone=",
    ):
        assert local_time({"cookie": cookie}, AT) == "2026-11-25 21:44 UTC"
