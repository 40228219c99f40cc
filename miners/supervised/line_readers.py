"""The layouts of supervised sets, as their publishers release them: one line in, what it says out.

A reader takes a line without its end and gives what it says; a line of another form raises ValueError that says what is
wrong with it. Columns are divided by tabs, and quotes mean nothing, as in the releases.

| layout | a line |
|---|---|
| `texts` | id, text: MS MARCO's `collection.tsv` and `queries.*.tsv` |
| `qrels` | query, 0, passage, score, with blanks or tabs between (TREC): `qrels.*.tsv` |
| `id_triples` | query, positive, negative: `qidpidtriples.*.tsv` |
| `text_triples` | the same as texts: `triples.train.small.tsv` |
| `hard_negatives` | `{"qid": 1, "pos": [2], "neg": {"bm25": [3, 4]}}`: `msmarco-hard-negatives.jsonl` |
| `beir_corpus`, `beir_queries` | `{"_id": "1", "title": "…", "text": "…"}` |
| `beir_qrels` | query, passage, score, below a header |
| `nli_json`, `nli_tsv` | `gold_label`, `sentence1`, `sentence2` among others, by name |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from miners.supervised.statements import Refused, Role, Said, Statement, Text, id_key, own_text, store_seed

LineReader = Callable[[str], Sequence[Said]]
NLI_COLUMNS = ("gold_label", "sentence1", "sentence2")
_ENTAILMENT, _CONTRADICTION, _NEUTRAL = "entailment", "contradiction", "neutral"
_NO_GOLD_LABEL = ("-", "")
"""Annotators did not agree: the releases of SNLI and MultiNLI say so with a hyphen."""


@dataclass(frozen=True)
class Layout:
    """How the lines of one file are to be read."""

    name: str
    """One of `READERS`."""
    namespace: str = ""
    """The data set that ids are of."""
    store: str = ""
    """Of files of texts: `queries` or `passages`."""
    header: tuple[str, ...] = ()
    """The names of the columns; the file's first line is a header where they are given."""
    triples_are_positives: bool = False
    """Whether triples say what answers a query: where no file of judgements does."""

    @property
    def holds_ids(self) -> bool:
        """Whether a line is a text with an id, which other lines speak of."""
        return bool(self.store)

    def reader(self) -> LineReader:
        """The reader of such lines."""
        return READERS[self.name](self)


def _texts(layout: Layout) -> LineReader:
    seed = _seed(layout, layout.store)

    def read(line: str) -> Sequence[Said]:
        name, text = _columns(line, ("id", "text"))
        return (Text(id_key(seed, name), text.strip().encode()),)

    return read


def _qrels(layout: Layout) -> LineReader:
    judged = _judgement(layout)

    def read(line: str) -> Sequence[Said]:
        parts = line.split()
        if len(parts) != 4:
            raise ValueError(f"{len(parts)} columns where query, 0, passage and score were expected")
        return judged(parts[0], parts[2], parts[3])

    return read


def _beir_qrels(layout: Layout) -> LineReader:
    judged = _judgement(layout)

    def read(line: str) -> Sequence[Said]:
        return judged(*_columns(line, ("query-id", "corpus-id", "score")))

    return read


def _judgement(layout: Layout) -> Callable[[str, str, str], Sequence[Said]]:
    queries, passages = _seed(layout, "queries"), _seed(layout, "passages")

    def judged(query: str, passage: str, score: str) -> Sequence[Said]:
        try:
            is_positive = float(score) > 0
        except ValueError:
            raise ValueError(f"the score is no number but {score!r}") from None
        if not is_positive:
            return (Refused("not_positive"),)
        return (Statement(Role.POSITIVE, id_key(queries, query), id_key(passages, passage)),)

    return judged


def _id_triples(layout: Layout) -> LineReader:
    queries, passages = _seed(layout, "queries"), _seed(layout, "passages")

    def read(line: str) -> Sequence[Said]:
        query, positive, negative = _columns(line, ("query", "positive", "negative"))
        left, right, other = id_key(queries, query), id_key(passages, positive), id_key(passages, negative)
        if layout.triples_are_positives:
            return (Statement(Role.TRIPLE, left, right, other),)
        return (Statement(Role.NEGATIVE, left, other),)

    return read


def _text_triples(layout: Layout) -> LineReader:
    def read(line: str) -> Sequence[Said]:
        query, positive, negative = map(own_text, _columns(line, ("query", "positive", "negative")))
        return (Statement(Role.TRIPLE, query.key, positive.key, negative.key, (query, positive, negative)),)

    return read


