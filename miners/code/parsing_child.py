"""The child process that parses: batches of files on standard input, a result a file on standard output.

A message is its length as 8 little-endian bytes and then a value in Python's marshal format, version 2: plain values
only, so that nothing a message holds can run. A batch is a list of tuples of the fields of `Source`. An answer is a
list of functions, each a tuple of the fields of `Function` or None, or a pair of strings (reason, why). The first
answer, sent when the child is ready, is an empty list. The child ends when its input does.
"""

from __future__ import annotations

import gc
import marshal
import os
import struct
import sys
from typing import Any, BinaryIO

from miners.code.parsing_batch import ParseFailure, Source, parse_source

LENGTH = struct.Struct("<Q")
MARSHAL_VERSION = 2
"""Later versions look every object up for repeats, which costs more than the repeats."""


def packed(value: Any) -> bytes:
    """A message."""
    body = marshal.dumps(value, MARSHAL_VERSION)
    return LENGTH.pack(len(body)) + body


def main(arguments: list[str]) -> int:
    """Answer batches until the input ends. `arguments`: seconds a file, and bytes of address space (0: no limit)."""
    seconds, memory = float(arguments[0]), int(arguments[1])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not stand between the answers
    _limit_memory(memory)
    gc.freeze()  # what is loaded by now stays; no collection needs to walk it
    _send(answers, [])
    requests = sys.stdin.buffer
    while head := requests.read(LENGTH.size):
        batch = marshal.loads(requests.read(LENGTH.unpack(head)[0]))
        for item in batch:
            _send(answers, _answer(Source(*item), seconds))
    return 0


def _answer(source: Source, seconds: float) -> list[tuple | None] | tuple[str, str]:
    parsed = parse_source(source, seconds)
    if isinstance(parsed, ParseFailure):
        return parsed.reason, parsed.why
    return [function and tuple(function) for function in parsed]


def _send(answers: BinaryIO, value: Any) -> None:
    answers.write(packed(value))
    answers.flush()


def _limit_memory(memory: int) -> None:
    if not memory:
        return
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return  # a system without the limit: the deadline and the size cap remain


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
