"""A server on loopback that misbehaves as asked: each file has a behaviour, and every request is counted."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

STALL_SECONDS = 5.0


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """A client that hangs up is what these tests are about."""


class CrawlServer:
    """Serves `files` (name to bytes); `behave[name]` is a list of behaviours, one a request, the last for ever.

    well: as a good server; no_ranges: the whole file whatever was asked; cut: three fifths of what it announces, then
    the connection closes; stall: three fifths, then nothing for seconds; hang: nothing at all for seconds; any number:
    that status (429 asks for a second's pause); loop: a redirect to itself; moved: a redirect to the file of the same
    name below /at/; no_length: three fifths of the file and no word of its length; no_chunks: the whole file in chunks;
    no_chunks_cut: three fifths of them.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.behave: dict[str, list[str]] = {}
        self.requests: Counter[str] = Counter()
        self.etags: dict[str, str] = {}
        self._lock = threading.Lock()
        self._http = _QuietServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _behaviour(self, name: str) -> str:
        with self._lock:
            self.requests[name] += 1
            asked = self.behave.get(name, ["well"])
            return asked.pop(0) if len(asked) > 1 else asked[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        crawl = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16

            def do_GET(self) -> None:
                name = self.path.removeprefix("/at/").lstrip("/")
                behaviour = crawl._behaviour(self.path.lstrip("/"))
                with suppress(BrokenPipeError, ConnectionResetError):
                    if behaviour == "hang":
                        time.sleep(STALL_SECONDS)
                        self.close_connection = True
                    elif behaviour.isdigit() or name not in crawl.files:
                        headers = {"Retry-After": "1"} if behaviour == "429" else {}
                        self._answer(int(behaviour) if behaviour.isdigit() else 404, headers, b"no")
                    elif behaviour in ("loop", "moved"):
                        self._answer(302, {"Location": self.path if behaviour == "loop" else f"/at/{name}"}, b"")
                    else:
                        self._file(crawl.files[name], behaviour, {"ETag": crawl.etags.get(name, '"1"')})

            def _file(self, data: bytes, behaviour: str, headers: dict[str, str]) -> None:
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                status, body = 200, data
                if asked and "no_" not in behaviour:
                    start, stop = int(asked[1]), min(int(asked[2]) + 1, len(data))
                    if start >= len(data):
                        self._answer(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
                        return
                    status, body = 206, data[start:stop]
                    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
                if "chunks" in behaviour:
                    pieces = [body[i : i + 9999] for i in range(0, len(body), 9999)]
                    sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
                    sent = sent if behaviour == "no_chunks" else sent[: len(sent) * 3 // 5]
                    self._answer(status, headers | {"Transfer-Encoding": "chunked"}, sent, length=None)
                elif behaviour == "no_length":
                    self._answer(status, headers, body[: len(body) * 3 // 5], length=None)
                elif behaviour.endswith(("cut", "stall")):
                    self._answer(status, headers, body[: len(body) * 3 // 5], length=len(body))
                    self.wfile.flush()
                    if behaviour == "stall":
                        time.sleep(STALL_SECONDS)
                else:
                    self._answer(status, headers, body)

            def _answer(self, status: int, headers: dict[str, str], body: bytes, length: int | None = -1) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if length is not None:
                    self.send_header("Content-Length", str(len(body) if length == -1 else length))
                if length != -1:
                    self.close_connection = True
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def crawl_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CrawlServer]:
    """A server on loopback for one test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    crawl = CrawlServer()
    yield crawl
    crawl.close()
