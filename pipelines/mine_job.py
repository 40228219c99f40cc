"""The graph that the mine jobs and import share: each unit is mined and written where it is read, without a shuffle.

    Create([END]) | ParDo(read the planned units) | Reshuffle | ParDo(mine a unit) | GroupByKey | ParDo(sum a batch)
        | GroupByKey | ParDo(finish)

Where a job has several passes, each is such a part of the graph: its units begin when those of the pass before have
ended. A unit ends by writing `units/<unit>.json` after its parts, atomically: the only sign that it is done. The last
steps sum them. Memory is flat: rows go to the part file as they are found.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import apache_beam as beam

from pipelines import storage
from pipelines.attribution import AttributionSums
from pipelines.counters import count
from pipelines.deduping.passing import PASSING
from pipelines.finish import Job, clean_after, finish_pair_set
from pipelines.last_step import LastStep
from pipelines.live_progress import MarkerWatch
from pipelines.options import Command, pipeline_options
from pipelines.part_files import Parts
from pipelines.planned import END, Planned, ReadPlanned, plan
from pipelines.progress import Progress, print_ledger
from pipelines.running import run_pipeline
from pipelines.runs import TEMPORARY_FOLDER, heartbeat, is_finished, start_run
from pipelines.unit_markers import done_units, has_marker, read_marker, write_marker
from pipelines.unit_sums import SumUnits, UnitSums, batch_of
from pipelines.units import InputChangedError, Miner, SplitPair, Unit, bytes_to_read, unit_id
from schemas.attribution import Attribution
from schemas.ledger import Ledger
from schemas.manifest import UNITS_FOLDER, FileEntry, Manifest
from schemas.pair import SCHEMA, SPLITS
from schemas.rejects import REJECTS_SCHEMA, Reject

YOUNG_OBJECTS = 50_000
"""So many new objects there are before the garbage collector looks at them."""


@dataclass(frozen=True)
class Pass:
    """Units that are mined alone, and by what."""

    miner: Miner
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Waiting:
    """A unit in the graph: the batch that it is summed in, and whether an earlier run has done it."""

    unit: Unit
    batch: str
    is_done: bool


@dataclass(frozen=True)
class PlannedPass:
    """What the graph knows of a pass: where its units lie, by what each is mined, and where they are summed."""

    mine: MineUnit
    units: Planned[Waiting]
    sums: UnitSums


def run_mine_job(command: Command, miner: Miner, units: Sequence[Unit], config: Mapping[str, Any]) -> int:
    """Mine the units into the pair set `--output`; returns the exit status. Prints the closing lines.

    `config` is the miner's settings as plain values; with the inputs it decides whether `--resume` may go on.
    Raises UsageError.
    """
    return run_passes(command, [Pass(miner, tuple(units))], config)


def run_passes(
    command: Command, passes: Sequence[Pass], config: Mapping[str, Any], temporary: str | None = None
) -> int:
    """As `run_mine_job`, for a job of several passes; only the first reads the input.

    `temporary` is the folder of what the passes leave for each other; it is deleted at the end.
    """
    args = command.args
    passes = [Pass(one.miner, _once(one.units)) for one in passes]
    inputs, every = passes[0].units, tuple(unit for one in passes for unit in one.units)
    settings = {
        **config,
        "source": args.source,
        "keep_rejects": args.keep_rejects,
        "inputs": sorted(args.input),
        "units": unit_id(*(unit.unit_id for unit in inputs)),
    }
    options = pipeline_options(command, bytes_to_read(inputs))
    if args.resume and not args.overwrite and is_finished(args.output, settings):
        clean_after(args.output, temporary)
        print_ledger(args.output, quiet=args.quiet)
        return 0
    run = start_run(args.output, settings, overwrite=args.overwrite, resume=args.resume, resumable=True)
    job = Job(passes[0].miner.job, args.output, settings, args.seed, run)
    with heartbeat(args.output):
        if temporary is not None and not storage.list_files(temporary):
            storage.delete([storage.join(args.output, UNITS_FOLDER)])  # what these units left for the next pass is gone
        done = done_units(args.output) & {unit.unit_id for unit in every}
        _delete_unfinished_parts(args.output, done)
        folder = storage.join(args.output, TEMPORARY_FOLDER, run.run_id)
        storage.delete([folder])
        step = partial(MineUnit, output=args.output, source=args.source, keep_rejects=args.keep_rejects)
        planned = [
            plan_pass(one, folder, step(one.miner, is_whole=len(passes) == 1), done, f"{number}-")
            for number, one in enumerate(passes, 1)
        ]
        finish = FinishMining(job, plan(folder, "job", Job, [job]), [one.sums for one in planned], temporary)
        watch = MarkerWatch(job.name, args.output, _steps(job.name, passes))
        prepare = partial(_prepare, [one.miner for one in passes])
        with Progress(job, watch, quiet=args.quiet), run_pipeline(options, prepare=prepare) as pipeline:
            build_graph(pipeline, planned, finish)
    clean_after(args.output, temporary)
    print_ledger(args.output, quiet=args.quiet)
    return 0


def _prepare(miners: Sequence[Miner]) -> None:
    for miner in miners:
        miner.prepare()


def _steps(job: str, passes: Sequence[Pass]) -> dict[str, list[str]]:
    """The units of each pass, by the name that the progress has for it."""
    names = [job, *(f"{job} {number}" for number in range(2, len(passes) + 1))]
    return {name: [unit.unit_id for unit in one.units] for name, one in zip(names, passes, strict=True)}


def plan_pass(one: Pass, folder: str, mine: MineUnit, done: set[str], name: str = "") -> PlannedPass:
    """Write the units of a pass into `folder`, where their sums will lie; `done` are those that are."""
    waiting = (Waiting(unit, batch_of(place), unit.unit_id in done) for place, unit in enumerate(one.units))
    units = plan(folder, "units", Waiting, waiting)
    return PlannedPass(mine, units, UnitSums(folder, one.miner.job, units.count, name))


def build_graph(pipeline: beam.Pipeline, passes: Sequence[PlannedPass], finish: FinishMining) -> None:
    """Wire the passes. What has the key PASSING goes through to the end; without units that alone arrives."""
    value = beam.typehints.Tuple[str, bytes]
    ended = pipeline | "begin" >> beam.Create([END])
    for number, one in enumerate(passes):
        name = f" {number + 1}" if number else ""
        ended = (
            ended
            | f"units{name}" >> beam.ParDo(ReadPlanned(one.units))
            | f"spread{name}" >> beam.Reshuffle()
            | f"mine{name}" >> beam.ParDo(one.mine).with_output_types(value)
            | f"by batch{name}" >> beam.GroupByKey()
            | f"sum{name}" >> beam.ParDo(SumUnits(one.mine.output, one.sums)).with_output_types(value)
            | f"gather{name}" >> beam.GroupByKey()
        )
    _ = ended | "finish" >> beam.ParDo(finish)


def _once(units: Sequence[Unit]) -> tuple[Unit, ...]:
    return tuple(sorted({unit.unit_id: unit for unit in units}.values(), key=lambda unit: unit.unit_id))


class MineUnit(beam.DoFn):
    """Mines one unit into its part files and leaves `units/<unit>.json`; gives (its batch, its id)."""

    def __init__(
        self, miner: Miner, *, output: str, source: str | None, keep_rejects: bool, is_whole: bool = True
    ) -> None:
        """`is_whole`: a unit's ledger has all stages of what it read, since there is no other pass."""
        self.is_whole = is_whole
        self.miner = miner
        self.output = output
        self.source = source
        self.keep_rejects = keep_rejects

    def setup(self) -> None:
        """Called by Beam once a worker: what is imported and read by now (rules, models, grammars) stays to the end.

        The garbage collector need not look at it again and again; that was a twentieth of mining web pages. Mining
        web pages leaves no cycles, and looking for them as often as Python does by default was another tenth.
        """
        self.miner.prepare()
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])

    def teardown(self) -> None:
        """Called by Beam at the end: a next job in this process finds the graph of this one, which is garbage then."""
        gc.unfreeze()

    def process(self, element: Waiting | None) -> Iterator[tuple[str, bytes]]:
        """Mine, unless it is END or another attempt has already finished the unit."""
        if element is None:
            yield PASSING, b"{}"
            return
        if not element.is_done:
            self._mine(element.unit)
        yield element.batch, element.unit.unit_id.encode()

    def _mine(self, unit: Unit) -> None:
        if not has_marker(self.output, unit.unit_id):
            ledger = Ledger(self.miner.job)
            try:
                files, attribution = self._write(unit, self.miner.mine(unit, ledger))
            except InputChangedError as changed:
                ledger = Ledger(self.miner.job)
                files, attribution = self._write(unit, changed.instead(ledger))
            ledger.check() if self.is_whole else ledger.check_stages()
            count(ledger)
            value = {
                "uri": unit.uri,
                "ledger": ledger.to_json(),
                "files": list(map(asdict, files)),
                "attribution": list(map(asdict, attribution)),
            }
            write_marker(self.output, unit.unit_id, value)
        else:
            count(Ledger.from_json(read_marker(self.output, unit.unit_id)["ledger"]))

    def _write(self, unit: Unit, rows: Iterable[Any]) -> tuple[list[FileEntry], list[Attribution]]:
        attribution: list[Attribution] = []
        with ExitStack() as stack:
            data = {
                split: stack.enter_context(Parts(self.output, f"data/{split}-{unit.unit_id}", split, SCHEMA))
                for split in SPLITS
            }
            rejects = stack.enter_context(Parts(self.output, f"rejects/{unit.unit_id}", None, REJECTS_SCHEMA))
            for item in rows:
                if isinstance(item, Reject):
                    if self.keep_rejects:
                        rejects.add(item)
                elif isinstance(item, Attribution):
                    attribution.append(item)
                else:
                    pair, split = (item.pair, item.split) if isinstance(item, SplitPair) else (item, "train")
                    data[split].add(replace(pair, source=self.source) if self.source else pair)
        return [entry for parts in (*data.values(), rejects) for entry in parts.entries], attribution


class FinishMining(LastStep):
    """Adds up the sums of all passes and writes the manifest."""

    def __init__(
        self, job: Job, planned: Planned[Job], passes: Sequence[UnitSums], temporary: str | None = None
    ) -> None:
        super().__init__(job, planned, temporary)
        self.passes = passes

    def finish(self, job: Job, told: Iterable[bytes]) -> Manifest:
        """See `LastStep`. Raises LedgerError."""
        total, files = Ledger(job.name), []
        with AttributionSums() as attribution:
            for ledger, entries, lines in (sums for one in self.passes for sums in one.read()):
                total.add(ledger)
                files += entries
                attribution.add(lines)
            return finish_pair_set(job, total, files, attribution=attribution, are_footers_checked=True)


def _delete_unfinished_parts(output: str, done: set[str]) -> None:
    """Parts of units that never ended: an attempt that was killed between a part and its unit's marker."""
    for folder, place in (("data", 1), ("rejects", 0)):
        for info in storage.list_files(storage.join(output, folder)):
            name = storage.last_part(info.path)
            if name.split("-")[place].split(".")[0] not in done:
                storage.delete([info.path])
