"""`pairmill token-cache`: the train rows of a pair set as tokens, cut on as many machines as there are.

    Create([how many files]) | numbers | Reshuffle | cut | GroupByKey | arrays | Reshuffle | join | GroupByKey | finish

Writes what the trainer would make for itself, byte for byte (`schemas.token_rows`), to OUTPUT/KEY: `train/run.py
--tokens OUTPUT` finds it there by its key. A file's part lies in the temporary folder and is kept until all are joined,
so that a job that is started again goes on. The index is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import apache_beam as beam
import numpy as np
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from pipelines import storage
from pipelines.failures import report_errors
from pipelines.finish import Job
from pipelines.live_progress import PathWatch, progress_beside
from pipelines.options import JobParser, UsageError, parse, pipeline_options
from pipelines.planned import Planned, numbers_below, plan
from pipelines.progress import Progress
from pipelines.running import run_pipeline
from pipelines.runs import Run
from pipelines.set_files import check_files, load_manifest
from schemas.token_cache import ARRAYS, INDEX_NAME, array_name, tokenizer_hash
from schemas.token_rows import ROWS_AT_ONCE, CacheSettings, Joint, PartSize, cut_texts, token_rows

SPLIT = "train"
_BLOCK = 1 << 24
"""Bytes of a part that are joined at a time; a multiple of every element's size."""


@dataclass(frozen=True)
class TokenJob:
    """What is cut, by what, and where it goes."""

    folder: str
    paths: tuple[str, ...]
    definition: str
    """The tokenizer's."""
    settings: CacheSettings
    target: str
    temporary: str

    def part(self, number: int, name: str) -> str:
        """A file of the part of one data file."""
        return storage.join(self.temporary, f"{name}-{number:06d}")

    def size(self, number: int) -> PartSize:
        """Of a finished part."""
        return PartSize(**json.loads(storage.read_bytes(self.part(number, INDEX_NAME))))

    def array(self, name: str) -> str:
        """A file of the cache."""
        return storage.join(self.target, array_name(name))

    def watch(self, rows: Sequence[int]) -> PathWatch:
        """How far the work is; `rows` are the data files'."""
        cut = {self.part(number, INDEX_NAME): n for number, n in enumerate(rows)}
        return PathWatch({"cut": cut, "join": {self.array(name): sum(rows) for name in ARRAYS}})


