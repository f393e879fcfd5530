"""A static server for measuring: what a web host would do with the built site (compression, caching, a sub-path, a 404 page)."""

from __future__ import annotations

import gzip
import mimetypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMPRESSED = {"text/html", "text/css", "text/javascript", "application/javascript", "application/json", "image/svg+xml", "text/plain"}
ADDRESS = re.compile(r"^Sitemap: (\S+)/sitemap\.xml$", re.MULTILINE)


def sub_path(site: Path) -> str:
    """Where on its host the site will be, as its robots.txt says; a book rarely lives at the root."""
    robots = site / "robots.txt"
    found = ADDRESS.search(robots.read_text()) if robots.is_file() else None
    return f"{urlsplit(found[1]).path}/" if found else "/course/"


@contextmanager
def serving(site: Path, at: str = "") -> Iterator[str]:
    """Serve `site` on this machine alone, at a free port, for the time of the block; yields its address.

    Args:
        at: the path on the host, such as `/fork/`; without it, that where the site will be.
    """
    place = at or sub_path(site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, site=site.resolve(), sub_path=place))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{place}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, site: Path, sub_path: str) -> None:
        self.site, self.sub_path = site, sub_path
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path, status = self._file(), HTTPStatus.OK
        if path is None:
            path, status = self.site / "404.html", HTTPStatus.NOT_FOUND
        kind, compressed, content = _read(path, path.stat().st_mtime_ns) if path.is_file() else ("text/plain", False, b"not found")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)

    def _file(self) -> Path | None:
        """The file that is asked for; None if there is none in the site."""
        path = unquote(urlsplit(self.path).path)
        if not path.startswith(self.sub_path):
            return None
        found = (self.site / path.removeprefix(self.sub_path)).resolve()
        found = found / "index.html" if found.is_dir() else found
        return found if found.is_file() and found.is_relative_to(self.site) else None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing for each request."""


@lru_cache(maxsize=512)
def _read(path: Path, changed: int) -> tuple[str, bool, bytes]:
    """Type, whether compressed, and the bytes that go over the wire."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    content = path.read_bytes()
    return (kind, True, gzip.compress(content, 6)) if kind in COMPRESSED else (kind, False, content)
