"""How fast web pages are mined, beside the raw loop that bounds it and beside datatrove, in one run over one input.

    python benchmarks/bench_web.py --warc FILE … [--copies 20] [--datatrove PYTHON] [--memory]

The pages of the WARC files are written out `--copies` times, each under a URL of its own, into eight files: what takes
ten seconds says little of a job whose start takes two. Contenders, each a process of its own over these files:

- raw: FastWARC (`auto_decode='none'`), decoding, charset, resiliparse's parse and extraction with the options that
  measured best, lines, detect_fast: the practical limit;
- pairmill: the job as a user runs it, with Gopher's rules and language identification, with 1 worker and with 2, and
  nothing redacted; then once with everything redacted (privacy's cost), and with C4's and FineWeb's rules too;
- datatrove, if a Python that has `datatrove[processing]`, spacy, faust-cchardet, python-magic, warcio, pyarrow and
  lxml_html_clean is named: WarcReader, Trafilatura, Gopher's two filters, Parquet, with as many workers, over one copy.

Speeds are pages a CPU second of the whole process tree; a page is an HTML response of status 200. As a machine's speed
drifts, the raw loop and the jobs of the bar take turns, and the means of their runs count. Two workers are to be
measured on a machine that is idle otherwise, on input that takes one worker 120 CPU seconds: 45 copies of a thousand
pages of documentation. "stolen" is the share of the processor time that the host of a virtual machine kept from it. A
run from which it kept more than a twentieth is shown but not counted, and there is another one, in at most six rounds
of five minutes; where none is better, all count. `--memory` runs the job over 1, 4 and 16 times two files and prints
the peak of its memory.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import re
import shutil
import tempfile
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from process_tree import Cost, run

from miners.web.record_reader import WarcRecord, read_records
from miners.web.urls import clean_url

FILES = 8
ROUNDS, MOST_ROUNDS = 2, 6
"""So many undisturbed runs of each contender are waited for, in so many rounds at most."""
MOST_STOLEN = 0.05
"""See `process_tree.stolen_share`; beyond it, other machines' work has a part in the figure."""
EVERYTHING = "emails,phones,ips,secrets"
DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.writers import ParquetWriter
folder, output, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
LocalPipelineExecutor(
    pipeline=[
        WarcReader(folder, glob_pattern="*.warc.gz"),
        Trafilatura(),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        ParquetWriter(output + "/data"),
    ],
    tasks=8,
    workers=workers,
    logging_dir=output + "/logs",
).run()
"""


@dataclass(frozen=True)
class Speed:
    """One contender's run."""

    name: str
    pages: int
    cost: Cost

    @property
    def pages_a_cpu_second(self) -> float:
        return self.pages / self.cost.cpu


def write_copies(warcs: Sequence[Path], folder: Path, copies: int, files: int = FILES) -> int:
    """The HTML pages of the files, `copies` times, in so many gzipped WARC files; gives how many pages there are."""
    folder.mkdir(parents=True)
    records = [record for path in warcs for record in _html_records(path)]
    for number in range(files):
        with (folder / f"part-{number}.warc.gz").open("wb") as out:
            for index in range(number, len(records) * copies, files):
                copy, place = divmod(index, len(records))
                out.write(_member(records[place], copy))
    return len(records) * copies


def _html_records(path: Path) -> Iterator[WarcRecord]:
    with path.open("rb") as file:
        for record in read_records(file):
            if not isinstance(record, WarcRecord) or record.headers.get("warc-type") != "response" or not record.block:
                continue
            head = record.block[:2000].lower()
            if head.split(b"\r\n", 1)[0].find(b" 200") > 0 and b"content-type: text/html" in head:
                yield record


def _member(record: WarcRecord, copy: int) -> bytes:
    url = clean_url(record.headers["warc-target-uri"])
    marked = f"{url}{'&' if '?' in url else '?'}copy={copy}"
    fields = {
        "WARC-Type": "response",
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, marked)}>",
        "WARC-Date": record.headers.get("warc-date", "2024-01-01T00:00:00Z"),
        "WARC-Target-URI": marked,
        "WARC-Identified-Payload-Type": "text/html",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(record.block or b"")),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    text = b"WARC/1.0\r\n" + head.encode() + b"\r\n" + (record.block or b"") + b"\r\n\r\n"
    return packer.compress(text) + packer.flush()


