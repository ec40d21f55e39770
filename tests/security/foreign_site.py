"""Another site, on this machine: it shows one page, and remembers what anybody asked it for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAMES = ("evil.example", "leak.example")
RESOLVER = "--host-resolver-rules=" + ", ".join(f"MAP {name} 127.0.0.1" for name in NAMES)
"""Has Chromium take these names for this machine's, as a hostile DNS would."""


@dataclass
class ForeignSite:
    port: int
    page: str = ""
    asked: list[str] = field(default_factory=list)

    def url(self, name: str = NAMES[0]) -> str:
        return f"http://{name}:{self.port}"


@contextmanager
def foreign_site() -> Iterator[ForeignSite]:
    site = ForeignSite(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("access-control-allow-origin", "*")
            self.end_headers()
            self.wfile.write(site.page.encode())

        do_POST = do_OPTIONS = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
