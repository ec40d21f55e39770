"""Chinese for what a training changed."""

LEARNT: dict[str, str] = {}
