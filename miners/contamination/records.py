"""Which strings of an evaluation file's record are its texts, and which names its repository.

Evaluation files come in many layouts (BEIR, CodeSearchNet, CoSQA, STS, SentEval, a pair set); their fields have no
common names, but what is no text has: ids, labels, addresses, splits. Every other string is a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.pair import DOCSTRING_KINDS

PAIR_SIDES = ("anchor", "positive")
_NO_TEXT = re.compile(
    r"""(?ix) (?: .* [_-])? (?: ids? | qid | pid | docid | sha\d* | md5 | hash | hashes | url | urls | uri | path
      | paths | file_?name | repo | repository | repo_?name | repository_?name | nwo | revision | commit
      | language | lang | license | licence | partition | split | label | labels | kind | source | group
      | type | task | genre | date | year | tokens | tag | tags | entry_?point | difficulty ) """
)
"""Whole names of fields, or their last part after `_` or `-` (`query-id`, `func_name_hash`)."""
_REPOSITORY = re.compile(r"(?i) repo | repository | repo_?name | repository_?name | nwo", re.VERBOSE)


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """What one record of an evaluation file holds."""

    texts: tuple[str, ...]
    repository: str | None
    """As `repository_name` gives it; None where the record names none."""


def evaluation_record(value: object) -> EvaluationRecord:
    """The texts and the repository of a record: a mapping, a list, or a plain string.

    Of a pair (a mapping with `anchor` and `positive`) only the two sides count, and its group where it is of code.
    """
    if isinstance(value, Mapping) and all(isinstance(value.get(side), str) for side in PAIR_SIDES):
        repository = value.get("group") if value.get("kind") in DOCSTRING_KINDS else None
        texts = tuple(value[side] for side in PAIR_SIDES if _says_something(value[side]))
        return EvaluationRecord(texts, repository_name(repository) if isinstance(repository, str) else None)
    return EvaluationRecord(tuple(filter(_says_something, _texts("", value))), _repository(value))


def repository_name(name: str) -> str | None:
    """`owner/name`, lower case, of a clone URL, a link or a plain name; None for a string that is none."""
    path = re.sub(r"^(?:[a-z+]+://)?(?:[^/@]*@)?", "", name.strip().lower()).replace(":", "/")
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part]
    if parts and "." in parts[0] and len(parts) > 2:
        parts = parts[1:]
    return "/".join(parts[:2]) if len(parts) >= 2 else None


def _says_something(text: str) -> bool:
    """Numbers and marks alone, such as the score in a column of a CSV file, are no text."""
    return any(map(str.isalpha, text))


def _texts(name: str, value: object) -> Iterator[str]:
    if isinstance(value, str):
        if not _NO_TEXT.fullmatch(name):
            yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(str(key), item)
    elif isinstance(value, list):
        words = [item for item in value if isinstance(item, str)]
        if len(words) == len(value) and not any(" " in word for word in words):
            # A list of words is a text that was cut; each of its words alone would match everywhere.
            yield from _texts(name, " ".join(words))
        else:
            for item in value:
                yield from _texts(name, item)


def _repository(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return None
    for key, item in value.items():
        if isinstance(item, str) and _REPOSITORY.fullmatch(str(key)):
            return repository_name(item)
    return None
