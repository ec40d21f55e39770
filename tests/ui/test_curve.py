"""Defends the learning curve: whole steps, round losses, values to hover over, and numbers to take away."""

import csv
import io
import re

from playground.ui.reports.curve import Run, chart, log_ticks, numbers, smoothed, ticks

LOSSES = [(1, 5.0), (2, 3.0), (3, 4.0), (4, 2.0)]
RUN = Run("Duck <b>", LOSSES, [(0, 4.5), (4, 2.5)], kept=[4])


def test_steps_are_whole_numbers_and_losses_are_round() -> None:
    assert ticks(0, 3, 12, whole=True) == [0, 1, 2, 3]
    assert ticks(0, 500, 12, whole=True) == list(range(0, 501, 50))
    assert ticks(0.13, 0.52, 5) == [0.2, 0.3, 0.4, 0.5]
    assert log_ticks(0.09, 6) == [0.1, 0.2, 0.5, 1, 2, 5]
    assert len(log_ticks(2.6, 3.4)) > 2


def test_smoothing_is_not_pulled_to_the_start() -> None:
    flat = smoothed([(step, 2.0) for step in range(40)])
    assert all(abs(loss - 2.0) < 1e-9 for _, loss in flat)
    assert 3.0 < smoothed(LOSSES)[1][1] < 5.0


def test_every_step_tells_its_values_and_markup_of_a_name_is_text() -> None:
    drawn = str(chart(str.format, [RUN]))
    assert "<b>" not in drawn
    assert len(re.findall('class="stop"', drawn)) == 5
    for value in ("5.000", "2.500", "checkpoint", "Step 4"):
        assert value in drawn
    assert chart(str.format, [Run("Empty", [], [])]) == ""


def test_a_run_that_goes_on_leaves_room_for_what_comes() -> None:
    assert ">26<" not in str(chart(str.format, [RUN]))
    assert ">20<" in str(chart(str.format, [Run("Growing", LOSSES, [], total=26)]))


def test_two_runs_are_told_apart_without_colour_and_log_keeps_the_order() -> None:
    drawn = str(chart(str.format, [RUN, Run("Other", LOSSES, [])], log=True))
    assert "7 5" in drawn
    heights = [float(y) for y in re.findall(r"cy=\"([\d.]+)\"", str(chart(str.format, [RUN], log=True)))]
    assert heights[0] < heights[1]  # the first loss is the larger one, and stands higher


def test_a_broken_loss_does_not_break_the_picture() -> None:
    drawn = str(chart(str.format, [Run("Broken", [(1, 2.0), (2, float("nan")), (3, 1.0)], [])]))
    lines = re.findall(r'points="([^"]+)"', drawn)
    assert len(lines) == 2 and all("nan" not in line and len(line.split()) == 2 for line in lines)


def test_the_numbers_are_a_table() -> None:
    rows = list(csv.DictReader(io.StringIO(numbers([RUN]))))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert rows[4]["held_out_loss"] == "2.5" and rows[4]["loss"] == "2.0" and rows[4]["checkpoint"] == "1"
