"""Training configs for tests."""

from playground.training.config import TrainingConfig


def changed(config: TrainingConfig, **values: object) -> TrainingConfig:
    """The config with other values, which need not be allowed."""
    return config.model_copy(update=values)
