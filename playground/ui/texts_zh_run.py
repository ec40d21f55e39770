"""Chinese for setting up and watching a training run."""

RUN: dict[str, str] = {}
