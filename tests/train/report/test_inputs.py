"""What the report reads: runs, results, and which result is of which run."""

from __future__ import annotations

import pytest

from tests.train.report.conftest import row, write_result, write_run
from train.evaluate import main
from train.report.inputs import read_folders, read_run
from train.report.tables import ablations, other_differences, tables


def test_results_find_the_run_that_made_their_model(studies):
    report = read_folders([str(studies)])
    by_label = {one.label: one.run and one.run.batch for one in report.results}
    assert by_label["batch-256"] == 256 and by_label["batch-2048"] == 2048 and None in by_label.values()
    assert len(report.runs) == 2 and len(report.results) == 3


def test_a_run_that_was_not_named_is_read_for_its_batch(studies, tmp_path):
    write_result(tmp_path / "moved.json", str(studies / "batch-256" / "model"), [row("model", 0.3)])
    [result] = read_folders([str(tmp_path)]).results
    assert result.run.batch == 256 and len(result.run.losses) == 1200
    assert list(result.run.scores["mrr"]) == [(step, step / 2000) for step in (299, 599, 899, 1199)]


def test_tables_hold_what_may_be_compared_and_baselines_once(studies):
    found = {(one.data, one.protocol): one for one in tables(read_folders([str(studies)]))}
    assert set(found) == {("nq", "beir test"), ("code", "csn-1k")}
    lines = found["nq", "beir test"].lines
    assert [line.kind for line in lines] == ["model"] * 3 + ["baseline", "published"]
    assert lines[-1].system == "cpt-text S (cpt-text, table 5)" and lines[-1].cells[0].low is None
    assert found["nq", "beir test"].metrics == ("ndcg@10", "mrr@10")


def test_the_ablation_is_over_the_batches_of_the_recipes(studies):
    report = read_folders([str(studies)])
    found = {(one.task, one.data, one.protocol, one.texts): one for one in ablations(report)}
    assert set(found) == {
        ("retrieval", "nq", "beir test", "as written"),
        ("code-search", "code", "csn-1k", "as written"),
    }
    ablation = found["retrieval", "nq", "beir test", "as written"]
    assert ablation.metric == "ndcg@10" and ablation.parts == ("all",) and ablation.items == (1200,)
    shown = [(line.run.batch, line.run.steps, line.run.pairs, line.cells[0].value) for line in ablation.lines]
    assert shown == [(256, 1200, 1200 * 256, 0.31), (2048, 1200, 1200 * 2048, 0.44)]
    assert other_differences(report.runs) == []


def test_numbers_in_names_count_as_numbers(tmp_path):
    for batch in (1024, 64, 256):
        write_run(tmp_path / f"batch-{batch}", batch, steps=2)
        write_result(tmp_path / f"batch-{batch}" / "s.json", "gone", [row("model", batch / 2000)])
    report = read_folders([str(tmp_path)])
    assert [run.batch for run in report.runs] == [64, 256, 1024]
    assert [line.cells[0].value for line in tables(report)[0].lines] == [0.032, 0.128, 0.512]


def test_a_part_that_one_model_alone_has_leaves_a_gap(tmp_path):
    for batch, parts in ((8, ("en",)), (16, ("en", "de"))):
        write_run(tmp_path / str(batch), batch, steps=2)
        rows = [row("model", 0.1 * batch, part=part) for part in parts]
        write_result(tmp_path / str(batch) / "s.json", "gone", rows)
    [ablation] = ablations(read_folders([str(tmp_path)]))
    assert ablation.parts == ("en", "de") and [line.cells[1] is None for line in ablation.lines] == [True, False]


def test_what_else_differs_is_said(tmp_path):
    for batch, rate in ((8, 0.1), (16, 0.2)):  # how often it is measured and stored makes no other model
        more = {"checkpoint_every": 2 * batch, "keep_checkpoints": batch, "chunk_tokens": 512 * batch}
        write_run(tmp_path / str(batch), batch, steps=3, learning_rate=rate, static={"dimension": batch}, **more)
    assert other_differences(read_folders([str(tmp_path)]).runs) == ["learning_rate", "static.dimension"]


def test_one_batch_is_no_ablation(studies):
    assert ablations(read_folders([str(studies / "batch-256")])) == []


def test_equal_names_are_told_apart(tmp_path):
    for side in ("a", "b"):
        write_run(tmp_path / side / "run", 8, steps=2)
        write_result(tmp_path / side / "run" / "s.json", str(tmp_path / side / "run" / "model"), [row("model", 0.1)])
    labels = {one.label for one in read_folders([str(tmp_path / "a"), str(tmp_path / "b")]).results}
    assert labels == {str(tmp_path / side / "run") for side in ("a", "b")}


def test_a_log_that_was_cut_short_is_read_to_there(tmp_path):
    write_run(tmp_path, 8, steps=3)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert len(read_run(tmp_path).losses) == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (None, "", "holds neither results"),
        ("scores.json", "{", "scores.json cannot be read as JSON"),
        ("scores.json", b"\xff\xfe", "scores.json cannot be read as JSON"),
        ("scores.json", '{"model": "m", "rows": [{"task": "x"}]}', "scores.json, row 1: .*measure again"),
        ("scores.json", '[{"rows": []}]', "holds neither results"),
        ("recipe.yaml", "- a", "recipe.yaml is no recipe"),
        ("recipe.yaml", "batch: many", "recipe.yaml is no recipe"),
        ("recipe.yaml", "{", "recipe.yaml is no recipe"),
        ("metrics.jsonl", "nothing\n{}\n", "metrics.jsonl, line 1: no JSON object with a step"),
    ],
)
def test_damaged_files_are_named(name, content, words, tmp_path):
    if name == "metrics.jsonl":
        write_run(tmp_path, 8, steps=1)
    if name:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=words):
        read_folders([str(tmp_path)])


@pytest.mark.parametrize(
    ("argv", "words"),
    [(["--report", "/no/such"], "no folder /no/such"), (["model", "--report", "."], "--report is a run of its own")],
)
def test_a_mistake_is_one_sentence_and_exit_2(argv, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and words in error and error.count("\n") == 1
