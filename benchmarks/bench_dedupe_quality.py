"""What `pairmill dedupe` finds of duplicates that were planted in real text at known similarity, and what it removes.

``python benchmarks/bench_dedupe_quality.py [--scale 1.0]``

Pairs of a real text and a changed copy are planted at similarity .5 to .95, in English, Chinese, Japanese, Thai and
code. The changes are words replaced far apart, a part cut off, or foreign real text behind. Beside them stand chains
(each link like the next, the ends unlike), documents of one template, functions below one licence header and short
texts. The real job runs on all of it. Then, with plain sets of strings, apart from the job's arrays:

1. recall by similarity, with Wilson's 95 % interval, beside the S-curve of the bands (pairs found / pairs planted);
2. of the removals as near-duplicate, those whose similarity to the row that was kept for them is below the threshold;
3. of chains, templates, headers and short texts: near pairs that are both still there, by brute force;
4. of a second run with validation and test: groups, side hashes and near pairs that cross splits, found through an
   inverted index of strings.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import itertools
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.made_pair_set import write_pair_set
from benchmarks.real_texts import documents, functions, translations
from benchmarks.wilson import wilson
from miners.near_duplicates import Banding
from miners.near_duplicates.words import words
from pipelines import dedupe
from schemas.pair import DOCSTRING_CODE, NEIGHBOR_TEXT, Pair, Provenance, make_pair, pairs_to_table
from schemas.pair_set import read_pair_set
from schemas.side_hash import positive_is_code

SIMILARITIES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
SHINGLE = 5
MARGIN = 0.05
LEAK = 0.6


@dataclass(frozen=True)
class Corpus:
    """Real texts of one script or of code, and how many pairs to plant in them at each similarity."""

    name: str
    texts: Sequence[str]
    threshold: float
    banding: Banding
    is_code: bool = False


@dataclass(frozen=True)
class Planted:
    """Two rows that resemble each other, and how much: by plain string sets."""

    corpus: str
    left: str
    right: str
    similarity: float


def shingles(text: str, is_code: bool) -> frozenset[tuple[str, ...]]:
    """The shingle set as strings, by the plain rule of words."""
    found = words(text, is_code)
    return frozenset(tuple(found[i : i + SHINGLE]) for i in range(max(1, len(found) - SHINGLE + 1)))


def jaccard(left: frozenset, right: frozenset) -> float:
    """The exact similarity of two sets."""
    return len(left & right) / len(left | right)


def replaced(text: str, similarity: float, rng: random.Random, is_code: bool, fresh: Iterator[str]) -> str:
    """Words replaced at random places: each change spoils up to five shingles on both sides."""
    found = text.split(" ") if " " in text.strip() else list(text)
    places = list(range(len(found)))
    rng.shuffle(places)
    original = shingles(text, is_code)
    changed, low, high = list(found), 0, len(places)
    letters = [char for char in text if char.isalpha()]
    new = {place: next(fresh) if len(found) < len(text) else rng.choice(letters) for place in places}
    while low < high:  # the fewest changes that bring the similarity down to the wanted one
        middle = (low + high) // 2
        changed = [new[i] if i in set(places[:middle]) else word for i, word in enumerate(found)]
        joined = (" " if len(found) < len(text) else "").join(changed)
        if jaccard(original, shingles(joined, is_code)) > similarity:
            low = middle + 1
        else:
            high = middle
    count = max(0, low - 1)
    chosen = set(places[:count])
    return (" " if len(found) < len(text) else "").join(new[i] if i in chosen else w for i, w in enumerate(found))


def cut(text: str, similarity: float) -> str:
    """The beginning of the text that has this share of its shingles."""
    return text[: max(1, round(len(text) * similarity) + 1)]


def with_more(text: str, similarity: float, other: str) -> str:
    """The text, and so much of another behind it that they share this part."""
    return text + "\n" + other[: max(1, round(len(text) * (1 / similarity - 1)))]


def fresh_words() -> Iterator[str]:
    """Words that no text holds."""
    return (f"zq{number}xv" for number in itertools.count())


def plant(corpus: Corpus, each: Callable[[float], int], rng: random.Random, rows: list[Pair]) -> list[Planted]:
    """Changed copies of the corpus's texts, near the wanted similarities; every text is used once."""
    fresh, texts = fresh_words(), iter(corpus.texts)
    planted = []
    for similarity in SIMILARITIES:
        for number in range(each(similarity)):
            text, other = next(texts, None), next(texts, None)
            if text is None or other is None:
                return planted
            copy = (
                replaced(text, similarity, rng, corpus.is_code, fresh),
                cut(text, similarity),
                with_more(text, similarity, other),
            )[number % 3]
            pair = [add_row(rows, side, corpus.is_code) for side in (text, copy)]
            exact = jaccard(*(shingles(row.positive, corpus.is_code) for row in pair))
            planted.append(Planted(corpus.name, pair[0].row_id, pair[1].row_id, exact))
    return planted


