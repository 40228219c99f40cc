import json
import os
import subprocess
import sys

import pytest

from pipelines import runs
from pipelines.options import UsageError

CONFIG = {"a": 1}


def test_a_new_folder_is_taken(tmp_path):
    run = runs.start_run(str(tmp_path / "out"), CONFIG, overwrite=False)
    assert json.loads((tmp_path / "out" / "_run.json").read_text())["run_id"] == run.run_id


def test_an_unfinished_result_is_refused_and_resumed_with_the_same_settings_only(tmp_path):
    out = str(tmp_path / "out")
    first = runs.start_run(out, CONFIG, overwrite=False)
    with pytest.raises(UsageError, match="unfinished result; give --resume to go on with it or --overwrite"):
        runs.start_run(out, CONFIG, overwrite=False, resumable=True)
    assert runs.start_run(out, CONFIG, overwrite=False, resume=True) == first
    with pytest.raises(UsageError, match="other settings or inputs"):
        runs.start_run(out, {"a": 2}, overwrite=False, resume=True)


def test_a_finished_result_is_refused_and_overwritten_on_request(make_pair_set):
    folder = make_pair_set(5)
    with pytest.raises(UsageError, match="finished result; give --overwrite"):
        runs.start_run(str(folder), CONFIG, overwrite=False)
    runs.start_run(str(folder), CONFIG, overwrite=True)
    assert sorted(os.listdir(folder)) == ["_beat.json", "_run.json"]


def test_a_folder_of_other_files_is_never_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="no result of pairmill"):
            runs.start_run(str(tmp_path), CONFIG, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").exists()
    with pytest.raises(UsageError, match="is a file"):
        runs.start_run(str(tmp_path / "thesis.txt"), CONFIG, overwrite=True)


def test_a_living_job_on_another_machine_is_not_disturbed(tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    runs.start_run(out, CONFIG, overwrite=False)
    ticks = iter(range(100))

    def beat_while_waiting(_seconds: float) -> None:
        runs._write_beat(out, 100 + next(ticks))

    monkeypatch.setattr(runs, "_place", lambda: "another machine")
    runs._write_beat(out, 1)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="another job is writing"):
        runs.refuse_living_run(out, sleep=beat_while_waiting)


def test_a_job_that_died_on_this_machine_is_not_waited_for(tmp_path):
    out = tmp_path / "out"
    runs.start_run(str(out), CONFIG, overwrite=False)
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    beat = {"counter": 5, "place": runs._place(), "pid": int(child.stdout), "started": "1"}
    (out / "_beat.json").write_text(json.dumps(beat))
    runs.refuse_living_run(str(out), sleep=lambda _: pytest.fail("it waited for a dead process"))


def test_a_folder_without_a_new_set_is_taken_by_one_job_at_a_time(tmp_path):
    out = tmp_path / "report"
    program = (
        "import sys; from pipelines.runs import folder_taken\nwith folder_taken(sys.argv[1]): input(print('taken'))"
    )
    command = [sys.executable, "-c", program, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "taken\n"
        refused = pytest.raises(UsageError, match=f"another job is writing to .*report .process {other.pid}")
        with refused, runs.folder_taken(str(out)):
            pytest.fail("two jobs have the folder")
        other.communicate("\n", timeout=60)
    assert other.returncode == 0
    with runs.folder_taken(str(out)):
        assert os.listdir(out) == ["_beat.json"]
    assert os.listdir(out) == []


def test_the_heart_beats_and_stops(tmp_path):
    with runs.heartbeat(str(tmp_path), every=0.01):
        for _ in range(500):
            beat = runs._read_beat(str(tmp_path / "_beat.json"))
            if beat and beat["counter"] > 2:
                break
            runs.time.sleep(0.01)
        assert beat and beat["counter"] > 2
    assert not (tmp_path / "_beat.json").exists()