def _hard_negatives(layout: Layout) -> LineReader:
    queries, passages = _seed(layout, "queries"), _seed(layout, "passages")

    def read(line: str) -> Sequence[Said]:
        row = json_object(line)
        by_system = row.get("neg", {})
        lists = list(by_system.values()) if isinstance(by_system, dict) else [by_system]
        if "qid" not in row or not all(isinstance(ids, list) for ids in [row.get("pos", []), *lists]):
            raise ValueError('no line of hard negatives: {"qid": …, "pos": [ids], "neg": {"name": [ids]}}')
        left = id_key(queries, _id(row["qid"]))
        positives = row.get("pos", []) if layout.triples_are_positives else []
        said = [Statement(Role.POSITIVE, left, id_key(passages, _id(name))) for name in positives]
        negatives = dict.fromkeys(_id(name) for ids in lists for name in ids)
        said += [Statement(Role.NEGATIVE, left, id_key(passages, name)) for name in negatives]
        return said or (Refused("no_positive"),)

    return read


def _beir_texts(layout: Layout) -> LineReader:
    seed = _seed(layout, layout.store)

    def read(line: str) -> Sequence[Said]:
        row = json_object(line)
        title, text = row.get("title") or "", row.get("text")
        if "_id" not in row or not isinstance(text, str) or not isinstance(title, str):
            raise ValueError('no text of BEIR: {"_id": …, "title": …, "text": …}')
        return (Text(id_key(seed, _id(row["_id"])), f"{title.strip()} {text.strip()}".strip().encode()),)

    return read


def _nli_json(layout: Layout) -> LineReader:
    def read(line: str) -> Sequence[Said]:
        row = json_object(line)
        if not all(isinstance(row.get(name), str) for name in NLI_COLUMNS):
            raise ValueError(f"a line of NLI has the texts {', '.join(NLI_COLUMNS)}")
        return _labelled(*(row[name] for name in NLI_COLUMNS))

    return read


def _nli_tsv(layout: Layout) -> LineReader:
    places = [layout.header.index(name) for name in NLI_COLUMNS]

    def read(line: str) -> Sequence[Said]:
        parts = line.split("\t")
        if len(parts) != len(layout.header):
            raise ValueError(f"{len(parts)} columns where the header has {len(layout.header)}")
        return _labelled(*(parts[place] for place in places))

    return read


def _labelled(label: str, premise: str, hypothesis: str) -> Sequence[Said]:
    """Entailment is what belongs together, contradiction what does not (Udever's and cpt-text's second stages)."""
    if label in _NO_GOLD_LABEL:
        return (Refused("no_gold_label"),)
    if label == _NEUTRAL:
        return (Refused("neutral"),)
    role = {_ENTAILMENT: Role.POSITIVE, _CONTRADICTION: Role.NEGATIVE}.get(label)
    if role is None:
        raise ValueError(f"the label is {label!r}, not {_ENTAILMENT}, {_NEUTRAL}, {_CONTRADICTION} or a hyphen")
    left, right = own_text(premise), own_text(hypothesis)
    return (Statement(role, left.key, right.key, texts=(left, right)),)


READERS: dict[str, Callable[[Layout], LineReader]] = {
    "texts": _texts,
    "qrels": _qrels,
    "id_triples": _id_triples,
    "text_triples": _text_triples,
    "hard_negatives": _hard_negatives,
    "beir_corpus": _beir_texts,
    "beir_queries": _beir_texts,
    "beir_qrels": _beir_qrels,
    "nli_json": _nli_json,
    "nli_tsv": _nli_tsv,
}


def json_object(line: str) -> dict[str, Any]:
    """The object that a line of JSON holds. Raises ValueError for any other line."""
    try:
        value = json.loads(line)
    except RecursionError:
        raise ValueError("the line is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"the line holds no object but {type(value).__name__}")
    return value


def _seed(layout: Layout, store: str) -> int:
    return store_seed(f"{layout.namespace}/{store}")


def _columns(line: str, names: Sequence[str]) -> Iterator[str]:
    parts = line.split("\t")
    if len(parts) != len(names):
        raise ValueError(f"{len(parts)} columns where {len(names)} were expected: {', '.join(names)}")
    return iter(parts)


def _id(value: object) -> str:
    """Ids are texts or whole numbers; the same id may stand as either."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"an id is {type(value).__name__}, neither a text nor a whole number")
    return str(value)
