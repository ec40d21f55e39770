"""Measures the promises of the main job on the real app with the bundled model: `python -m tests.bench.main_job`.

Prints one Markdown table. Seconds depend on the machine and on what else it does; run it on an idle one.
"""

import contextlib
import json
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from gradio_client import Client, handle_file
from playwright.sync_api import sync_playwright
from tokenizers import Tokenizer

from playground.models.catalog import STARTER_FOLDER
from tests.support.browser import ARGUMENTS, chromium
from tests.support.running_app import ROOT, RunningApp, running_app

EXAMPLES = ROOT / "assets" / "examples" / "pirate_talk.csv"
QUESTION = "What should I eat for breakfast?"
PROMPTS = ("Tell a story about a lighthouse.", QUESTION, "Translate to German:\n\nA dog runs.")


def main() -> None:
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder), PLAYGROUND_MODEL="starter") as app:
        rows.append(("start to a ready page", f"{app.ready_s:.1f} s", "12 s"))
        client = Client(app.url, verbose=False)
        rows.append(("first streamed word after the click", f"{first_word_after_click(app):.2f} s", "1 s"))
        rows.append(("one visitor", f"{tokens_per_s(client):.0f} tokens/s", "at least 40"))
        rows.append(("memory of the app", f"{memory_gib(app):.2f} GiB", "1.3 GB"))
        before = greedy(client)
        waits, seconds, last, peak_gib = train_while_asking(app)
        rows.append(("memory while it trains, the worker's included, at most", f"{peak_gib:.2f} GiB", "3.5 GB"))
        rows.append(("a trained adapter in the live model", f"{seconds:.0f} s", "120 s"))
        rows.append(("first word while it trains, the slowest", f"{max(waits):.2f} s of {len(waits)}", "3 s"))
        rows.append(("greedy base answers before and after", "same" if greedy(client) == before else "DIFFER", "same"))
        print("\n".join(["| figure | seen | at most |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]))
        print("\nbase   :", client.predict(QUESTION, temperature=0.0, max_new_tokens=40, api_name="/generate"))
        taught = client.predict(QUESTION, last["adapter"], temperature=0.0, max_new_tokens=40, api_name="/generate")
        print("adapter:", taught)
        print("status :", json.dumps(client.predict(api_name="/status")))


def greedy(client: Client) -> list[str]:
    return [client.predict(prompt, temperature=0.0, max_new_tokens=48, api_name="/generate") for prompt in PROMPTS]


def tokens_per_s(client: Client) -> float:
    """Of a long greedy answer through the API, first word and network included."""
    began = time.monotonic()
    text = client.predict(PROMPTS[0], temperature=0.0, max_new_tokens=200, api_name="/generate")
    seconds = time.monotonic() - began
    return len(Tokenizer.from_file(str(STARTER_FOLDER / "tokenizer.json")).encode(text).ids) / seconds


def first_word(client: Client) -> float:
    began = time.monotonic()
    job = client.submit("Tell a story about a cat.", max_new_tokens=16, api_name="/generate")
    for text in job:
        if text:
            break
    seconds = time.monotonic() - began
    job.result()
    return seconds


def first_word_after_click(app: RunningApp) -> float:
    """The median of five clicks on Send in a real browser, on fresh chats."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(app.url)
        seen: list[float] = []
        for number in range(5):
            page.locator("#generate-prompt textarea").fill(f"Tell a story about {number + 2} cats.")
            began = time.monotonic()
            page.locator("#generate-go").click()
            page.locator("#generate-chat .bot.message").nth(number).filter(has_text=re.compile(r"\w")).wait_for(
                timeout=30_000
            )
            seen.append(time.monotonic() - began)
            page.locator("#generate-go").wait_for(timeout=60_000)
        browser.close()
    return sorted(seen)[2]


def train_while_asking(app: RunningApp) -> tuple[list[float], float, dict[str, Any], float]:
    """Train with the defaults; meanwhile another visitor keeps asking, and memory is watched."""
    trainer, visitor = Client(app.url, verbose=False), Client(app.url, verbose=False)
    waits: list[float] = []
    sizes: list[float] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            waits.append(first_word(visitor))
            sizes.append(memory_gib(app))

    asking = threading.Thread(target=ask)
    began = time.monotonic()
    asking.start()
    try:
        last = trainer.predict(handle_file(str(EXAMPLES)), "Bench", api_name="/train")
    finally:
        done.set()
        asking.join()
    if last["state"] != "done":
        raise RuntimeError(f"The training ended so: {last}")
    return waits, time.monotonic() - began, last, max(sizes)


def memory_gib(app: RunningApp) -> float:
    """Of the app and its worker, pages that both use counted once."""
    process = psutil.Process(app.process.pid)
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss
    return float(total / 2**30)


if __name__ == "__main__":
    main()
