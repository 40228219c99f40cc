"""Extractors side by side on an article extraction benchmark: what they find, what they add, what they cost.

PAGES is a checkout of the article extraction benchmark (scrapinghub, MIT), or a folder of its shape: `html/ID.html.gz`
and `ground-truth.json`, which names each page's `articleBody`.

F1, precision and recall are that benchmark's own: shingles of four tokens, counted, precision and recall averaged over
pages, F1 of the two averages. `±` is the standard deviation over resampled pages. Paragraphs are lines of ten words and
more, compared by their words; a line of the truth is a paragraph of it.

  exact       found paragraphs that are paragraphs of the truth
  adjacent    pairs of found neighbours that are neighbours in the truth
  found       neighbours of the truth that are found as neighbours
  pages/s     pages a CPU second of this process, the best of the rounds, decoding and parsing included

    python benchmarks/bench_web_extraction.py --pages article-extraction-benchmark
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import md5
from itertools import pairwise
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from miners.web.charset import decode_page
from miners.web.extraction import paragraphs

Extractor = Callable[[bytes], list[str]]
Shares = tuple[float, float, float]

_TOKEN = re.compile(r"\w+")
_SHINGLE = 4
_PARAGRAPH_WORDS = 10


@dataclass(frozen=True, slots=True)
class Page:
    """A page and the text that a person took from it."""

    name: str
    html: bytes
    truth: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What one extractor reached on a set of pages."""

    f1: float
    precision: float
    recall: float
    f1_deviation: float
    exact: float
    adjacent: float
    found: float
    pages_per_second: float


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3, help="times that each extractor reads all pages (default: 3)")
    parser.add_argument("--resamples", type=int, default=1000, help="of the pages, for the deviation (default: 1000)")
    parser.add_argument(
        "--half", choices=("first", "second"), help="only half of the pages, chosen by their names' hash"
    )
    args = parser.parse_args(argv)
    if not (args.pages / "ground-truth.json").is_file():
        parser.error(f"{args.pages} has no ground-truth.json; give a checkout of the article extraction benchmark")
    pages = [page for page in read_pages(args.pages) if args.half in (None, half_of(page.name))]
    rows = {name: measure(extract, pages, args.rounds, args.resamples) for name, extract in extractors().items()}
    print_table(rows, len(pages))
    return 0


def read_pages(folder: Path) -> list[Page]:
    """The pages of the benchmark, by name."""
    truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    return [
        Page(name, gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes()), article.get("articleBody", ""))
        for name, article in sorted(truth.items())
    ]


def half_of(name: str) -> str:
    """Which half a page is in."""
    return "first" if md5(name.encode()).digest()[0] < 128 else "second"


def extractors() -> dict[str, Extractor]:
    """Those that are installed, by name."""
    found: dict[str, Extractor] = {
        "resiliparse, defaults": lambda html: lines(extract_plain_text(decode_page(html), main_content=True)),
        "resiliparse, best options": _resiliparse_best,
        "pairmill": paragraphs,
    }
    try:
        from trafilatura import extract
    except ImportError:
        print("trafilatura is not installed: left out", file=sys.stderr)
    else:
        for name, options in {"fast": {"fast": True}, "default": {}, "precision": {"favor_precision": True}}.items():
            found[f"trafilatura, {name}"] = lambda html, options=options: lines(
                extract(html, include_comments=False, **options) or ""
            )
    try:
        import html_text
        from readability import Document
    except ImportError:
        print("readability-lxml or html-text is not installed: left out", file=sys.stderr)
    else:
        found["readability + html-text"] = lambda html: lines(
            html_text.extract_text(Document(decode_page(html)).summary())
        )
    return found


def _resiliparse_best(html: bytes) -> list[str]:
    text = extract_plain_text(
        decode_page(html), main_content=True, list_bullets=False, alt_texts=False, comments=False, post_meta=False
    )
    return lines(text)


def lines(text: str) -> list[str]:
    """Lines that are not blank, white space as single spaces."""
    return [line for line in (" ".join(raw.split()) for raw in text.split("\n")) if line]


