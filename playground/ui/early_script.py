"""Makes the page open in the visitor's language at once.

Gradio picks a language from `navigator.language` while it starts, and knows no `zh` or `zh-HK`; a script that comes
first in the page settles what that is: the choice kept from the language button, else any Chinese as `zh-CN`.
"""

from typing import Any

SCRIPT = b"""<script>(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("playground_language"); } catch (blocked) { /* private windows */ }
  const browsers = (navigator.language || "").toLowerCase();
  const language = chosen || (browsers.startsWith("zh") ? "zh-CN" : null);
  if (language) {
    Object.defineProperty(navigator, "language", { get: () => language });
    Object.defineProperty(navigator, "languages", { get: () => [language] });
    document.cookie = "playground_language=" + language + ";path=/;max-age=31536000;samesite=lax";
  }
  let theme = null;
  try { theme = localStorage.getItem("playground_theme"); } catch (blocked) { /* private windows */ }
  if (theme) {
    const url = new URL(location.href);
    if (url.searchParams.get("__theme") !== theme) {
      url.searchParams.set("__theme", theme);
      history.replaceState(null, "", url);
    }
  }
})()</script>"""

SWITCH_LANGUAGE = """() => {
  const other = (navigator.language || "").startsWith("zh") ? "en" : "zh-CN";
  try { localStorage.setItem("playground_language", other); } catch (blocked) { }
  document.cookie = "playground_language=" + other + ";path=/;max-age=31536000;samesite=lax";
  location.reload();
}"""

SWITCH_THEME = """() => {
  const dark = document.body.classList.toggle("dark");
  try { localStorage.setItem("playground_theme", dark ? "dark" : "light"); } catch (blocked) { }
}"""


class EarlyScriptMiddleware:
    """ASGI middleware that puts `SCRIPT` first into the page's head."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        start: Any = None
        body = b""

        async def send_with_script(message: Any) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = body.replace(b"<head>", b"<head>" + SCRIPT, 1)
            kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            length = (b"content-length", str(len(page)).encode())
            await send({**start, "headers": [*kept, length]})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, send_with_script)
