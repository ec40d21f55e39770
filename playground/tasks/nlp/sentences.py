"""A text cut into its sentences."""


def sentences(text: str) -> list[str]:
    """Split after full stops, question and exclamation marks (Chinese ones too) and at line ends; drops nothing."""
    pieces: list[str] = []
    start = 0
    for position, character in enumerate(text):
        follows = text[position + 1 : position + 2]
        ends = character in "。！？\n" or (character in ".!?" and (not follows or follows.isspace()))
        if ends and text[start : position + 1].strip():
            pieces.append(text[start : position + 1])
            start = position + 1
    if text[start:].strip() or not pieces:
        pieces.append(text[start:])
    else:
        pieces[-1] += text[start:]
    return pieces
