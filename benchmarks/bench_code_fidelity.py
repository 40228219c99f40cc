"""How well the code miner finds documentation, language by language, against the language's own compiler.

    python benchmarks/bench_code_fidelity.py [--languages go java] [--stage develop] [--corpora FOLDER] [--show 5]

Corpora (`code_corpora.py`) are packages of PyPI, npm and Debian, fetched once into `--corpora`; oracles
(`code_oracles.py`) are the parsers that the machine has, and a language whose oracle or corpus it has not is left out
and named. Recall and precision are of "this function has documentation" over all functions with a body in the files
that the oracle parses (of C and C++: that both sides see); exact is the share of the functions documented on both
sides whose texts agree; missed are functions that the miner did not find. Counts stand beside every share, with the
95 % Wilson interval of recall and precision.

    python benchmarks/bench_code_fidelity.py --samples tests/miners/code/oracles

writes what the oracles say of the languages' own samples, which the tests hold the miner against.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from code_corpora import corpora, files
from code_oracles import ORACLES, Oracle, ask

from benchmarks.wilson import wilson
from miners.code import Function, ParseTimeoutError, functions
from miners.code.language import LANGUAGES, grammar, grammar_names
from miners.code.repository import MAX_FILE_BYTES


@dataclass
class Counts:
    """What both sides said of one language's corpus."""

    files: int = 0
    refused: int = 0
    """Files that the oracle cannot parse, or that are not UTF-8 or too large for the miner."""
    functions: int = 0
    missed: int = 0
    documented: int = 0
    mined: int = 0
    both: int = 0
    exact: int = 0
    differences: list[tuple[str, str]] = field(default_factory=list)
    """What kind of difference, and where."""

    @property
    def recall(self) -> float:
        """Documented functions whose documentation was found."""
        return self.both / max(1, self.documented)

    @property
    def precision(self) -> float:
        """Functions mined as documented that are."""
        return self.both / max(1, self.mined)


def matched(records: Sequence[dict], found: Sequence[Function]) -> Iterator[tuple[dict | None, Function | None]]:
    """Pairs of what the oracle and what the miner call the same function; None where one side has none.

    By bytes: the smallest mined span that holds the oracle's body, once each. By lines: the same name, and the smallest
    span that holds the line.
    """
    free = dict(enumerate(found))
    starts = [function.start_byte for function in found]
    by_name: dict[str, list[int]] = {}
    for i, function in free.items():
        by_name.setdefault(function.name, []).append(i)
    for record in sorted(records, key=_size):
        if "start" in record:
            before = range(bisect_right(starts, record["start"]) - 1, -1, -1)
            holds = (i for i in before if i in free and record["end"] <= found[i].end_byte)
        else:
            line = record.get("name_line", record.get("start_line"))
            candidates = [i for i in by_name.get(record["name"], ()) if i in free]
            candidates.sort(key=lambda i: (found[i].start_line != line, found[i].end_byte - found[i].start_byte))
            holds = (i for i in candidates if found[i].start_line <= line <= found[i].end_line)
        place = next(holds, None)
        yield record, None if place is None else free.pop(place)
    for function in free.values():
        yield None, function


def agrees(record: dict, function: Function, oracle: Oracle) -> bool:
    """Whether both texts are the same, as far as the oracle's texts can say."""
    if "raw" in record:
        theirs, ours = record["raw"], function.docstring_raw or ""
    else:
        theirs, ours = record["doc"], function.docstring or ""
    theirs, ours = theirs.replace("\r\n", "\n"), ours.replace("\r\n", "\n")
    return theirs == ours if oracle.text == "exact" else _lines(theirs) == _lines(ours)


def compare(language: str, sources: Sequence[Path], counts: Counts) -> Counts:
    """Count one corpus."""
    oracle = ORACLES[language]
    for path, answer in ask(language, sources).items():
        source = Path(path).read_bytes()
        try:
            if answer.error or len(source) > MAX_FILE_BYTES:
                raise ParseTimeoutError
            found = functions(source, language, path)
        except (UnicodeDecodeError, ParseTimeoutError):
            counts.refused += 1
            continue
        counts.files += 1
        for record, function in matched(answer.functions, found):
            _count(record, function, oracle, path, counts)
    return counts


