"""How fast code is mined, beside the raw parse that bounds it and beside other miners, in one run over the same files.

    python benchmarks/bench_code.py [--languages python go] [--corpora FOLDER] [--peers FOLDER] [--job-megabytes 1000]

Sources are the corpora of `code_corpora.py`; `--megabytes` of each language are taken, in a keyed random order. Speeds
are MB a CPU second, children's CPU included; the parts of a comparison take turns, so that what else the machine does
falls on all of them alike. Columns of the first table:

- raw: `tree_sitter.Parser.parse` alone. function: `miners.code.functions` in this process. child: the same through the
  child process that the job parses in. pairs: with the default rules and everything else that makes a row.
- codetext, function-parser: those miners over trees of the same grammars, where `--peers` has them:
  `pip install --no-deps --target FOLDER codetext==0.0.9 function-parser==0.0.4`. They build grammars of their own from
  a clone where they are used as they come; here their function lists, docstrings and metadata are asked for.

Then what parts of a row cost, and the job as a user runs it, with one and with two workers, over copies of the Python
corpus until there are `--job-megabytes`. CPU seconds are of the whole process tree. "Stolen" is the share of the
processor time that the host of a virtual machine kept from it: a run is of an idle machine where that is near 0.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import ctypes
import importlib
import os
import random
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import tree_sitter
from code_corpora import corpora, files
from process_tree import Cost, processor_times, run, stolen_share

from miners.code import functions
from miners.code.config import CodeConfig
from miners.code.filters import CodeFilters, content_reason, path_reason
from miners.code.language import LANGUAGES, grammar_for, language_for_path
from miners.code.licenses import LicenseFinding
from miners.code.mine import SourceFile, mine_files
from miners.code.parsing_batch import ParsingHere, Source
from miners.code.parsing_process import ParsingProcess
from miners.code.repository import MAX_FILE_BYTES, Entry
from schemas.ledger import Ledger
from schemas.pair import Provenance

FIRST_EIGHT = ("python", "javascript", "typescript", "go", "java", "php", "ruby", "rust")
CODETEXT = {
    "python": "Python",
    "javascript": "Javascript",
    "go": "Go",
    "java": "Java",
    "php": "Php",
    "ruby": "Ruby",
    "rust": "Rust",
}
FUNCTION_PARSER = {name: name.title() for name in ("python", "go", "java", "php", "ruby")} | {
    "javascript": "Javascript"
}
SHARES = (("function", 0.6, 0.45), ("job", 0.4, 0.4))
"""Bars: the share of raw parse speed in Python, and in the mean over the languages."""
MAX_CPU_RATIO, MIN_SPEEDUP = 1.15, 1.6
RAW_SECONDS = 15.0
"""CPU seconds, at least, of the raw parse before, between and after the jobs."""
PR_SET_CHILD_SUBREAPER = 36
FILTERS = CodeFilters()


@dataclass
class Measured:
    """MB and CPU seconds, by what was measured."""

    megabytes: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, size: int, seconds: float) -> None:
        self.megabytes[name] = self.megabytes.get(name, 0.0) + size / 1e6
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def speed(self, name: str) -> float:
        return self.megabytes[name] / self.seconds[name] if self.seconds.get(name) else float("nan")


def cpu() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def cpu_of(pid: int) -> float:
    """CPU seconds of a running process of this machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sources(language: str, folder: Path, megabytes: float, seed: int) -> list[Source]:
    """Files of the corpus that the rules do not leave unread, in random order, until they are so many MB."""
    paths = [path for corpus in corpora((language,), "develop") for path in files(corpus, folder)]
    random.Random(seed).shuffle(paths)
    chosen: list[Source] = []
    left = megabytes * 1e6
    for path in paths:
        known = language_for_path(path.name)
        data = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
        if known is None or known[0].name != language or not data.strip() or b"\0" in data:
            continue
        if path_reason(path.name, known[0], FILTERS) or content_reason(data, FILTERS):
            continue
        chosen.append(Source(data, known[1], str(path)))
        left -= len(data)
        if left < 0:
            break
    return chosen