def add_row(rows: list[Pair], text: str, is_code: bool, group: str | None = None) -> Pair:
    """A row whose joint set (of code: whose positive) is that of the text; its anchor is one of the text's shingles."""
    kind = DOCSTRING_CODE if is_code else NEIGHBOR_TEXT
    anchor = f"Planted function {len(rows)}" if is_code else " ".join(words(text)[:SHINGLE]) or text
    place = ("planted", len(rows))
    row = make_pair(
        kind=kind,
        language="python" if is_code else "en",
        anchor=anchor,
        positive=text,
        place=place,
        group=group or f"group-{len(rows)}",
        provenance=Provenance(uri="planted"),
    )
    rows.append(row)
    return row


def chains(texts: Sequence[str], rng: random.Random, rows: list[Pair], length: int = 40) -> list[str]:
    """Texts each of which is like the next at about .85 while the ends share nothing."""
    found, fresh = [], fresh_words()
    for text in texts:
        for _ in range(length):
            found.append(add_row(rows, text, False).row_id)
            text = replaced(text, 0.86, rng, False, fresh)
    return found


def templates(texts: Sequence[str], rng: random.Random, rows: list[Pair], copies: int = 60) -> list[str]:
    """Documents of one template: a part of each is its own, from a few words to a half."""
    found = []
    for text, other in itertools.pairwise(texts):
        middle = len(text) // 2
        for _ in range(copies):
            own = rng.randrange(5, max(6, len(text)))
            start = rng.randrange(max(1, len(other) - own))
            found.append(
                add_row(rows, text[:middle] + " " + other[start : start + own] + " " + text[middle:], False).row_id
            )
    return found


def headers(code: Sequence[str], texts: Sequence[str], rows: list[Pair], copies: int = 60) -> list[str]:
    """Functions that stand below one of a few long licence headers."""
    found, bodies = [], iter(code)
    for text in texts:
        header = "".join(f"# {line}\n" for line in text[:800].splitlines())
        found += [add_row(rows, header + body, True).row_id for body in itertools.islice(bodies, copies)]
    return found


def short_texts(rng: random.Random, rows: list[Pair], count: int) -> list[str]:
    """Texts of one to seven words of a small vocabulary: many differ by a word, some only in case or punctuation."""
    vocabulary = ("returns", "the", "name", "of", "user", "value", "list", "item", "true", "none", "a", "path", "file")
    found = []
    for _ in range(count):
        text = " ".join(rng.choices(vocabulary, k=rng.randrange(1, 8)))
        text = rng.choice((text, text.capitalize(), text + ".", text.upper()))
        found.append(add_row(rows, text, False).row_id)
    return found


def run_job(folder: Path, rows: Sequence[Pair], name: str, *flags: str) -> Path:
    """The real job on the rows, in one process."""
    source = folder / f"{name}-in"
    write_pair_set(source, [pairs_to_table(rows)])
    output = folder / name
    given = ["--input", str(source), "--output", str(output), "--quiet", "--workers", "1", *flags]
    if dedupe.main(given):
        raise SystemExit("the job failed")
    return output


