"""HTML that is made for one visitor, from the Jinja2 templates in `templates/`. What is put in is escaped by Jinja2."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from playground.i18n.catalog import Gettext

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(name: str, gettext: Gettext, /, **values: object) -> Markup:
    """Fill the template `<name>.html` with values, and with words of its own that `gettext` says."""
    return _sendable(_template(name).render(_=gettext, **values))


def snippet(name: str, *values: object) -> Markup:
    """Fill one of the small pieces in `snippets.html`, which have no words of their own."""
    return _sendable(getattr(_template("snippets").module, name)(*values))


def _template(name: str) -> Template:
    return _environment.get_template(f"{name}.html")


def _sendable(html: str) -> Markup:
    """Without lone surrogates, which would break the visitor's connection."""
    return Markup(html.encode("utf-8", "replace").decode())  # noqa: S704  # Jinja2 has escaped what is in it
