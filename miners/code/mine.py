"""One repository or table in, its pairs out; every file, function and pair is counted in the ledger.

A file that cannot be read or parsed costs itself alone; damage that hides files from us (a cut archive) counts as one
failed file more. `schemas.ledger` lists the reasons in the order in which they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from miners.code.extract import PARSE_SECONDS, Function
from miners.code.filters import CodeFilters, content_reason, pair_reason, path_reason
from miners.code.language import LANGUAGES, Language, language_for_path
from miners.code.licenses import Licenses
from miners.code.parsing_batch import ParseFailure, Parsing, ParsingHere, Source
from miners.code.repository import MAX_FILE_BYTES, Entry, Repository, UnreadableError
from schemas.ledger import Ledger
from schemas.pair import DOCSTRING_CODE, Pair, Provenance, make_pair
from schemas.rejects import Reject

DEFAULT_FILTERS = CodeFilters()
ANCHORS = ("docstring", "summary")
BATCH_BYTES = 1 << 20
"""Source that goes to the parser at once: enough that a message costs nothing beside it."""
_BINARY_HEAD = 8000
"""Git's own rule: a NUL in the first 8,000 bytes makes a file binary."""


@dataclass(frozen=True)
class CodeConfig:
    """What a run asks for. `filters` of None keeps whatever can be a pair."""

    languages: tuple[str, ...] = LANGUAGES
    anchor: str = "docstring"
    filters: CodeFilters | None = DEFAULT_FILTERS
    parse_seconds: float = PARSE_SECONDS
    keep_rejects: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.languages if name not in LANGUAGES]
        if unknown or not self.languages:
            raise ValueError(f"there is no language {', '.join(unknown)!r}; the languages are {', '.join(LANGUAGES)}")
        if self.anchor not in ANCHORS:
            raise ValueError(f"there is no anchor {self.anchor!r}; the anchors are {', '.join(ANCHORS)}")


class SourceFile(NamedTuple):
    """One file to mine, and what is known of it before it is read."""

    entry: Entry
    place: Provenance
    """With its path."""
    key: tuple[str | int, ...]
    """What a row's id takes for the file, beside the span in it."""
    read: Callable[[], bytes]
    """Its bytes; UnreadableError where they cannot be had."""
    license_of: Callable[[bytes], str | None]
    """Its licence, from its bytes and what stands around it."""


def mine_repository(
    repository: Repository, uri: str, config: CodeConfig, ledger: Ledger, parsing: Parsing | None = None
) -> Iterator[Pair | Reject]:
    """The pairs of a repository by path and place, and the rejects where `config` keeps them.

    `parsing` of None parses in this process.
    """
    about = repository.about
    licenses = Licenses(repository.entries, repository.read, about.license)
    whole = Provenance(uri=uri, repo=about.name, revision=about.revision, date=about.date)
    files = (
        SourceFile(
            entry,
            replace(whole, path=entry.path),
            ("code", about.name, entry.path),
            partial(repository.read, entry),
            partial(licenses.of, entry.path),
        )
        for entry in repository.entries
    )
    yield from mine_files(files, config, ledger, parsing or ParsingHere(config.parse_seconds))
    for cause in repository.broken:
        yield from broken_repository(uri, "damaged_repository", cause, config, ledger)


def broken_repository(uri: str, reason: str, cause: str, config: CodeConfig, ledger: Ledger) -> Iterator[Reject]:
    """Count the damage of a repository or table, all of it or its rest, as one file that failed."""
    ledger.read("file")
    ledger.fail("file", reason, where=uri, why=cause)
    if config.keep_rejects:
        yield Reject("file", reason, Provenance(uri=uri), cause)


def mine_files(
    files: Iterable[SourceFile], config: CodeConfig, ledger: Ledger, parsing: Parsing
) -> Iterator[Pair | Reject]:
    """The pairs of files that come one after the other; a batch of some `BATCH_BYTES` at a time is in memory."""
    batch: list[_Wanted] = []
    size = 0
    for file in files:
        ledger.read("file")
        try:
            wanted = _wanted(file, config)
        except UnreadableError as error:
            yield from _fail(file, ParseFailure("unreadable", str(error)), config, ledger)
            continue
        if isinstance(wanted, str):
            ledger.drop("file", wanted)
            if config.keep_rejects:
                yield Reject("file", wanted, file.place)
            continue
        batch.append(wanted)
        size += len(wanted.source.data)
        if size >= BATCH_BYTES:
            yield from _mine_batch(batch, config, ledger, parsing)
            batch, size = [], 0
    yield from _mine_batch(batch, config, ledger, parsing)


