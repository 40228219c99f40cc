"""`audit` with another set, scores and a tokenizer: the whole job on small sets, and wrong input in one sentence."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.audit import main
from schemas import Provenance, make_pair, read_pair_set
from schemas.pair_set import read_manifest
from schemas.scores import DATA_ID_KEY, MODEL_KEY, SCORES_SCHEMA


def web_pairs(start, stop, words=12):
    return [
        make_pair(
            kind="neighbor_text",
            language="en" if i % 4 else "de",
            anchor=f"anchor {i}",
            positive="word " * (words + i % 5) + str(i),
            place=("f.warc", i),
            group=f"site{i // 3}.org",
            provenance=Provenance(url=f"https://site{i // 3}.org/{i}"),
        )
        for i in range(start, stop)
    ]


@pytest.fixture
def audit(tmp_path):
    """Runs the command; gives its status, the figures and the page, if they were written."""

    def run(folder, *flags, output="report"):
        status = main(["--input", str(folder), "--output", str(tmp_path / output), "--quiet", *map(str, flags)])
        path = tmp_path / output / "audit.json"
        if not path.exists():
            return status, None, None
        return status, json.loads(path.read_bytes()), (tmp_path / output / "report.html").read_text(encoding="utf-8")

    return run


def write_scores(path, folder, data_id=None, rows=None):
    ids = read_pair_set(folder).to_table(columns=["row_id"])["row_id"].to_pylist()[:rows]
    ranks = np.arange(1, len(ids) + 1, dtype=np.int32)
    metadata = {DATA_ID_KEY: data_id or read_manifest(folder).data_id, MODEL_KEY: "some/model"}
    table = pa.table([ids, ranks, (1 / ranks).astype(np.float32)], schema=SCORES_SCHEMA)
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return dict(zip(ids, ranks.tolist(), strict=True))


@pytest.fixture
def tokenizer(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    (tmp_path / "model").mkdir()
    made.save(str(tmp_path / "model" / "tokenizer.json"))
    return tmp_path / "model"


def test_all_of_them_at_once(make_pair_set, audit, tokenizer, tmp_path):
    older = make_pair_set(web_pairs(0, 240), name="older", files=2)
    newer = make_pair_set(web_pairs(40, 300, words=30), name="newer", files=3)
    ranks = write_scores(tmp_path / "scores.parquet", newer, rows=200)
    flags = ["--compare", older, "--scores", tmp_path / "scores.parquet", "--tokenizer", tokenizer]
    status, figures, page = audit(newer, *flags)
    assert status == 0
    comparison, scores, tokens = (figures[name] for name in ("comparison", "scores", "tokens"))
    ids = [set(read_pair_set(folder).to_table(columns=["row_id"])["row_id"].to_pylist()) for folder in (newer, older)]
    assert comparison["rows"]["kept"] == len(ids[0] & ids[1]) == 0  # each row's positive grew
    assert (comparison["rows"]["added"], comparison["rows"]["removed"]) == (260, 240)
    assert comparison["groups"]["kept"] == 67
    verdicts = {entry["name"]: entry["verdict"] for entry in comparison["labels"] + comparison["signals"]}
    assert verdicts["positive_words"] == "large drift" and verdicts["language"] == "same"
    assert comparison["other"]["data_id"] == read_manifest(older).data_id
    assert (scores["pairs"], scores["missing"], scores["model"]) == (200, 60, "some/model")
    [worst] = scores["worst"]
    assert [(ranks[row["row_id"]], row["rank"]) for row in worst["rows"]] == [(n, n) for n in range(200, 195, -1)]
    words = read_pair_set(newer).to_table(columns={"n": pa.compute.field("signals", "positive_words")})["n"].to_numpy()
    [positive] = [entry for entry in tokens["entries"] if entry["side"] == "positive"]
    assert (positive["estimated_total"], positive["max"]) == (words.sum(), words.max())
    for section in ("compare", "scores", "tokens"):
        assert f'<h2 id="{section}">' in page and f'href="#{section}"' in page
    assert any(finding["title"] == "Large drift since the other set" for finding in figures["findings"])


def test_without_them_the_page_does_not_speak_of_them(make_pair_set, audit):
    status, figures, page = audit(make_pair_set(web_pairs(0, 20)))
    assert status == 0 and {figures[name] for name in ("comparison", "scores", "tokens")} == {None}
    assert '<h2 id="compare">' not in page


def test_an_empty_set_and_an_empty_other(make_pair_set, audit, tmp_path):
    empty, full = make_pair_set([], name="empty"), make_pair_set(web_pairs(0, 40), name="full")
    _, figures, _ = audit(empty, "--compare", full)
    assert figures["comparison"]["rows"]["removed"] == 40
    _, figures, _ = audit(full, "--compare", empty, output="second")
    assert figures["comparison"]["rows"]["added"] == 40


def test_wrong_input_is_one_sentence(make_pair_set, audit, tmp_path, capsys):
    folder, other = make_pair_set(web_pairs(0, 20), name="one"), make_pair_set(web_pairs(5, 20), name="two")
    write_scores(tmp_path / "scores.parquet", other)
    pq.write_table(pa.table({"row_id": ["a"]}), tmp_path / "bad.parquet")
    capsys.readouterr()
    for flags, told in [
        (["--compare", folder], "is the set itself"),
        (["--compare", tmp_path / "none"], "is no finished pair set"),
        (["--scores", tmp_path / "scores.parquet"], "pairmill evaluate MODEL --score-pairs"),
        (["--scores", tmp_path / "bad.parquet"], "has no column rank"),
        (["--tokenizer", tmp_path / "none"], "there is no tokenizer"),
    ]:
        assert audit(folder, *flags) == (2, None, None)
        printed = capsys.readouterr().err
        assert told in printed and printed.count("\n") == 1
