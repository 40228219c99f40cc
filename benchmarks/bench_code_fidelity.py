"""How well the code miner finds documentation, against a compiler's own parser, and how fast.

    python benchmarks/bench_code_fidelity.py [FOLDER …]

Python: every function of the standard library and of the installed packages (or of the folders given), its oracle
`ast.get_docstring`. Recall and precision are of "this function is documented"; exact is the share of documented
functions whose text is the oracle's to the character. Speed is CPU seconds beside a raw tree-sitter parse of the same
files in the same run.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import tree_sitter

from miners.code import functions
from miners.code.language import grammar_for
from miners.code.repository import MAX_FILE_BYTES

SPEED_BYTES = 12_000_000


def oracle(source: bytes) -> dict[tuple[int, str], str | None]:
    """(line, name) of every function that `ast` sees, with its docstring."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    return {
        (node.lineno, node.name): ast.get_docstring(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def read_sources(folders: Sequence[str]) -> list[bytes]:
    """The UTF-8 Python files below the folders that this Python parses itself."""
    sources = []
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.py")):
            source = path.read_bytes()
            if b"\0" not in source and b"\f" not in source and len(source) <= MAX_FILE_BYTES:
                try:
                    source.decode("utf-8")
                    oracle(source)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    continue
                sources.append(source)
    return sources


def compare(sources: Sequence[bytes]) -> dict[str, float]:
    """Recall, precision and exact share over all functions."""
    both = ours = theirs = exact = total = 0
    for source in sources:
        expected = oracle(source)
        found = {(f.start_line, f.name): f.docstring for f in functions(source, "python")}
        total += len(expected)
        theirs += sum(text is not None for text in expected.values())
        ours += sum(text is not None for text in found.values())
        for key, text in expected.items():
            mined = found.get(key)
            if text is not None and mined is not None:
                both += 1
                exact += text == mined
    return {
        "functions": total,
        "documented": theirs,
        "recall": both / max(1, theirs),
        "precision": both / max(1, ours),
        "exact": exact / max(1, both),
    }


def cpu_seconds(work: Callable[[bytes], object], sources: Sequence[bytes]) -> float:
    """CPU seconds of `work` over the sources."""
    start = time.process_time()
    for source in sources:
        work(source)
    return time.process_time() - start


def main(folders: Sequence[str]) -> int:
    """Print the figures; status 1 when recall or precision is below .999."""
    sources = read_sources(folders or [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")])
    figures = compare(sources)
    print(
        f"python  {figures['functions']:,} functions, {figures['documented']:,} documented: "
        f"recall {figures['recall']:.5f}, precision {figures['precision']:.5f}, exact text {figures['exact']:.5f}"
    )
    some, size = [], 0
    for source in sources:
        some.append(source)
        size += len(source)
        if size > SPEED_BYTES:
            break
    parser = tree_sitter.Parser(grammar_for("python").tree_sitter)
    raw = cpu_seconds(parser.parse, some)
    mined = cpu_seconds(lambda source: functions(source, "python"), some)
    print(
        f"speed   {size / 1e6:.1f} MB: raw parse {size / 1e6 / raw:.2f} MB/s, miner {size / 1e6 / mined:.2f} MB/s, "
        f"ratio {raw / mined:.2f}"
    )
    return 0 if min(figures["recall"], figures["precision"]) >= 0.999 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
