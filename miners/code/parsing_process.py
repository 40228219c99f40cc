"""A parser that may die: batches go to one long-lived child process, which is started anew when a file ends it.

A file that kills the child (a crash of the parser, its memory limit), or for which it raises what nobody expects, is
tried once more in a fresh one, so that a child that someone else killed, or whose memory other files took, costs
nothing; a file that outlives its deadline is not. Either way files behind it in its batch go to the next child: the
parser may keep half a gigabyte of what it did not finish.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import miners
from miners.code.extract import PARSE_SECONDS, Function
from miners.code.parsing_batch import Parsed, ParseFailure, Source
from miners.code.parsing_child import LENGTH, packed

MEMORY_BYTES = 2 << 30
"""Address space of the child. Parsing takes 59 bytes a byte of source at worst: 60 MB for the largest file."""
GRACE_SECONDS = 5.0
"""A child that needs this and twice the parser's own limit for a file is killed: a query has no deadline of its own.
The grace is for the first file of a language, which loads its grammar."""
START_SECONDS = 120.0
_READ = 1 << 16
"""What a pipe holds; room for more would be made, and given back, at every read."""
_STDERR_TAIL = 500


class ParsingProcess:
    """Parses in a child process. Not to be shared by threads; `close` ends the child.

    `seconds` is the parser's limit for a file, `memory` the child's address space in bytes. Raises RuntimeError from
    `parse` where the child cannot be started at all.
    """

    def __init__(self, seconds: float = PARSE_SECONDS, memory: int = MEMORY_BYTES) -> None:
        self._seconds = seconds
        self._memory = memory
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None where none runs."""
        return self._child.pid if self._child else None

    def parse(self, sources: Sequence[Source]) -> Iterator[Parsed]:
        """One result for each source, in their order."""
        limit = 2 * self._seconds + GRACE_SECONDS
        done = 0
        tried = -1
        while done < len(sources):
            try:
                child = self._ready()
                child.send(packed([tuple(source) for source in sources[done:]]))
                while done < len(sources):
                    parsed = _parsed(child.receive(limit))
                    if isinstance(parsed, ParseFailure) and parsed.reason == "parser_crash":
                        raise _ChildDiedError(parsed.why)
                    yield parsed
                    done += 1
                    if isinstance(parsed, ParseFailure) and parsed.reason == "parse_timeout":
                        self.close()
                        break
            except _ChildTimeoutError:
                self.close()
                yield ParseFailure("parse_timeout", f"no answer within {limit:g} s; killed")
                done += 1
            except _ChildDiedError as death:
                self.close()
                if tried == done:
                    yield ParseFailure("parser_crash", str(death))
                    done += 1
                else:
                    tried = done
            except BaseException:
                self.close()  # the rest of the batch is still under way
                raise

    def close(self) -> None:
        """End the child; the next `parse` starts another."""
        if self._child is not None:
            child, self._child = self._child, None
            child.end()

    def _ready(self) -> _Child:
        if self._child is None:
            self._child = _Child(self._seconds, self._memory)
            try:
                self._child.receive(START_SECONDS)
            except (_ChildDiedError, _ChildTimeoutError) as error:
                self.close()
                raise RuntimeError(f"the parsing process does not start: {error}") from None
        return self._child


class _ChildDiedError(Exception):
    """The child ended before it answered, or is not to be trusted any more."""


class _ChildTimeoutError(Exception):
    """The child did not answer in time."""


class _Child:
    """The process, its two pipes without blocking, and what it wrote to stderr."""

    def __init__(self, seconds: float, memory: int) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by `end`
        path = os.pathsep.join([str(Path(miners.__file__).parents[1]), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            # -P: no module of the folder that the user stands in may pass for one of ours.
            [sys.executable, "-P", "-m", "miners.code.parsing_child", str(seconds), str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=os.environ | {"PYTHONPATH": path},
            bufsize=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the parsing process has no pipes")
        self._in, self._out = self._process.stdin, self._process.stdout
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)
        self._received = bytearray()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: bytes) -> None:
        """Give a whole message over; a child reads one to its end before it answers."""
        deadline = time.monotonic() + START_SECONDS
        view = memoryview(message)
        while view:
            if not _wait_until(deadline, writes=[self._in]):
                raise _ChildTimeoutError("takes nothing in")
            try:
                view = view[self._in.write(view) or 0 :]
            except (BrokenPipeError, ConnectionResetError):
                raise _ChildDiedError(self._cause()) from None

    def receive(self, seconds: float) -> Any:
        """The next answer, waited for at most so long."""
        deadline = time.monotonic() + seconds
        buffer = self._received
        while len(buffer) < LENGTH.size or len(buffer) < (need := LENGTH.size + LENGTH.unpack_from(buffer)[0]):
            if not _wait_until(deadline, reads=[self._out]):
                raise _ChildTimeoutError(f"no answer within {seconds:g} s")
            block = self._out.read(_READ)
            if not block:
                raise _ChildDiedError(self._cause())
            buffer += block
        with memoryview(buffer) as view:
            value = marshal.loads(view[LENGTH.size : need])
        del buffer[:need]
        return value

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for file in (self._in, self._out, self._stderr):
            with contextlib.suppress(OSError):
                file.close()

    def _cause(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        status = self._process.returncode
        ending = f"exit status {status}"
        if status is not None and status < 0:
            ending = f"signal {signal.Signals(-status).name}"
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - _STDERR_TAIL))
        told = " ".join(self._stderr.read().decode("utf-8", "replace").split())
        return f"the parsing process ended by {ending}" + (f": {told}" if told else "")


def _wait_until(deadline: float, reads: Sequence[Any] = (), writes: Sequence[Any] = ()) -> bool:
    """Whether one of the pipes is ready before the deadline, by the monotonic clock.

    A wait that ends before its time is begun again: whatever changes the wall clock may shorten it.
    """
    while True:
        left = deadline - time.monotonic()
        if any(select.select(reads, writes, [], max(0.0, left))):
            return True
        if left <= 0:
            return False


def _parsed(answer: Any) -> Parsed:
    if isinstance(answer, tuple):
        return ParseFailure(*answer)
    return [values and Function._make(values) for values in answer]
