"""What a run says when something ends it that nobody foresaw."""

import pytest
import torch

from playground.training.worker import _unexpected


def test_too_little_memory_is_told() -> None:
    """On the CPU torch has no class of its own for it."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert _unexpected(caught.value, "ab12").message.startswith("There was not enough memory.")


def test_a_tracker_that_refuses_is_named() -> None:
    """Its own reason is what a person can mend; other errors stay in the log."""
    error = type("UsageError", (Exception,), {"__module__": "wandb.errors"})("No API key configured.\nTraceback")
    message = _unexpected(error, "ab12").message
    assert message.startswith("The curves cannot be sent to wandb: No API key configured. Mend that")
    assert "Traceback" not in message
    assert "under ab12" in _unexpected(ValueError("x"), "ab12").message
