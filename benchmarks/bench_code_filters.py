"""How much each named filter set keeps of the documented functions of a folder, by what it dropped the rest, and what
substrings in the place of whole words would drop. Default folder: this interpreter's standard library, without its
tests and site-packages.

    python benchmarks/bench_code_filters.py
    python benchmarks/bench_code_filters.py --folder FOLDER --examples 3
"""

from __future__ import annotations

import argparse
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from miners.code import Function, functions
from miners.code.docstring_language import docstring_languages
from miners.code.docstring_styles import docstring_parts
from miners.code.extract import ParseTimeoutError
from miners.code.filters import FILTER_SETS, CodeFilters, path_reason
from miners.code.language import Language, language_for_path
from miners.code.pair_rules import function_reason, text_reason
from miners.secrets import find_secrets

SKIPPED = {"site-packages", "test", "tests", "idle_test", "lib2to3", "__pycache__"}
SUBSTRINGS = {
    "`test` in the function's name": lambda f: "test" in f.name.lower(),
    "`todo`, `fixme`, `copyright` or `generated` in the documentation": lambda f: any(
        word in f.docstring.lower() for word in ("todo", "fixme", "copyright", "generated")
    ),
    "name begins with get or set": lambda f: f.name.lower().startswith(("get", "set")),
    "documentation that is not ASCII": lambda f: not f.docstring.isascii(),
    "a question mark in the documentation": lambda f: "?" in f.docstring,
}
"""Rules of published tools, as these write them."""


def documented(folder: Path) -> Iterator[tuple[Function, Language]]:
    """Every documented function below the folder."""
    keep_files = replace(CodeFilters(), drop_test_files=False, drop_vendored_files=False)
    for path in sorted(folder.rglob("*")):
        known = language_for_path(path.name)
        inside = path.relative_to(folder).as_posix()
        if known is None or not path.is_file() or SKIPPED & set(inside.split("/")):
            continue
        if path_reason(inside, known[0], keep_files):
            continue
        try:
            found = functions(path.read_bytes(), known[1], path.name)
        except (UnicodeDecodeError, ParseTimeoutError):
            continue
        yield from ((function, known[0]) for function in found if function.docstring and not function.has_error)


def report_sets(pairs: list[tuple[Function, Language]], examples: int) -> None:
    """One line a set: its share, and the reasons of the rest."""
    for name, filters in FILTER_SETS.items():
        reasons: Counter[str] = Counter()
        shown: dict[str, list[str]] = {}
        for function, language in pairs:
            reason = filters and (
                text_reason(function.docstring, filters) or function_reason(function, language, filters)
            )
            reasons[reason or "kept"] += 1
            shown.setdefault(reason or "kept", []).append(f"{function.symbol}: {(function.summary or '')[:90]}")
        kept = reasons.pop("kept")
        dropped = ", ".join(f"{reason} {n:,}" for reason, n in reasons.most_common())
        print(f"{name:14} {kept:7,}  {kept / len(pairs):.3f}  {dropped}")
        for reason in list(reasons) if examples else ():
            print(f"    {reason}", *shown[reason][:examples], sep="\n        ")


def report_costs(pairs: list[tuple[Function, Language]]) -> None:
    """CPU seconds of what a row costs beside the parse, over all documented functions."""
    texts = [function.docstring for function, _ in pairs]
    rules = CodeFilters()
    steps = {
        "rules": lambda: [text_reason(f.docstring, rules) or function_reason(f, kind, rules) for f, kind in pairs],
        "language of the documentation": lambda: docstring_languages(texts),
        "its parts": lambda: [docstring_parts(f.docstring, kind.documentation.styles) for f, kind in pairs],
        "secrets in both sides": lambda: [(find_secrets(f.code), find_secrets(f.docstring)) for f, _ in pairs],
    }
    for name, step in steps.items():
        step()
        before = time.process_time()
        step()
        spent = time.process_time() - before
        print(f"{spent:8.3f} s  {spent / len(pairs) * 1e6:7.1f} µs each  {name}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("--examples", type=int, default=0, metavar="N", help="also show N functions of each reason")
    args = parser.parse_args()
    pairs = list(documented(args.folder))
    if not pairs:
        raise SystemExit(f"{args.folder} holds no documented function")
    print(f"{len(pairs):,} documented functions in {args.folder}\n")
    print("set               kept  share  first reason of the rest")
    report_sets(pairs, args.examples)
    print("\nwhat substrings and character classes would drop")
    for name, rule in SUBSTRINGS.items():
        n = sum(rule(function) for function, _ in pairs)
        print(f"{n:7,}  {n / len(pairs):.3f}  {name}")
    together = sum(any(rule(function) for rule in SUBSTRINGS.values()) for function, _ in pairs)
    print(f"{together:7,}  {together / len(pairs):.3f}  any of these\n\nwhat a row costs beside the parse, CPU time")
    report_costs(pairs)


if __name__ == "__main__":
    main()
