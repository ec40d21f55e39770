"""Chinese for bringing and taking adapters."""

EXCHANGE: dict[str, str] = {}
