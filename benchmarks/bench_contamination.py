"""What `dedupe --decontaminate` finds of evaluation texts that were planted in real pairs, and what it costs.

``python benchmarks/bench_contamination.py --input PAIR_SET [--input PAIR_SET] [--texts 4000]``

The groups of the input are halved by hash. Texts of one half are the benchmark: whole sides, and pieces of them from
two words up. Rows of the other half are the pairs; in some a text is planted: as a whole side, inside a side, inside
and lightly changed, or a part of a long text as a side. The real job runs on both. Printed: the share found by length
of the text and by how it was planted, with Wilson's 95 % interval; and of the pairs where nothing was planted how many
went, and how many of these hold a text word for word, found apart by plain string search: the halves of a crawl do
share texts.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from rich.console import Console
from rich.table import Table

from benchmarks.made_pair_set import write_pair_set
from benchmarks.wilson import wilson
from miners.contamination import ContaminationRules
from miners.near_duplicates.words import words
from pipelines import dedupe
from schemas.pair import Pair, Provenance, make_pair, pairs_to_table
from schemas.pair_set import read_pair_set
from schemas.side_hash import anchor_is_code, positive_is_code

LENGTHS = ((1, 4), (5, 12), (13, 49), (50, 10_000))
"""Words of a text, or tokens of code."""
FORMS = ("whole side", "inside", "inside, 1 word in 40 changed", "part of the text")
CHANGED = 1 / 40
PARTS = 16


@dataclass(frozen=True)
class Row:
    """What the benchmark needs of a pair."""

    kind: str
    language: str
    anchor: str
    positive: str
    group: str


@dataclass(frozen=True)
class Text:
    """An evaluation text."""

    text: str
    is_code: bool
    words: int


@dataclass(frozen=True)
class Planted:
    """Where a text was planted, and how."""

    row_id: str
    text: Text
    form: str


def halves(folders: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """The rows of the pair sets, halved by group."""
    found: tuple[list[Row], list[Row]] = ([], [])
    columns = ["kind", "language", "anchor", "positive", "group"]
    for folder in folders:
        for batch in read_pair_set(folder).to_batches(columns=columns):
            for row in batch.to_pylist():
                found[xxhash.xxh3_64_intdigest(row["group"].encode()) % 2].append(Row(**row))
    return found


def choose_texts(rows: Sequence[Row], count: int, rng: random.Random) -> list[Text]:
    """Whole sides, and from half of them a piece of 2 to 60 words, in equal shares."""
    texts: dict[str, Text] = {}
    for row in rng.sample(rows, min(count, len(rows))):
        side, is_code = rng.choice([(row.anchor, anchor_is_code(row.kind)), (row.positive, positive_is_code(row.kind))])
        if not is_code and rng.random() < 0.5:
            pieces = side.split()
            length = min(len(pieces), rng.choice((2, 3, 4, 5, 6, 8, 10, 12, 20, 40, 60)))
            start = rng.randrange(len(pieces) - length + 1)
            side = " ".join(pieces[start : start + length])
        count_words = len(words(side, is_code))
        if count_words and any(map(str.isalpha, side)):
            texts.setdefault(side, Text(side, is_code, count_words))
    return list(texts.values())


def plant(row: Row, text: Text, form: str, rng: random.Random) -> Row | None:
    """The row with the text planted; None where the form does not fit the text."""
    pieces = text.text.split(" ")
    side = row.positive if text.is_code or rng.random() < 0.5 else row.anchor
    if form == "whole side":
        planted = text.text
    elif form == "part of the text":
        if text.is_code or text.words < 50:
            return None
        planted = " ".join(pieces[len(pieces) // 4 : len(pieces) // 4 + max(20, len(pieces) // 2)])
    else:
        # Inside a side nothing tells a phrase of four words, or a line of code, from an accident.
        if text.words < (13 if text.is_code else 5):
            return None
        if "changed" in form:
            if text.words < 50:
                return None
            pieces = [f"{piece}x" if rng.random() < CHANGED else piece for piece in pieces]
        glue = "\n" if text.is_code else " "
        around = side.split(glue)
        cut = rng.randrange(len(around) + 1)
        planted = glue.join([*around[:cut], " ".join(pieces), *around[cut:]])
    if side is row.positive:
        return Row(row.kind, row.language, row.anchor, planted, row.group)
    return Row(row.kind, row.language, planted, row.positive, row.group)


def as_pair(row: Row, number: int) -> Pair:
    return make_pair(
        kind=row.kind,
        language=row.language,
        anchor=row.anchor,
        positive=row.positive,
        place=("planted", number),
        group=row.group,
        provenance=Provenance(),
    )


def plant_all(rows: Sequence[Row], texts: Sequence[Text], rng: random.Random) -> tuple[list[Pair], list[Planted]]:
    """All rows as pairs; each text planted once in each form that fits, in a row of its kind of its own."""
    pairs = [as_pair(row, number) for number, row in enumerate(rows)]
    free = {is_code: [i for i, row in enumerate(rows) if positive_is_code(row.kind) == is_code] for is_code in (0, 1)}
    for numbers in free.values():
        rng.shuffle(numbers)
    planted = []
    for text in texts:
        for form in FORMS:
            own = free[text.is_code]
            if len(own) < len(rows) // 20:
                continue
            changed = plant(rows[own[-1]], text, form, rng)
            if changed is not None:
                number = own.pop()
                pairs[number] = as_pair(changed, number)
                planted.append(Planted(pairs[number].row_id, text, form))
    return pairs, planted


def run_job(folder: Path, pairs: Sequence[Pair], texts: Sequence[Text], threshold: float) -> tuple[set[str], set[str]]:
    """row_ids that contamination took, and those that went for any reason."""
    step = max(1, len(pairs) // PARTS)
    tables = (pairs_to_table(pairs[i : i + step]) for i in range(0, len(pairs), step))
    pair_set = write_pair_set(folder / "pairs", tables)
    (folder / "benchmark.jsonl").write_text("".join(json.dumps({"text": text.text}) + "\n" for text in texts))
    out = folder / "out"
    flags = ["--decontaminate", str(folder / "benchmark.jsonl"), "--validation-share", "0", "--test-share", "0"]
    # Caps and near-duplicates come first in the job's order, and would take planted rows away from the count.
    flags += ["--threshold", "1", "--max-per-anchor", "1000000", "--max-per-positive", "1000000"]
    (folder / "recipe.yaml").write_text(f"contamination_threshold: {threshold}\n")
    flags += ["--recipe", str(folder / "recipe.yaml")]
    if dedupe.main(["--input", str(pair_set), "--output", str(out), *flags]):
        raise SystemExit("the job failed")
    evidence = pa.concat_tables(map(pq.read_table, sorted((out / "evidence").glob("*.parquet")))).to_pylist()
    taken = {row["removed_row_id"] for row in evidence if row["stage"] == "contamination"}
    return taken, {row["removed_row_id"] for row in evidence}


def holders(pairs: Sequence[Pair], texts: Sequence[Text], wanted: set[str]) -> set[str]:
    """Of the wanted rows those that hold a text's words in a row, by plain string search."""
    needles = [" ".join(words(text.text, text.is_code)) for text in texts]
    found = set()
    for pair in pairs:
        if pair.row_id in wanted:
            sides = ((pair.anchor, anchor_is_code(pair.kind)), (pair.positive, positive_is_code(pair.kind)))
            for side, is_code in sides:
                own = f" {' '.join(words(side, is_code))} "
                if any(f" {needle} " in own or own.strip() in needle for needle in needles):
                    found.add(pair.row_id)
    return found


