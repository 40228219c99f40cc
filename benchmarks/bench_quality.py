"""The quality rules against datatrove's, page by page: are the decisions the same, and at what cost.

    python benchmarks/bench_quality.py --pages FOLDER

In: a folder of text files, one page each, a paragraph a line. Needs datatrove (`pip install datatrove sentencex`) and
spacy. Each of datatrove's four filters decides on every English page, as do the rules of ours that stand for it, with
the same thresholds. Words are given to datatrove as we split them, at white space: its own tokenizer takes punctuation
marks for words of their own, which lowers the share of words with letters. `--own-words` leaves it its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence

from resiliparse.parse.lang import detect_fast

from miners.web.quality import Thresholds, judge, select_rules

REPETITION = ("duplicate_lines", "duplicate_line_chars", "top_ngrams", "repeated_ngrams")


def our_rules() -> dict[str, tuple[str, ...]]:
    """The names of our rules by the filter that they stand for."""
    repetition = tuple(f"gopher_{name}" for name in REPETITION)
    return {
        "gopher repetition": repetition,
        "gopher quality": tuple(name for name in select_rules(("gopher",)) if name not in repetition),
        "c4": select_rules(("c4",)),
        "fineweb": select_rules(("fineweb",)),
    }


def their_filters(*, own_words: bool) -> dict[str, Callable[[str], bool]]:
    """datatrove's filters as functions that say whether a text is kept."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        fineweb_quality_filter,
        gopher_quality_filter,
        gopher_repetition_filter,
    )

    if not own_words:
        for module in (fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter):
            module.split_into_words = lambda text, language: text.split()
    filters = (GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter())

    def keeps(chosen: object) -> Callable[[str], bool]:
        return lambda text: chosen.filter(Document(text=text, id="page")) is True

    return dict(zip(our_rules(), map(keeps, filters), strict=True))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--own-words", action="store_true", help="leave datatrove its own tokenizer")
    given = parser.parse_args(argv)
    texts = [path.read_text(encoding="utf-8") for path in sorted(given.pages.iterdir())]
    pages = [text for text in texts if text.strip() and detect_fast(text[:4000])[0] == "en"]
    print(f"{len(pages):,} English pages, {sum(map(len, pages)) / 1e6:.1f} million characters")
    print(f"{'filter':20}{'same':>8}{'both drop':>11}{'only they':>11}{'only we':>9}{'their s':>9}{'our s':>9}")
    theirs = their_filters(own_words=given.own_words)
    for name, rules in our_rules().items():
        seen, clocks = Counter(), [0.0, 0.0]
        for text in pages:
            begin = time.process_time()
            kept = theirs[name](text)
            middle = time.process_time()
            ours = judge(text.split("\n"), "en", rules, Thresholds()).reason is None
            clocks[0] += middle - begin
            clocks[1] += time.process_time() - middle
            seen[kept, ours] += 1
        same = (seen[True, True] + seen[False, False]) / len(pages)
        print(
            f"{name:20}{same:8.4f}{seen[False, False]:11,}{seen[False, True]:11,}{seen[True, False]:9,}"
            f"{clocks[0]:9.2f}{clocks[1]:9.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