def raw_loop(folder: Path) -> int:
    """The contender raw; gives the number of pages."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from resiliparse.parse.html import HTMLTree
    from resiliparse.parse.lang import detect_fast

    from miners.web.http_message import decode_body, parse_response

    pages = 0
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            records = ArchiveIterator(
                file, record_types=WarcRecordType.response, parse_http=False, auto_decode="none", quirks_mode=True
            )
            for record in records:
                body = decode_body(parse_response(record.reader.read()), 64 << 20)
                text = extract_plain_text(
                    HTMLTree.parse(bytes_to_str(body, detect_encoding(body))),
                    main_content=True,
                    preserve_formatting=True,
                    list_bullets=False,
                    alt_texts=False,
                    comments=False,
                    post_meta=False,
                )
                lines = [line for line in text.split("\n") if line.strip()]
                detect_fast("\n".join(lines))
                pages += 1
    return pages


def run_raw(folder: Path, pages: int) -> Speed:
    cost = run([sys.executable, __file__, "--raw", str(folder)])
    if int(cost.output.split()[-1]) != pages:
        raise RuntimeError(f"the raw loop saw {cost.output.split()[-1]} pages of {pages:,}")
    return Speed("raw loop", pages, cost)


def mean_speed(runs: Sequence[Speed]) -> Speed:
    """The undisturbed runs of one contender as one (all, where there is none): their means, and the largest peak."""
    costs = [one.cost for one in undisturbed(runs) or runs]
    mean = replace(
        costs[0],
        cpu=sum(cost.cpu for cost in costs) / len(costs),
        wall=sum(cost.wall for cost in costs) / len(costs),
        peak_mb=max(cost.peak_mb for cost in costs),
        stolen=sum(cost.stolen for cost in costs) / len(costs),
    )
    return replace(runs[0], name=f"{runs[0].name}, mean of {len(costs)}", cost=mean)


def undisturbed(runs: Sequence[Speed]) -> list[Speed]:
    """Those from which the host took next to nothing."""
    return [one for one in runs if one.cost.stolen <= MOST_STOLEN]


def run_pairmill(folder: Path, pages: int, workers: int, rules: str = "gopher", redact: str = "none") -> Speed:
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "pipelines.mine_web", "--input", f"{folder}/*", "--output", f"{output}/set"]
        command += ["--workers", str(workers), "--rules", rules, "--redact", redact, "--quiet"]
        cost = run(command, PYTHONPATH=str(Path(__file__).resolve().parent.parent))
    extra = f", redact {redact}" if redact != "none" else ""
    return Speed(f"pairmill, {workers} worker{'s' * (workers > 1)}, rules {rules}{extra}", pages, cost)


def run_datatrove(python: str, folder: Path, workers: int) -> Speed:
    """Its pages are those that its reader gave on."""
    with tempfile.TemporaryDirectory() as output:
        cost = run([python, "-c", DATATROVE, str(folder), output, str(workers)])
    pages = int(re.findall(r"documents: (\d+)", cost.output)[-1])
    return Speed(f"datatrove, {workers} worker{'s' * (workers > 1)}", pages, cost)


def print_speed(speed: Speed, raw: Speed | None = None) -> Speed:
    """A line of the table, with the share of the raw loop's speed where that is known; the speed itself."""
    share, cost = f"{speed.pages_a_cpu_second / raw.pages_a_cpu_second:.2f}" if raw else "", speed.cost
    print(
        f"{speed.name:70}{speed.pages:9,}{cost.cpu:9.1f}{cost.wall:9.1f}{speed.pages_a_cpu_second:13.1f}"
        f"{share:>8}{cost.peak_mb:9.0f}{cost.stolen:8.0%}",
        flush=True,
    )
    return speed


def measure_in_turns(folder: Path, pages: int) -> tuple[Speed, Speed, Speed]:
    """The means of the raw loop, of one worker and of two; a line of the table for every run and every mean."""
    raws: list[Speed] = []
    jobs: dict[int, list[Speed]] = {1: [], 2: []}
    while len(raws) < MOST_ROUNDS and any(len(undisturbed(runs)) < ROUNDS for runs in (raws, *jobs.values())):
        raws.append(print_speed(run_raw(folder, pages)))
        for workers, runs in jobs.items():
            if len(undisturbed(runs)) < ROUNDS:
                runs.append(print_speed(run_pairmill(folder, pages, workers)))
    raw, one, two = map(mean_speed, (raws, *jobs.values()))
    for speed in (raw, one, two):
        print_speed(speed, raw)
    return raw, one, two


