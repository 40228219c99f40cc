"""What is handed to a runner does not grow with the input: units, files and settings lie beside the run."""

from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from miners.audit import AuditConfig
from miners.audit.compared_rows import CompareConfig
from miners.audit.extra_figures import Asked
from miners.takedown import read_takedown
from miners.web import WebConfig
from pipelines import audit, dedupe, migrate, mine_job, set_job, token_cache
from pipelines.auditing.drops import RejectsFile
from pipelines.auditing.extras import ExtraReading
from pipelines.auditing.report import Audit, SetSearch
from pipelines.auditing.rows import data_files
from pipelines.auditing.signatures import SignatureSearch
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.existing import ExistingUnit
from pipelines.deduping.files import TemporaryFiles
from pipelines.deduping.finish import FinishDedupe
from pipelines.deduping.inputs import InputUnit, Piece
from pipelines.deduping.write import JOB, Layout
from pipelines.finish import Job
from pipelines.input_sets import SetFile
from pipelines.mine_web import WebMiner
from pipelines.planned import plan
from pipelines.removed_rows import RemovedRows
from pipelines.removing.passes import build_graph as build_removal
from pipelines.removing.removal import Removal, load_removal, plan_removal
from pipelines.runs import Run
from pipelines.set_passes import FinishSet, SetJob
from pipelines.storage import FileInfo
from pipelines.unit_sums import BATCH_UNITS, UnitSums, batch_of
from pipelines.units import Unit
from schemas.ledger import Ledger, LedgerError
from schemas.manifest import FileEntry, Manifest
from schemas.token_rows import CacheSettings

FEW = 10
NOISE = 512
"""Bytes by which a graph may grow: counts have more digits, and what is pickled is compressed."""


def file_info(number: int) -> FileInfo:
    return FileInfo(f"gs://bucket/crawl/segment-{number:08d}.warc.gz", 1 << 28, f"version {number}")


def job_of(name: str, folder: Path, inputs: Sequence[str]) -> Job:
    parents = tuple({"data_id": name, "job": "mine-web"} for name in inputs)
    return Job(name, str(folder), {"inputs": list(inputs)}, 0, Run("run", "hash"), parents)


def mining(folder: Path, count: int) -> beam.Pipeline:
    infos = map(file_info, range(count))
    units = tuple(Unit(f"{i:016x}", info.path, info.size, listed=info) for i, info in enumerate(infos))
    miner = WebMiner(WebConfig())
    mine = mine_job.MineUnit(miner, output=str(folder), source=None, keep_rejects=False)
    planned = mine_job.plan_pass(mine_job.Pass(miner, units), str(folder), mine, {units[0].unit_id})
    job = job_of(miner.job, folder, [unit.uri for unit in units])
    pipeline = beam.Pipeline(options=PipelineOptions([]))
    finish = mine_job.FinishMining(job, plan(str(folder), "job", Job, [job]), [planned.sums])
    mine_job.build_graph(pipeline, [planned], finish)
    return pipeline


def deduping(folder: Path, count: int) -> beam.Pipeline:
    config = DedupeConfig()
    layout = Layout(config, TemporaryFiles(str(folder)), str(folder), dedupe.shardings_for(config, 1, 9), 0)
    infos = list(map(file_info, range(count)))
    units = [InputUnit(i, (Piece(info.path, 9, listed=info),)) for i, info in enumerate(infos)]
    earlier = [ExistingUnit(i, unit.pieces, split=1, data_id="x") for i, unit in enumerate(units, count)]
    job = job_of(JOB, folder, [info.path for info in infos])
    given = plan(str(folder), "units", InputUnit, units)
    there = plan(str(folder), "existing", ExistingUnit, earlier)
    finish = FinishDedupe(job, plan(str(folder), "job", Job, [job]), layout, given, 9 * count)
    pipeline = beam.Pipeline(options=PipelineOptions([]))
    dedupe.build_graph(pipeline, given, there, layout, finish, 9, None, 9)
    return pipeline


class Rules:
    """Rules of a job on sets that has some."""

    job, verdicts, columns = "select", (("", ""),), ("row_id",)


def selecting(folder: Path, count: int) -> beam.Pipeline:
    files = [
        SetFile(i, 0, "gs://bucket/set", f"data/train-{i:016x}-00000.parquet", "train", 9, 99, "data/x", False)
        for i in range(count)
    ]
    planned = plan(str(folder), "files", SetFile, files)
    given = (planned, ("gs://bucket/set",), 9 * count, RemovedRows())
    selection = SetJob(Rules(), Rules(), *given, str(folder), str(folder), False)
    job = job_of("select", folder, [file.path for file in files])
    finish = FinishSet(selection, job, plan(str(folder), "job", Job, [job]))
    pipeline = beam.Pipeline(options=PipelineOptions([]))
    set_job.build_graph(pipeline, selection, finish)
    return pipeline


