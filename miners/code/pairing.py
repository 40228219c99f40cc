"""Functions in, pairs out: the rules are asked, secrets go, and each function and pair is counted in the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from miners.code.config import CodeConfig
from miners.code.docstring_language import docstring_languages
from miners.code.docstring_styles import docstring_parts
from miners.code.extract import CLASS, FUNCTION, MODULE, Function
from miners.code.language import Language
from miners.code.licenses import LicenseFinding
from miners.code.pair_rules import function_reason, language_reason, text_reason
from miners.code.permalinks import Permalinks
from miners.code.secret_removal import parses_as_before, without_secrets
from miners.code.xml_documentation import xml_prose
from miners.secrets import may_hold_secrets
from schemas.attribution import UNKNOWN, Attribution
from schemas.ledger import Ledger
from schemas.pair import (
    DOCSTRING_CLASS,
    DOCSTRING_CODE,
    DOCSTRING_MODULE,
    Documentation,
    Pair,
    Provenance,
    make_pair,
    make_signals,
)
from schemas.rejects import Reject

PAIR_KINDS = {FUNCTION: DOCSTRING_CODE, CLASS: DOCSTRING_CLASS, MODULE: DOCSTRING_MODULE}


class Found(NamedTuple):
    """The functions of one file, and what a row says of that file."""

    functions: Sequence[Function | None]
    """None is one without documentation, of which a ledger wants no more than the number."""
    language: Language
    grammar: str
    place: Provenance
    key: tuple[str | int, ...]
    """What a row's id takes for the file, beside the span in it."""
    license: LicenseFinding
    links: Permalinks | None

    def attribution(self) -> Attribution:
        """Whose code this is, and under what; without a number of rows."""
        place, license = self.place, self.license
        url = self.links.file(license.path) if self.links and license.path else ""
        spdx = license.spdx or UNKNOWN
        return Attribution(place.repo or "", place.revision or "", spdx, license.found_in, license.path, url)


class Candidate(NamedTuple):
    """A documented function that the rules about text and code let through."""

    function: Function
    file: Found
    anchor: str


def pairs_of(
    files: Sequence[Found], config: CodeConfig, ledger: Ledger, attribution: Counter[Attribution]
) -> Iterator[Pair | Reject]:
    """The pairs of a batch of files, in order, and the rejects where `config` keeps them.

    Each pair is counted in `attribution`, under whose code it is.
    """
    candidates: list[Candidate] = []
    for file in files:
        untold = sum(function is None for function in file.functions)
        ledger.read("function", untold)
        ledger.drop("function", "no_docstring", untold)
        for function in filter(None, file.functions):
            candidate = _candidate(function, file, config, ledger)
            if isinstance(candidate, Candidate):
                candidates.append(candidate)
            elif candidate is not None:
                yield candidate
    languages = docstring_languages([candidate.anchor for candidate in candidates])
    suspects = _suspects(candidates) if config.secrets != "keep" else [False] * len(candidates)
    for candidate, language, is_suspect in zip(candidates, languages, suspects, strict=True):
        row = _row(candidate, language, is_suspect, config, ledger)
        if isinstance(row, Pair):
            attribution[candidate.file.attribution()] += 1
        if row is not None:
            yield row


def _candidate(function: Function, file: Found, config: CodeConfig, ledger: Ledger) -> Candidate | Reject | None:
    """The function as a candidate, or what was left of it: a reject, or nothing where none are kept."""
    ledger.read("function")
    if function.docstring is None:
        ledger.drop("function", "no_docstring")
        return _reject("function", "no_docstring", function, file, config)
    if function.has_error:
        ledger.fail("function", "syntax_error")
        return _reject("function", "syntax_error", function, file, config)
    ledger.keep("function")
    ledger.made("function", 1)
    ledger.read("pair")
    anchor = (_prose(function, file.language) if config.anchor == "docstring" else function.summary) or ""
    reason = None if anchor.strip() else "empty_docstring"
    if reason is None and config.filters:
        reason = text_reason(anchor, config.filters) or function_reason(function, file.language, config.filters)
    if reason:
        ledger.drop("pair", reason)
        return _reject("pair", reason, function, file, config)
    return Candidate(function, file, anchor)