def raw_parse(source: Source) -> None:
    """The limit: nothing but the tree."""
    parser = PARSERS.get(source.grammar)
    if parser is None:
        parser = PARSERS[source.grammar] = tree_sitter.Parser(grammar_for(source.grammar).tree_sitter)
    parser.parse(source.data)


PARSERS: dict[str, tree_sitter.Parser] = {}


def mine_function(source: Source) -> None:
    """The miner in this process."""
    with suppress(UnicodeDecodeError):
        functions(source.data, source.grammar, source.path)


def source_files(batch: Sequence[Source]) -> Iterator[SourceFile]:
    """The batch as a repository's files under no licence."""
    for source in batch:
        yield SourceFile(
            Entry(Path(source.path).name, len(source.data)),
            Provenance(repo="bench", path=source.path),
            ("code", "bench", source.path),
            lambda data=source.data: data,
            lambda data: LicenseFinding(),
        )


def mine_pairs(batch: Sequence[Source], config: CodeConfig) -> None:
    """Rows of a batch, in this process."""
    for _ in mine_files(source_files(batch), config, Ledger("mine-code"), ParsingHere()):
        pass


def batches(found: Sequence[Source], size: int = 1 << 20) -> Iterator[list[Source]]:
    """Consecutive files of about `size` bytes together."""
    batch: list[Source] = []
    for source in found:
        batch.append(source)
        if sum(len(one.data) for one in batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def measure_language(found: Sequence[Source]) -> Measured:
    """Raw parse and the miner here file by file in turns, then its child and whole rows batch by batch."""
    measured = Measured()
    child = ParsingProcess()
    list(child.parse(found[:1]))
    mine_pairs(found[:20], CodeConfig())
    for batch in batches(found):
        size = sum(len(source.data) for source in batch)
        for i, source in enumerate(batch):
            turns = (("raw", raw_parse), ("function", mine_function))
            for name, work in turns if i % 2 else reversed(turns):  # who comes second has the file in its caches
                with clocked(measured, name, len(source.data)):
                    work(source)
        before = cpu_of(child.pid or 0)
        with clocked(measured, "child", size):
            list(child.parse(batch))
        measured.seconds["child"] += cpu_of(child.pid or 0) - before
        with clocked(measured, "pairs", size):
            mine_pairs(batch, CodeConfig())
    child.close()
    return measured


@contextmanager
def clocked(measured: Measured, name: str, size: int) -> Iterator[None]:
    """Add the block's CPU time."""
    begun = cpu()
    yield
    measured.add(name, size, cpu() - begun)


def measure_parts(found: Sequence[Source]) -> Measured:
    """What a row's parts cost, in turns: each configuration has one part less than `default`."""
    whole = CodeConfig()
    configs = {
        "default": whole,
        "without docstring styles": replace(whole, docstring_parts=False),
        "without secret detection": replace(whole, secrets="keep"),
        "without both": replace(whole, docstring_parts=False, secrets="keep"),
        "without filters too": replace(whole, docstring_parts=False, secrets="keep", filters=None),
    }
    measured = Measured()
    for config in configs.values():
        mine_pairs(found[:20], config)
    for batch in batches(found):
        for name, config in configs.items():
            with clocked(measured, name, sum(len(source.data) for source in batch)):
                mine_pairs(batch, config)
    return measured


def peers(folder: str | None, language: str) -> dict[str, Callable[[Source], Sized]]:
    """The other miners that `folder` has, for a language that they know."""
    if folder is None:
        return {}
    if folder not in sys.path:
        sys.path.append(folder)
    found: dict[str, Callable[[Source], Sized]] = {}
    if language in CODETEXT and importlib.util.find_spec("codetext"):
        module = importlib.import_module(f"codetext.parser.{language}_parser")
        found["codetext"] = _codetext(getattr(module, f"{CODETEXT[language]}Parser"))
    if language in FUNCTION_PARSER and importlib.util.find_spec("function_parser"):
        module = importlib.import_module(f"function_parser.parsers.{language}_parser")
        found["function-parser"] = _function_parser(getattr(module, f"{FUNCTION_PARSER[language]}Parser"))
    return found


def _codetext(parser: type) -> Callable[[Source], Sized]:
    def mine(source: Source) -> Sized:
        tree = PARSERS[source.grammar].parse(source.data)
        return [
            (parser.get_docstring(node), parser.get_function_metadata(node))
            for node in parser.get_function_list(tree.root_node)
        ]

    return mine


def _function_parser(parser: type) -> Callable[[Source], Sized]:
    def mine(source: Source) -> Sized:
        return parser.get_definition(PARSERS[source.grammar].parse(source.data), source.data.decode("utf-8", "replace"))

    return mine


def measure_peers(found: Sequence[Source], folder: str | None, language: str, seconds: float) -> Measured:
    """Each peer for so many CPU seconds, in turns with the raw parse; files that it breaks on count as read."""
    measured = Measured()
    for name, mine in peers(folder, language).items():
        broken = count = 0
        for source in found:
            with clocked(measured, f"{name} raw", len(source.data)):
                raw_parse(source)
            with clocked(measured, name, len(source.data)):
                try:
                    count += len(mine(source))
                except Exception:
                    broken += 1
            if measured.seconds[name] > seconds:
                break
        print(f"{language}: {name} gives {count:,} functions and breaks on {broken} files", file=sys.stderr)
        if not count:
            del measured.seconds[name]
    return measured


def copies(found: Sequence[Source], folder: Path, megabytes: float) -> float:
    """Repositories with these files under `folder`, all told at least so many MB; how many MB they are."""
    total, number = 0, 0
    while total < megabytes * 1e6:
        for i, source in enumerate(found):
            path = folder / f"repository{number:04d}" / f"p{i % 40}" / f"m{i}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.data)
            total += len(source.data)
        number += 1
    return total / 1e6


def run_job(folder: Path, output: Path, workers: int) -> Cost:
    """Of the command over the repositories, all its processes included."""
    arguments = ["--input", f"{folder}/*", "--output", str(output), "--workers", str(workers), "--quiet"]
    root = Path(__file__).resolve().parent.parent
    cost = run([sys.executable, "-m", "pipelines.mine_code", *arguments], PYTHONPATH=str(root))
    shutil.rmtree(output)
    return cost


def print_languages(measured: dict[str, Measured], others: dict[str, Measured]) -> bool:
    """The first table; whether the bars are met."""
    columns = ("function", "child", "pairs")
    print(f"{'MB a CPU second':18}{'MB':>7}{'raw':>7}" + "".join(f"{name:>16}" for name in columns), end="")
    print(f"{'codetext':>16}{'function-parser':>17}")
    ratios: dict[str, list[float]] = {name: [] for name in columns}
    for language, one in measured.items():
        raw = one.speed("raw")
        print(f"{language:18}{one.megabytes['raw']:7.1f}{raw:7.2f}", end="")
        for name in columns:
            ratios[name].append(one.speed(name) / raw)
            print(f"{one.speed(name):9.2f} ({ratios[name][-1]:4.2f})", end="")
        for name, width in (("codetext", 9), ("function-parser", 10)):
            other = others[language]
            if name in other.seconds:
                share = other.speed(name) / other.speed(f"{name} raw")
                print(f"{other.speed(name):{width}.2f} ({share:4.2f})", end="")
            else:
                print(f"{'–':>{width + 7}}", end="")
        print()
    means = {name: sum(values) / len(values) for name, values in ratios.items()}
    print(f"{'mean share of raw':32}" + "".join(f"{means[name]:15.2f} " for name in columns))
    _, python_bar, mean_bar = SHARES[0]
    met = means["function"] >= mean_bar
    if "python" in measured:
        met &= measured["python"].speed("function") / measured["python"].speed("raw") >= python_bar
    return met


def print_parts(measured: Measured) -> None:
    """What leaving a part out saves."""
    whole = measured.seconds["default"]
    print("\nCPU milliseconds a MB of Python, rows in one process")
    for name, seconds in measured.seconds.items():
        each = 1000 * seconds / measured.megabytes[name]
        print(f"{name:28}{each:8.1f}   {100 * (seconds - whole) / whole:+6.1f} %")


def raw_speed(found: Sequence[Source]) -> tuple[float, float]:
    """MB a CPU second of the raw parse, now, and what was stolen meanwhile; for a while, as a machine's speed changes
    from second to second.
    """
    begun, times, rounds = cpu(), processor_times(), 0
    while cpu() - begun < RAW_SECONDS:
        rounds += 1
        for source in found:
            raw_parse(source)
    return rounds * sum(len(source.data) for source in found) / 1e6 / (cpu() - begun), stolen_share(times)


def measure_job(found: Sequence[Source], megabytes: float) -> bool:
    """Run and print the job, the raw parse before, between and after; whether the bars are met."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, output = Path(scratch) / "repositories", Path(scratch) / "out"
        total = copies(found, folder, megabytes)
        (Path(scratch) / "small").mkdir()
        shutil.copytree(folder / "repository0000" / "p0", Path(scratch) / "small" / "p0")
        begin = run_job(Path(scratch) / "small", output, 1)
        raws = [raw_speed(found)]
        one = run_job(folder, output, 1)
        raws.append(raw_speed(found))
        two = run_job(folder, output, 2)
        raws.append(raw_speed(found))
    raw = sum(speed for speed, _ in raws) / len(raws)
    shown = " ".join(f"{speed:.2f} ({stolen:.0%})" for speed, stolen in raws)
    print(f"\nthe job, {total:,.0f} MB of Python; raw parse {shown} MB a CPU second (stolen)")
    print(f"{'':12}{'CPU s':>9}{'wall s':>9}{'stolen':>9}{'MB a CPU s':>12}{'of raw':>9}{'wall speed':>12}")
    for name, cost in (("1 worker", one), ("2 workers", two)):
        speed = total / cost.cpu
        print(f"{name:12}{cost.cpu:9.1f}{cost.wall:9.1f}{cost.stolen:9.0%}", end="")
        print(f"{speed:12.2f}{speed / raw:9.2f}{one.wall / cost.wall:12.2f}")
    print(f"{'start':12}{begin.cpu:9.1f}   (a job over a few files)")
    print(f"CPU of two workers over one's: {two.cpu / one.cpu:.2f}")
    is_fast = total / one.cpu / raw >= SHARES[1][1] and one.wall / two.wall >= MIN_SPEEDUP
    return is_fast and two.cpu / one.cpu <= MAX_CPU_RATIO


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; status 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [name for name in FIRST_EIGHT if name in LANGUAGES]
    parser.add_argument("--languages", nargs="*", choices=LANGUAGES, default=known, help=f"default: {' '.join(known)}")
    parser.add_argument("--corpora", type=Path, default=Path.home() / ".cache" / "pairmill-corpora", metavar="FOLDER")
    parser.add_argument("--megabytes", type=float, default=8.0, help="of each language (default: 8)")
    parser.add_argument("--peers", metavar="FOLDER", help="where codetext and function-parser are installed")
    parser.add_argument("--peer-seconds", type=float, default=5.0, help="CPU seconds a peer and language (default: 5)")
    parser.add_argument("--job-megabytes", type=float, default=1000.0, help="input of the job; 0: no job")
    parser.add_argument("--seed", type=int, default=0, help="which files (default: 0)")
    given = parser.parse_args(arguments)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    found = {}
    for language in given.languages:
        try:
            found[language] = sources(language, given.corpora, given.megabytes, given.seed)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{language} is left out: its corpus cannot be had ({error})", file=sys.stderr)
    measured = {language: measure_language(some) for language, some in found.items()}
    others = {
        language: measure_peers(some, given.peers, language, given.peer_seconds) for language, some in found.items()
    }
    met = print_languages(measured, others)
    if "python" in found:
        print_parts(measure_parts(found["python"]))
        if given.job_megabytes:
            met &= measure_job(found["python"], given.job_megabytes)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
