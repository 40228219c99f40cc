"""Reads a retrieval set in BEIR's layout: `corpus.jsonl`, `queries.jsonl` and `qrels/NAME.tsv`.

Judgements may also stand in TREC's four columns (query, 0, document, grade). Only queries that the judgements name are
asked. A document's text is its title and its text with a blank between, as BEIR joins them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from train.command_line import nearest
from train.evaluation.collection import Collection
from train.evaluation.text_files import Names, Place, group_of, json_lines, language_of, open_text, text_of

Judged = dict[str, dict[str, int]]


def read_beir(folder: Path, judgements: str, relevant_from: int, is_code: bool) -> Collection:
    """The set of one folder with `qrels/<judgements>.tsv`; ValueError, with file and line, for what is wrong in it."""
    if not folder.is_dir():
        raise ValueError(
            f"there is no folder {folder}; --beir takes folders with corpus.jsonl, queries.jsonl and qrels/"
        )
    judged, first_place = _read_judgements(_judgements_file(folder, judgements))
    queries: dict[str, tuple[str, str | None, str | None]] = {}
    seen = Names("query")
    for place, record in json_lines(_file(folder, "queries.jsonl")):
        name = text_of(record, "_id", place)
        seen.add(name, place)
        if name in judged:
            queries[name] = text_of(record, "text", place), language_of(record), group_of(record, place)
    document_names, documents = _read_documents(_file(folder, "corpus.jsonl"))
    known = set(document_names)
    for name, grades in judged.items():
        if name not in queries:
            raise ValueError(f"{first_place[name]}: there is no query {name!r} in {folder / 'queries.jsonl'}")
        for document in grades.keys() - known:
            raise ValueError(f"{first_place[name]}: {name!r} is judged with {document!r}, which is not in corpus.jsonl")
        if max(grades.values()) < relevant_from:
            raise ValueError(
                f"{first_place[name]}: the query {name!r} has no relevant document (grade {relevant_from} or more); "
                "take its lines out"
            )
    return Collection(
        name=folder.name,
        query_names=list(queries),
        queries=[text for text, _, _ in queries.values()],
        languages=[language for _, language, _ in queries.values()],
        groups=[group for _, _, group in queries.values()],
        document_names=document_names,
        documents=documents,
        judged=judged,
        relevant_from=relevant_from,
        is_code=is_code,
    )


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


def _read_documents(path: Path) -> tuple[list[str], list[str]]:
    names: list[str] = []
    texts: list[str] = []
    seen = Names("document")
    for place, record in json_lines(path):
        name = text_of(record, "_id", place)
        seen.add(name, place)
        title = record.get("title") or ""
        text = f"{title} {record.get('text') or ''}".strip()
        names.append(name)
        texts.append(text_of({"text": text}, "text", place))
    if not names:
        raise ValueError(f"{path} has no document")
    return names, texts


def _read_judgements(path: Path) -> tuple[Judged, dict[str, Place]]:
    """Grades by query and document, and where each query is first judged."""
    judged: Judged = {}
    places: dict[str, Place] = {}
    for place, cells in _judgement_lines(path):
        query, document, grade = cells
        grades = judged.setdefault(query, {})
        places.setdefault(query, place)
        if document in grades:
            raise ValueError(f"{place}: {query!r} and {document!r} are judged before; each pair may stand once")
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
            place, cells = Place(path, number), line.split()
            if len(cells) == 4:
                yield place, (cells[0], cells[2], cells[3])
            elif len(cells) == 3 and not (number == 1 and not cells[2].lstrip("-").isdigit()):
                yield place, (cells[0], cells[1], cells[2])
            elif cells and len(cells) != 3:
                raise ValueError(
                    f"{place}: {len(cells)} columns; BEIR's judgements have 3 (query-id, corpus-id, score), TREC's 4"
                )
