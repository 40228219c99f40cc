"""The profiles of workers are flags that Beam knows, within the memory that a job may ask for."""

import re
from importlib.metadata import version

import pytest
from apache_beam.options.pipeline_options import (
    DebugOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)

from pipelines import worker_profile
from pipelines.options import UsageError, job_parser, parse, pipeline_options
from pipelines.worker_profile import flags_of, names

NEEDED = ["--input", "a", "--output", "o"]
MOST_MB = 8192
MB_A_CORE = {"n2-standard": 4096, "e2-standard": 4096, "n2-highcpu": 1024}


def options_with(*flags: str):
    command = parse(job_parser("mine-web", "x", inputs="files", resumable=True), [*NEEDED, *flags])
    return pipeline_options(command, 0)


def cores_and_memory(machine: str) -> tuple[int, int]:
    """Of a machine type; MB."""
    if custom := re.fullmatch(r"\w+-custom-(\d+)-(\d+)", machine):
        return int(custom[1]), int(custom[2])
    family, _, cores = machine.rpartition("-")
    return int(cores), int(cores) * MB_A_CORE[family]


def test_there_is_one_for_each_kind_of_job():
    assert names() == ["dataflow-dedupe", "dataflow-mine"]


@pytest.mark.parametrize("name", names())
def test_the_workers_of_a_profile(name):
    options = options_with("--profile", name)
    assert options.view_as(StandardOptions).runner == "DataflowRunner"
    workers = options.view_as(WorkerOptions)
    cores, memory = cores_and_memory(workers.machine_type)
    assert memory <= MOST_MB and memory / cores >= 4096  # a process a core, four times what it was measured to take
    assert workers.autoscaling_algorithm == "THROUGHPUT_BASED" and workers.num_workers < workers.max_num_workers
    assert options.view_as(DebugOptions).number_of_worker_harness_threads == 1
    assert "use_multiple_sdk_containers" in options.view_as(DebugOptions).experiments
    assert workers.sdk_container_image == f"apache/beam_python3.11_sdk:{version('apache-beam')}"
    assert options.view_as(SetupOptions).setup_file == "./setup.py"
    known = options.get_all_options(drop_default=True)
    assert {flag[2:].partition("=")[0] for flag in flags_of(name)} <= set(known)


def test_flags_on_the_command_line_win():
    options = options_with("--machine_type=e2-standard-2", "--profile=dataflow-mine")
    assert options.view_as(WorkerOptions).machine_type == "e2-standard-2"


def test_wrong_profiles_are_told(tmp_path, monkeypatch):
    own = tmp_path / "own.yaml"
    for text, told in (
        ("machin_type: n2-standard-2", "there is no flag --machin_type; did you mean --machine_type?"),
        ("- machine_type", "must be a mapping of flags"),
        ("machine_type: {a: 1}", "machine_type must be text, a number, true or a list"),
        ("machine_type: [", "cannot be read"),
    ):
        own.write_text(text)
        with pytest.raises(ValueError, match=re.escape(told)):
            options_with("--profile", str(own))
    with pytest.raises(ValueError, match="there is no profile large; give the path of a file, or dataflow-dedupe or"):
        options_with("--profile", "large")
    with pytest.raises(UsageError, match="expected one argument"):
        options_with("--profile")
    (tmp_path / "dataflow-mine").write_text("num_workers: 7")
    monkeypatch.chdir(tmp_path)
    assert worker_profile.flags_of("./dataflow-mine") == ["--num_workers=7"]  # a path is a path
