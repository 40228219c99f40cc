"""One repository or table in, its pairs out; every file, function and pair is counted in the ledger.

A file that cannot be read or parsed costs itself alone; damage that hides files from us (a cut archive) counts as one
failed file more. `schemas.ledger` lists the reasons in the order in which they are asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from miners.code.config import CodeConfig
from miners.code.filters import content_reason, path_reason
from miners.code.language import Language, language_of, languages_for_path
from miners.code.license_expressions import is_allowed
from miners.code.licenses import UNKNOWN, LicenseFinding, Licenses
from miners.code.pairing import Found, pairs_of
from miners.code.parsing_batch import ParseFailure, Parsing, ParsingHere, Source
from miners.code.permalinks import Permalinks, permalinks
from miners.code.repository import MAX_FILE_BYTES, Entry, Repository, UnreadableError
from schemas.attribution import Attribution
from schemas.ledger import Ledger
from schemas.pair import Pair, Provenance
from schemas.rejects import Reject

Row = Pair | Reject | Attribution
BATCH_BYTES = 1 << 20
"""Source that goes to the parser at once: enough that a message costs nothing beside it."""
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_BINARY_HEAD = 8000
"""Git's own rule: a NUL in the first 8,000 bytes makes a file binary."""


class SourceFile(NamedTuple):
    """One file to mine, and what is known of it before it is read."""

    entry: Entry
    place: Provenance
    """With its path."""
    key: tuple[str | int, ...]
    """What a row's id takes for the file, beside the span in it."""
    read: Callable[[], bytes]
    """Its bytes; UnreadableError where they cannot be had."""
    license_of: Callable[[bytes], LicenseFinding]
    """Its licence, from its bytes and what stands around it."""
    links: Permalinks | None = None
    """Where its repository is shown."""
    known: tuple[Language, str] | None = None
    """Its language and grammar, where something else than its path tells them."""


class BadRow(NamedTuple):
    """A row of a table, or the rest of one, that could not be read."""

    where: str
    why: str
    reason: str = "bad_row"


def mine_repository(
    repository: Repository, uri: str, config: CodeConfig, ledger: Ledger, parsing: Parsing | None = None
) -> Iterator[Row]:
    """The pairs of a repository by path and place, and the rejects where `config` keeps them.

    `parsing` of None parses in this process.
    """
    about = repository.about
    licenses = Licenses(repository.entries, repository.read, about.license)
    links = permalinks(about.remote, about.revision)
    whole = Provenance(uri=uri, repo=about.name, revision=about.revision, date=about.date)
    files = (
        SourceFile(
            entry,
            replace(whole, path=entry.path),
            ("code", about.name, entry.path),
            partial(repository.read, entry),
            partial(licenses.find, entry.path),
            links,
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
    files: Iterable[SourceFile | BadRow], config: CodeConfig, ledger: Ledger, parsing: Parsing
) -> Iterator[Row]:
    """The pairs of files that come one after the other, and last whose code they are.

    A batch of some `BATCH_BYTES` at a time is in memory, and what is said of the licences.
    """
    batch: list[_Wanted] = []
    size = 0
    attribution: Counter[Attribution] = Counter()
    for file in files:
        if isinstance(file, BadRow):
            yield from broken_repository(file.where, file.reason, file.why, config, ledger)
            continue
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
            yield from _mine_batch(batch, config, ledger, parsing, attribution)
            batch, size = [], 0
    yield from _mine_batch(batch, config, ledger, parsing, attribution)
    yield from (replace(line, rows=rows) for line, rows in attribution.items())


class _Wanted(NamedTuple):
    file: SourceFile
    language: Language
    source: Source
    license: LicenseFinding | None
    """Where the policy has asked for it already."""


def _wanted(file: SourceFile, config: CodeConfig) -> _Wanted | str:
    """The file as it goes to the parser, or the first reason why it does not. Raises UnreadableError."""
    path = file.entry.path
    candidates = (file.known,) if file.known else languages_for_path(path)
    reason = _entry_reason(file.entry, candidates, config)
    if reason is not None:
        return reason
    data = file.read()
    known = language_of(candidates, path, data)
    if known[0].name not in config.languages:
        return "other_language"
    reason = _source_reason(data, config)
    license = None
    if reason is None and config.licenses is not None:
        license = file.license_of(data)
        reason = None if license.spdx and is_allowed(license.spdx, config.licenses) else "license"
    if reason is not None:
        return reason
    source = Source(data, known[1], path, config.kinds, config.plain_comments, not config.keep_rejects)
    return _Wanted(file, known[0], source, license)


def _mine_batch(
    batch: Sequence[_Wanted], config: CodeConfig, ledger: Ledger, parsing: Parsing, attribution: Counter[Attribution]
) -> Iterator[Pair | Reject]:
    parsed = parsing.parse([wanted.source for wanted in batch])
    found: list[Found] = []
    for (file, language, source, license), functions in zip(batch, parsed, strict=True):
        if isinstance(functions, ParseFailure):
            yield from _fail(file, functions, config, ledger)
            continue
        ledger.keep("file")
        ledger.made("file", len(functions))
        place = file.place
        if any(function is not None and function.docstring is not None for function in functions):
            license = license or file.license_of(source.data)
            place = replace(place, license=license.spdx)
        found.append(Found(functions, language, source.grammar, place, file.key, license or UNKNOWN, file.links))
    yield from pairs_of(found, config, ledger, attribution)


def _fail(file: SourceFile, failure: ParseFailure, config: CodeConfig, ledger: Ledger) -> Iterator[Reject]:
    ledger.fail("file", failure.reason, where=f"{file.place.uri}:{file.entry.path}", why=failure.why)
    if config.keep_rejects:
        yield Reject("file", failure.reason, file.place, failure.why)


def _entry_reason(entry: Entry, candidates: Sequence[tuple[Language, str]], config: CodeConfig) -> str | None:
    """What a file's name and size say."""
    if entry.refusal:
        return entry.refusal
    if not candidates:
        return "unknown_language"
    if all(known[0].name not in config.languages for known in candidates):
        return "other_language"
    reason = path_reason(entry.path, candidates[0][0], config.filters) if config.filters else None
    if reason:
        return reason
    if entry.size > MAX_FILE_BYTES:
        return "too_large"
    return None


def _source_reason(source: bytes, config: CodeConfig) -> str | None:
    """What a file's bytes say."""
    if not source or source.isspace():
        return "empty"
    if source.startswith(_LFS_POINTER):
        return "lfs_pointer"
    if b"\0" in source[:_BINARY_HEAD]:
        return "binary"
    return content_reason(source, config.filters) if config.filters else None
