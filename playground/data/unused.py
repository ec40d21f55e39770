"""What of a file is neither read nor learnt: columns, and keys of what they hold."""

from playground.data.chat import unread_keys
from playground.data.column_fit import languages_in
from playground.data.column_mapping import ColumnMapping
from playground.data.column_names import BETTER, RATING, WORSE, plain
from playground.data.table import Problem, Table, cell
from playground.sentence import N_, Sentence

_LISTED = 12
_MEDIA = ("image", "picture", "photo", "img", "video", "audio", "图", "bild", "imagen")
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".mp4", ".wav", ".mp3")
_PLAIN = N_("Not used: {columns}. If the model should read or learn them, choose the columns.")
_PICTURES = N_("The column '{column}' names pictures or sounds. The model reads texts only; they are not used.")
_WORSE = N_("What stands in '{worse}' is not used: only '{chosen}' is learnt.")
_RATING = N_(
    "'{column}' is not used. If it says how good an answer is, choose it as the rating, and low ones are not taught."
)


_LANGUAGES = N_(
    "The file holds more languages: {languages}. '{source}' to '{target}' is taught. For another pair, choose the "
    "columns."
)


def find_unused(table: Table, mapping: ColumnMapping) -> list[str]:
    """Columns by their names, keys as paths into them ("messages.name")."""
    return [*mapping.unused(table), *_keys(table, mapping)]


def unused_problems(table: Table, mapping: ColumnMapping, unused: list[str]) -> list[Problem]:
    """What is said of them: nothing is left out untold."""
    more = _more_languages(table, mapping)
    better = next((column for column in mapping.columns.values() if plain(column) in BETTER), "")
    told: list[Problem] = []
    others: list[str] = []
    if more:
        pair = dict(zip(("source", "target"), mapping.columns.values(), strict=False))
        told.append(Problem(Sentence(_LANGUAGES, languages=", ".join(more), **pair)))
    for column in unused:
        if column in more:
            continue
        if plain(column) in RATING and "label" not in mapping.columns and _are_numbers(table, column):
            told.append(Problem(Sentence(_RATING, column=column)))
        elif better and plain(column) in WORSE:
            told.append(Problem(Sentence(_WORSE, worse=column, chosen=better)))
        elif _shows_media(table, column):
            told.append(Problem(Sentence(_PICTURES, column=column)))
        else:
            others.append(column)
    if others:
        shown = ", ".join(column[:40] for column in others[:_LISTED])
        told.append(Problem(Sentence(_PLAIN, columns=shown + (", …" if len(others) > _LISTED else ""))))
    return told


def _more_languages(table: Table, mapping: ColumnMapping) -> list[str]:
    """Columns of further languages, where two of several are taught."""
    named = languages_in(table) if mapping.format.by_languages else []
    used = set(mapping.columns.values())
    return [path for path in named if path not in used] if len(used.intersection(named)) > 1 else []


def _keys(table: Table, mapping: ColumnMapping) -> list[str]:
    found: dict[str, None] = {}
    for name, path in mapping.columns.items():
        outer, _, inner = path.partition(".")
        if inner and path not in table.columns:
            keys = {key for row in table.rows for key in _of(row.get(outer))}
            used = {other.split(".", 1)[1] for other in mapping.columns.values() if other.startswith(f"{outer}.")}
            found.update((f"{outer}.{key}", None) for key in sorted(keys - used))
        if name in ("messages", "input", "output", "reply", "history") and mapping.format.name == "messages":
            unread: set[str] = set()
            for row in table.rows:
                value = cell(row, path)
                if isinstance(value, (list, dict)):
                    unread |= unread_keys(value)
            found.update((f"{path}.{key}", None) for key in sorted(unread))
        spans = [item for row in table.rows for item in _listed(cell(row, path)) if name in ("answer", "completion")]
        if any(isinstance(item, dict) and "answer_start" in item for item in spans):
            found[f"{path}.answer_start"] = None
    return list(found)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _of(value: object) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _shows_media(table: Table, column: str) -> bool:
    if any(word in plain(column) for word in _MEDIA):
        return True
    first = next((str(row[column]) for row in table.rows if row.get(column)), "")
    return first.lower().endswith(_ENDINGS)


def _are_numbers(table: Table, column: str) -> bool:
    said = [str(row[column]) for row in table.rows[:50] if row.get(column) not in (None, "")]
    return bool(said) and all(text.replace(".", "", 1).lstrip("-").isdigit() for text in said)