class _Wanted(NamedTuple):
    file: SourceFile
    language: Language
    source: Source


def _wanted(file: SourceFile, config: CodeConfig) -> _Wanted | str:
    """The file as it goes to the parser, or the first reason why it does not. Raises UnreadableError."""
    known = None if file.entry.refusal else language_for_path(file.entry.path)
    reason = _entry_reason(file.entry, known, config)
    if reason is not None or known is None:
        return reason or "unknown_language"
    data = file.read()
    reason = _source_reason(data, config)
    return reason or _Wanted(file, known[0], Source(data, known[1], file.entry.path))


def _mine_batch(
    batch: Sequence[_Wanted], config: CodeConfig, ledger: Ledger, parsing: Parsing
) -> Iterator[Pair | Reject]:
    parsed = parsing.parse([wanted.source for wanted in batch])
    for (file, language, source), found in zip(batch, parsed, strict=True):
        if isinstance(found, ParseFailure):
            yield from _fail(file, found, config, ledger)
            continue
        ledger.keep("file")
        ledger.made("file", len(found))
        if any(function.docstring is not None for function in found):
            licensed = replace(file.place, license=file.license_of(source.data))
            file = file._replace(place=licensed)
        for function in found:
            yield from _mine_function(function, file, language, config, ledger)


def _fail(file: SourceFile, failure: ParseFailure, config: CodeConfig, ledger: Ledger) -> Iterator[Reject]:
    ledger.fail("file", failure.reason, where=f"{file.place.uri}:{file.entry.path}", why=failure.why)
    if config.keep_rejects:
        yield Reject("file", failure.reason, file.place, failure.why)


def _entry_reason(entry: Entry, known: tuple[Language, str] | None, config: CodeConfig) -> str | None:
    """What a file's name and size say."""
    if entry.refusal:
        return entry.refusal
    if known is None:
        return "unknown_language"
    if known[0].name not in config.languages:
        return "other_language"
    reason = path_reason(entry.path, known[0]) if config.filters else None
    if reason:
        return reason
    if entry.size > MAX_FILE_BYTES:
        return "too_large"
    return None


def _source_reason(source: bytes, config: CodeConfig) -> str | None:
    """What a file's bytes say."""
    if not source.strip():
        return "empty"
    if b"\0" in source[:_BINARY_HEAD]:
        return "binary"
    return content_reason(source, config.filters) if config.filters else None


def _mine_function(
    function: Function, file: SourceFile, language: Language, config: CodeConfig, ledger: Ledger
) -> Iterator[Pair | Reject]:
    ledger.read("function")
    if function.docstring is None:
        ledger.drop("function", "no_docstring")
        if config.keep_rejects:
            yield Reject("function", "no_docstring", _provenance(function, file.place), function.code)
        return
    if function.has_error:
        ledger.fail("function", "syntax_error")
        if config.keep_rejects:
            yield Reject("function", "syntax_error", _provenance(function, file.place), function.code)
        return
    ledger.keep("function")
    ledger.made("function", 1)
    yield from _make_pair(function, file, language, config, ledger)


def _make_pair(
    function: Function, file: SourceFile, language: Language, config: CodeConfig, ledger: Ledger
) -> Iterator[Pair | Reject]:
    ledger.read("pair")
    anchor = (function.docstring if config.anchor == "docstring" else function.summary) or ""
    reason = None if anchor.strip() else "empty_docstring"
    if reason is None and config.filters:
        reason = pair_reason(function, anchor, language, config.filters)
    provenance = _provenance(function, file.place)
    if reason:
        ledger.drop("pair", reason)
        if config.keep_rejects:
            yield Reject("pair", reason, provenance, f"{anchor}\n\n{function.code}")
        return
    pair = make_pair(
        kind=DOCSTRING_CODE,
        language=language.name,
        anchor=anchor,
        positive=function.code,
        place=(*file.key, function.start_byte, function.end_byte),
        group=file.place.repo,
        provenance=provenance,
    )
    ledger.keep("pair")
    yield pair


def _provenance(function: Function, place: Provenance) -> Provenance:
    return replace(
        place,
        start_byte=function.start_byte,
        end_byte=function.end_byte,
        start_line=function.start_line,
        end_line=function.end_line,
        symbol=function.symbol,
        docstring_raw=function.docstring_raw,
        comment_rule=function.comment_rule,
    )
