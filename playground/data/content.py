"""What a message holds where it is no plain text: parts of a content, and what is learnt as JSON."""

import json

_MEDIA = ("image", "image_url", "input_image", "video", "video_url", "audio", "input_audio", "file")


def as_json(value: object) -> str:
    """An object or a list as it is to be written by the model."""
    return json.dumps(value, ensure_ascii=False)


def holds_media(content: object) -> bool:
    """Whether some part of a content is a picture, a film or a sound."""
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, dict) and part.get("type") in _MEDIA for part in parts)


def text_of_parts(value: object) -> str | None:
    """What a content of parts says, without pictures and thinking; None for what is no such content."""
    if not isinstance(value, list) or not value:
        return None
    kinds = [part.get("type") if isinstance(part, dict) else None for part in value]
    if not all(kind in ("text", "input_text", "output_text", "thinking", *_MEDIA) for kind in kinds):
        return None
    texts = [part.get("text") for part, kind in zip(value, kinds, strict=True) if str(kind).endswith("text")]
    return "".join(text for text in texts if isinstance(text, str)) if texts else None


def text_of_pieces(value: list[object]) -> str | None:
    """What a messenger keeps as pieces, some of them links or names; None for what is nothing of the kind."""
    pieces = [piece.get("text") if isinstance(piece, dict) else piece for piece in value]
    return "".join(map(str, pieces)) if pieces and all(isinstance(piece, str) for piece in pieces) else None
