"""Reads code search sets: CodeSearchNet's JSONL, the cleaned sets with a code base, and CoSQA's retrieval files.

- CodeSearchNet (Husain et al. 2019): a record a function, with `docstring`, `code`, `language` and, if need be, `repo`
  and `func_name`; texts are taken as they stand.
- Cleaned sets (Guo et al. 2021, GraphCodeBERT): a folder with `test.jsonl`, which asks, and `codebase.jsonl`, which
  holds all candidates; `url` says which belong together, and texts are the tokens joined with blanks, as the papers
  read them.
- CoSQA (Huang et al. 2021): `cosqa-retrieval-test-500.json`, whose `retrieval_idx` names an entry of
  `code_idx_map.txt` (code -> number).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from schemas.code_variants import strip_comments
from schemas.side_hash import side_hash
from train.evaluation.collection import Collection
from train.evaluation.flags import shared_name
from train.evaluation.measured import AS_WRITTEN
from train.evaluation.text_files import Names, Place, Record, files_in, json_lines, open_text, text_of
from train.known_pairs import KnownPairs
from train.split_rows import SplitRows

CODE_BASE, ASKED = "codebase.jsonl", "test.jsonl"
COSQA_QUERIES, COSQA_CODE = "cosqa-retrieval-test-500.json", "code_idx_map.txt"
TESTED = "test"
"""CodeSearchNet's own name, in a record's `partition`, of what is measured."""
_KIND = "docstring_code"


@dataclass(frozen=True)
class _Function:
    name: str
    query: str
    code: str
    language: str
    symbol: str | None
    repository: str
    partition: str | None = None


@dataclass(frozen=True)
class CodeSearchFiles:
    """What the files hold: rows, of which the first `asked` are queries; the others are candidates alone."""

    name: str
    rows: SplitRows
    is_asked: np.ndarray
    cleaned: bool
    """Whether the files are cleaned sets with their code bases."""
    notes: Sequence[str] = ()
    """What a reader of the scores has to know of the files."""


def read_code_search(paths: Sequence[str]) -> CodeSearchFiles:
    """The functions of files, of folders of files, or of folders of the cleaned sets; ValueError, with file and line,
    for what is wrong in them."""
    folders = [path for path in paths if (Path(path) / CODE_BASE).is_file()]
    if folders and len(folders) < len(paths):
        raise ValueError(f"{folders[0]} has a {CODE_BASE} and others have not; measure the two kinds apart")
    functions: list[_Function] = []
    asked: list[bool] = []
    if folders:
        for folder in folders:
            for function, is_query in _cleaned(Path(folder)):
                functions.append(function)
                asked.append(is_query)
    else:
        for file in files_in(paths, (".jsonl",), "--code-search"):
            functions += [_plain(record) for record in json_lines(file)]
        asked = [True] * len(functions)
    if not any(asked):
        raise ValueError(f"{paths[0]} has no function to ask for")
    name = shared_name(paths)
    return CodeSearchFiles(name, _rows(functions), np.array(asked), bool(folders), _notes(name, functions))


def _notes(name: str, functions: Sequence[_Function]) -> list[str]:
    others = sorted({function.partition for function in functions if function.partition} - {TESTED})
    if not others:
        return []
    return [f"{name} holds functions of CodeSearchNet's {', '.join(others)}, and papers measure its {TESTED}"]


def _plain(record: Record) -> _Function:
    place, fields = record
    return _Function(
        name=f"{place.path.name}:{place.line}",
        query=text_of(fields, "docstring", place),
        code=text_of(fields, "code", place),
        language=text_of(fields, "language", place).lower(),
        symbol=_text_or_none(fields.get("func_name")),
        repository=_text_or_none(fields.get("repo")) or f"{place.path.name}:{place.line}",
        partition=_text_or_none(fields.get("partition")),
    )


def _cleaned(folder: Path) -> Iterator[tuple[_Function, bool]]:
    """(function, whether it is asked for): those of `test.jsonl` in its order, then the rest of the code base."""
    base: dict[str, _Function] = {}
    urls = Names("url")
    for place, fields in json_lines(folder / CODE_BASE):
        url = text_of(fields, "url", place)
        urls.add(url, place)
        base[url] = _candidate(url, fields, place)
    asked: set[str] = set()
    seen = Names("url")
    for place, fields in json_lines(folder / ASKED):
        url = text_of(fields, "url", place)
        seen.add(url, place)
        if url not in base:
            raise ValueError(f"{place}: the function {url!r} is not in {folder / CODE_BASE}")
        asked.add(url)
        yield replace(base[url], query=_joined(fields, "docstring_tokens", place)), True
    for url, function in base.items():
        if url not in asked:
            yield function, False


def _candidate(url: str, fields: Mapping[str, Any], place: Place) -> _Function:
    return _Function(
        name=url,
        query="",
        code=_joined(fields, "code_tokens", place),
        language=text_of(fields, "language", place).lower(),
        symbol=_text_or_none(fields.get("func_name")),
        repository=_text_or_none(fields.get("repo")) or url,
    )


def _joined(fields: Mapping[str, Any], field: str, place: Place) -> str:
    tokens = fields.get(field)
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{place}: {field!r} is no list of tokens")
    return text_of({field: " ".join(" ".join(tokens).split())}, field, place)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _rows(functions: Sequence[_Function]) -> SplitRows:
    count = len(functions)
    return SplitRows(
        names=[function.name for function in functions],
        anchors=[function.query for function in functions],
        positives=[function.code for function in functions],
        kinds=[_KIND] * count,
        languages=[function.language for function in functions],
        symbols=[function.symbol for function in functions],
        sources=np.array([function.language for function in functions], dtype=object),
        groups=np.array([function.repository for function in functions], dtype=object),
        known=KnownPairs(
            anchor_hash=np.array([side_hash(function.query, is_code=False) for function in functions], np.int64),
            positive_hash=np.array([side_hash(function.code, is_code=True) for function in functions], np.int64),
            cluster=np.zeros(count, np.int64),
            has_cluster=np.zeros(count, bool),
        ),
    )


def read_cosqa(folder: Path, without_comments: bool) -> Collection:
    """CoSQA's retrieval test; ValueError, with file and entry, for what is wrong in it."""
    for name in (COSQA_QUERIES, COSQA_CODE):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} has no {name}; --cosqa takes a folder with {COSQA_QUERIES} and {COSQA_CODE}")
    codes = _json(folder / COSQA_CODE, dict)
    queries = _json(folder / COSQA_QUERIES, list)
    names = {str(number): code for code, number in codes.items()}
    if len(names) < len(codes):
        raise ValueError(f"{folder / COSQA_CODE}: several functions have one number; each has its own in CoSQA's file")
    asked: dict[str, str] = {}
    judged: dict[str, dict[str, int]] = {}
    for i, entry in enumerate(queries, 1):
        where = f"{folder / COSQA_QUERIES}, entry {i:,}"
        if not isinstance(entry, dict) or not isinstance(entry.get("doc"), str) or not entry["doc"].strip():
            raise ValueError(f"{where}: there is no text 'doc'")
        name = str(entry.get("idx", i))
        if name in asked:
            raise ValueError(f"{where}: the query {name!r} stands twice")
        if str(entry.get("retrieval_idx")) not in names:
            raise ValueError(f"{where}: 'retrieval_idx' {entry.get('retrieval_idx')!r} is no number of {COSQA_CODE}")
        asked[name] = entry["doc"]
        judged[name] = {str(entry["retrieval_idx"]): 1}
    texts = list(names.values())
    return Collection(
        name="cosqa",
        query_names=list(asked),
        queries=list(asked.values()),
        languages=[None] * len(asked),
        document_names=list(names),
        documents=[strip_comments(text, "python") for text in texts] if without_comments else texts,
        judged=judged,
        is_code=True,
        texts="comments removed" if without_comments else AS_WRITTEN,
    )


def _json(path: Path, kind: type) -> Any:
    with open_text(path) as file:
        try:
            value = json.load(file)
        except ValueError as error:
            raise ValueError(f"{path}: no JSON ({error})") from None
    if not isinstance(value, kind) or not value:
        raise ValueError(f"{path}: a JSON {'object' if kind is dict else 'array'} with entries is wanted")
    return value
