"""One repository in, its pairs out; every file, function and pair is counted in the ledger.

A file that cannot be read or parsed costs itself alone; damage that hides files from us (a cut archive) counts as one
failed file more. `schemas.ledger` lists the reasons in the order in which they are asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from miners.code.extract import PARSE_SECONDS, Function, ParseTimeoutError, functions
from miners.code.filters import CodeFilters, content_reason, pair_reason, path_reason
from miners.code.language import LANGUAGES, Grammar, grammar_for_path
from miners.code.licenses import Licenses
from miners.code.repository import MAX_FILE_BYTES, Entry, Repository, UnreadableError
from schemas.ledger import Ledger
from schemas.pair import DOCSTRING_CODE, Pair, Provenance, make_pair
from schemas.rejects import Reject

DEFAULT_FILTERS = CodeFilters()
ANCHORS = ("docstring", "summary")
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


def mine_repository(repository: Repository, uri: str, config: CodeConfig, ledger: Ledger) -> Iterator[Pair | Reject]:
    """The pairs of a repository by path and place, and the rejects where `config` keeps them."""
    about = repository.about
    licenses = Licenses(repository.entries, repository.read, about.license)
    whole = Provenance(uri=uri, repo=about.name, revision=about.revision, date=about.date)
    for entry in repository.entries:
        yield from _mine_file(repository, entry, replace(whole, path=entry.path), licenses, config, ledger)
    for cause in repository.broken:
        yield from broken_repository(uri, cause, config, ledger)


def broken_repository(uri: str, cause: str, config: CodeConfig, ledger: Ledger) -> Iterator[Reject]:
    """Count the damage of a repository, all of it or its rest, as one file that failed."""
    ledger.read("file")
    ledger.fail("file", "damaged_repository", where=uri, why=cause)
    if config.keep_rejects:
        yield Reject("file", "damaged_repository", Provenance(uri=uri), cause)


def _mine_file(
    repository: Repository, entry: Entry, place: Provenance, licenses: Licenses, config: CodeConfig, ledger: Ledger
) -> Iterator[Pair | Reject]:
    ledger.read("file")
    grammar = None if entry.refusal else grammar_for_path(entry.path)
    reason = _entry_reason(entry, grammar, config)
    if reason is None and grammar is not None:
        try:
            source = repository.read(entry)
            reason = _source_reason(source, config)
            found = functions(source, grammar.name, entry.path, seconds=config.parse_seconds) if not reason else []
        except (UnreadableError, UnicodeDecodeError, ParseTimeoutError) as error:
            failure = _FAILURES[type(error)]
            ledger.fail("file", failure, where=f"{place.uri}:{entry.path}", why=str(error))
            if config.keep_rejects:
                yield Reject("file", failure, place, str(error))
            return
    if reason is not None or grammar is None:
        ledger.drop("file", reason or "unknown_language")
        if config.keep_rejects:
            yield Reject("file", reason or "unknown_language", place)
        return
    ledger.keep("file")
    ledger.made("file", len(found))
    licensed = None
    for function in found:
        if function.docstring is not None and licensed is None:
            licensed = replace(place, license=licenses.of(entry.path, source))
        yield from _mine_function(function, licensed or place, grammar, config, ledger)


_FAILURES: dict[type, str] = {
    UnreadableError: "unreadable",
    UnicodeDecodeError: "not_utf8",
    ParseTimeoutError: "parse_timeout",
}


def _entry_reason(entry: Entry, grammar: Grammar | None, config: CodeConfig) -> str | None:
    """What a file's name and size say."""
    if entry.refusal:
        return entry.refusal
    if grammar is None:
        return "unknown_language"
    if grammar.language.name not in config.languages:
        return "other_language"
    reason = path_reason(entry.path, grammar.language) if config.filters else None
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
    function: Function, place: Provenance, grammar: Grammar, config: CodeConfig, ledger: Ledger
) -> Iterator[Pair | Reject]:
    ledger.read("function")
    if function.docstring is None:
        ledger.drop("function", "no_docstring")
        if config.keep_rejects:
            yield Reject("function", "no_docstring", _provenance(function, place), function.code)
        return
    if function.has_error:
        ledger.fail("function", "syntax_error")
        if config.keep_rejects:
            yield Reject("function", "syntax_error", _provenance(function, place), function.code)
        return
    ledger.keep("function")
    ledger.made("function", 1)
    yield from _make_pair(function, place, grammar, config, ledger)


def _make_pair(
    function: Function, place: Provenance, grammar: Grammar, config: CodeConfig, ledger: Ledger
) -> Iterator[Pair | Reject]:
    ledger.read("pair")
    anchor = (function.docstring if config.anchor == "docstring" else function.summary) or ""
    reason = None if anchor.strip() else "empty_docstring"
    if reason is None and config.filters:
        reason = pair_reason(function, anchor, grammar.language, config.filters)
    provenance = _provenance(function, place)
    if reason:
        ledger.drop("pair", reason)
        if config.keep_rejects:
            yield Reject("pair", reason, provenance, f"{anchor}\n\n{function.code}")
        return
    pair = make_pair(
        kind=DOCSTRING_CODE,
        language=grammar.language.name,
        anchor=anchor,
        positive=function.code,
        place=("code", place.repo or "", place.path or "", function.start_byte, function.end_byte),
        group=place.repo,
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
