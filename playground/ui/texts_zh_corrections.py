"""Chinese for teaching by correcting."""

CORRECTIONS: dict[str, str] = {}
