"""--log-json: every line on stderr is one object, whoever says it; and every job has the flag."""

import importlib
import json
import logging
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pairmill.cli import COMMANDS
from pipelines import audit, log_json, mine_code
from pipelines.running import run_pipeline
from schemas.pair_set import read_manifest

JOBS = [module for module, _ in COMMANDS.values() if module.startswith("pipelines.") and module != "pipelines.explain"]
EVERY_LINE = {"time", "level", "job", "run", "event", "message"}


def objects(text: str) -> list[dict]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines and all(line.keys() >= EVERY_LINE for line in lines)
    return lines


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two functions, and a file that no parser can read."""
    folder = tmp_path / "mill"
    folder.mkdir()
    for name in ("grind", "sift"):
        body = "    total = 0\n    for grain in sack:\n        total += grain.weight\n    return total\n"
        text = f'def {name}(sack):\n    """Return the weight of all that the stones {name} from a sack."""\n{body}'
        (folder / f"{name}.py").write_text(text)
    (folder / "broken.py").write_bytes(b"def mill():\n    '''\xff\xfe'''\n")
    return folder


@pytest.mark.parametrize("module", JOBS)
def test_every_job_says_as_json_what_is_wrong_with_its_arguments(module, capsys):
    assert importlib.import_module(module).main(["--log-json", "--no-such-flag"]) == 2
    error, ended = objects(capsys.readouterr().err)
    assert error["level"] == "ERROR" and "no flag --no-such-flag" in error["message"]
    assert (ended["event"], ended["status"]) == ("ended", 2) and error["job"] == ended["job"]
    assert not log_json.is_on() and not any(isinstance(one, log_json.JsonLog) for one in logging.getLogger().handlers)


@pytest.mark.slow
def test_a_whole_job_with_worker_processes(repository, tmp_path):
    flags = ("--input", str(repository), "--output", str(tmp_path / "out"), "--workers", "2", "--log-json")
    done = subprocess.run([sys.executable, "-m", "pipelines.mine_code", *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = objects(done.stderr)
    manifest = read_manifest(str(tmp_path / "out"))
    assert {line["run"] for line in lines} == {manifest.run_id} and {line["job"] for line in lines} == {"mine-code"}
    stages = {line["stage"]: line for line in lines if line["event"] == "stage"}
    assert list(stages) == ["file", "function", "pair"] and stages["pair"]["kept"] == 2
    (failure,) = [line for line in lines if line["event"] == "warning"]
    assert failure["level"] == "WARNING" and failure["reason"] == "not_utf8" and failure["where"].endswith("broken.py")
    assert [line["event"] for line in lines if line["level"] == "INFO"][-2:] == ["finished", "ended"]
    assert "data_id" in done.stdout and "{" not in done.stdout


@pytest.mark.parametrize("flags", [[], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]])
def test_what_a_worker_warns_of_is_a_line(flags, capfd):
    log_json.begin("pairmill dedupe", ["--log-json"])
    try:
        with run_pipeline(PipelineOptions(["--runner=FnApiRunner", *flags])) as pipeline:
            _ = pipeline | beam.Create(['a "slow" host\nof the crawl']) | beam.Map(logging.getLogger("pages").warning)
    finally:
        log_json.end()
    said = [line for line in objects(capfd.readouterr().err) if "slow" in line["message"]]
    assert [(line["level"], line["message"]) for line in said] == [("WARNING", 'a "slow" host\nof the crawl')]


def test_without_the_flag_sentences_stay_sentences(capsys):
    log_json.event("progress")
    log_json.warn("warning: validation is small")
    assert capsys.readouterr().err == "warning: validation is small\n"


def test_a_gate_of_the_audit_that_fails_is_a_line(repository, tmp_path, capfd):
    assert mine_code.main(["--input", str(repository), "--output", str(tmp_path / "set"), "--workers", "1"]) == 0
    (tmp_path / "gates.yaml").write_text("min_pairs: 1000\n")
    capfd.readouterr()
    flags = ["--input", str(tmp_path / "set"), "--output", str(tmp_path / "audit"), "--workers", "1", "--log-json"]
    assert audit.main([*flags, "--gates", str(tmp_path / "gates.yaml")]) == 1
    (gate,) = [line for line in objects(capfd.readouterr().err) if line["event"] == "warning"]
    assert (gate["gate"], gate["value"], gate["threshold"]) == ("min_pairs", 2, 1000)
