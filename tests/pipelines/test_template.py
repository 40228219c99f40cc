"""Dataflow without Dataflow: what a job stages is run in a fresh environment, and gives what the local run gives.

The runner's own code needs some of Google's packages, which change and slow every import of Beam: they lie in a folder
of their own (`make .venv/.dataflow`), which only the process that stages a job looks into.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from apache_beam.portability.api import beam_runner_api_pb2

from pipelines import audit, dedupe, import_pairs, merge_pairs, mine_code, mine_web, select_pairs
from schemas.pair_set import read_manifest
from schemas.verify import faults
from tests.faults.whole_jobs import write_crawl

ROOT = Path(__file__).parents[2]
GOOGLE = Path(sys.prefix) / "dataflow"
LIMIT = 600
STAGE = "import sys, importlib; sys.path.append({!r}); module, *argv = sys.argv[1:]; "
STAGE += "sys.exit(importlib.import_module(module).main(argv))"
REQUEST_BYTES = 10 << 20
"""What Dataflow takes of a graph."""

pytestmark = pytest.mark.skipif(not GOOGLE.is_dir(), reason=f"there is no {GOOGLE}: make {sys.prefix}/.dataflow")


def staged(job: str, folder: Path, *flags: str) -> Path:
    """The folder with what a job hands to Dataflow; nothing is sent, and nothing runs."""
    for name in ("temp", "staging"):
        (folder / name).mkdir(parents=True)
    dataflow = {
        "runner": "DataflowRunner",
        "project": "nobody",
        "region": "nowhere",
        "dataflow_endpoint": "http://localhost:1",
        "temp_location": folder / "temp",
        "staging_location": folder / "staging",
        "template_location": folder / "template.json",
        "setup_file": ROOT / "setup.py",
    }
    options = [*flags, "--no_auth", *(f"--{name}={value}" for name, value in dataflow.items())]
    command = [sys.executable, "-c", STAGE.format(str(GOOGLE)), f"pipelines.{job}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert (folder / "template.json").exists()
    return folder / "staging"


def run_staged(staging: Path, folder: Path) -> None:
    """Install the staged package into a folder of its own, and run the staged graph with it."""
    installed = folder / "installed"
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target", str(installed)]
    package = str(staging / "workflow.tar.gz")
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, package], check=True, timeout=LIMIT)
    script, graph = ROOT / "tests" / "pipelines" / "staged_graph.py", staging / "pipeline.pb"
    packages = sysconfig.get_path("purelib"), sysconfig.get_path("platlib")
    command = [sys.executable, "-S", "-E", script, graph, installed, *dict.fromkeys(packages)]
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    came_from = done.stdout.splitlines()
    assert {"schemas", "pipelines"} <= {Path(path).parent.name for path in came_from}
    assert all(path.startswith(str(installed)) for path in came_from)


def check_job(job: str, main: Callable, folder: Path, *flags: str) -> None:
    """Stage, run what was staged, and hold it against a local run."""
    there, here = folder / "there", folder / "here"
    staging = staged(job, folder, *flags, "--output", str(there))
    assert not (there / "manifest.json").exists()
    assert (staging / "pipeline.pb").stat().st_size < REQUEST_BYTES // 10
    run_staged(staging, folder)
    assert main([*flags, "--output", str(here), "--quiet", "--workers", "1"]) == 0
    ours, theirs = read_manifest(str(here)), read_manifest(str(there))
    assert theirs.data_id == ours.data_id and theirs.ledger == ours.ledger and theirs.config == ours.config
    assert [(f.path, f.rows, f.sha256) for f in theirs.files] == [(f.path, f.rows, f.sha256) for f in ours.files]
    assert not list(faults(str(there))) and not (there / "_temp").exists()
    assert sum(theirs.splits.values()) > 0


@pytest.fixture
def repository(tmp_path: Path) -> str:
    shutil.copytree(Path(sysconfig.get_path("stdlib")) / "json", tmp_path / "json")
    return str(tmp_path / "json")


def test_mine_code(tmp_path, repository):
    check_job("mine_code", mine_code.main, tmp_path, "--input", repository, "--languages", "python")
    packages = {path.name for path in (tmp_path / "installed").iterdir() if (path / "__init__.py").exists()}
    assert packages == {"schemas", "miners", "pipelines", "train", "pairmill"}
    graph = beam_runner_api_pb2.Pipeline()
    graph.ParseFromString((tmp_path / "staging" / "pipeline.pb").read_bytes())
    urns = {transform.spec.urn for transform in graph.components.transforms.values()}
    assert not {urn for urn in urns if "read" in urn or "write" in urn}  # no sources and sinks of Beam's own


@pytest.mark.slow
def test_mine_web(tmp_path):
    write_crawl(tmp_path / "crawl", files=2)
    check_job("mine_web", mine_web.main, tmp_path, "--input", f"{tmp_path}/crawl/*", "--keep-rejects")


@pytest.mark.slow
def test_import(tmp_path, supervised_files):
    inputs = supervised_files.msmarco(60), supervised_files.snli_json(), supervised_files.code_search_net()
    check_job("import_pairs", import_pairs.main, tmp_path, "--input", *map(str, inputs))


@pytest.mark.slow
def test_dedupe(tmp_path, make_pair_set):
    given = ("--input", str(make_pair_set(200, files=2)))
    check_job("dedupe", dedupe.main, tmp_path, *given, "--shards", "3", "--partitions", "2", "--keep-rejects")


@pytest.mark.slow
def test_select(tmp_path, make_pair_set):
    chosen = ("--where", 'provenance.symbol != "add_7"', "--balance", "group", "--sample", "50")
    check_job("select_pairs", select_pairs.main, tmp_path, "--input", str(make_pair_set(100, files=2)), *chosen)


@pytest.mark.slow
def test_merge(tmp_path, make_pair_set):
    given = str(make_pair_set(100, files=2))
    part = tmp_path / "part"
    assert select_pairs.main(["--input", given, "--sample", "40", "--output", str(part), "--quiet"]) == 0
    check_job("merge_pairs", merge_pairs.main, tmp_path, "--input", given, str(part))


@pytest.mark.slow
def test_audit(tmp_path, make_pair_set):
    given = ("--input", str(make_pair_set(100, files=2)))
    there, here = tmp_path / "there", tmp_path / "here"
    run_staged(staged("audit", tmp_path, *given, "--output", str(there)), tmp_path)
    assert audit.main([*given, "--output", str(here), "--quiet", "--workers", "1"]) == 0
    ours, theirs = (json.loads((where / "audit.json").read_text()) for where in (here, there))
    assert theirs == ours and (there / "report.html").exists()
