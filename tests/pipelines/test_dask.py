"""Every job on a Dask cluster of two processes: the same rows, ledger and files as the local runner's."""

import io
import random
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines import audit, dedupe, import_pairs, mine_code, mine_web
from schemas.pair import Provenance, make_pair
from schemas.pair_set import read_manifest, read_pair_set
from schemas.verify import faults

RUNNER = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
WORDS = [f"word{i}" for i in range(2000)]
STDLIB = Path(sysconfig.get_path("stdlib"))


@pytest.fixture(scope="module")
def dask() -> Iterator[tuple[str, str]]:
    """The flags that send a job to the cluster."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield RUNNER, f"--dask_client_address={cluster.scheduler_address}"


def run(job: str, *flags: str) -> None:
    """As a process of its own: Beam's Dask runner leaves its client open."""
    done = subprocess.run([sys.executable, "-m", f"pipelines.{job}", *flags, "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def same_result(local: Path, there: Path) -> None:
    """Rows in their order, ledger, and every file but for the run's own name."""
    ours, theirs = read_manifest(str(local)), read_manifest(str(there))
    assert theirs.data_id == ours.data_id and theirs.ledger == ours.ledger
    assert [(f.path, f.rows, f.sha256) for f in theirs.files] == [(f.path, f.rows, f.sha256) for f in ours.files]
    assert read_pair_set(str(there)).to_table() == read_pair_set(str(local)).to_table()
    assert not list(faults(str(there)))


def test_dedupe(tmp_path: Path, dask: tuple[str, str], make_pair_set: Callable[..., Path]) -> None:
    rng = random.Random(1)
    pairs = [
        make_pair(
            kind="neighbor_text",
            language="en",
            anchor=" ".join(rng.choices(WORDS, k=12)),
            positive=" ".join(rng.choices(WORDS, k=12) if i % 3 else WORDS[i % 7 : i % 7 + 30]),
            place=("file", i),
            group=f"group{i % 90}",
            provenance=Provenance(),
        )
        for i in range(600)
    ]
    given = ("--input", str(make_pair_set(pairs, files=4)), "--shards", "5", "--partitions", "5")
    shares = ("--validation-share", "0.2", "--test-share", "0.2")
    run("dedupe", *given, *shares, "--output", str(tmp_path / "dask"), *dask)
    assert dedupe.main([*given, *shares, "--output", str(tmp_path / "local"), "--quiet", "--workers", "1"]) == 0
    same_result(tmp_path / "local", tmp_path / "dask")
    evidence = [pq.read_table(path) for path in sorted((tmp_path / "dask" / "evidence").glob("*"))]
    assert sum(table.num_rows for table in evidence) > 150


@pytest.mark.slow
def test_mine_code(tmp_path: Path, dask: tuple[str, str]) -> None:
    for name in ("json", "email", "wsgiref", "xml"):
        shutil.copytree(STDLIB / name, tmp_path / "repos" / name, ignore=shutil.ignore_patterns("__pycache__"))
    given = ("--input", f"{tmp_path}/repos/*")
    run("mine_code", *given, "--output", str(tmp_path / "dask"), *dask)
    assert mine_code.main([*given, "--output", str(tmp_path / "local"), "--quiet", "--workers", "1"]) == 0
    same_result(tmp_path / "local", tmp_path / "dask")
    assert read_manifest(str(tmp_path / "dask")).splits["train"] > 100


@pytest.mark.slow
def test_mine_web(tmp_path: Path, dask: tuple[str, str]) -> None:
    for number in range(3):
        with (tmp_path / f"{number}.warc.gz").open("wb") as file:
            writer = WARCWriter(file, gzip=True)
            for page in range(6):
                lines = [f"Line {i} of page {page} in file {number} tells of the mill by the river." for i in range(40)]
                body = "".join(f"<p>{' '.join(lines[i : i + 5])}</p>" for i in range(0, 40, 5))
                head = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
                payload = io.BytesIO(f"<html><body><main>{body}</main></body></html>".encode())
                url = f"http://site{page}.org/{number}"
                writer.write_record(writer.create_warc_record(url, "response", payload=payload, http_headers=head))
    given = ("--input", f"{tmp_path}/*.warc.gz")
    run("mine_web", *given, "--output", str(tmp_path / "dask"), *dask)
    assert mine_web.main([*given, "--output", str(tmp_path / "local"), "--quiet", "--workers", "1"]) == 0
    same_result(tmp_path / "local", tmp_path / "dask")
    assert read_manifest(str(tmp_path / "dask")).splits["train"] > 30


@pytest.mark.slow
def test_audit(tmp_path: Path, dask: tuple[str, str], make_pair_set: Callable[..., Path]) -> None:
    given = ("--input", str(make_pair_set(300, files=3)))
    run("audit", *given, "--output", str(tmp_path / "dask"), *dask)
    assert audit.main([*given, "--output", str(tmp_path / "local"), "--quiet", "--workers", "1"]) == 0
    ours, theirs = ((tmp_path / where / "audit.json").read_text() for where in ("local", "dask"))
    assert theirs.replace(str(tmp_path / "dask"), str(tmp_path / "local")) == ours


@pytest.mark.slow
def test_remove(tmp_path: Path, dask: tuple[str, str], make_pair_set: Callable[..., Path]) -> None:
    given, ids = str(make_pair_set(200, files=3)), tmp_path / "ids.txt"
    ids.write_text("\n".join(read_pair_set(given).to_table()["row_id"].to_pylist()[:70:7]))
    asked = ("--input", given, "--ids", str(ids))
    run("remove", *asked, "--output", str(tmp_path / "dask"), *dask)
    run("remove", *asked, "--output", str(tmp_path / "local"), "--workers", "1")
    same_result(tmp_path / "local", tmp_path / "dask")
    assert read_manifest(str(tmp_path / "dask")).splits == {"train": 190}


def test_a_runner_that_is_not_there_is_told(
    tmp_path: Path, make_pair_set: Callable[..., Path], capsys: pytest.CaptureFixture
) -> None:
    flags = ["--input", str(make_pair_set(20)), "--output", str(tmp_path / "out"), "--runner=no.such.Runner"]
    assert dedupe.main(flags) == 2
    assert "the runner no.such.Runner cannot be loaded" in capsys.readouterr().err
    assert "no.such" not in sys.modules and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_import(tmp_path: Path, dask: tuple[str, str], supervised_files) -> None:
    inputs = (supervised_files.msmarco(200), supervised_files.snli_json(), supervised_files.code_search_net())
    given = ("--input", *map(str, inputs), "--negatives", "2")
    run("import_pairs", *given, "--output", str(tmp_path / "dask"), *dask)
    assert import_pairs.main([*given, "--output", str(tmp_path / "local"), "--quiet", "--workers", "1"]) == 0
    same_result(tmp_path / "local", tmp_path / "dask")


@pytest.mark.slow
def test_select_and_merge(tmp_path: Path, dask: tuple[str, str], make_pair_set: Callable[..., Path]) -> None:
    given = str(make_pair_set(200, files=3))
    chosen = ("--input", given, "--where", 'provenance.symbol != "add_7"', "--balance", "group", "--sample", "90")
    run("select_pairs", *chosen, "--output", str(tmp_path / "local"))
    run("select_pairs", *chosen, "--output", str(tmp_path / "dask"), *dask)
    same_result(tmp_path / "local", tmp_path / "dask")
    joined = ("--input", given, str(tmp_path / "local"))
    run("merge_pairs", *joined, "--output", str(tmp_path / "local-joined"))
    run("merge_pairs", *joined, "--output", str(tmp_path / "dask-joined"), *dask)
    same_result(tmp_path / "local-joined", tmp_path / "dask-joined")
    assert read_manifest(str(tmp_path / "dask-joined")).splits == {"train": 200}