def print_bars(raw: Speed, one: Speed, two: Speed, peers: Sequence[Speed]) -> None:
    """The ratios that are asked for, each with its bar."""
    rows = [("one worker's pages a CPU second of the raw loop's", one.pages_a_cpu_second / raw.pages_a_cpu_second, 0.5)]
    rows += [
        (f"one worker's of those of {peer.name}", one.pages_a_cpu_second / peer.pages_a_cpu_second, 8.0)
        for peer in peers
    ]
    rows += [
        ("two workers' CPU seconds of one's (at most)", two.cost.cpu / one.cost.cpu, 1.15),
        ("two workers' speed of one's", one.cost.wall / two.cost.wall, 1.6),
    ]
    print()
    for name, value, bar in rows:
        print(f"{name:58}{value:9.2f}   bar {bar:.2f}")
    if one.cost.cpu < 120:
        print(f"one worker took {one.cost.cpu:.0f} CPU seconds; two are judged from 120 on: give more --copies")


def print_extras(one: Speed, extras: Mapping[str, Speed]) -> None:
    """What is not in the bar's run: by how much each makes one worker's CPU seconds more."""
    for name, speed in extras.items():
        print(f"{f'{name}: CPU seconds more, of one worker':58}{speed.cost.cpu / one.cost.cpu - 1:9.0%}")


def print_memory(warcs: Sequence[Path], folder: Path, copies: int) -> None:
    """The peaks over 1, 4 and 16 times two files of `copies`: a crawl grows by files, each as large as the others."""
    print(f"\n{'input':>8}{'pages':>10}{'MB':>8}{'peak MB, 1 worker':>20}{'peak MB, 2 workers':>20}")
    for times in (1, 4, 16):
        place = folder / f"memory-{times}"
        pages = write_copies(warcs, place, 2 * copies * times, files=2 * times)
        size = sum(path.stat().st_size for path in place.iterdir()) / 1e6
        peaks = [run_pairmill(place, pages, workers, redact=EVERYTHING).cost.peak_mb for workers in (1, 2)]
        print(f"{times:7}x{pages:10,}{size:8.0f}{peaks[0]:20.0f}{peaks[1]:20.0f}", flush=True)
        shutil.rmtree(place)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warc", nargs="+", type=Path, help="WARC files with real pages")
    parser.add_argument("--copies", type=int, default=20, help="how often each page is written (default: 20)")
    parser.add_argument("--datatrove", metavar="PYTHON", help="a Python with datatrove[processing]")
    parser.add_argument("--memory", action="store_true", help="also measure memory at 1, 4 and 16 times the input")
    parser.add_argument(
        "--memory-copies", type=int, default=4, help="copies in each file there, to fill a row group (default: 4)"
    )
    parser.add_argument("--temp", type=Path, help="where the copies are written (default: the system's)")
    parser.add_argument("--raw", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.raw:
        print(raw_loop(given.raw))
        return 0
    if not given.warc:
        parser.error("give --warc files")
    with tempfile.TemporaryDirectory(dir=given.temp) as temporary:
        folder = Path(temporary) / "copies"
        pages = write_copies(given.warc, folder, given.copies)
        megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        print(f"{pages:,} pages, {megabytes:,.0f} MB of gzipped WARC\n")
        print(
            f"{'contender':70}{'pages':>9}{'CPU s':>9}{'wall s':>9}{'pages/CPU s':>13}{'of raw':>8}{'peak MB':>9}"
            f"{'stolen':>8}"
        )
        raw, one, two = measure_in_turns(folder, pages)
        redacted = print_speed(run_pairmill(folder, pages, 1, redact=EVERYTHING), raw)
        judged = print_speed(run_pairmill(folder, pages, 1, rules="gopher,c4,fineweb"), raw)
        peers = []
        if given.datatrove:
            once = Path(temporary) / "once"
            write_copies(given.warc, once, 1)
            for workers in (1, 2):
                peers.append(print_speed(run_datatrove(given.datatrove, once, workers), raw))
        print_bars(raw, one, two, peers)
        print_extras(one, {"redaction": redacted, "C4's and FineWeb's rules": judged})
        if given.memory:
            print_memory(given.warc, Path(temporary), given.memory_copies)
    return 0


if __name__ == "__main__":
    sys.exit(main())
