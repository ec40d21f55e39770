"""Chinese for checking a file of examples."""

DATA: dict[str, str] = {}