class CutFile(beam.DoFn):
    """Number of a data file → ("", the number), after its part is written."""

    def __init__(self, planned: Planned[TokenJob]) -> None:
        self.planned = planned

    def setup(self) -> None:
        """A tokenizer for this worker, which has one core."""
        self.job = self.planned.only()
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.tokenizer = Tokenizer.from_str(self.job.definition)

    def process(self, number: int) -> Iterator[tuple[str, int]]:
        """Write one part, unless another attempt has."""
        if not storage.exists(self.job.part(number, INDEX_NAME)):
            self._write(number)
        yield "", number

    def _write(self, number: int) -> None:
        joint = Joint()
        with ExitStack() as stack:
            opened = {name: self.job.part(number, array_name(name)) for name in ARRAYS}
            files = {name: stack.enter_context(storage.writing(path)) for name, path in opened.items()}
            source = stack.enter_context(storage.open_read(storage.join(self.job.folder, self.job.paths[number])))
            batches = pq.ParquetFile(source).iter_batches(ROWS_AT_ONCE, columns=self.job.settings.columns)
            for batch in batches:
                part = token_rows(batch, self._cut, self.job.settings)
                for name, file in files.items():
                    file.write(joint.placed(name, part.arrays[name], part.size))
                joint.passed(part.size)
        storage.write_atomically(self.job.part(number, INDEX_NAME), json.dumps(asdict(joint.size)).encode())

    def _cut(self, texts: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
        return cut_texts(self.tokenizer, texts, length)


class NameArrays(beam.DoFn):
    """("", all numbers) → the arrays' names."""

    def process(self, element: tuple[str, Iterable[int]]) -> Iterator[str]:
        """Every part is there."""
        for _ in element[1]:
            pass
        yield from ARRAYS


class JoinArray(beam.DoFn):
    """An array's name → ("", the name), after it is written from all parts."""

    def __init__(self, planned: Planned[TokenJob]) -> None:
        self.planned = planned

    def process(self, name: str) -> Iterator[tuple[str, str]]:
        """Write one array."""
        joint, job = Joint(), self.planned.only()
        if not storage.exists(job.array(name)):
            with storage.writing(job.array(name)) as file:
                file.write(joint.first_bytes(name))
                for number in range(len(job.paths)):
                    size = job.size(number)
                    with storage.open_read(job.part(number, array_name(name))) as part:
                        while block := part.read(_BLOCK):
                            file.write(joint.placed(name, np.frombuffer(block, ARRAYS[name]), size))
                    joint.passed(size)
        yield "", name


class FinishCache(beam.DoFn):
    """("", all names) → the number of rows, after the index is written."""

    def __init__(self, planned: Planned[TokenJob]) -> None:
        self.planned = planned

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[int]:
        """The cache is whole."""
        for _ in element[1]:
            pass
        joint, job = Joint(), self.planned.only()
        for size in storage.each(job.temporary, job.size, range(len(job.paths))):
            joint.passed(size)
        index = joint.index(storage.last_part(job.target))
        storage.write_atomically(storage.join(job.target, INDEX_NAME), index)
        yield joint.rows


def make_parser() -> JobParser:
    """The command's flags."""
    parser = JobParser(
        prog="pairmill token-cache",
        description="Cut the train rows of a pair set into tokens ahead of training, on many machines.",
        allow_abbrev=False,
        epilog="Flags of Beam's own (--runner, --project, --region, …) are passed on.",
    )
    parser.add_argument("--input", required=True, metavar="SET", help="the pair set's folder")
    parser.add_argument("--tokenizer", required=True, metavar="FILE", help="what `train --write-tokenizer FILE` wrote")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where token caches lie (`train --tokens`)")
    parser.add_argument("--anchor-length", type=int, required=True, metavar="N", help="most tokens of an anchor")
    parser.add_argument("--positive-length", type=int, required=True, metavar="N", help="most tokens of a positive")
    parser.add_argument(
        "--negatives", type=int, default=0, metavar="N", help="most hard negatives of a row (default: 0)"
    )
    parser.add_argument("--overwrite", action="store_true", help="make it anew where it is there")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: the cores; 1 for small sets)")
    parser.add_argument("--temp", metavar="FOLDER", help="folder for temporary files (default: inside the output)")
    parser.add_argument("--quiet", action="store_true", help="only the closing line")
    return parser


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, cut and join; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    args = command.args
    if min(args.anchor_length, args.positive_length) < 1 or args.negatives < 0:
        raise UsageError("--anchor-length and --positive-length take 1 or more, --negatives 0 or more")
    folder = args.input.rstrip("/")
    manifest = load_manifest(folder)
    entries = manifest.data_files(SPLIT)
    if not entries:
        raise UsageError(f"{folder} has no rows in its split {SPLIT}, so there is nothing to cut")
    check_files(folder, entries)
    definition = _read_tokenizer(args.tokenizer)
    settings = CacheSettings(args.anchor_length, args.positive_length, args.negatives)
    target = storage.join(args.output, settings.key(manifest.data_id, SPLIT, tokenizer_hash(definition)))
    # The same rows may lie in other files than those that a job before has cut.
    files = hashlib.sha256(json.dumps([(entry.path, entry.sha256) for entry in entries]).encode()).hexdigest()[:16]
    temporary = storage.join(args.temp or args.output, f"{storage.last_part(target)}-{files}.parts")
    if args.overwrite:
        storage.delete([target, temporary])
    if storage.exists(storage.join(target, INDEX_NAME)):
        print(f"{target} is there already; nothing was written")
        return 0
    job = TokenJob(folder, tuple(entry.path for entry in entries), definition, settings, target, temporary)
    options = pipeline_options(command, sum(entry.bytes for entry in entries))
    told, watch = Job("token-cache", target, {}, 0, Run(files, "")), job.watch([entry.rows for entry in entries])
    with Progress(told, watch, quiet=args.quiet, path=progress_beside(target)), run_pipeline(options) as pipeline:
        build_graph(pipeline, job)
    if not storage.exists(storage.join(target, INDEX_NAME)):
        print(f"the job was handed to its runner; the tokens will be in {target}")
        return 0
    storage.delete([temporary])
    print(f"{sum(entry.rows for entry in entries):,} rows as tokens are in {target}")
    return 0


def build_graph(pipeline: beam.Pipeline, job: TokenJob) -> None:
    """Wire the steps; the tokenizer and the names of the files lie in a file, and not in the graph."""
    planned = plan(job.temporary, "job", TokenJob, [job])
    pair = beam.typehints.Tuple
    _ = (
        pipeline
        | "begin" >> beam.Create([len(job.paths)])
        | "files" >> beam.FlatMap(numbers_below)
        | "spread files" >> beam.Reshuffle()
        | "cut" >> beam.ParDo(CutFile(planned)).with_output_types(pair[str, int])
        | "all files" >> beam.GroupByKey()
        | "arrays" >> beam.ParDo(NameArrays())
        | "spread arrays" >> beam.Reshuffle()
        | "join" >> beam.ParDo(JoinArray(planned)).with_output_types(pair[str, str])
        | "all arrays" >> beam.GroupByKey()
        | "finish" >> beam.ParDo(FinishCache(planned))
    )


def _read_tokenizer(path: str) -> str:
    """The definition of a file, as the trainer hashes it. Raises UsageError."""
    try:
        return Tokenizer.from_str(storage.read_bytes(path).decode()).to_str()
    except Exception as error:  # the package raises plain Exception for what it cannot read
        why = " ".join(str(error).split())[:200]
        raise UsageError(
            f"{path} is no tokenizer.json that can be read ({why}); let train --write-tokenizer write it"
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill token-cache`; 0 done or there already, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("token-cache", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