def _count(record: dict | None, function: Function | None, oracle: Oracle, path: str, counts: Counts) -> None:
    theirs = record is not None and bool(record.get("raw") or record.get("doc"))
    ours = function is not None and bool(function.docstring)
    if oracle.only_common and (record is None or function is None):
        counts.missed += record is not None
        counts.functions += record is not None
        return
    line = function.start_line if function else record and (record.get("start_line") or f"byte {record.get('start')}")
    place = f"{path}:{line} {function.symbol if function else record and record['name']}"
    counts.functions += record is not None
    counts.documented += theirs
    counts.mined += ours
    counts.both += theirs and ours
    if record is not None and function is None:
        counts.missed += 1
        counts.differences.append(("missed, documented" if theirs else "missed", place))
    elif theirs and not ours:
        counts.differences.append(("not found", place))
    elif ours and not theirs:
        counts.differences.append(("false" if record else "false, no function of the oracle", place))
    elif theirs and function is not None and record is not None:
        if agrees(record, function, oracle):
            counts.exact += 1
        else:
            text = record.get("raw") or record["doc"]
            mined = function.docstring_raw if "raw" in record else function.docstring
            counts.differences.append(("other text", f"{place}\n    oracle {text!r}\n    mined  {mined!r}"))


def row(language: str, counts: Counts) -> str:
    """A line of the table."""
    recall = wilson(counts.both, counts.documented)
    precision = wilson(counts.both, counts.mined)
    return (
        f"{language:11} {counts.files:6,} {counts.functions:8,} {counts.missed:6,} {counts.documented:8,} "
        f"{counts.recall:.5f} [{recall[0]:.4f}, {recall[1]:.4f}] "
        f"{counts.precision:.5f} [{precision[0]:.4f}, {precision[1]:.4f}] "
        f"{counts.exact / max(1, counts.both):.5f}  {ORACLES[language].says}"
    )


def write_samples(languages: Sequence[str], folder: Path) -> None:
    """What the oracles say of every grammar's sample, one JSON file a grammar."""
    for language in languages:
        for name in grammar_names(language):
            with tempfile.TemporaryDirectory() as place:
                known = grammar(language, name)
                path = Path(place) / f"sample{known.extensions[0]}"
                path.write_bytes(known.sample)
                answer = ask(language, [path])[str(path)]
            if answer.error:
                raise SystemExit(f"the oracle of {language} cannot parse the sample of {name}: {answer.error}")
            lines = ",\n".join("  " + json.dumps(record, ensure_ascii=False) for record in answer.functions)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; status 1 when a language of the table is below the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [name for name in ORACLES if name in LANGUAGES]
    parser.add_argument("--languages", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--stage", choices=("develop", "accept"), default="accept")
    parser.add_argument("--corpora", type=Path, default=Path("corpora"), help="where corpora are kept")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="list N differences of each kind")
    parser.add_argument("--samples", type=Path, metavar="FOLDER", help="write the oracles' answers for the samples")
    args = parser.parse_args(argv)
    if args.samples:
        write_samples(args.languages, args.samples)
        return 0
    print(f"{'':11} {'files':>6} {'funcs':>8} {'missed':>6} {'docs':>8} {'recall':24} {'precision':24} exact    oracle")
    below = False
    for corpus in corpora(tuple(args.languages), args.stage):
        try:
            counts = compare(corpus.language, files(corpus, args.corpora), Counts())
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            print(f"{corpus.language:11} left out: {error}")
            continue
        bars = ORACLES[corpus.language].bars
        below |= counts.recall < bars[0] or counts.precision < bars[1]
        print(row(corpus.language, counts), flush=True)
        _show(counts, args.show)
    return int(below)


def _show(counts: Counts, limit: int) -> None:
    kinds: dict[str, list[str]] = {}
    for kind, place in counts.differences:
        kinds.setdefault(kind, []).append(place)
    for kind, places in sorted(kinds.items()):
        if limit:
            print(f"  {kind}: {len(places):,}")
            for place in places[:: max(1, len(places) // limit)][:limit]:
                print(f"    {place}")


def _size(record: dict) -> int:
    return record["end"] - record["start"] if "start" in record else 0


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


if __name__ == "__main__":
    sys.exit(main())
