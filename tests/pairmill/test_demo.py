"""The demo's driver with a stand-in for the commands: which steps run, go on, are redone or kept."""

import json

import pytest

from pairmill.demo import main, steps
from pairmill.demo_steps import STATE_NAME, Runner, Step, StepError


class Commands:
    """Stands in for the console command: leaves the step's file, or stops as told."""

    def __init__(self, folder):
        self.folder, self.ran, self.stop_at = folder, [], {}

    def __call__(self, argv):
        self.ran.append(argv)
        (self.folder / argv[0]).mkdir(exist_ok=True)
        outcome = self.stop_at.pop(argv[0], 0)
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome == 0:
            (self.folder / argv[0] / "whole").touch()
        return outcome


@pytest.fixture
def commands(tmp_path):
    return Commands(tmp_path)


def run_all(folder, commands, extra=(), run_flags=()):
    runner = Runner(folder, commands)
    for name in ("first", "second", "third"):
        output = folder / name
        flags = tuple(extra) if name == "second" else ()
        runner.run(
            Step(
                name,
                (name, *flags),
                run_flags,
                output,
                (output / "whole").exists,
                continue_flags=("--resume",),
                redo_flags=("--overwrite",),
            )
        )
    return runner


def names(commands):
    return [argv[0] for argv in commands.ran]


def test_a_second_call_keeps_every_finished_step(tmp_path, commands, capsys):
    first = run_all(tmp_path, commands)
    assert commands.ran == [["first"], ["second"], ["third"]]
    commands.ran.clear()
    second = run_all(tmp_path, commands)
    run_all(tmp_path, commands, run_flags=("--quiet",))
    assert commands.ran == []
    assert second.seconds() == first.seconds() and set(first.seconds()) == {"first", "second", "third"}
    assert capsys.readouterr().out.count("kept from an earlier run") == 6


@pytest.mark.parametrize("stop", [1, KeyboardInterrupt()])
def test_a_stopped_step_goes_on_and_those_before_it_are_kept(tmp_path, commands, stop):
    commands.stop_at["second"] = stop
    with pytest.raises((StepError, KeyboardInterrupt)):
        run_all(tmp_path, commands)
    assert names(commands) == ["first", "second"]
    commands.ran.clear()
    run_all(tmp_path, commands)
    assert commands.ran == [["second", "--resume"], ["third"]]


def test_the_time_of_a_step_is_that_of_all_its_attempts(tmp_path, commands):
    commands.stop_at["second"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_all(tmp_path, commands)
    state = json.loads((tmp_path / STATE_NAME).read_text())
    state["steps"]["second"]["spent"] = 100.0
    (tmp_path / STATE_NAME).write_text(json.dumps(state))
    assert run_all(tmp_path, commands).seconds()["second"] >= 100.0


def test_a_step_whose_command_changed_is_redone_with_all_after_it(tmp_path, commands):
    run_all(tmp_path, commands)
    commands.ran.clear()
    run_all(tmp_path, commands, extra=["--seed", "2"])
    assert commands.ran == [["second", "--seed", "2", "--overwrite"], ["third", "--overwrite"]]


def test_a_damaged_result_is_redone_with_all_after_it(tmp_path, commands):
    run_all(tmp_path, commands)
    (tmp_path / "first" / "whole").unlink()
    commands.ran.clear()
    run_all(tmp_path, commands)
    assert commands.ran == [[name, "--overwrite"] for name in ("first", "second", "third")]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"steps": 3}'])
def test_a_damaged_state_file_starts_anew(tmp_path, commands, content):
    (tmp_path / STATE_NAME).write_text(content)
    run_all(tmp_path, commands)
    assert names(commands) == ["first", "second", "third"]
    assert set(json.loads((tmp_path / STATE_NAME).read_text())["steps"]) == {"first", "second", "third"}


def test_the_demo_refuses_a_folder_of_other_files(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["--output", str(tmp_path)]) == 2
    assert "name an empty or a new folder" in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "thesis.tex")]) == 2
    assert main(["--output", str(tmp_path / "new"), "--workers", "0"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_without_web_pages_the_demo_goes_on_with_code_alone(tmp_path):
    with_web = steps(tmp_path, [tmp_path / "a.warc.gz"], ["/packages/*"], 2, quiet=False)
    alone = steps(tmp_path, [], ["/packages/*"], 2, quiet=False)
    assert [s.name for s in with_web][1:] == [s.name for s in alone]
    assert [s.argv[0] for s in with_web] == [
        "mine-web",
        "mine-code",
        "dedupe",
        "verify",
        "audit",
        "train",
        "evaluate",
    ]
    assert str(tmp_path / "web") not in alone[1].argv