def _suspects(candidates: Sequence[Candidate]) -> list[bool]:
    """Which of them may hold secrets."""
    texts = (
        (anchor, function.code, function.docstring_raw or "", function.docstring or "")
        for function, _, anchor in candidates
    )
    return may_hold_secrets(["\n".join(dict.fromkeys(sides)) for sides in texts])


def _row(
    candidate: Candidate, language: str | None, is_suspect: bool, config: CodeConfig, ledger: Ledger
) -> Pair | Reject | None:
    function, file, anchor = candidate
    code, raw, quality = function.code, function.docstring_raw, ()
    reason = language_reason(language, config.filters) if config.filters else None
    if is_suspect and reason is None:
        anchor, found = without_secrets(anchor)
        code, in_code = without_secrets(code)
        raw, _ = without_secrets(raw or "")
        found += in_code
        if found and (config.secrets == "drop" or not _is_sound(function.code, code, file.grammar)):
            reason = "secret"
        elif found:
            quality = (("secrets_redacted", float(len(found))),)
            ledger.note("secrets_redacted", len(found))
    if reason:
        ledger.drop("pair", reason)
        return _reject("pair", reason, function, file, config)
    ledger.keep("pair")
    return make_pair(
        kind=PAIR_KINDS[function.kind],
        language=file.language.name,
        anchor=anchor,
        positive=code,
        place=(*file.key, function.start_byte, function.end_byte),
        group=file.place.repo,
        provenance=_provenance(function, file, raw),
        signals=make_signals(anchor, code, docstring_language=language, quality=quality),
        documentation=_documentation(function, file.language, config, is_suspect),
    )


def _documentation(function: Function, language: Language, config: CodeConfig, is_suspect: bool) -> Documentation:
    """What the anchor does not hold of the documentation, and its parts."""
    docstring, summary = function.docstring or "", function.summary
    prose = _prose(function, language)
    if is_suspect:
        prose, _ = without_secrets(prose)
        docstring, found = without_secrets(docstring)
        summary = without_secrets(summary)[0] if found and summary else summary
    parts = docstring_parts(docstring, language.documentation.styles) if config.docstring_parts else None
    return Documentation(
        docstring=prose if config.anchor == "summary" else None,
        summary=summary if config.anchor == "docstring" else None,
        style=parts.style if parts else None,
        parameters=parts.parameters if parts else (),
        returns=parts.returns if parts else (),
        raises=parts.raises if parts else (),
    )


def _prose(function: Function, language: Language) -> str:
    """The documentation as it is to be read."""
    docstring = function.docstring or ""
    return xml_prose(docstring) if "xml" in language.documentation.styles and "<" in docstring else docstring


def _is_sound(before: str, after: str, grammar: str) -> bool:
    return before == after or parses_as_before(before, after, grammar)


def _reject(stage: str, reason: str, function: Function, file: Found, config: CodeConfig) -> Reject | None:
    if not config.keep_rejects:
        return None
    excerpt = "\n\n".join(filter(None, (function.docstring, function.code)))
    raw = function.docstring_raw
    if config.secrets != "keep":
        excerpt, _ = without_secrets(excerpt)
        raw = without_secrets(raw or "")[0] or None
    return Reject(stage, reason, _provenance(function, file, raw), excerpt)


def _provenance(function: Function, file: Found, raw: str | None) -> Provenance:
    """Where a function stands in its file, with its documentation as a row may show it."""
    place = file.place
    return Provenance(
        uri=place.uri,
        offset=place.offset,
        repo=place.repo,
        revision=place.revision,
        path=place.path,
        license=place.license,
        date=place.date,
        url=file.links.lines(place.path or "", function.start_line, function.end_line) if file.links else None,
        start_byte=function.start_byte,
        end_byte=function.end_byte,
        start_line=function.start_line,
        end_line=function.end_line,
        symbol=function.symbol,
        docstring_raw=raw,
        comment_rule=function.comment_rule,
    )
