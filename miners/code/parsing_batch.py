"""Parsing as something that may fail: files in, functions or the reason why there are none out.

`ParsingHere` parses in this process. `parsing_process.ParsingProcess` does the same in a child that may die of a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from miners.code.extract import (
    FUNCTION,
    PARSE_SECONDS,
    Function,
    ParseTimeoutError,
    declarations,
    documented_declarations,
)


class Source(NamedTuple):
    """One file to parse."""

    data: bytes
    grammar: str
    path: str
    kinds: tuple[str, ...] = (FUNCTION,)
    plain_comments: bool = False
    documented_only: bool = False
    """Whether a function without documentation is only to be told of, as None."""


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A file that gave nothing: `reason` is one of `schemas.ledger`'s failures of mine-code/file."""

    reason: str
    why: str


Parsed = Sequence[Function | None] | ParseFailure


class Parsing(Protocol):
    """What parses a batch of files."""

    def parse(self, sources: Sequence[Source]) -> Iterator[Parsed]:
        """One result for each source, in their order."""
        ...


class ParsingHere:
    """Parses in this process: for notebooks and trusted source. What kills the parser kills the process."""

    def __init__(self, seconds: float = PARSE_SECONDS) -> None:
        self._seconds = seconds

    def parse(self, sources: Sequence[Source]) -> Iterator[Parsed]:
        """One result for each source, in their order."""
        for source in sources:
            yield parse_source(source, self._seconds)


def parse_source(source: Source, seconds: float) -> Parsed:
    """The functions of one file; whatever is raised for it is its failure."""
    try:
        find = documented_declarations if source.documented_only else declarations
        return find(
            source.data,
            source.grammar,
            source.path,
            source.kinds,
            plain_comments=source.plain_comments,
            seconds=seconds,
        )
    except UnicodeDecodeError as error:
        return ParseFailure("not_utf8", str(error))
    except ParseTimeoutError as error:
        return ParseFailure("parse_timeout", str(error))
    except Exception as error:
        return ParseFailure("parser_crash", f"{type(error).__name__}: {error}")