def measure(extract: Extractor, pages: Sequence[Page], rounds: int, resamples: int) -> Measured:
    """What one extractor reaches; its figures come from the first round, its speed from the best."""
    texts: list[list[str]] = []
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        made = [extract(page.html) for page in pages]
        seconds.append(time.process_time() - begin)
        texts = texts or made
    shares = [shingle_shares(page.truth, "\n".join(text)) for page, text in zip(pages, texts, strict=True)]
    f1, precision, recall = scores(shares)
    drawn = random.Random(0)
    f1s = [scores(drawn.choices(shares, k=len(shares)))[0] for _ in range(resamples)]
    exact, adjacent, found = paragraph_scores([page.truth for page in pages], texts)
    deviation = statistics.stdev(f1s) if len(f1s) > 1 else 0.0
    return Measured(f1, precision, recall, deviation, exact, adjacent, found, len(pages) / min(seconds))


def shingle_shares(truth: str, found: str) -> Shares:
    """True positives, false positives and false negatives, as shares of their sum."""
    true, guessed = shingles(truth), shingles(found)
    common = (true & guessed).total()
    extra, missed = guessed.total() - common, true.total() - common
    whole = common + extra + missed
    return (common / whole, extra / whole, missed / whole) if whole else (0.0, 0.0, 0.0)


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Runs of four tokens; a shorter text is one."""
    tokens = _TOKEN.findall(text)
    runs = (tuple(tokens[i : i + _SHINGLE]) for i in range(max(1, len(tokens) - _SHINGLE + 1)))
    return Counter(run for run in runs if run)


def scores(shares: Sequence[Shares]) -> tuple[float, float, float]:
    """F1, precision and recall over pages."""
    precision = statistics.fmean(_part(hit, extra) for hit, extra, missed in shares if hit + extra > 0)
    recall = statistics.fmean(_part(hit, missed) for hit, extra, missed in shares if hit + missed > 0)
    return 2 * precision * recall / (precision + recall), precision, recall


def _part(hit: float, other: float) -> float:
    return hit / (hit + other)


def paragraph_scores(truths: Iterable[str], texts: Iterable[list[str]]) -> tuple[float, float, float]:
    """Shares of exact paragraphs, of found neighbours that are true, and of true neighbours that are found."""
    exact = paragraphs_made = true_pairs = pairs_made = pairs_found = pairs_true = 0
    for truth, text in zip(truths, texts, strict=True):
        wanted, made = _long_lines(lines(truth)), _long_lines(text)
        neighbors, mined = set(pairwise(wanted)), list(pairwise(made))
        exact += len([line for line in made if line in wanted])
        paragraphs_made += len(made)
        true_pairs += len([pair for pair in mined if pair in neighbors])
        pairs_made += len(mined)
        pairs_found += len(neighbors & set(mined))
        pairs_true += len(neighbors)
    return exact / max(1, paragraphs_made), true_pairs / max(1, pairs_made), pairs_found / max(1, pairs_true)


def _long_lines(found: Sequence[str]) -> list[str]:
    return [" ".join(_TOKEN.findall(line)) for line in found if len(line.split()) >= _PARAGRAPH_WORDS]


def print_table(rows: dict[str, Measured], pages: int) -> None:
    """One line an extractor; the last column holds its speed against trafilatura's with its default settings."""
    peer = rows.get("trafilatura, default")
    print(f"{pages} pages")
    print(
        f"{'':26}{'F1':>14}{'precision':>11}{'recall':>8}{'exact':>8}{'adjacent':>10}{'found':>8}"
        f"{'pages/s':>9}{'× trafilatura':>15}"
    )
    for name, row in rows.items():
        ratio = f"{row.pages_per_second / peer.pages_per_second:15.1f}" if peer else ""
        print(
            f"{name:26}{row.f1:7.3f} ± {row.f1_deviation:.3f}{row.precision:11.3f}{row.recall:8.3f}"
            f"{row.exact:8.3f}{row.adjacent:10.3f}{row.found:8.3f}{row.pages_per_second:9.0f}{ratio}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