def manifest_of(count: int) -> Manifest:
    """Of a set with signatures, evidence and rejects."""
    names = [f"{i:05d}-of-{count:05d}.parquet" for i in range(count)]
    kinds = [("data", "train"), ("signatures", None), ("evidence", None), ("rejects", None)]
    files = [
        FileEntry(f"{folder}/{split or 'unit'}-{name}", split, 9, 99, f"{i:064x}", "0" * 32)
        for folder, split in kinds
        for i, name in enumerate(names)
    ]
    return Manifest("dedupe", "run", DedupeConfig().as_dict(), 0, "0", Ledger("dedupe").to_json(), tuple(files))


def auditing(folder: Path, count: int) -> beam.Pipeline:
    """Of a set and of another one that it is compared with, by signatures."""
    manifest, place = manifest_of(count), "gs://bucket/set"
    files = data_files(place, manifest)
    units = [ExistingUnit(i, (Piece(file.path, 9),), split=i % 2) for i, file in enumerate(files)]
    asked = Asked(CompareConfig(90, 0), "gs://bucket/other", manifest)
    extras = ExtraReading(asked, files, files, tokenizer="{}")
    search = SetSearch(SignatureSearch(DedupeConfig(), units, 2, 1), None)
    readings = audit.Readings(
        Audit(place, str(folder), files, search, asked=asked),
        manifest,
        [RejectsFile(i, f"{place}/rejects/{i:016x}.parquet", "dedupe") for i in range(count)],
        extras,
    )
    pipeline = beam.Pipeline(options=PipelineOptions([]))
    audit.build_graph(pipeline, readings, SummaryFiles(str(folder), AuditConfig(rows=90, seed=0)))
    return pipeline


def removing(folder: Path, count: int) -> beam.Pipeline:
    """Of as many lines of the lists as the set has files of each kind."""
    pages = "".join(f"https://example.org/{i:08d}\n" for i in range(count))
    takedown = read_takedown([("url", "pages.txt", pages)])
    pipeline = beam.Pipeline(options=PipelineOptions([]))
    removal = Removal("gs://bucket/set", str(folder), manifest_of(count), takedown, Run("run", "hash"))
    build_removal(pipeline, removal)
    return pipeline


def migrating(folder: Path, count: int) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=PipelineOptions([]))
    migrate.build_graph(pipeline, migrate.Migration("gs://bucket/set", str(folder), manifest_of(count)))
    return pipeline


def cutting(folder: Path, count: int) -> beam.Pipeline:
    """With a tokenizer that is as long."""
    paths = tuple(file_info(number).path for number in range(count))
    job = token_cache.TokenJob(
        "set", paths, "{" + " " * 60 * count + "}", CacheSettings(64, 128, 0), "out", str(folder)
    )
    pipeline = beam.Pipeline(options=PipelineOptions([]))
    token_cache.build_graph(pipeline, job)
    return pipeline


@pytest.mark.parametrize(
    ("graph_of", "many"),
    [
        (mining, 50_000),
        (deduping, 5_000),
        (selecting, 5_000),
        (auditing, 2_000),
        (removing, 2_000),
        (migrating, 2_000),
        (cutting, 5_000),
    ],
)
def test_a_graph_of_many_units_is_no_larger(graph_of, many, tmp_path):
    sizes = [len(graph_of(tmp_path, count).to_runner_api().SerializeToString()) for count in (FEW, many)]
    assert sizes[0] > 1000 and sizes[1] - sizes[0] < NOISE, sizes
    planned = sum(path.stat().st_size for path in tmp_path.rglob("*.jsonl"))
    assert planned > 100 * many  # which is where the units are


def test_planned_items_come_back_as_they_were(tmp_path):
    info = FileInfo("/crawl/b\udcfc.warc.gz", 7, "1")  # a name that is no UTF-8
    units = [
        Unit("a", info.path, 7, 1, 6, {"kind": "rows", "parts": [1, [2]]}, info),
        Unit("b", "", 0),
    ]
    planned = plan(str(tmp_path), "units", Unit, units)
    assert list(planned) == units == list(planned.all()) and planned.count == 2
    assert plan(str(tmp_path), "units", Unit, units) == planned
    assert plan(str(tmp_path), "units", Unit, units[:1]).path != planned.path
    assert len(list(tmp_path.iterdir())) == 2


def test_a_planned_removal_comes_back_as_it_was(tmp_path):
    lists = [("url", "pages.txt", "https://example.org/a\ndomain example.com\n"), ("license", "l.txt", "MIT\n")]
    removal = Removal("set", str(tmp_path), manifest_of(3), read_takedown(lists), Run("run", "hash"))
    assert load_removal(plan_removal(removal)) == removal


def test_a_batch_that_lacks_units_is_not_published(tmp_path):
    folder = str(tmp_path)
    for place in (0, BATCH_UNITS):
        sums = UnitSums(folder, "mine-web", BATCH_UNITS + 2)
        (tmp_path / Path(sums.path(batch_of(place))).name).write_text(
            '{"units": 1, "ledger": {"job": "mine-web", "stages": {}}, "files": [], "attribution": []}'
        )
    with pytest.raises(LedgerError, match="514 units were to be done but 2 are"):
        list(sums.read())
