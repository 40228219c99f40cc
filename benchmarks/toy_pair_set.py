"""A small pair set of made-up functions, for runs that only look for mistakes: ``toy_pair_set.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.made_pair_set import write_pair_set
from schemas.pair import Provenance, make_pair, pairs_to_table

ROWS = 400
VERBS = ("parse", "write", "count", "merge", "split", "sort", "check", "load")
NOUNS = ("header", "record", "table", "index", "page", "token", "path", "date")


def main() -> None:
    """Writes the set: texts of several lengths, no two alike."""
    pairs = []
    for i in range(ROWS):
        verb, noun = VERBS[i % 8], NOUNS[i // 8 % 8]
        lines = "".join(f"    {noun}_{k} = {verb}_{k}({noun}, {i})\n" for k in range(i % 7))
        pairs.append(
            make_pair(
                kind="docstring_code",
                language="python",
                anchor=f"{verb.title()} {noun} number {i}, {'slowly and ' * (i % 5)}once.",
                positive=f"def {verb}_{noun}_{i}({noun}):\n{lines}    return {noun}\n",
                place=("code", "made/up", f"m{i}.py", i, i + 9),
                group="made/up",
                provenance=Provenance(repo="made/up", path=f"m{i}.py", symbol=f"{verb}_{noun}_{i}", license="MIT"),
            )
        )
    write_pair_set(Path(sys.argv[1]), [pairs_to_table(pairs)])


if __name__ == "__main__":
    main()
