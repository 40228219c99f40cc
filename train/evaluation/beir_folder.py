"""Reads a retrieval set in BEIR's layout: `corpus.jsonl`, `queries.jsonl` and `qrels/NAME.tsv`.

Judgements may also stand in TREC's four columns (query, 0, document, grade). Only queries that the judgements name are
asked. A document's text is its title and its text with a blank between, as BEIR joins them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from train.command_line import nearest
from train.evaluation.collection import Collection
from train.evaluation.flags import data_name
from train.evaluation.text_files import (
    NO_WORDS,
    TOLERATED,
    Names,
    Place,
    group_of,
    json_lines,
    language_of,
    open_text,
    text_of,
)

Judged = dict[str, dict[str, int]]


def read_beir(folder: Path, judgements: str, relevant_from: int, is_code: bool) -> Collection:
    """The set of one folder with `qrels/<judgements>.tsv`; ValueError, with file and line, for what is wrong in it."""
    if not folder.is_dir():
        raise ValueError(
            f"there is no folder {folder}; --beir takes folders with corpus.jsonl, queries.jsonl and qrels/"
        )
    judged, places = _read_judgements(_judgements_file(folder, judgements))
    queries: dict[str, tuple[str, str | None, str | None]] = {}
    seen = Names("query")
    for place, record in json_lines(_file(folder, "queries.jsonl")):
        name = text_of(record, "_id", place)
        seen.add(name, place)
        if name in judged:
            queries[name] = text_of(record, "text", place), language_of(record), group_of(record, place)
    for name, grades in judged.items():
        first = places[name, next(iter(grades))]
        if name not in queries:
            raise ValueError(f"{first}: there is no query {name!r} in {folder / 'queries.jsonl'}")
        if max(grades.values()) < relevant_from:
            raise ValueError(
                f"{first}: the query {name!r} has no relevant document (grade {relevant_from} or more); "
                "take its lines out"
            )
    document_names, documents, notes = _read_documents(_file(folder, "corpus.jsonl"))
    notes += _judged_and_missing(places, set(document_names))
    return Collection(
        name=data_name(str(folder)),
        query_names=list(queries),
        queries=[text for text, _, _ in queries.values()],
        languages=[language for _, language, _ in queries.values()],
        groups=[group for _, _, group in queries.values()],
        document_names=document_names,
        documents=documents,
        judged=judged,
        relevant_from=relevant_from,
        is_code=is_code,
        notes=notes,
    )


def _judged_and_missing(places: Mapping[tuple[str, str], Place], known: Set[str]) -> list[str]:
    """A note on judgements of documents that are not there; ValueError where they are many."""
    missing = [pair for pair in places if pair[1] not in known]
    if not missing:
        return []
    query, document = missing[0]
    told = f"{places[missing[0]]}: {query!r} is judged with {document!r}, which is not in corpus.jsonl"
    of_all = f"{len(missing):,} of {len(places):,} judgements"
    if len(missing) > TOLERATED * len(places):
        raise ValueError(f"{told}; {of_all} are of such documents: are they of another set?")
    return [f"{told}; {of_all} are of such documents, which count as not found"]


def _file(folder: Path, name: str) -> Path:
    packed = folder / f"{name}.gz"
    return packed if packed.is_file() else folder / name


def _judgements_file(folder: Path, name: str) -> Path:
    for path in (folder / "qrels" / f"{name}.tsv", folder / "qrels" / f"{name}.tsv.gz", folder / "qrels" / name):
        if path.is_file():
            return path
    there = sorted(path.name for path in (folder / "qrels").glob("*"))
    raise ValueError(
        f"there are no judgements {folder / 'qrels' / name}.tsv{nearest(f'{name}.tsv', there)}; "
        f"there is {', '.join(there) or 'no file in qrels/'}: name one with --qrels"
    )


def _read_documents(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Names and texts, and a note on texts without a word; ValueError where those are many."""
    names: list[str] = []
    texts: list[str] = []
    blank: list[Place] = []
    seen = Names("document")
    for place, record in json_lines(path):
        name = text_of(record, "_id", place)
        seen.add(name, place)
        names.append(name)
        title = "" if record.get("title") is None else text_of(record, "title", place, may_be_empty=True)
        text = f"{title} {text_of(record, 'text', place, may_be_empty=True)}".strip()
        if not text:
            blank.append(place)
        texts.append(text or NO_WORDS)
    if not names:
        raise ValueError(f"{path} has no document")
    if not blank:
        return names, texts, []
    told = f"{blank[0]}: 'text' is empty, as in {len(blank):,} of {len(names):,} documents"
    if len(blank) > TOLERATED * len(names):
        raise ValueError(f"{told}; leave them out or give them a text")
    return names, texts, [f"{told}; they stay candidates"]


def _read_judgements(path: Path) -> tuple[Judged, dict[tuple[str, str], Place]]:
    """Grades by query and document, and where each of them stands."""
    judged: Judged = {}
    places: dict[tuple[str, str], Place] = {}
    for place, (query, document, grade) in _judgement_lines(path):
        grades = judged.setdefault(query, {})
        if document in grades:
            raise ValueError(f"{place}: {query!r} and {document!r} are judged before; each pair may stand once")
        places[query, document] = place
        try:
            grades[document] = int(grade)
        except ValueError:
            raise ValueError(f"{place}: the grade {grade!r} is no whole number") from None
    if not judged:
        raise ValueError(f"{path} has no judgement")
    return judged, places


def _judgement_lines(path: Path) -> Iterator[tuple[Place, tuple[str, str, str]]]:
    """(query, document, grade) of BEIR's three columns under a head, or TREC's four without one."""
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            place, cells = Place(path, number), _cells(line)
            if len(cells) == 4:
                yield place, (cells[0], cells[2], cells[3])
            elif len(cells) == 3 and not (number == 1 and not cells[2].lstrip("-").isdigit()):
                yield place, (cells[0], cells[1], cells[2])
            elif cells and len(cells) != 3:
                raise ValueError(
                    f"{place}: BEIR's judgements have 3 columns (query-id, corpus-id, score), TREC's 4, this line "
                    f"{len(cells)}"
                )


def _cells(line: str) -> list[str]:
    """The cells between tabs, or, where those are neither BEIR's nor TREC's, between blanks."""
    cells = line.strip().split("\t")
    return cells if len(cells) in (3, 4) else line.split()
