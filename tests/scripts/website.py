"""A web server on loopback that sends files as the web does: whole, from somewhere on, or breaking off."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What lies under a path: ``breaks_after`` bytes of each answer the connection ends; ``ranges`` are understood."""

    body: bytes
    breaks_after: int | None = None
    ranges: bool = True


class Website:
    """Serves ``pages`` by path, and remembers what was asked: (path, Range header)."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str | None]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers["Range"]
                site.asked.append((self.path, wanted))
                page = site.pages.get(self.path)
                if page is None:
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and page.ranges else 0
                self._send(page, start)

            def _send(self, page: Page, start: int) -> None:
                size = len(page.body)
                if start >= size > 0:
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
                self.send_header("Content-Length", str(size - start))
                self.end_headers()
                end = size if page.breaks_after is None else start + page.breaks_after
                self.wfile.write(page.body[start:end])

            def log_message(self, *_args: object) -> None:
                """Tests look at ``asked``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def put(self, path: str, body: bytes, *, breaks_after: int | None = None, ranges: bool = True) -> str:
        """Lay ``body`` down under ``path``; its address."""
        self.pages[path] = Page(body, breaks_after, ranges)
        return self.url + path

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
