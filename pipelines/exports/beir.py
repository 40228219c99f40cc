"""BEIR's layout: `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`, for evaluators.

Queries are the different anchors, documents the different positives and negatives, by side hash, which also names them:
a text is one document however often it stands, and every positive of a query is right. Near-duplicates of a right
document are other documents, and count as wrong: the layout has no word for leaving them out. Splits are named as
there: train, dev, test. A query's metadata are the row_id, language and group of the first row that asks it.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pipelines.exports.folder import ExportFolder, HashedFile
from pipelines.exports.rows import Rows
from schemas.code_variants import has_grammar, strip_comments
from schemas.side_hash import anchor_is_code, positive_is_code, side_hash

COLUMNS = ("row_id", "kind", "language", "group", "anchor", "positive", "negatives")
QRELS_NAMES = {"train": "train", "validation": "dev", "test": "test"}


def export_beir(
    rows: Rows, folder: ExportFolder, *, without_comments: bool
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Writes the three kinds of file; gives, by split, the rows read, written and left out, and what to know of it.

    A row is left out as `nothing_left` where its code was comments alone, and as `same_pair` where an earlier one gave
    the same query and document.
    """
    counts, texts = {}, Texts(without_comments)
    with ExitStack() as stack:
        corpus, queries = (stack.enter_context(folder.open(f"{name}.jsonl")) for name in ("corpus", "queries"))
        for split in rows.splits:
            with folder.open(f"qrels/{QRELS_NAMES[split]}.tsv") as qrels:
                qrels.write(b"query-id\tcorpus-id\tscore\n")
                counts[split] = _write_split(rows, split, texts, corpus, queries, qrels)
    return counts, [f"comments of {name} code stay: its tree-sitter grammar is not installed" for name in texts.uncut]


@dataclass
class Texts:
    """The documents, queries and judgements written so far, by their hashes, and how code is written."""

    without_comments: bool
    documents: set[int] = field(default_factory=set)
    queries: set[int] = field(default_factory=set)
    judged: set[tuple[int, int]] = field(default_factory=set)
    uncut_languages: set[str] = field(default_factory=set)

    @property
    def uncut(self) -> list[str]:
        """Languages whose comments could not be found, in order."""
        return sorted(self.uncut_languages)

    def document(self, text: str, row: dict[str, Any]) -> tuple[str, int]:
        """A document's text as it is written, and its hash."""
        is_code = positive_is_code(row["kind"])
        if is_code and self.without_comments:
            language = row["language"] or ""
            if not has_grammar(language):
                self.uncut_languages.add(language or "unnamed")
            text = strip_comments(text, language)
        return text, side_hash(text, is_code=is_code)


def _write_split(
    rows: Rows, split: str, texts: Texts, corpus: HashedFile, queries: HashedFile, qrels: HashedFile
) -> dict[str, int]:
    counts = {"read": 0, "written": 0, "nothing_left": 0, "same_pair": 0}
    for batch in rows.batches(split, COLUMNS):
        for row in batch.to_pylist():
            counts["read"] += 1
            counts[_write_row(row, texts, corpus, queries, qrels)] += 1
    return counts


def _write_row(row: dict[str, Any], texts: Texts, corpus: HashedFile, queries: HashedFile, qrels: HashedFile) -> str:
    """Writes what is new of a row; gives what became of it."""
    positive, right = texts.document(row["positive"], row)
    if not positive.strip():
        return "nothing_left"
    query = side_hash(row["anchor"], is_code=anchor_is_code(row["kind"]))
    others = [texts.document(text, row) for text in row["negatives"]]
    for text, name in [(positive, right), *others]:
        if name not in texts.documents and text.strip():
            texts.documents.add(name)
            corpus.write(_line({"_id": _name("d", name), "title": "", "text": text}))
    if query not in texts.queries:
        texts.queries.add(query)
        metadata = {name: row[name] for name in ("row_id", "language", "group") if row[name] is not None}
        queries.write(_line({"_id": _name("q", query), "text": row["anchor"], "metadata": metadata}))
    if (query, right) in texts.judged:
        return "same_pair"
    texts.judged.add((query, right))
    qrels.write(f"{_name('q', query)}\t{_name('d', right)}\t1\n".encode())
    return "written"


def _name(letter: str, value: int) -> str:
    return f"{letter}{value & (1 << 64) - 1:016x}"


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
