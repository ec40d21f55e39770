"""Every address that answers, and to whom. What is not listed here is not there, whatever Gradio brings along."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Who(StrEnum):
    """Who may call a route. In local mode all of them are the one operator."""

    ANYBODY = "anybody"
    KNOWN = "whoever has a key"
    OWNER = "whoever began or owns it"
    OPERATOR = "whoever runs the server"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is written as FastAPI writes it."""

    methods: tuple[str, ...]
    path: str
    who: Who
    what: str

    def matches(self, method: str, path: str) -> bool:
        return method in self.methods and bool(re.fullmatch(_pattern(self.path), path))


GET, HEAD, POST = ("GET",), ("GET", "HEAD"), ("POST",)
_CALLS = "/gradio_api/call"

OPEN = (
    Route(HEAD, "/", Who.ANYBODY, "the page; gives a browser its key"),
    Route(GET, "/assets/{path:path}", Who.ANYBODY, "the page's scripts and styles"),
    Route(GET, "/static/{path:path}", Who.ANYBODY, "the page's fonts and pictures"),
    Route(GET, "/theme.css", Who.ANYBODY, "the page's colours"),
    Route(GET, "/gradio_api/theme.css", Who.ANYBODY, "the page's colours"),
    Route(GET, "/favicon.ico", Who.ANYBODY, "the page's picture"),
    Route(GET, "/manifest.json", Who.ANYBODY, "the page as an app on a phone"),
    Route(GET, "/pwa_icon", Who.ANYBODY, "the picture of that app"),
    Route(GET, "/pwa_icon/{size}", Who.ANYBODY, "the picture of that app"),
    Route(GET, "/robots.txt", Who.ANYBODY, "what search engines may read"),
    Route(GET, "/config", Who.ANYBODY, "what is on the page, for programs"),
    Route(GET, "/gradio_api/info", Who.ANYBODY, "the endpoints and their parameters, for programs"),
    Route(GET, "/gradio_api/app_id", Who.ANYBODY, "whether the server has started anew"),
    Route(GET, "/model/state", Who.ANYBODY, "which model is loaded"),
    Route(GET, "/health", Who.ANYBODY, "whether questions are taken"),
    Route(GET, "/metrics", Who.OPERATOR, "how much is asked and taken, for Prometheus"),
    Route(GET, "/terms", Who.ANYBODY, "what becomes of what visitors bring"),
    Route(POST, "/key/show", Who.OWNER, "the caller's own key, in public mode"),
    Route(POST, "/key", Who.ANYBODY, "puts a key of this server into the caller's cookie, in public mode"),
    Route(GET, "/login", Who.ANYBODY, "leads to the provider to sign in, where there is one"),
    Route(GET, "/login/callback", Who.ANYBODY, "where the provider sends back who has signed in, in the same browser"),
    Route(POST, "/logout", Who.ANYBODY, "signs the caller's browser out"),
    Route(GET, "/v1/models", Who.ANYBODY, "OpenAI's API: the base model and the caller's own adapters"),
    Route(GET, "/v1/models/{model:path}", Who.ANYBODY, "OpenAI's API: one of them"),
    Route(POST, "/v1/chat/completions", Who.ANYBODY, "OpenAI's API: answers a conversation"),
    Route(POST, "/v1/completions", Who.ANYBODY, "OpenAI's API: continues texts, and scores them"),
    Route(POST, f"{_CALLS}/{{api_name}}", Who.ANYBODY, "call an endpoint, which itself asks whose things it touches"),
    Route(POST, f"{_CALLS}/v2/{{api_name}}", Who.ANYBODY, "the same, by the names of parameters"),
    Route(GET, f"{_CALLS}/{{api_name}}/{{event_id}}", Who.OWNER, "the answer to a call"),
    Route(GET, f"{_CALLS}/v2/{{api_name}}/{{event_id}}", Who.OWNER, "the answer to a call"),
    Route(POST, "/gradio_api/queue/join", Who.ANYBODY, "an event of the page, within the caller's own session"),
    Route(GET, "/gradio_api/queue/data", Who.OWNER, "the answers to a session's events"),
    Route(GET, "/gradio_api/heartbeat/{session_hash}", Who.OWNER, "keeps a session while its page is open"),
    Route(POST, "/gradio_api/cancel", Who.OWNER, "ends an event"),
    Route(POST, "/gradio_api/upload", Who.KNOWN, "send a file"),
    Route(GET, "/gradio_api/upload_progress", Who.OWNER, "how much of it has arrived"),
    Route(HEAD, "/gradio_api/file={path:path}", Who.OWNER, "fetch a file that one sent, or that was made for one"),
)


def is_open(method: str, path: str) -> bool:
    """Whether somebody may call this."""
    return any(route.matches(method, path) for route in OPEN)


def route_of(method: str, path: str) -> str:
    """The route that an address is of, with its parameters' names; "" for what nobody may call."""
    return next((route.path for route in OPEN if route.matches(method, path)), "")


def who_may(method: str, path: str) -> Who:
    """Who may call a route of the application, written as FastAPI writes it."""
    same = re.sub(r"\{[^}:]*", "{", path)
    found = (one.who for one in OPEN if method in one.methods and re.sub(r"\{[^}:]*", "{", one.path) == same)
    return next(found, Who.NOBODY)


def _pattern(path: str) -> str:
    """As Starlette reads it: a parameter is what stands between two slashes, a path whatever follows."""
    parts = re.split(r"(\{[^}]*\})", path)
    kinds = {part: ".*" if part.endswith(":path}") else "[^/]+" for part in parts[1::2]}
    return "".join(kinds.get(part) or re.escape(part) for part in parts)
