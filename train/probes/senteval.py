"""SentEval's seven classification tasks (Conneau and Kiela 2018) from their own files, as its scripts lay them out.

MR, CR, SUBJ and MPQA: a file a class, a tokenised sentence a line, Latin-1; CR and MPQA hold some blank lines. SST2:
``sentence<TAB>0|1``. TREC: ``CLASS:fine question``, Latin-1. MRPC: a header and five columns with tabs. In: a folder of
these, or SentEval's ``data/downstream``. Out: a `ProbeSet` a task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from train.evaluation.text_files import TOLERATED, Place
from train.probes.labelled import LabelledText, ProbeSet
from train.probes.text_lines import item_name, placed_lines

TREC_LABELS = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")

Reader = Callable[[Path], list[LabelledText]]


@dataclass(frozen=True)
class _File:
    name: str
    read: Reader


@dataclass(frozen=True)
class _Layout:
    labels: tuple[str, ...]
    train: tuple[_File, ...]
    dev: _File | None = None
    test: _File | None = None
    has_f1: bool = False

    @property
    def files(self) -> list[_File]:
        return [*self.train, *(file for file in (self.dev, self.test) if file)]


def _words(place: Place, text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise ValueError(f"{place}: the text is empty; take the line out")
    return words


def _all_of(label: int) -> Reader:
    """Reads a file whose every line is a text of this label."""

    def read(path: Path) -> list[LabelledText]:
        found, blank = [], []
        for place, line in placed_lines(path, "latin-1"):
            text = " ".join(line.split())
            if not text:
                blank.append(place)
            found.append(LabelledText(item_name(place), text, label))
        if len(blank) > TOLERATED * len(found):
            raise ValueError(f"{blank[0]}: the text is empty, as in {len(blank):,} of {len(found):,} lines")
        return found

    return read


def _sentiment(path: Path) -> list[LabelledText]:
    found = []
    for place, line in placed_lines(path, "utf-8"):
        columns = line.strip().split("\t")
        if len(columns) != 2 or columns[1] not in ("0", "1"):
            raise ValueError(f"{place}: a line is a sentence, a tab, and 0 or 1")
        found.append(LabelledText(item_name(place), _words(place, columns[0]), int(columns[1])))
    return found


def _questions(path: Path) -> list[LabelledText]:
    found = []
    for place, line in placed_lines(path, "latin-1"):
        coarse, colon, rest = line.strip().partition(":")
        if not colon or coarse not in TREC_LABELS:
            kinds = ", ".join(TREC_LABELS)
            raise ValueError(f"{place}: a line is CLASS:fine and a question, the class one of {kinds}")
        question = _words(place, rest.partition(" ")[2])
        found.append(LabelledText(item_name(place), question, TREC_LABELS.index(coarse)))
    return found


def _paraphrases(path: Path) -> list[LabelledText]:
    found = []
    for place, line in placed_lines(path, "utf-8-sig"):
        if place.line == 1:
            continue
        columns = line.strip().split("\t")
        if len(columns) != 5 or columns[0] not in ("0", "1"):
            raise ValueError(f"{place}: a line is 0 or 1, two ids and two sentences, with tabs between them")
        first, second = (_words(place, text) for text in columns[3:])
        found.append(LabelledText(item_name(place), first, int(columns[0]), second))
    return found


def _two_files(labels: tuple[str, str], second: str, first: str) -> _Layout:
    """Label 1's file first: SentEval reads them so, and among equal keys the folds keep the order of reading."""
    return _Layout(labels, (_File(second, _all_of(1)), _File(first, _all_of(0))))


LAYOUTS = {
    "MR": _two_files(("negative", "positive"), "rt-polarity.pos", "rt-polarity.neg"),
    "CR": _two_files(("negative", "positive"), "custrev.pos", "custrev.neg"),
    "SUBJ": _two_files(("subjective", "objective"), "subj.objective", "subj.subjective"),
    "MPQA": _two_files(("negative", "positive"), "mpqa.pos", "mpqa.neg"),
    "SST2": _Layout(
        ("negative", "positive"),
        (_File("sentiment-train", _sentiment),),
        dev=_File("sentiment-dev", _sentiment),
        test=_File("sentiment-test", _sentiment),
    ),
    "TREC": _Layout(TREC_LABELS, (_File("train_5500.label", _questions),), test=_File("TREC_10.label", _questions)),
    "MRPC": _Layout(
        ("other", "paraphrase"),
        (_File("msr_paraphrase_train.txt", _paraphrases),),
        test=_File("msr_paraphrase_test.txt", _paraphrases),
        has_f1=True,
    ),
}
"""The tasks by SentEval's names; a name's place in `labels` is the label in its code."""


def find_tasks(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of each task of which a file lies in `folder` or at most two folders below it."""
    for name, layout in LAYOUTS.items():
        found = [
            path.parent
            for pattern in ("", "*/", "*/*/")
            for file in layout.files
            for path in sorted(folder.glob(pattern + file.name))
        ]
        if found:
            yield name, found[0]


def read_task(name: str, folder: Path) -> ProbeSet:
    """The task's texts. ValueError, with file and line, for a file that is not there or has other columns."""
    layout = LAYOUTS[name]
    for file in layout.files:
        if not (folder / file.name).is_file():
            raise ValueError(f"{name} is not whole: there is no file {folder / file.name}")
    read = {file.name: file.read(folder / file.name) for file in layout.files}
    return ProbeSet(
        data=name,
        part="en",
        labels=layout.labels,
        train=[one for file in layout.train for one in read[file.name]],
        dev=read[layout.dev.name] if layout.dev else None,
        test=read[layout.test.name] if layout.test else None,
        has_f1=layout.has_f1,
    )