def evidence_of(folder: Path) -> list[dict]:
    """All rows of evidence."""
    return [row for path in sorted((folder / "evidence").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def print_recall(corpora: Sequence[Corpus], planted: Sequence[Planted], gone: set[str], console: Console) -> None:
    """Recall by similarity beside the S-curve, and at threshold + .05 and above."""
    for corpus in corpora:
        banding, threshold = corpus.banding, corpus.threshold
        title = f"{corpus.name}: threshold {threshold}, {banding.bands} x {banding.rows}"
        table = Table("similarity", "pairs", "found", "recall", "S-curve", title=title)
        mine = [pair for pair in planted if pair.corpus == corpus.name]
        for low in (0.0, *SIMILARITIES):
            chosen = [pair for pair in mine if low <= pair.similarity < (low + 0.05 if low else 0.5)]
            if chosen:
                found = sum(bool({pair.left, pair.right} & gone) for pair in chosen)
                curve = sum(banding.probability(p.similarity) * (p.similarity >= threshold) for p in chosen)
                name = f"{low:.2f} to {low + 0.05:.2f}" if low else "below .50"
                table.add_row(
                    name, f"{len(chosen):,}", f"{found:,}", f"{found / len(chosen):.4f}", f"{curve / len(chosen):.4f}"
                )
        above = [pair for pair in mine if pair.similarity >= threshold + MARGIN]
        found = sum(bool({pair.left, pair.right} & gone) for pair in above)
        if above:
            low, high = wilson(found, len(above))
            line = f"{found / len(above):.4f} ({low:.4f} to {high:.4f})"
            table.add_section()
            table.add_row(f">= {threshold + MARGIN:.2f}", f"{len(above):,}", f"{found:,}", line)
        console.print(table)


def print_precision(
    evidence: Sequence[dict], rows: dict[str, Pair], corpora: Sequence[Corpus], console: Console
) -> None:
    """Removals as near-duplicate whose similarity, by string sets, is below the threshold."""
    thresholds = {corpus.is_code: corpus.threshold for corpus in corpora}
    near = [row for row in evidence if row["reason"] == "near_duplicate"]
    below = unlike = 0
    for item in near:
        removed, kept = rows[item["removed_row_id"]], rows[item["kept_row_id"]]
        is_code = positive_is_code(removed.kind)
        exact = jaccard(side_strings(removed)[item["side"]], side_strings(kept)[item["side"]])
        below += exact < thresholds[is_code]
        unlike += abs(exact - item["similarity"]) > 1e-12
    console.print(
        f"removed as near-duplicate: {len(near):,}; similarity below the threshold: {below} "
        f"(precision {1 - below / max(1, len(near)):.4f}); evidence with another similarity: {unlike}"
    )


@cache
def side_strings(row: Pair) -> dict[str, frozenset]:
    """The string sets of a row's sides; text and code share no shingle."""
    sides = {}
    for side, text, is_code in (("anchor", row.anchor, False), ("positive", row.positive, positive_is_code(row.kind))):
        sides[side] = frozenset((is_code, *shingle) for shingle in shingles(text, is_code))
    return {**sides, "joint": sides["anchor"] | sides["positive"]}


def print_left(name: str, ids: Sequence[str], rows: dict[str, Pair], gone: set[str], console: Console) -> None:
    """Of rows among which everything is compared with everything: near pairs before and after."""
    mine = [rows[i] for i in ids]
    before = after = 0
    for a, b in itertools.combinations(mine, 2):
        is_code = positive_is_code(a.kind)
        side, threshold = ("positive", 0.7) if is_code else ("joint", 0.8)
        if jaccard(side_strings(a)[side], side_strings(b)[side]) >= threshold:
            before += 1
            after += a.row_id not in gone and b.row_id not in gone
    kept = sum(i not in gone for i in ids)
    console.print(f"{name}: {len(ids):,} rows, {kept:,} kept; near pairs {before:,}, of which both kept {after}")


def print_crossing(folder: Path, console: Console) -> None:
    """What crosses splits in a finished set: by groups, side hashes, and an inverted index of string shingles."""
    splits = {}
    rows: dict[str, Pair] = {}
    for split in ("train", "validation", "test"):
        for row in read_pair_set(folder, split).to_table().to_pylist():
            splits[row["row_id"]] = split
            names = ("row_id", "kind", "anchor", "positive", "group", "anchor_hash", "positive_hash")
            rows[row["row_id"]] = _Seen(**{name: row[name] for name in names})
    groups, hashes = defaultdict(set), defaultdict(set)
    for row in rows.values():
        groups[row.group].add(splits[row.row_id])
        for value in (row.anchor_hash, row.positive_hash):
            hashes[value].add(splits[row.row_id])
    counts = Counter()
    for side in ("joint", "anchor", "positive"):
        counts.update(_crossing_pairs(rows, splits, side))
    console.print(
        f"split check: rows {dict(Counter(splits.values()))}; groups in several splits "
        f"{sum(len(s) > 1 for s in groups.values())}, side hashes {sum(len(s) > 1 for s in hashes.values())}, pairs at "
        f".60 to .65 {counts['near']}, at .65 and above {counts['above']}"
    )


@dataclass(frozen=True)
class _Seen:
    row_id: str
    kind: str
    anchor: str
    positive: str
    group: str
    anchor_hash: int
    positive_hash: int


def _crossing_pairs(rows: dict[str, _Seen], splits: dict[str, str], side: str) -> Counter:
    """Pairs of rows of different splits by similarity, through the strings that they share."""
    postings = defaultdict(list)
    for row_id, row in rows.items():
        for shingle in side_strings(row)[side]:
            postings[shingle].append(row_id)
    counts: Counter = Counter()
    for row_id, row in rows.items():
        if splits[row_id] == "train":
            continue
        mine = side_strings(row)[side]
        shared = Counter(other for shingle in mine for other in postings[shingle] if splits[other] != splits[row_id])
        for other, common in shared.items():
            exact = common / (len(mine) + len(side_strings(rows[other])[side]) - common)
            counts["above" if exact >= LEAK + MARGIN else "near" if exact >= LEAK else "apart"] += 1
    return counts


def build(scale: float, rng: random.Random) -> tuple[list[Pair], list[Corpus], list[Planted], dict[str, list[str]]]:
    """All rows, and what was planted where."""
    low, high = round(300 * scale), round(2000 * scale)
    need = 2 * (7 * low + 3 * high) + 400
    english = documents(need, 1500)
    code = functions(round(9000 * scale), 60)
    text, code_bands = Banding(16, 8), Banding(25, 5)
    corpora = [Corpus("English", english[400:], 0.8, text), Corpus("code", code[240:], 0.7, code_bands, True)]
    for name, locale in (("Chinese", "zh_CN"), ("Japanese", "ja"), ("Thai", "th")):
        corpora.append(Corpus(name, translations(locale, round(6000 * scale), 150), 0.8, text))
    rows: list[Pair] = []
    planted = plant(corpora[0], lambda s: high if s > 0.84 else low, rng, rows)
    for corpus in corpora[1:]:
        share = len(corpus.texts) // 2
        planted += plant(corpus, lambda s, n=share: n // 5 if s > 0.74 else n // 25, rng, rows)
    families = {
        "chains": chains(english[:6], rng, rows),
        "templates": templates(english[10:16], rng, rows),
        "licence headers": headers(code[:240], english[20:24], rows),
        "short texts": short_texts(rng, rows, 300),
    }
    return rows, corpora, planted, families


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench_dedupe_quality", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of planted pairs (1: some 10,000)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, console = random.Random(args.seed), Console(width=110)
    rows, corpora, planted, families = build(args.scale, rng)
    by_id = {row.row_id: row for row in rows}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        caps = ("--max-per-anchor", "1000000", "--max-per-positive", "1000000")
        whole = run_job(folder, rows, "whole", "--validation-share", "0", "--test-share", "0", *caps)
        evidence = evidence_of(whole)
        gone = {item["removed_row_id"] for item in evidence}
        print_recall(corpora, planted, gone, console)
        print_precision(evidence, by_id, corpora, console)
        for title, ids in families.items():
            print_left(title, ids, by_id, gone, console)
        print_crossing(run_job(folder, rows, "split", "--validation-share", "0.1", "--test-share", "0.1"), console)


if __name__ == "__main__":
    main()
