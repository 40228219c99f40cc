"""Two models trained here at two batch sizes, measured, and the page about them: as a user makes cpt-text's table 9."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from resiliparse.parse.html import HTMLTree

from tests.train.made_sets import code_pair, row_of, text_pair, write_set
from train.evaluate import main as evaluate
from train.run import main as train

pytestmark = pytest.mark.slow

BATCHES = (16, 128)
PAIRS = 512
SMALL = [
    *("--recipe", "static-cpu", "--device", "cpu", "--quiet", "--set", "static.dimension=16", "--set", "epochs=2"),
    *("--set", "static.vocabulary=300", "--set", "evaluate=true"),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    code = [code_pair(i) for i in range(PAIRS + 240)]
    data = write_set(
        folder.with_name("pairs"),
        train=code[:PAIRS],
        validation=code[PAIRS : PAIRS + 40],
        test=[*code[PAIRS + 40 :], *(text_pair(i) for i in range(40))],
    )
    for batch in BATCHES:
        run = folder / f"batch-{batch}"
        every = PAIRS // batch  # as many checkpoints of each, so that their curves have as many points
        sizes = ["--set", f"batch={batch}", "--set", f"checkpoint_every={every}"]
        assert train(["--data", str(data), *SMALL, *sizes, "--output", str(run)]) == 0
        measured = ["--data", str(data), "--protocol", "csn-full", "--output", str(run / "scores.json"), "--quiet"]
        assert evaluate([str(run / "model"), *measured, "--device", "cpu"]) == 0
    assert evaluate(["--report", str(folder)]) == 0
    return folder


def scores_of(run: Path, part: str) -> Mapping[str, float]:
    rows = json.loads((run / "scores.json").read_text())["rows"]
    return row_of(rows, system="model", protocol="csn-full", part=part)["scores"]["mrr"]


def texts(page: HTMLTree, selector: str) -> list[str]:
    return [" ".join(element.text.split()) for element in page.body.query_selector_all(selector)]


@pytest.fixture(scope="module")
def page(study: Path) -> HTMLTree:
    return HTMLTree.parse((study / "report.html").read_text())


def test_the_table_of_batch_sizes_holds_the_models_scores(study, page):
    assert texts(page, "#batch ~ .card h3")[:2] == [
        "mrr · pair-set · pairs/test · csn-full",
        "mrr · pair-set · pairs/test · all-at-once",
    ]
    [table, *_] = page.body.query_selector_all("#batch ~ .card table")
    head = [cell.text for cell in table.query_selector_all("th")]
    assert head == ["batch", "model", "steps", "pairs seen", "docstring_code/python", "neighbor_text/en", "mean"]
    lines = [
        [" ".join(cell.text.split()) for cell in row.query_selector_all("td")]
        for row in table.query_selector_all("tbody tr")
    ]
    assert [line[:4] for line in lines] == [
        [f"{batch}", f"batch-{batch}", f"{2 * PAIRS // batch}", f"{2 * PAIRS:,}"] for batch in BATCHES
    ]
    for batch, line in zip(BATCHES, lines, strict=True):
        for part, shown in zip(head[4:], line[4:], strict=True):
            score = scores_of(study / f"batch-{batch}", part)
            value, low, high = (f"{100 * score[name]:.1f}" for name in ("value", "group_low", "group_high"))
            assert shown == f"{value} {low} to {high}"
    assert "The recipes of these models differ in the batch alone." in texts(page, "p")


def test_the_charts_hold_what_was_measured(study, page):
    charts = [json.loads(text) for text in texts(page, "script[type]")]
    by_title = {chart["layout"]["xaxis"]["title"]["text"]: chart["data"] for chart in reversed(charts)}
    code, mean = by_title["pairs in a batch"]  # 40 passages are too few for a line
    assert (code["name"], mean["name"]) == ("docstring_code/python", "mean") and code["x"] == list(BATCHES)
    assert code["y"] == [scores_of(study / f"batch-{batch}", "docstring_code/python")["value"] for batch in BATCHES]
    for batch, line in zip(BATCHES, by_title["pairs seen"], strict=True):
        logged = map(json.loads, (study / f"batch-{batch}" / "metrics.jsonl").read_text().splitlines())
        assert line["x"] == [PAIRS, 2 * PAIRS]
        assert line["y"] == [one["eval"]["mrr"] for one in logged if "eval" in one]
