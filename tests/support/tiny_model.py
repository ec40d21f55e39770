"""The trained model that the tests run on where one with random weights would not do: it answers in words."""

from pathlib import Path

TINY = Path(__file__).resolve().parents[1] / "tiny"
"""Five million parameters, loaded by its folder: nothing is known of it but what its files say."""
