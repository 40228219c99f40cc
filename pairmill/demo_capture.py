"""A folder of HTML pages becomes a WARC, the way a crawl does: served over HTTP, fetched, and recorded as fetched.

In: a folder. Out: one .warc.gz with a request and a response record a page. A page that the server does not give with
status 200 is recorded as it came and counted as failed. Everything stays on the loopback interface.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Captured:
    """What one capture holds: pages with status 200, their bytes before HTTP, and pages that failed."""

    pages: int
    page_bytes: int
    failed: int


def find_pages(folder: Path) -> list[str]:
    """The HTML pages below `folder` as sorted paths with `/`; links are not followed."""
    pages = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            path = Path(root, name)
            if name.lower().endswith((".html", ".htm")) and path.is_file() and not path.is_symlink():
                pages.append(path.relative_to(folder).as_posix())
    return sorted(pages)


def capture(folder: Path, host: str, warc: Path) -> Captured:
    """Fetches every page of `folder` as http://`host`/… from a server on loopback, and records it in `warc`.

    `host` ends in `.localhost` (RFC 6761: never asked of a name server; here the client goes to the loopback address
    itself), so that pages of different folders belong to different registrable domains. `warc` appears only whole.
    """
    # The import replaces http.client.HTTPConnection by one that records: it stands before the class that builds on it.
    from warcio.capture_http import capture_http
    from warcio.warcwriter import WARCWriter

    part = warc.with_name(warc.name + ".part")
    warc.parent.mkdir(parents=True, exist_ok=True)
    pages = size = failed = 0
    with part.open("wb") as out, _serve(folder) as port:
        writer = WARCWriter(out, gzip=True)
        about = {"software": "pairmill demo (warcio)", "format": "WARC File Format 1.0"}
        writer.write_record(writer.create_warcinfo_record(warc.name, about))
        with capture_http(writer):
            client = _client(host, port)
            for path in find_pages(folder):
                client.request("GET", "/" + quote(path), headers={"Accept": "text/html", "User-Agent": "pairmill-demo"})
                answer = client.getresponse()
                body = answer.read()
                if answer.status == http.HTTPStatus.OK:
                    pages, size = pages + 1, size + len(body)
                else:
                    failed += 1
            client.close()
    part.replace(warc)
    return Captured(pages, size, failed)


def _client(host: str, port: int) -> http.client.HTTPConnection:
    class Loopback(http.client.HTTPConnection):
        """Asks for http://host/ and connects to the loopback address and the server's port."""

        def connect(self) -> None:
            self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    return Loopback(host, http.client.HTTP_PORT)


class _Pages(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for all pages
    # Header and page leave in one piece: unbuffered, each page waits for a delayed acknowledgement.
    wbufsize = 65536
    disable_nagle_algorithm = True
    timeout = TIMEOUT_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the WARC is the log."""

    def list_directory(self, path: object) -> None:
        self.send_error(http.HTTPStatus.NOT_FOUND)


@contextlib.contextmanager
def _serve(folder: Path) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
