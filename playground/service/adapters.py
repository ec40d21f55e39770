"""Which adapters the loaded model can use: an adapter is for one base model."""

from playground.errors import AdapterError
from playground.protocol.model import ModelInfo


def refusal(info: ModelInfo, adapter: str, model: str, fingerprint: str) -> AdapterError | None:
    """Why an adapter of this name, made for the model of this name, cannot be used on `info`; None where it can."""
    if info.serves(fingerprint):
        return None
    if model == info.name:
        return AdapterError(
            "The adapter '{adapter}' is for other weights of {loaded} than those that are loaded. Load the ones it "
            "was made for, or choose another adapter.",
            adapter=adapter,
            loaded=info.name,
        )
    return AdapterError(
        "The adapter '{adapter}' is for the model {wanted}, but {loaded} is loaded. Load {wanted}, or choose "
        "another adapter.",
        adapter=adapter,
        wanted=model or fingerprint[:12],
        loaded=info.name,
    )
