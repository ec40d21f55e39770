"""What becomes of what visitors bring, as a page: the server's own words, or the operator's in the data folder."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt

from playground.server.owner import services_of

TERMS_FILE = "terms.md"
"""In the data folder; where it is there, its text stands in the place of ours."""
OURS = """\
# What becomes of what you bring

- **What you type** goes to the model on this server and is answered. It is not kept, but for what you mark as wrong in
  Generate, which stays in your list until you delete it, and for the questions that you have a training watched by.
- **Files that you upload** are read to teach an adapter, and removed within a day. What an adapter was taught with
  stays beside its training run.
- **Adapters and training runs** are yours alone: others neither see nor use them. You can take them away as files, and
  delete them.
- **You are known by a key** in a cookie of this site, not by a name, unless you sign in. Whoever has the key is you.
  There are no cookies for anything else, and nobody counts your visits. In Adapters you can delete everything of yours.
- **Answers are a model's**: they can be wrong, unfair, or made up. Check what matters.
- Bring nothing that is secret, that belongs to others, or that tells of other people without their knowing.

Whoever runs this server can read what is kept on it.
"""
PAGE = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Terms</title><style>body{{font:16px/1.6 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1.25rem;
color-scheme:light dark;background:Canvas;color:CanvasText}}h1{{font-size:1.6rem;line-height:1.25}}
li{{margin:.6rem 0}}</style></head><body>{body}<p><a href="./">Back to the playground</a></p></body></html>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
router = APIRouter()


@router.get("/terms")
def terms(request: Request) -> HTMLResponse:
    """As Markdown without HTML of its own, which an operator's file cannot bring in either."""
    file = services_of(request).data.root / TERMS_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:  # as it is until somebody writes one
        text = OURS
    body = MarkdownIt("commonmark", {"html": False}).render(text)
    return HTMLResponse(PAGE.format(body=body), headers={"content-security-policy": POLICY})