def report(planted: Sequence[Planted], taken: set[str], gone: set[str]) -> Iterator[tuple[str, ...]]:
    """Lines of the table: sort of text, words, form, planted, found, share, interval."""
    counts: Counter[tuple[bool, int, str]] = Counter()
    found: Counter[tuple[bool, int, str]] = Counter()
    for item in planted:
        if item.row_id in gone and item.row_id not in taken:
            continue
        length = next(i for i, (least, most) in enumerate(LENGTHS) if least <= item.text.words <= most)
        key = (item.text.is_code, length, item.form)
        counts[key] += 1
        found[key] += item.row_id in taken
    total = Counter({None: sum(counts.values())})[None]
    for key in sorted(counts, key=lambda key: (key[0], key[1], FORMS.index(key[2]))):
        is_code, length, form = key
        least, most = LENGTHS[length]
        span = f"{least}-{most}" if most < 10_000 else f"{least} and more"
        yield _line("code" if is_code else "text", span, form, found[key], counts[key])
    yield _line("all", "", "", sum(found.values()), total)


def _line(sort: str, span: str, form: str, found: int, count: int) -> tuple[str, ...]:
    low, high = wilson(found, count)
    return sort, span, form, f"{count:,}", f"{found:,}", f"{found / count:.4f}", f"{low:.4f}-{high:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Recall of decontamination on planted texts, and its cost.", allow_abbrev=False
    )
    parser.add_argument(
        "--input", action="append", required=True, metavar="PAIR_SET", help="real pairs; may be repeated"
    )
    parser.add_argument("--texts", type=int, default=4000, help="evaluation texts (default: 4000)")
    default = ContaminationRules().threshold
    parser.add_argument("--threshold", type=float, default=default, help=f"overlap that counts (default: {default})")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    evaluation, rows = halves(args.input)
    texts = choose_texts(evaluation, args.texts, rng)
    pairs, planted = plant_all(rows, texts, rng)
    with tempfile.TemporaryDirectory() as folder:
        taken, gone = run_job(Path(folder), pairs, texts, args.threshold)
    console = Console(width=140)
    table = Table(title=f"planted texts: {len(texts):,} in {len(pairs):,} pairs")
    for heading in ("of", "words", "planted as", "planted", "found", "recall", "95 %"):
        table.add_column(heading, justify="left" if heading in ("of", "words", "planted as") else "right")
    for line in report(planted, taken, gone):
        table.add_row(*line)
    console.print(table)
    clean = {pair.row_id for pair in pairs} - {item.row_id for item in planted}
    lost = clean & taken
    true = holders(pairs, texts, lost)
    share = (len(lost) - len(true)) / len(clean)
    console.print(
        f"{len(clean):,} pairs with nothing planted: {len(lost):,} went; {len(true):,} of these hold a text word for "
        f"word, the other {len(lost) - len(true):,} are {share:.4%} of the clean pairs"
    )


if __name__ == "__main__":
    main()
