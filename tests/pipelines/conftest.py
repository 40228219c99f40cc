"""A server on loopback that misbehaves as asked, and small files in the layouts of published supervised sets."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
    that status (429 asks for a second's pause); to URL: a redirect; loop: one to itself; moved: one to the file of the
    same name below /at/; no_length: three fifths of the file and no word of its length; no_chunks: the whole file in
    chunks; no_chunks_cut: three fifths of them.
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
                    elif behaviour.startswith("to "):
                        self._answer(302, {"Location": behaviour.removeprefix("to ")}, b"")
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


SNLI_IMAGE = "3416050480.jpg"
SNLI_ROWS = [
    # annotator_labels, captionID, gold_label, pairID, sentence1, sentence2
    (["neutral"], "#4", "neutral", "#4r1n", "A person on a horse jumps over a broken down airplane.", "He trains."),
    (
        ["contradiction"],
        "#4",
        "contradiction",
        "#4r1c",
        "A person on a horse jumps over a broken down airplane.",
        "At a diner.",
    ),
    (
        ["entailment"],
        "#4",
        "entailment",
        "#4r1e",
        "A person on a horse jumps over a broken down airplane.",
        "A person is outdoors, on a horse.",
    ),
    (
        ["contradiction"],
        "#4",
        "contradiction",
        "#4r2c",
        "A person on a horse jumps over a broken down airplane.",
        "Nobody rides.",
    ),
    (["entailment", "neutral"], "#2", "-", "#2r1e", "Children smiling and waving at camera", "They are cute."),
    (
        ["entailment"],
        "#2",
        "entailment",
        "#2r2e",
        "Children smiling and waving at camera",
        "There are children present.",
    ),
    (["contradiction"], "#3", "contradiction", "#3r1c", 'A boy is jumping on a "skateboard".', "He is asleep."),
]
SNLI_HEADER = [
    "gold_label",
    "sentence1_binary_parse",
    "sentence2_binary_parse",
    "sentence1_parse",
    "sentence2_parse",
    "sentence1",
    "sentence2",
    "captionID",
    "pairID",
    "label1",
    "label2",
    "label3",
    "label4",
    "label5",
]


class SupervisedFiles:
    """Writes small files in the layouts that MS MARCO, SNLI, MultiNLI, BEIR and CodeSearchNet are released in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, lines: Sequence[str | bytes], *, end: str = "\n") -> Path:
        """Lines with ends; packed where the name ends with .gz."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = b"".join((line if isinstance(line, bytes) else line.encode()) + end.encode() for line in lines)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    def msmarco(self, queries: int = 6, *, packed: str = "", triples: int = 4) -> Path:
        """collection, queries, qrels (TREC's four columns) and triples of ids; query i is answered by passage i."""
        passages = queries * 4
        self.write(f"ms/collection.tsv{packed}", [f'{i}\tPassage {i} says "that {i * 37}.' for i in range(passages)])
        self.write(f"ms/queries.train.tsv{packed}", [f"{1000 + i}\twhat is {i * 37}" for i in range(queries)])
        self.write(f"ms/qrels.train.tsv{packed}", [f"{1000 + i}\t0\t{i}\t1" for i in range(queries)])
        wrong = [(i, queries + (i * 3 + k) % (passages - queries)) for i in range(queries) for k in range(triples)]
        self.write(f"ms/qidpidtriples.train.full.2.tsv{packed}", [f"{1000 + i}\t{i}\t{other}" for i, other in wrong])
        return self.folder / "ms"

    def snli_json(self, name: str = "snli_1.0/snli_1.0_train.jsonl", rows: Sequence[Any] = SNLI_ROWS) -> Path:
        """The release's JSON lines."""
        lines = [
            json.dumps(
                {
                    "annotator_labels": labels,
                    "captionID": SNLI_IMAGE + caption,
                    "gold_label": gold,
                    "pairID": SNLI_IMAGE + pair,
                    "sentence1": premise,
                    "sentence1_binary_parse": f"( {premise} )",
                    "sentence1_parse": f"(ROOT {premise})",
                    "sentence2": hypothesis,
                    "sentence2_binary_parse": f"( {hypothesis} )",
                    "sentence2_parse": f"(ROOT {hypothesis})",
                }
            )
            for labels, caption, gold, pair, premise, hypothesis in rows
        ]
        return self.write(name, lines)

    def snli_txt(self, name: str = "snli_1.0/snli_1.0_train.txt", rows: Sequence[Any] = SNLI_ROWS) -> Path:
        """The release's table: tabs, no quoting, five columns of labels."""
        lines = ["\t".join(SNLI_HEADER)]
        for labels, caption, gold, pair, premise, hypothesis in rows:
            parses = [f"( {premise} )", f"( {hypothesis} )", f"(ROOT {premise})", f"(ROOT {hypothesis})"]
            five = [*labels, "", "", "", "", ""][:5]
            lines.append(
                "\t".join([gold, *parses, premise, hypothesis, SNLI_IMAGE + caption, SNLI_IMAGE + pair, *five])
            )
        return self.write(name, lines)

    def beir(self, name: str = "scifact", *, packed: str = "") -> Path:
        """corpus.jsonl, queries.jsonl, qrels with a header."""
        corpus = [
            {"_id": f"d{i}", "title": f"Title {i}", "text": f"Text number {i}.", "metadata": {}} for i in range(4)
        ]
        queries = [{"_id": str(i), "text": f"question {i}", "metadata": {}} for i in range(3)]
        self.write(f"{name}/corpus.jsonl{packed}", [json.dumps(row) for row in corpus])
        self.write(f"{name}/queries.jsonl{packed}", [json.dumps(row) for row in queries])
        header = "query-id\tcorpus-id\tscore"
        self.write(f"{name}/qrels/train.tsv", [header, "0\td0\t1", "1\td1\t2", "1\td2\t0"])
        self.write(f"{name}/qrels/test.tsv", [header, "2\td3\t1"])
        return self.folder / name

    def code_search_net(self, rows: Sequence[Mapping[str, Any]] | None = None) -> Path:
        """One file of the release's Python part."""
        rows = CODE_SEARCH_NET_ROWS if rows is None else rows
        return self.write("python/final/jsonl/valid/python_valid_0.jsonl.gz", [json.dumps(row) for row in rows])


def _code_search_net_row(name: str, docstring: str, body: str, partition: str) -> dict[str, Any]:
    quoted = '"""'
    code = f"def {name}(self, path):\n        {quoted}{docstring}{quoted}\n        {body}"
    sha = "0f7a1cf3a0e5c9a1d2a8f8b6f1c2d3e4f5a6b7c8"
    return {
        "repo": "owner/project",
        "path": "src/files.py",
        "func_name": f"Files.{name}",
        "original_string": code,
        "language": "python",
        "code": code,
        "code_tokens": code.split(),
        "docstring": docstring,
        "docstring_tokens": docstring.split(),
        "sha": sha,
        "url": f"https://github.com/owner/project/blob/{sha}/src/files.py#L12-L14",
        "partition": partition,
    }


CODE_SEARCH_NET_ROWS = [
    _code_search_net_row("remove", "Removes the file at the path.", "os.remove(path)", "valid"),
    _code_search_net_row(
        "size", "How many bytes the file has.", "print path\n        return os.stat(path)[6]", "train"
    ),
    _code_search_net_row("touch", " ", "open(path, 'a').close()", "test"),
]


@pytest.fixture
def supervised_files(tmp_path: Path) -> SupervisedFiles:
    """Writes the published layouts of supervised sets below a folder of the test's."""
    return SupervisedFiles(tmp_path / "supervised")
